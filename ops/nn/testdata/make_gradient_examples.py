#!/usr/bin/python3
"""Computes the examples of the ops `nn.*Grad*` and `nn.BatchNormalizationTraining` with PyTorch's autograd, in float64.

Prints C++ initialisers, each under the name of its op.

Usage: make_gradient_examples.py [op...]   (Debian packages python3-numpy, python3-torch)
"""

import importlib.util
import os
import sys

import torch
import torch.nn.functional as F

# Under another name, because it imports a make_examples.py itself.
spec = importlib.util.spec_from_file_location(
    "nn_examples", os.path.join(os.path.dirname(os.path.abspath(__file__)), "make_examples.py"))
base = importlib.util.module_from_spec(spec)
sys.path = [p for p in sys.path if not p.endswith("nn/testdata")]
spec.loader.exec_module(base)
base.EXAMPLES.clear()
channels_last, example, hwio, ints = base.channels_last, base.example, base.hwio, base.ints


def gradients(y, dy, inputs):
    return torch.autograd.grad(y, inputs, dy)


def leaf(x):
    return x.clone().requires_grad_()


# Convolution.


def conv(name, x, kernel, transposed=False, pads=None, strides=None, dilations=None, groups=1, onnx=False):
    rank = x.dim() - 2
    strides_, dilations_ = strides or [1] * rank, dilations or [1] * rank
    begin, end = (pads[:rank], pads[rank:]) if pads else ([0] * rank, [0] * rank)
    x, kernel = leaf(x), leaf(kernel)
    if transposed:
        f = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][rank - 1]
        y = f(x, kernel, None, strides_, 0, 0, groups, dilations_)
        for a in range(rank):
            y = y.narrow(2 + a, begin[a], y.shape[2 + a] - begin[a] - end[a])
    else:
        f = [F.conv1d, F.conv2d, F.conv3d][rank - 1]
        y = f(base.padded(x, begin, end), kernel, None, strides_, 0, dilations_, groups)
    dy = ints(*y.shape, salt=9)
    dx, dkernel = gradients(y, dy, [x, kernel])
    attrs = {}
    if strides:
        attrs["strides"] = strides
    if dilations:
        attrs["dilations"] = dilations
    if pads:
        attrs["padding"], attrs["pads"] = "explicit", pads
    if groups != 1:
        attrs["groups"] = groups
    x, kernel = x.detach(), kernel.detach()
    if onnx:
        attrs["data_format"], attrs["kernel_layout"] = "channels_first", "IOHW" if transposed else "OIHW"
    else:
        x, dx, dy = channels_last(x), channels_last(dx), channels_last(dy)
        kernel, dkernel = hwio(kernel), hwio(dkernel)
    op = "nn.ConvTranspose" if transposed else "nn.Conv"
    x, kernel, dy, dx, dkernel = (t.float() for t in (x, kernel, dy, dx, dkernel))
    example(op + "GradInput", name, [dy, kernel, x], [dx], attrs)
    example(op + "GradKernel", name, [dy, x, kernel], [dkernel], attrs)


conv("2-D", ints(1, 2, 4, 3), ints(2, 2, 3, 2, salt=4))
conv("strides, dilations, pads", ints(1, 2, 5, 4), ints(3, 2, 2, 2, salt=1), pads=[1, 0, 0, 2], strides=[1, 2],
     dilations=[2, 1])
conv("input that no window reaches", ints(1, 1, 6, 1), ints(1, 1, 2, 1, salt=1), strides=[4, 1])
conv("groups, as ONNX lays them out", ints(2, 4, 2, 3), ints(2, 2, 1, 2, salt=5), groups=2, onnx=True)
conv("1-D, as ONNX lays it out", ints(2, 2, 5), ints(1, 2, 3, salt=2), pads=[2, 0], onnx=True)
conv("3-D", ints(1, 1, 2, 3, 3), ints(2, 1, 2, 2, 2, salt=6), strides=[1, 2, 1])
conv("1x1", ints(1, 3, 2, 2), ints(2, 3, 1, 1, salt=1))
conv("2-D", ints(1, 2, 2, 2), ints(2, 1, 3, 3, salt=3), transposed=True)
conv("strides, dilations, pads", ints(1, 2, 3, 2), ints(2, 3, 2, 2, salt=3), transposed=True, pads=[1, 0, 0, 1],
     strides=[2, 1], dilations=[1, 2])
conv("groups, as ONNX lays them out", ints(1, 4, 2, 3), ints(4, 1, 2, 2, salt=5), transposed=True, groups=2, onnx=True)
conv("1-D", ints(1, 1, 3), ints(1, 1, 2, salt=5), transposed=True, strides=[3])
conv("3-D", ints(1, 1, 1, 2, 2), ints(1, 1, 2, 2, 2, salt=6), transposed=True, strides=[1, 2, 1])


if __name__ == "__main__":
    for op in sys.argv[1:] or base.EXAMPLES:
        print("// %s" % op)
        print("\n".join(base.EXAMPLES[op]))
