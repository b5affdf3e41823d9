#!/usr/bin/env python3
"""The results in the examples of ops/nn/loss/ctc_loss.cc: PyTorch 1.13's ctc_loss, and sums over all paths.

    ./make_ctc.py    # prints C++
"""
import itertools

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(8)
x = np.round(rng.normal(size=(3, 4, 3)) * 4) / 4
log_probs = torch.log_softmax(torch.tensor(x), -1)
labels = torch.tensor([[1, 1], [2, 0], [1, 2]])


def spelled(path, blank):
    merged = [k for i, k in enumerate(path) if i == 0 or k != path[i - 1]]
    return [k for k in merged if k != blank]


def by_paths(lp, label, steps, blank):  # the probability, and that of each class at each step
    total, at = 0.0, np.zeros((4, 3))
    for path in itertools.product(range(3), repeat=steps):
        if spelled(list(path), blank) == list(label):
            p = np.exp(sum(float(lp[t, k]) for t, k in enumerate(path)))
            total += p
            for t, k in enumerate(path):
                at[t, k] += p
    return total, at / total if total else at


def show(name, lengths, steps, blank=0, labels=labels):
    torchs = F.ctc_loss(log_probs.transpose(0, 1), labels, torch.tensor(steps), torch.tensor(lengths), blank=blank,
                        reduction="none")
    sums = [by_paths(log_probs[b].numpy(), labels[b][:n].tolist(), s, blank) for b, (n, s) in
            enumerate(zip(lengths, steps))]
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(torchs.numpy(), [-np.log(p) for p, _ in sums], rtol=1e-12)
    print(name, "loss", ", ".join("%.16g" % v for v in torchs))
    print(name, "occupancy", ", ".join("%.16g" % v for v in np.stack([a for _, a in sums]).ravel()))


print("log_probs", ", ".join("%.16g" % v for v in log_probs.numpy().ravel()))
show("all", [2, 1, 2], [4, 4, 4])
show("lengths", [1, 0, 2], [2, 3, 2])
show("blank", [1, 2, 1], [4, 4, 4], blank=2, labels=torch.tensor([[1, 0], [0, 1], [0, 0]]))
