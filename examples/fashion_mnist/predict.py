#!/usr/bin/env python3
"""Writes expected.npz: what the trained classifier says of the Fashion-MNIST test images, computed with NumPy alone.

    uint8 [N, 28, 28, 1] (NHWC)
      -> x / 255 -> Conv2D 16, 3x3, same, relu -> MaxPool 2 -> Conv2D 32, 3x3, same, relu -> MaxPool 2
      -> Flatten -> Dense 64, relu -> Dense 10 -> softmax

It reads weights.npz, which train.cc writes, and shares no code with Nomograph, so that its results are an independent
reference for the golden vectors. Everything is computed in float64 and rounded to float32 at the end.

    weights.npz   float32 arrays under the names and in the layouts of Keras' layers: convolution kernels are (height,
                  width, in, out), dense kernels (in, out), and dense/kernel takes features flattened in NHWC order
    expected.npz  `predictions`: the probabilities for all test images in order, float32 [10000, 10]

Needs (Debian): apt install python3-numpy dataset-fashion-mnist
Run:            /usr/bin/python3 predict.py
"""

import argparse
import gzip
import pathlib

import numpy as np


def read_idx(path):
    """Reads a gzipped IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    zeros, dtype, rank = data[:2], data[2], data[3]
    if zeros != b"\0\0" or dtype != 0x08:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    shape = np.frombuffer(data, ">u4", rank, offset=4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def predict(weights, x):
    """Images, uint8 [N, 28, 28, 1], to probabilities, float64 [N, 10]."""

    def conv(x, name):
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # N, H, W, in, kh, kw
        y = np.tensordot(windows, weights[f"{name}/kernel"], ((4, 5, 3), (0, 1, 2)))
        return np.maximum(y + weights[f"{name}/bias"], 0)

    def pool(x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    def dense(x, name):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    x = pool(conv(x / 255, "conv2d"))
    x = pool(conv(x, "conv2d_1"))
    x = np.maximum(dense(x.reshape(len(x), -1), "dense"), 0)
    x = dense(x, "probabilities")
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description="What the Fashion-MNIST example should predict.")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist",
                        help="folder with the IDX files (default: where Debian's package puts them)")
    parser.add_argument("--folder", type=pathlib.Path, default=here,
                        help="folder of weights.npz, and for expected.npz (default: this script's)")
    args = parser.parse_args()
    images = read_idx(args.data / "t10k-images-idx3-ubyte.gz")[..., np.newaxis]
    labels = read_idx(args.data / "t10k-labels-idx1-ubyte.gz")
    with np.load(args.folder / "weights.npz") as archive:
        weights = {name: archive[name].astype(np.float64) for name in archive.files}
    predictions = np.concatenate([predict(weights, x) for x in np.split(images, 20)])
    np.savez(args.folder / "expected.npz", predictions=predictions.astype(np.float32))
    ranked = np.sort(predictions, axis=1)
    print(f"test accuracy: {np.mean(predictions.argmax(axis=1) == labels):.4f}")
    print(f"closest call between two classes: {np.min(ranked[:, -1] - ranked[:, -2]):.1e}")


if __name__ == "__main__":
    main()
