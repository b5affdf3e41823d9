#!/usr/bin/env python3
"""The networks of make_curves.py in PyTorch with bfloat16, for bfloat16_curves_test: the loss of each of a hundred steps
under torch.autocast, and what the networks that were trained in float32 then answer.

    /usr/bin/python3 make_bfloat16_curves.py    # reads curves.npz, writes bfloat16_curves.npz; PyTorch 1.13, NumPy 1.24
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

import make_curves as curves


def cnn_answer(w, x, state):
    """As it is compiled: the normalisation is in the weights of the convolution."""
    b = "batch_normalization"
    factor = w[f"{b}/gamma"] / torch.sqrt(state[f"{b}/moving_variance"] + 1e-3)
    bias = w[f"{b}/beta"] - state[f"{b}/moving_mean"] * factor
    kernel = (w["conv2d/kernel"] * factor).permute(3, 2, 0, 1)
    x = F.conv2d(x.permute(0, 3, 1, 2), kernel, bias, padding="same")
    x = F.max_pool2d(torch.relu(x), 2)
    x = torch.relu(F.conv2d(x, w["conv2d_1/kernel"].permute(3, 2, 0, 1), w["conv2d_1/bias"]))
    return curves.dense(w, "dense", x.mean((2, 3)))


def lstm_answer(w, x, state, rounds_steps=False):
    """With F.linear, which RoundedFactors leaves alone, where nn.LSTM is left in float32: the product with the kernel,
    which is small, and where the processor does not multiply bfloat16 that of each step, too."""
    h = c = torch.zeros(len(x), 8)
    for step in range(x.shape[1]):
        from_state = h @ w["lstm/recurrent_kernel"] if rounds_steps else F.linear(h, w["lstm/recurrent_kernel"].T)
        gates = F.linear(x[:, step], w["lstm/kernel"].T, w["lstm/bias"]) + from_state
        i, f, g, o = gates.chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return curves.dense(w, "dense", h)


ANSWERS = {"cnn": cnn_answer, "lstm": lstm_answer}
# On processors that multiply bfloat16.
STEP_ANSWERS = {"lstm": lambda w, x, state: lstm_answer(w, x, state, rounds_steps=True)}


class RoundedFactors(TorchFunctionMode):
    """Products round what they multiply to bfloat16, and the bias of a convolution, and are summed in float64."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in (torch.Tensor.matmul, torch.Tensor.__matmul__, torch.einsum, torch.conv2d):
            return function(*args, **(kwargs or {}))
        rounded = (a.bfloat16().double() if isinstance(a, torch.Tensor) else a for a in args)
        return function(*rounded, **(kwargs or {})).float()


def answers(forward, w, state, x):
    """The logits in float32, with rounded factors, and under autocast."""
    with torch.no_grad():
        wide = forward(w, x, state)
        with RoundedFactors():
            rounded = forward(w, x, state)
        with torch.autocast("cpu", torch.bfloat16):
            autocast = forward(w, x, state).float()
    return {"float32": wide.numpy(), "rounded": rounded.numpy(), "autocast": autocast.numpy()}


def train(forward, weights, moving, x, y, optimizer, autocast):
    """The loss of each step, and the weights and the state behind the last one."""
    w = {k: torch.tensor(v).requires_grad_() for k, v in weights.items()}
    state = {k: torch.tensor(v) for k, v in moving.items()}
    opt = optimizer(list(w.values()))
    losses = []
    for step in range(curves.STEPS):
        opt.zero_grad()
        b = step % curves.BATCHES
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = forward(w, torch.tensor(x[b]), state)
        loss = F.cross_entropy(logits.float(), torch.tensor(y[b]).long())
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return np.float32(losses), w, state


given = np.load(curves.HERE / "curves.npz")
results = {}
for name, (forward, weights, moving, _) in curves.MODELS.items():
    rule = "nesterov" if name == "cnn" else "adam"
    optimizer = curves.OPTIMIZERS[rule]
    x, y = given[f"{name}/x"], given[f"{name}/y"]
    weights, moving = ({k: given[f"{name}/initial/{k}"] for k in group} for group in (weights, moving))
    wide, w, state = train(forward, weights, moving, x, y, optimizer, autocast=False)
    assert np.abs(wide - given[f"{name}/losses/{rule}"]).max() < 1e-5
    low, _, _ = train(forward, weights, moving, x, y, optimizer, autocast=True)
    print(name, wide[0], wide[-1], low[-1], np.abs(wide - low).max())
    results[f"{name}/losses"] = low
    for k, v in (w | state).items():
        results[f"{name}/trained/{k}"] = v.detach().numpy()
    answer = answers(ANSWERS.get(name, forward), w, state, torch.tensor(x[0]))
    if name in STEP_ANSWERS:
        answer["rounded_steps"] = answers(STEP_ANSWERS[name], w, state, torch.tensor(x[0]))["rounded"]
    results |= {f"{name}/answer/{k}": v for k, v in answer.items()}
np.savez_compressed(curves.HERE / "bfloat16_curves.npz", **results)
