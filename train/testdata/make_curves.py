#!/usr/bin/env python3
"""A hundred steps of training in PyTorch, for curves_test and optimizer_test: weights, data, and the loss of each step.

    ./make_curves.py    # writes curves.npz and optimizers.npz beside itself; PyTorch 1.13, NumPy 1.24

The weights have the names and layouts of Keras' layers; the forward passes are written with PyTorch's functions, and
its autograd differentiates them. Adam's epsilon, which PyTorch adds at another place than Keras, is too small to matter.
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(5)
torch.manual_seed(0)
torch.set_num_threads(1)


def glorot(*shape):
    fan_in, fan_out = int(np.prod(shape[:-1])), shape[-1]
    return rng.uniform(-1, 1, size=shape) * np.sqrt(6 / (fan_in + fan_out))


def dense(w, name, x):
    return x @ w[f"{name}/kernel"] + w[f"{name}/bias"]


def mlp(w, x, state):
    return dense(w, "dense_2", torch.relu(dense(w, "dense_1", torch.tanh(dense(w, "dense", x)))))


MLP = {"dense/kernel": glorot(6, 16), "dense/bias": np.zeros(16), "dense_1/kernel": glorot(16, 16),
       "dense_1/bias": np.zeros(16), "dense_2/kernel": glorot(16, 3), "dense_2/bias": np.zeros(3)}


def cnn(w, x, state):
    x = x.permute(0, 3, 1, 2)
    x = F.conv2d(x, w["conv2d/kernel"].permute(3, 2, 0, 1), w["conv2d/bias"], padding="same")
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    with torch.no_grad():  # Keras keeps the variance of the batch itself
        state["batch_normalization/moving_mean"].mul_(0.9).add_(mean.detach(), alpha=0.1)
        state["batch_normalization/moving_variance"].mul_(0.9).add_(variance.detach(), alpha=0.1)
    x = F.batch_norm(x, None, None, w["batch_normalization/gamma"], w["batch_normalization/beta"], True, 0, 1e-3)
    x = F.max_pool2d(torch.relu(x), 2)
    x = torch.relu(F.conv2d(x, w["conv2d_1/kernel"].permute(3, 2, 0, 1), w["conv2d_1/bias"]))
    return dense(w, "dense", x.mean((2, 3)))


CNN = {"conv2d/kernel": glorot(3, 3, 2, 6), "conv2d/bias": np.zeros(6), "batch_normalization/gamma": np.ones(6),
       "batch_normalization/beta": np.zeros(6), "conv2d_1/kernel": glorot(3, 3, 6, 8), "conv2d_1/bias": np.zeros(8),
       "dense/kernel": glorot(8, 3), "dense/bias": np.zeros(3)}
CNN_STATE = {"batch_normalization/moving_mean": np.zeros(6), "batch_normalization/moving_variance": np.ones(6)}


def lstm(w, x, state):
    h = c = torch.zeros(len(x), 8)
    for step in range(x.shape[1]):
        gates = x[:, step] @ w["lstm/kernel"] + h @ w["lstm/recurrent_kernel"] + w["lstm/bias"]
        i, f, g, o = gates.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return dense(w, "dense", h)


LSTM = {"lstm/kernel": glorot(4, 32), "lstm/recurrent_kernel": glorot(8, 32),
        "lstm/bias": np.concatenate([np.zeros(8), np.ones(8), np.zeros(16)]), "dense/kernel": glorot(8, 3),
        "dense/bias": np.zeros(3)}


def layer_norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}/gamma"], w[f"{name}/beta"], 1e-3)


def transformer(w, x, state):
    a = "multi_head_attention"
    x = dense(w, "dense", x)
    q, k, v = (torch.einsum("btd,dhk->bhtk", x, w[f"{a}/{n}/kernel"]) + w[f"{a}/{n}/bias"][None, :, None]
               for n in ("query", "key", "value"))
    p = torch.softmax(q @ k.transpose(-1, -2) / np.sqrt(q.shape[-1]), -1)
    y = torch.einsum("bhtk,hkd->btd", p @ v, w[f"{a}/attention_output/kernel"]) + w[f"{a}/attention_output/bias"]
    x = layer_norm(w, "layer_normalization", x + y)
    y = dense(w, "dense_2", F.gelu(dense(w, "dense_1", x)))
    x = layer_norm(w, "layer_normalization_1", x + y)
    return dense(w, "dense_3", x.mean(1))


TRANSFORMER = {"dense/kernel": glorot(4, 8), "dense/bias": np.zeros(8)}
for n in ("query", "key", "value"):
    TRANSFORMER[f"multi_head_attention/{n}/kernel"] = glorot(8, 2, 4)
    TRANSFORMER[f"multi_head_attention/{n}/bias"] = np.zeros((2, 4))
TRANSFORMER["multi_head_attention/attention_output/kernel"] = glorot(2, 4, 8)
TRANSFORMER["multi_head_attention/attention_output/bias"] = np.zeros(8)
for n in ("layer_normalization", "layer_normalization_1"):
    TRANSFORMER[f"{n}/gamma"], TRANSFORMER[f"{n}/beta"] = np.ones(8), np.zeros(8)
TRANSFORMER |= {"dense_1/kernel": glorot(8, 16), "dense_1/bias": np.zeros(16), "dense_2/kernel": glorot(16, 8),
                "dense_2/bias": np.zeros(8), "dense_3/kernel": glorot(8, 3), "dense_3/bias": np.zeros(3)}

ADAM = lambda p: torch.optim.Adam(p, lr=0.003, eps=1e-12)
CASES = {  # name: (forward pass, weights, state that moves, shape of a sample, optimizer)
    "mlp_sgd": (mlp, MLP, {}, (6,), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "mlp_adam": (mlp, MLP, {}, (6,), ADAM),
    "cnn": (cnn, CNN, CNN_STATE, (8, 8, 2), lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True)),
    "lstm": (lstm, LSTM, {}, (7, 4), ADAM),
    "transformer": (transformer, TRANSFORMER, {}, (5, 4), ADAM),
}
BATCH, BATCHES, STEPS = 16, 5, 100
curves = {}
for name, (forward, weights, moving, shape, optimizer) in CASES.items():
    x = rng.normal(size=(BATCHES, BATCH, *shape)).astype(np.float32)
    flat = x.reshape(BATCHES * BATCH, -1)
    y = np.argmax(flat @ rng.normal(size=(flat.shape[1], 3)), -1).reshape(BATCHES, BATCH)
    w = {k: torch.tensor(v, dtype=torch.float32).requires_grad_() for k, v in weights.items()}
    state = {k: torch.tensor(v, dtype=torch.float32) for k, v in moving.items()}
    for k, v in (w | state).items():
        curves[f"{name}/initial/{k}"] = v.detach().numpy().copy()
    opt = optimizer(list(w.values()))
    losses = []
    for step in range(STEPS):
        opt.zero_grad()
        b = step % BATCHES
        loss = F.cross_entropy(forward(w, torch.tensor(x[b]), state), torch.tensor(y[b]))
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(name, losses[0], losses[-1])
    curves |= {f"{name}/x": x, f"{name}/y": y.astype(np.uint8), f"{name}/losses": np.float32(losses)}
    for k, v in state.items():
        curves[f"{name}/final/{k}"] = v.numpy()
np.savez_compressed(HERE / "curves.npz", **curves)

# Twenty steps of each optimizer on a weight whose gradients are given, in float64 and from Keras' formulas; those that
# PyTorch has in the same form are PyTorch's.
W, G = rng.normal(size=12), rng.normal(size=(20, 12))
LR = 0.05


def run_torch(make):
    w = torch.tensor(W).requires_grad_()
    opt = make([w])
    for g in G:
        w.grad = torch.tensor(g)
        opt.step()
    return w.detach().numpy()


def run(step, *slots):
    w, s = W.copy(), [np.full(12, float(v)) for v in slots]
    for t, g in enumerate(G, 1):
        w = step(w, g, t, s)
    return w


def adam(w, g, t, s, amsgrad=False):
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    if amsgrad:
        s[2] = np.maximum(s[2], s[1])
    v = s[2] if amsgrad else s[1]
    return w - LR * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * s[0] / (np.sqrt(v) + 1e-7)


def nadam(w, g, t, s):
    u, u1 = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s[2] = s[2] * u
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    m = u1 * s[0] / (1 - s[2] * u1) + (1 - u) * g / (1 - s[2])
    return w - LR * m / (np.sqrt(s[1] / (1 - 0.999**t)) + 1e-7)


def rmsprop(w, g, t, s, momentum=0.0, centered=False):
    s[0] = 0.9 * s[0] + 0.1 * g * g
    s[1] = 0.9 * s[1] + 0.1 * g
    s[2] = momentum * s[2] + LR * g / np.sqrt(s[0] - (s[1] ** 2 if centered else 0) + 1e-7)
    return w - s[2]


def adagrad(w, g, t, s):
    s[0] = s[0] + g * g
    return w - LR * g / np.sqrt(s[0] + 1e-7)


def adadelta(w, g, t, s):
    s[0] = 0.95 * s[0] + 0.05 * g * g
    d = g * np.sqrt(s[1] + 1e-7) / np.sqrt(s[0] + 1e-7)
    s[1] = 0.95 * s[1] + 0.05 * d * d
    return w - LR * d


def ftrl(w, g, t, s, l1=0.0, l2=0.0):
    n = s[0] + g * g
    s[1] = s[1] + g - (np.sqrt(n) - np.sqrt(s[0])) / LR * w
    s[0] = n
    return np.where(np.abs(s[1]) <= l1, 0, (np.sign(s[1]) * l1 - s[1]) / (np.sqrt(n) / LR + 2 * l2))


def lion(w, g, t, s):
    u = np.sign(0.9 * s[0] + 0.1 * g)
    s[0] = 0.99 * s[0] + 0.01 * g
    return w - LR * u


def lamb(w, g, t, s):
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    u = s[0] / (1 - 0.9**t) / (np.sqrt(s[1] / (1 - 0.999**t)) + 1e-7)
    return w - LR * np.linalg.norm(w) / np.linalg.norm(u) * u


def rms(x):
    return np.sqrt(np.mean(x * x))


def adafactor(w, g, t, s):  # of a matrix, means by row and by column
    beta = 1 - t**-0.8
    if w.ndim < 2:
        s[0] = beta * s[0] + (1 - beta) * (g * g + 1e-30)
        v = s[0]
    else:
        s[0] = beta * s[0] + (1 - beta) * (g * g + 1e-30).mean(-1, keepdims=True)
        s[1] = beta * s[1] + (1 - beta) * (g * g + 1e-30).mean(-2, keepdims=True)
        v = s[0] / s[0].mean(-2, keepdims=True) * s[1]
    u = g / np.sqrt(v)
    return w - min(LR, t**-0.5) * max(1e-3, rms(w)) * u / max(1, rms(u))


def muon(w, g, t, s, decay=0.1, nesterov=True):  # of a matrix, or matrices behind one another
    w = w * (1 - decay * LR)
    s[0] = 0.95 * s[0] + g
    x = g + 0.95 * s[0] if nesterov else s[0]
    flip = x.shape[-2] > x.shape[-1]
    x = x.swapaxes(-1, -2) if flip else x
    x = x / (np.sqrt((x * x).sum((-2, -1), keepdims=True)) + 1e-7)
    for _ in range(6):
        a = x @ x.swapaxes(-1, -2)
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    x = x.swapaxes(-1, -2) if flip else x
    return w - LR * x * max(1, w.shape[0] / w.shape[1]) ** 0.5


def muon_adam(w, g, t, s):  # of other weights
    s[0] = 0.9 * s[0] + 0.1 * g
    s[1] = 0.999 * s[1] + 0.001 * g * g
    rate = 0.1 * LR * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w * (1 - 0.1 * LR) - rate * s[0] / (np.sqrt(s[1]) + 1e-7)


def shaped(step, shape, *slots):  # a weight of other axes, of the same elements
    w, s = W.reshape(shape).copy(), [0.0 for _ in slots]
    for t, g in enumerate(G, 1):
        w = step(w, g.reshape(shape), t, s)
    return w.ravel()


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


schedule = lambda t: 0.5 * LR * (1 + np.cos(np.pi * min(t, 15) / 15))  # cosine, over 15 steps
scheduled, accumulated = W.copy(), W.copy()
for t, g in enumerate(G):
    scheduled = scheduled - schedule(t) * g
for t in range(0, 20, 4):
    accumulated = accumulated - LR * G[t:t + 4].mean(0)
T = torch.optim
results = {
    "sgd": run_torch(lambda p: T.SGD(p, lr=LR)),
    "momentum": run_torch(lambda p: T.SGD(p, lr=LR, momentum=0.8)),
    "nesterov": run_torch(lambda p: T.SGD(p, lr=LR, momentum=0.8, nesterov=True)),
    "adam_torch": run_torch(lambda p: T.Adam(p, lr=LR, eps=1e-14)),
    "amsgrad_torch": run_torch(lambda p: T.Adam(p, lr=LR, eps=1e-14, amsgrad=True)),
    "adamw_torch": run_torch(lambda p: T.AdamW(p, lr=LR, eps=1e-14, weight_decay=0.1)),
    "adamax_torch": run_torch(lambda p: T.Adamax(p, lr=LR, eps=1e-14)),
    "adam": run(adam, 0, 0), "amsgrad": run(lambda *a: adam(*a, amsgrad=True), 0, 0, 0), "nadam": run(nadam, 0, 0, 1),
    "rmsprop": run(rmsprop, 0, 0, 0), "rmsprop_centered": run(lambda *a: rmsprop(*a, 0.7, True), 0, 0, 0),
    "rmsprop_torch": run_torch(lambda p: T.RMSprop(p, lr=LR, alpha=0.9, eps=1e-14)),
    "adagrad": run(adagrad, 0.1), "adadelta": run(adadelta, 0, 0),
    "adagrad_torch": run_torch(lambda p: T.Adagrad(p, lr=LR, initial_accumulator_value=0.1, eps=1e-14)),
    "adadelta_torch": run_torch(lambda p: T.Adadelta(p, lr=LR, rho=0.95, eps=1e-7)),
    "ftrl": run(ftrl, 0.1, 0), "ftrl_penalties": run(lambda *a: ftrl(*a, 0.3, 0.2), 0.1, 0), "lion": run(lion, 0),
    "lamb": run(lamb, 0, 0), "adafactor": run(adafactor, 0),
    "adafactor_3x4": shaped(adafactor, (3, 4), 0, 0), "adafactor_2x3x2": shaped(adafactor, (2, 3, 2), 0, 0),
    "muon": run(muon_adam, 0, 0), "muon_3x4": shaped(muon, (3, 4), 0), "muon_6x2": shaped(muon, (6, 2), 0),
    "muon_2x3x2": shaped(muon, (2, 3, 2), 0),
    "muon_plain": shaped(lambda *a: muon(*a, 0.0, False), (4, 3), 0),
    "clipvalue": clipped(lambda g: np.clip(g, -0.5, 0.5)),
    "clipnorm": clipped(lambda g: g * min(1, 2 / np.linalg.norm(g))),
    "cosine_decay": scheduled, "accumulated": accumulated, "ema": averaged(None), "ema_overwrite": averaged(6),
}
np.savez_compressed(HERE / "optimizers.npz", weight=W, gradients=G, **{f"result/{k}": v for k, v in results.items()})
