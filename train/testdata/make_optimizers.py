#!/usr/bin/env python3
"""Twenty steps of each optimizer on a weight whose gradients are given, in float64, for optimizer_test.

    /usr/bin/python3 make_optimizers.py    # writes optimizers.npz beside itself; PyTorch 1.13, NumPy 1.24

From the formulas of update_rules, which are Keras'; those that PyTorch has in the same form are also PyTorch's.
"""
import functools
import pathlib

import numpy as np
import torch
from torch import optim

import update_rules as rules

rng = np.random.default_rng(6)
W, G = rng.normal(size=12), rng.normal(size=(20, 12))
LR = 0.05


def run(make, shape=(12,)):
    w = torch.tensor(W.reshape(shape)).requires_grad_()
    opt = make([w])
    for g in G:
        w.grad = torch.tensor(g.reshape(shape))
        opt.step()
    return w.detach().numpy().ravel()


def rule(step, *slots, shape=(12,), **options):
    return run(lambda p: rules.Rule(p, functools.partial(step, **options), LR, slots), shape)


def clipped(transform):
    w = W.copy()
    for g in G:
        w = w - LR * transform(g)
    return w


def averaged(overwrite):  # the moving mean of the weight, beside SGD
    w, mean = W.copy(), None
    for t, g in enumerate(G, 1):
        w = w - LR * g
        mean = w if mean is None else 0.9 * mean + 0.1 * w
        if overwrite and t % overwrite == 0:
            w = mean
    return mean


def schedule_free(decay=0, warmup=0):  # x, the mean of the steps' points, from the pair of sequences
    w, z, x, v = W.copy(), W.copy(), W.copy(), np.zeros(12)
    for t, g in enumerate(G, 1):
        # Keras decays the weight ahead of the step, of which x has its share: w = 0.1 z + 0.9 x.
        x = x - decay * LR * w / 0.9
        v = 0.999 * v + 0.001 * g * g
        rate = LR * (min(1, t / warmup) if warmup else 1)
        z = z - rate * g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = x * (1 - 1 / t) + z / t
        w = 0.1 * z + 0.9 * x
    return x


schedule = lambda t: 0.5 * LR * (1 + np.cos(np.pi * min(t, 15) / 15))  # cosine, over 15 steps
scheduled, accumulated = W.copy(), W.copy()
for t, g in enumerate(G):
    scheduled = scheduled - schedule(t) * g
for t in range(0, 20, 4):
    accumulated = accumulated - LR * G[t:t + 4].mean(0)
results = {
    "sgd": run(lambda p: optim.SGD(p, lr=LR)),
    "momentum": run(lambda p: optim.SGD(p, lr=LR, momentum=0.8)),
    "nesterov": run(lambda p: optim.SGD(p, lr=LR, momentum=0.8, nesterov=True)),
    "adam_torch": run(lambda p: optim.Adam(p, lr=LR, eps=1e-14)),
    "amsgrad_torch": run(lambda p: optim.Adam(p, lr=LR, eps=1e-14, amsgrad=True)),
    "adamw_torch": run(lambda p: optim.AdamW(p, lr=LR, eps=1e-14, weight_decay=0.1)),
    "adamax_torch": run(lambda p: optim.Adamax(p, lr=LR, eps=1e-14)),
    "adam": rule(rules.adam, 0, 0),
    "amsgrad": rule(rules.adam, 0, 0, 0, amsgrad=True),
    "nadam": rule(rules.nadam, 0, 0, 1),
    "rmsprop": rule(rules.rmsprop, 0, 0, 0),
    "rmsprop_centered": rule(rules.rmsprop, 0, 0, 0, momentum=0.7, centered=True),
    "rmsprop_torch": run(lambda p: optim.RMSprop(p, lr=LR, alpha=0.9, eps=1e-14)),
    "adagrad": rule(rules.adagrad, 0.1),
    "adagrad_torch": run(lambda p: optim.Adagrad(p, lr=LR, initial_accumulator_value=0.1, eps=1e-14)),
    "adadelta": rule(rules.adadelta, 0, 0),
    "adadelta_torch": run(lambda p: optim.Adadelta(p, lr=LR, rho=0.95, eps=1e-7)),
    "ftrl": rule(rules.ftrl, 0.1, 0),
    "ftrl_penalties": rule(rules.ftrl, 0.1, 0, l1=0.3, l2=0.2),
    "lion": rule(rules.lion, 0),
    "lamb": rule(rules.lamb, 0, 0),
    "adafactor": rule(rules.adafactor, 0),
    "adafactor_3x4": rule(rules.adafactor, 0, 0, shape=(3, 4)),
    "adafactor_2x3x2": rule(rules.adafactor, 0, 0, shape=(2, 3, 2)),
    "muon": rule(rules.muon_adam, 0, 0),
    "muon_3x4": rule(rules.muon, 0, shape=(3, 4)),
    "muon_6x2": rule(rules.muon, 0, shape=(6, 2)),
    "muon_2x3x2": rule(rules.muon, 0, shape=(2, 3, 2)),
    "muon_plain": rule(rules.muon, 0, shape=(4, 3), decay=0, nesterov=False),
    "schedule_free": schedule_free(),
    "schedule_free_decay": schedule_free(decay=0.1, warmup=7),
    "clipvalue": clipped(lambda g: np.clip(g, -0.5, 0.5)),
    "clipnorm": clipped(lambda g: g * min(1, 2 / np.linalg.norm(g))),
    "cosine_decay": scheduled,
    "accumulated": accumulated,
    "ema": averaged(None),
    "ema_overwrite": averaged(6),
}
np.savez_compressed(pathlib.Path(__file__).with_name("optimizers.npz"), weight=W, gradients=G,
                    **{f"result/{k}": v for k, v in results.items()})
