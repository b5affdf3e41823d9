#!/usr/bin/env python3
"""A hundred steps of training in PyTorch, of four models with each of ten optimizers, for curves_test: the models'
initial weights and data, and the loss of each step.

    /usr/bin/python3 make_curves.py    # writes curves.npz beside itself; PyTorch 1.13, NumPy 1.24

The weights have the names and layouts of Keras' layers; the forward passes are written with PyTorch's functions, and
its autograd differentiates them. The optimizers are PyTorch's, with an epsilon too small to matter where PyTorch adds it
at another place than Keras; where more than that differs, or PyTorch lacks the optimizer, its rule is in update_rules.
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import optim

import update_rules as rules

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
    x = F.conv2d(x, w["conv2d/kernel"].permute(3, 2, 0, 1), padding="same")
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    with torch.no_grad():  # Keras keeps the variance of the batch itself
        state["batch_normalization/moving_mean"].mul_(0.9).add_(mean.detach(), alpha=0.1)
        state["batch_normalization/moving_variance"].mul_(0.9).add_(variance.detach(), alpha=0.1)
    x = F.batch_norm(x, None, None, w["batch_normalization/gamma"], w["batch_normalization/beta"], True, 0, 1e-3)
    x = F.max_pool2d(torch.relu(x), 2)
    x = torch.relu(F.conv2d(x, w["conv2d_1/kernel"].permute(3, 2, 0, 1), w["conv2d_1/bias"]))
    return dense(w, "dense", x.mean((2, 3)))


# No bias ahead of the normalisation, which takes it away again: its gradient would be nothing but rounding.
CNN = {"conv2d/kernel": glorot(3, 3, 2, 6), "batch_normalization/gamma": np.ones(6),
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

MODELS = {  # name: (forward pass, weights, state that moves, shape of a sample)
    "mlp": (mlp, MLP, {}, (6,)),
    "cnn": (cnn, CNN, CNN_STATE, (8, 8, 2)),
    "lstm": (lstm, LSTM, {}, (7, 4)),
    "transformer": (transformer, TRANSFORMER, {}, (5, 4)),
}
OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.05),
    "momentum": lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.003, eps=1e-12),
    "adamw": lambda p: optim.AdamW(p, lr=0.003, eps=1e-12, weight_decay=0.1),
    "rmsprop": lambda p: rules.Rule(p, rules.rmsprop, 0.002, (0, 0, 0)),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.05, initial_accumulator_value=0.1, eps=1e-12),
    "adamax": lambda p: optim.Adamax(p, lr=0.005, eps=1e-12),
    "nadam": lambda p: rules.Rule(p, rules.nadam, 0.003, (0, 0, 1)),
    "lion": lambda p: rules.Rule(p, rules.lion, 0.001, (0,)),
}
BATCH, BATCHES, STEPS = 16, 5, 100


def main():
    curves = {}
    for name, (forward, weights, moving, shape) in MODELS.items():
        # Eighths, so that the file is small.
        x = np.round(8 * rng.normal(size=(BATCHES, BATCH, *shape))).astype(np.float32) / 8
        flat = x.reshape(BATCHES * BATCH, -1)
        y = np.argmax(flat @ rng.normal(size=(flat.shape[1], 3)), -1).reshape(BATCHES, BATCH)
        curves |= {f"{name}/x": x, f"{name}/y": y.astype(np.uint8)}
        curves |= {f"{name}/initial/{k}": v.astype(np.float32) for k, v in (weights | moving).items()}
        for rule, optimizer in OPTIMIZERS.items():
            w = {k: torch.tensor(v, dtype=torch.float32).requires_grad_() for k, v in weights.items()}
            state = {k: torch.tensor(v, dtype=torch.float32) for k, v in moving.items()}
            opt = optimizer(list(w.values()))
            losses = []
            for step in range(STEPS):
                opt.zero_grad()
                b = step % BATCHES
                loss = F.cross_entropy(forward(w, torch.tensor(x[b]), state), torch.tensor(y[b]))
                loss.backward()
                opt.step()
                losses.append(loss.item())
            first, last = np.mean(losses[:BATCHES]), np.mean(losses[-BATCHES:])
            print(f"{name:12} {rule:9} {first:.3f} to {last:.3f}")
            assert last < 0.97 * first, "nothing is learned, and so little shown"
            curves[f"{name}/losses/{rule}"] = np.float32(losses)
            for k, v in state.items():
                curves[f"{name}/final/{rule}/{k}"] = v.numpy()
    np.savez_compressed(HERE / "curves.npz", **curves)


if __name__ == "__main__":
    main()
