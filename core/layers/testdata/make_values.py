#!/usr/bin/python3
"""Computes what sequence_test.cc expects of the recurrent, attention and wrapping layers.

It shares nothing with the C++ code: PyTorch's own layers where it has the same one (its gates are put in Keras' order),
else NumPy formulas written from Keras' documentation. Prints C++ initialisers, each under the name of its case.

Usage: make_values.py   (Debian packages python3-numpy, python3-torch)
"""

import numpy as np
import torch


def wave(shape, seed):
    """Numbers from -1 to 1 that the test makes too."""
    count = int(np.prod(shape))
    return (((np.arange(count) * 37 + seed * 11) % 21 - 10) / 10).reshape(shape)


def show(name, *arrays):
    print(name)
    for array in arrays:
        values = ", ".join("%.9g" % v for v in np.asarray(array).ravel())
        print("    Floats({%s}, {%s})," % (", ".join(map(str, np.shape(array))), values))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def torch_layer(kind, kernel, recurrent, bias_x, bias_h, order):
    """One of PyTorch's layers with Keras' weights, whose gates are taken in `order`."""
    units = recurrent.shape[0]

    def gates(w):
        parts = np.split(w, len(order), axis=-1)
        return np.concatenate([parts[i] for i in order], axis=-1)

    layer = kind(kernel.shape[0], units, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0[:] = torch.tensor(gates(kernel).T)
        layer.weight_hh_l0[:] = torch.tensor(gates(recurrent).T)
        layer.bias_ih_l0[:] = torch.tensor(gates(bias_x))
        layer.bias_hh_l0[:] = torch.tensor(gates(bias_h))
    return layer


def run(layer, x, *state):
    """All outputs, then the last states."""
    given = [torch.tensor(s)[None] for s in state]
    with torch.no_grad():
        y, last = layer(torch.tensor(x), *([tuple(given) if len(given) > 1 else given[0]] if given else []))
    last = last if isinstance(last, tuple) else (last,)
    return [y.numpy()] + [s[0].numpy() for s in last]


X = wave((2, 3, 2), 0)
LSTM_ORDER, GRU_ORDER = [0, 1, 2, 3], [1, 0, 2]  # PyTorch: i, f, g, o and r, z, n


def lstm(seed=1):
    kernel, recurrent, bias = wave((2, 8), seed), wave((2, 8), seed + 1), wave((8,), seed + 2)
    return torch_layer(torch.nn.LSTM, kernel, recurrent, bias, 0 * bias, LSTM_ORDER)


def gru():
    bias = wave((2, 6), 3)
    return torch_layer(torch.nn.GRU, wave((2, 6), 1), wave((2, 6), 2), bias[0], bias[1], GRU_ORDER)


def gru_cell_reset_before(x, h):
    kernel, recurrent, bias = wave((2, 6), 1), wave((2, 6), 2), wave((6,), 3)
    (xz, xr, xh), (uz, ur, uh) = np.split(x @ kernel + bias, 3, -1), np.split(recurrent, 3, -1)
    z, r = sigmoid(xz + h @ uz), sigmoid(xr + h @ ur)
    return z * h + (1 - z) * np.tanh(xh + (r * h) @ uh)


def lstm_cell(x, h, c, activation, seed=1):
    kernel, recurrent, bias = wave((2, 8), seed), wave((2, 8), seed + 1), wave((8,), seed + 2)
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * activation(g)
    return sigmoid(o) * activation(c), c


def masked_lstm(x, mask, zero_output, seed=1):
    """Keras' rnn(): where a step is masked, the states stay and the output is the one before, or zero."""
    h = c = previous = np.zeros((x.shape[0], 2))
    outputs = []
    for t in range(x.shape[1]):
        m = mask[:, t, None]
        new_h, new_c = lstm_cell(x[:, t], h, c, np.tanh, seed)
        output = np.where(m, new_h, 0 * previous if zero_output else previous)
        h, c, previous = np.where(m, new_h, h), np.where(m, new_c, c), output
        outputs.append(output)
    return np.stack(outputs, 1), h, c


def recurrent():
    y, h, c = run(lstm(), X)
    show("LSTM", y, h, c)
    y, h, c = run(lstm(), X[:, ::-1].copy())
    show("LSTM backwards", y)
    show("LSTM with states", run(lstm(), X, wave((2, 2), 4), wave((2, 2), 5))[0][:, -1])
    mish = lambda v: v * np.tanh(np.log1p(np.exp(v)))
    h = c = np.zeros((2, 2))
    for t in range(3):
        h, c = lstm_cell(X[:, t], h, c, mish)
    show("LSTM mish", h)
    y, h = run(gru(), X)
    show("GRU", y, h)
    h = np.zeros((2, 2))
    for t in range(3):
        h = gru_cell_reset_before(X[:, t], h)
    show("GRU reset before", h)
    rnn = torch_layer(torch.nn.RNN, wave((2, 3), 1), wave((3, 3), 2), wave((3,), 3), np.zeros(3), [0])
    show("SimpleRNN", run(rnn, X)[0][:, -1])

    masked = X.copy()
    masked[0, 1] = masked[1, 0] = masked[1, 2] = 0.5
    mask = np.any(masked != 0.5, -1)
    show("Masking", masked * mask[..., None])
    show("Masking LSTM", *masked_lstm(masked * mask[..., None], mask, False))
    show("Masking LSTM zero", masked_lstm(masked * mask[..., None], mask, True)[0])
    show("Masking average", np.sum(masked * mask[..., None], 1) / mask.sum(1, keepdims=True))

    forth, back = run(lstm(1), X), run(lstm(4), X[:, ::-1].copy())
    show("Bidirectional", np.concatenate([forth[0], back[0][:, ::-1]], -1))
    show("Bidirectional ave", (forth[0][:, -1] + back[0][:, -1]) / 2, forth[1], forth[2], back[1], back[2])
    for zero in (True, False):
        forth = masked_lstm(masked * mask[..., None], mask, zero)[0]
        back = masked_lstm((masked * mask[..., None])[:, ::-1], mask[:, ::-1], zero, 4)[0][:, ::-1]
        show("Bidirectional masked" + " zero" * zero, np.concatenate([forth, back], -1))
    dense = np.maximum(X @ wave((2, 3), 1) + wave((3,), 2), 0)
    show("TimeDistributed", dense)


QUERY, VALUE, KEY = wave((2, 2, 3), 1), wave((2, 4, 3), 2), wave((2, 4, 3), 3)


def attend(scores, value, mask=None):
    if mask is not None:
        scores = scores - 1e9 * (1 - mask)
    weights = softmax(scores)
    return weights @ value, weights


def attention():
    dot = QUERY @ KEY.transpose(0, 2, 1)
    show("Attention", *attend(dot, VALUE))
    show("Attention causal", attend(0.5 * dot, VALUE, np.tri(2, 4))[0])
    sums = QUERY[:, :, None] + KEY[:, None]
    show("Attention concat", attend(1.5 * np.tanh(0.5 * sums).sum(-1), VALUE)[0])
    show("AdditiveAttention", attend((wave((3,), 4) * np.tanh(sums)).sum(-1), VALUE)[0])

    # PyTorch's layer for two heads of 3, the queries' features being 6.
    query, value = wave((2, 2, 6), 1), wave((2, 4, 6), 2)
    weights = [wave((6, 2, 3), s) for s in (3, 5, 7)]  # query, key, value
    biases = [wave((2, 3), s) for s in (4, 6, 8)]
    layer = torch.nn.MultiheadAttention(6, 2, batch_first=True).double()
    with torch.no_grad():
        layer.in_proj_weight[:] = torch.tensor(np.concatenate([w.reshape(6, 6).T for w in weights]))
        layer.in_proj_bias[:] = torch.tensor(np.concatenate([b.ravel() for b in biases]))
        layer.out_proj.weight[:] = torch.tensor(wave((2, 3, 6), 9).reshape(6, 6).T)
        layer.out_proj.bias[:] = torch.tensor(wave((6,), 10))
        q, v = torch.tensor(query), torch.tensor(value)
        y, scores = layer(q, v, v, average_attn_weights=False)
        show("MultiHeadAttention", y, scores)
        show("MultiHeadAttention causal", layer(q, q, q, attn_mask=torch.ones(2, 2).triu(1).bool())[0])

    # Four heads of queries, two of keys and values.
    wq, wk, wv = wave((6, 4, 2), 3), wave((6, 2, 2), 5), wave((6, 2, 2), 7)
    q = np.einsum("btd,dhk->bhtk", query, wq) / np.sqrt(2)
    k, v = (np.repeat(np.einsum("btd,dhk->bhtk", value, w), 2, axis=1) for w in (wk, wv))
    heads = softmax(q @ k.transpose(0, 1, 3, 2)) @ v
    show("GroupQueryAttention", np.einsum("bhtk,hkd->btd", heads, wave((4, 2, 6), 9)))


def others():
    x = wave((2, 3, 2), 1)
    show("UnitNormalization", x / np.sqrt((x**2).sum(-1, keepdims=True)))
    depthwise, pointwise = wave((2, 2, 2), 2), wave((1, 4, 3), 3)  # [taps, channels, multiplier]
    rows = np.stack([x[:, t, :, None] * depthwise[0] + x[:, t + 1, :, None] * depthwise[1] for t in range(2)], 1)
    rows = rows.reshape(2, 2, 4)
    show("DepthwiseConv1D", rows + wave((4,), 4))
    show("SeparableConv1D", rows @ pointwise[0] + wave((3,), 4))


if __name__ == "__main__":
    recurrent()
    attention()
    others()
