#!/usr/bin/env python3
"""Writes testdata/: small models by PyTorch, inputs and ONNX Runtime's outputs at several batches.

Arrays are named BATCH/NAME after the graph's inputs and outputs.

Usage: make_testdata.py WORK_FOLDER
"""
import pathlib
import sys

import numpy as np
import torch

import runners
import torch_models
import zoo

SMALL = 50  # words that the small models know
BATCHES = (1, 2, 3)


def write(ort, folder, name, make, inputs):
    path = folder / f"{name}.onnx"
    make(path)
    arrays = {}
    for batch in BATCHES:
        given = inputs(batch)
        results = ort.run(path, given)
        arrays.update({f"{batch}/{key}": array for key, array in {**given, **results}.items()})
    np.savez(folder / f"{name}.npz", **arrays)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    work = pathlib.Path(sys.argv[1]).resolve()
    zoo.install(work)
    ort = runners.OnnxRuntime(work)
    folder = pathlib.Path(__file__).resolve().parent / "testdata"
    folder.mkdir(exist_ok=True)
    for name, kind in {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}.items():
        write(ort, folder, f"{name}_classifier",
              lambda path, kind=kind: torch_models.export_recurrent(
                  kind, path, vocabulary=SMALL, width=12, hidden=16),
              lambda batch: zoo.tokens(batch, length=6 + batch, vocabulary=SMALL))
    for opset in (13, 17):
        write(ort, folder, f"encoder_opset{opset}",
              lambda path, opset=opset: torch_models.export_encoder(
                  path, vocabulary=SMALL, width=32, heads=4, layers=2, max_length=16, opset=opset),
              lambda batch: zoo.sentences(batch, length=9 + batch, vocabulary=SMALL))


if __name__ == "__main__":
    main()
