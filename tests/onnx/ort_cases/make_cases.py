#!/usr/bin/env python3
"""Writes cases.npz and index.txt, the cases of ort_cases_test, beside itself.

cases.npz has a vector for each dtype, the elements of all tensors one after the other; the models' bytes are among
those of uint8. A line of index.txt is: case, where the outputs come from (ort, or reference for NumPy), the
tolerance, the model, inputs, outputs. Tensors are written dtype[shape]@offset, where the offset is that of the first
element in the vector; inputs and outputs name=tensor with semicolons between them.

Needs NumPy, ONNX's Python package (1.12 does: it only writes the messages) and, below WORK_FOLDER, npm's
onnxruntime-node, which tests/onnx/real_models/run.py installs.

Usage: make_cases.py WORK_FOLDER
"""
import pathlib
import sys

import cases_array
import cases_elementwise
import cases_image
import cases_microsoft
import cases_nn
import cases_qlinear
import cases_quant
import cases_recurrent
import cases_reduce
import runners
import table

# What ONNX Runtime 1.30 does not do, or not as ONNX defines it, on the CPU, and where the outputs come from instead:
#   Attention without a bias            stops the process            NumPy
#   Attention with past and bias        refused                      an example of nn.Attention
#   Attention with a mask of four axes  refused                      an example of nn.Attention
#   AveragePool, SAME with dilations    the output is too small      NumPy
#   CenterCropPad with an int32 shape   refused                      NumPy
#   LRN of an even size                 refused                      ONNX's backend suite
#   Pad with constant int32 axes        refused                      NumPy
#   Gelu of float64                     no kernel                    NumPy
#   QLinearReduceMean                   no kernel                    NumPy
#   SkipSimplifiedLayerNormalization's mean: zeros, whatever the input; no case


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cases = table.Cases(runners.OnnxRuntime(pathlib.Path(sys.argv[1]).resolve()))
    for module in (cases_microsoft, cases_elementwise, cases_reduce, cases_array, cases_nn, cases_recurrent,
                   cases_image, cases_quant, cases_qlinear):
        module.add(cases)
    if cases.failures:
        sys.exit("\n".join(["ONNX Runtime failed:", *cases.failures]))
    cases.write(pathlib.Path(__file__).resolve().parent)
    print(len(cases.lines), "cases")


if __name__ == "__main__":
    main()
