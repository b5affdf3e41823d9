#!/usr/bin/env python3
"""Trains a small convolutional classifier on Fashion-MNIST and exports it for Nomograph.

The network takes uint8 images [N, 28, 28, 1] (NHWC) and gives ten class probabilities:

    x / 255 -> Conv2D 16, 3x3, same, relu -> MaxPool 2 -> Conv2D 32, 3x3, same, relu -> MaxPool 2
            -> Flatten -> Dense 64, relu -> Dense 10 -> softmax

It is trained on the 60,000 training images only. The test images are used once, after training, for the
reported accuracy and the expected predictions. Two files are written to --out:

    weights.npz   float32 arrays with Keras' names and layouts: convolution kernels are (height, width, in, out),
                  dense kernels (in, out), and dense/kernel takes features that were flattened in NHWC order
    expected.npz  `predictions`: PyTorch's float32 probabilities for all test images in order, [10000, 10]

A NumPy copy of the network then replays the weights as they were written and must agree with PyTorch.

Needs (Debian): apt install python3-torch python3-numpy dataset-fashion-mnist
Run:            /usr/bin/python3 train.py

The seed and the number of threads are fixed, so that a second run on the same machine writes the same files. Another
processor or another version of PyTorch rounds differently and ends at slightly different weights.
"""

import argparse
import gzip
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_idx(path):
    """Reads a gzipped IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    zeros, dtype, rank = data[:2], data[2], data[3]
    if zeros != b"\0\0" or dtype != 0x08:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    shape = np.frombuffer(data, ">u4", rank, offset=4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder, part):
    """Returns the images, uint8 [N, 1, 28, 28], and the labels, int64 [N], as tensors."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz")
    return torch.tensor(images).unsqueeze(1), torch.tensor(labels, dtype=torch.int64)


class Net(nn.Module):
    """The classifier in PyTorch's NCHW layout; gives logits.

    The first dense layer is written as a 7x7 convolution that sees its whole input: the same sum over height, width
    and channel, but much faster than nn.Linear where PyTorch uses the reference BLAS.
    """

    def __init__(self):
        super().__init__()
        self.conv2d = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2d_1 = nn.Conv2d(16, 32, 3, padding=1)
        self.dense = nn.Conv2d(32, 64, 7)
        self.dense_1 = nn.Linear(64, 10)

    def forward(self, x):
        x = x.float() / 255
        x = F.max_pool2d(F.relu(self.conv2d(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2d_1(x)), 2)
        x = F.dropout(x, 0.3, self.training)
        x = F.dropout(F.relu(self.dense(x)).flatten(1), 0.2, self.training)
        return self.dense_1(x)


def train(images, labels, epochs, batch=128):
    """Trains with AdamW and a one-cycle schedule; half of the images are mirrored at random."""
    net = Net().to(memory_format=torch.channels_last)
    steps = len(images) // batch
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs=epochs, steps_per_epoch=steps)
    start = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images))[: steps * batch].split(batch):
            x = images[chosen]
            mirror = torch.rand(batch, 1, 1, 1) < 0.5
            loss = F.cross_entropy(net(torch.where(mirror, x.flip(3), x)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2}/{epochs}: loss {total / steps:.4f}, {time.monotonic() - start:.0f} s", flush=True)
    return net.eval()


def predict(net, images):
    with torch.no_grad():
        return torch.cat([F.softmax(net(x), dim=1) for x in images.split(1000)]).numpy()


def export(net):
    """Returns the weights under Keras' names, in Keras' layouts."""
    weights = {}
    for name, layer in net.named_children():
        kernel = layer.weight.detach().numpy()
        if isinstance(layer, nn.Conv2d):
            kernel = kernel.transpose(2, 3, 1, 0)  # OIHW to HWIO
        else:
            kernel = kernel.T  # (out, in) to (in, out)
        if name == "dense":
            kernel = kernel.reshape(-1, 64)  # HWI is the order of NHWC-flattened features
        weights[f"{name}/kernel"] = np.ascontiguousarray(kernel)
        weights[f"{name}/bias"] = layer.bias.detach().numpy()
    return weights


def replay(weights, x):
    """The exported network in NumPy: uint8 [N, 28, 28, 1] to probabilities, in double precision."""

    def conv(x, name):
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))  # N, H, W, in, kh, kw
        y = np.tensordot(windows, weights[f"{name}/kernel"].astype(np.float64), ((4, 5, 3), (0, 1, 2)))
        return np.maximum(y + weights[f"{name}/bias"], 0)

    def pool(x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    def dense(x, name):
        return x @ weights[f"{name}/kernel"].astype(np.float64) + weights[f"{name}/bias"]

    x = pool(conv(x / 255, "conv2d"))
    x = pool(conv(x, "conv2d_1"))
    x = np.maximum(dense(x.reshape(len(x), -1), "dense"), 0)
    x = dense(x, "dense_1")
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description="Trains the Fashion-MNIST example.")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist",
                        help="folder with the four IDX files (default: where Debian's package puts them)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent,
                        help="folder for weights.npz and expected.npz (default: this script's)")
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()

    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1)

    net = train(*load(args.data, "train"), args.epochs)

    images, labels = load(args.data, "t10k")
    predictions = predict(net, images)
    np.savez(args.out / "weights.npz", **export(net))
    np.savez(args.out / "expected.npz", predictions=predictions)
    print(f"test accuracy: {np.mean(predictions.argmax(axis=1) == labels.numpy()):.4f}")

    with np.load(args.out / "weights.npz") as weights:
        difference = np.abs(replay(weights, images[:200].numpy().transpose(0, 2, 3, 1)) - predictions[:200]).max()
    print(f"largest difference between NumPy and PyTorch on 200 images: {difference:.1e}")
    if not difference < 1e-6:
        raise SystemExit("the exported weights do not reproduce PyTorch's predictions")


if __name__ == "__main__":
    main()
