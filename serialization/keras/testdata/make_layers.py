#!/usr/bin/env python3
"""make_layers.py FOLDER: writes layers.json and layers.npz for layers_test.cc: models of a layer or a few as Keras 1, 2 and 3
configure them, with random weights, inputs, and outputs that are computed here (layer_math.py) from the layers' documentation.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

from layer_math import (batch_norm, conv, conv_lstm, conv_transpose, depthwise, gru, hard_sigmoid, lstm, sigmoid, softmax)

rng = np.random.default_rng(11)
MODELS, ARRAYS = [], {}


def draw(*shape):
    return rng.normal(0, 0.5, shape).astype(np.float32)


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


def node(kind, name, inbound, **config):
    return {**layer(kind, name, **config), "name": name, "inbound_nodes": inbound}


def entry(name, shape, dtype="float32"):
    return node("InputLayer", name, [], batch_input_shape=[None, *shape], dtype=dtype, sparse=False, ragged=False)


def functional(layers, inputs, outputs):
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [[n, 0, 0] for n in inputs],
                                                   "output_layers": [o if isinstance(o, list) else [o, 0, 0] for o in outputs]}}


def model(name, config, xs, ys, weights=None, version="2.12.0"):
    """weights: {layer: [(name, array)]}."""
    MODELS.append({"name": name, "keras_version": version, "model": config,
                   "weights": {layer: [n for n, _ in arrays] for layer, arrays in (weights or {}).items()}})
    for i, x in enumerate(xs):
        ARRAYS[f"{name}.x{i}"] = np.asarray(x)
    for i, y in enumerate(ys):
        ARRAYS[f"{name}.y{i}"] = np.asarray(y, np.float32)
    for layer_name, arrays in (weights or {}).items():
        for i, (_, array) in enumerate(arrays):
            ARRAYS[f"{name}.{layer_name}.{i}"] = np.asarray(array)


def one(name, kind, config, x, y, weights=(), version="2.12.0"):
    """A Sequential of one layer "l"; weights: arrays by their names."""
    config = {"batch_input_shape": [None, *x.shape[1:]], "dtype": str(x.dtype), **config}
    body = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer(kind, "l", **config)]}}
    if version < "2.2":
        body["config"] = body["config"]["layers"]
    model(name, body, [x], [y], {"l": [("l/" + n if version >= "2" else "l_" + n, w) for n, w in weights]}, version)


def tensor(t):
    return torch.from_numpy(np.ascontiguousarray(t))


def products():
    x, w, b = draw(2, 3, 4), draw(4, 5), draw(5)
    one("einsum_dense", "EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 5], "activation": "relu", "bias_axes": "d"},
        x, np.maximum(x @ w + b, 0), [("kernel:0", w), ("bias:0", b)])
    w, b = draw(4, 2, 3), draw(2, 3)
    one("einsum_dense_heads", "EinsumDense", {"equation": "...x,xhd->...hd", "output_shape": [3, 2, 3], "activation": None, "bias_axes": "hd"},
        x, np.einsum("btx,xhd->bthd", x, w) + b, [("kernel:0", w), ("bias:0", b)])
    x, w, b = draw(2, 3, 4), draw(3, 5), draw(5, 1)
    one("einsum_dense_first", "EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": [5, 4], "activation": None, "bias_axes": "c"},
        x, np.einsum("abz,bc->acz", x, w) + b, [("kernel:0", w), ("bias:0", b)])
    x, w, b = draw(3, 4), draw(5, 4, 2), draw(5, 2)
    one("maxout", "MaxoutDense", {"output_dim": 2, "nb_feature": 5, "init": "glorot_uniform", "bias": True, "input_dim": 4},
        x, (np.einsum("ni,kio->nko", x, w) + b).max(1), [("W", w), ("b", b)], "1.2.2")
    w, c, b, d = draw(4, 4), draw(4, 4), draw(4), draw(4)
    t = sigmoid(x @ c + d)
    one("highway", "Highway", {"init": "glorot_uniform", "transform_bias": -2, "activation": "relu", "bias": True, "input_dim": 4},
        x, t * np.maximum(x @ w + b, 0) + (1 - t) * x, [("W", w), ("W_carry", c), ("b", b), ("b_carry", d)], "1.2.2")
    x, w, b = draw(2, 3, 4), draw(4, 5), draw(5)
    one("time_distributed_dense", "TimeDistributedDense", {"output_dim": 5, "activation": "linear", "bias": True, "input_dim": 4, "input_length": 3},
        x, x @ w + b, [("W", w), ("b", b)], "1.1.0")


def locally(x, kernel, bias, window, strides, first=False):
    if first:
        x = np.moveaxis(x, 1, -1)
    places = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:], window, strides)]
    y = np.zeros((x.shape[0], *places, kernel.shape[-1]), np.float32)
    for number, at in enumerate(np.ndindex(*places)):
        part = x[(slice(None), *[slice(i * s, i * s + k) for i, s, k in zip(at, strides, window)])]
        if first:
            part = np.moveaxis(part, -1, 1)
        y[(slice(None), *at)] = part.reshape(x.shape[0], -1) @ kernel[number]
    return (np.moveaxis(y, -1, 1) if first else y) + bias


def locally_connected():
    x, w, b = draw(2, 7, 3), draw(3, 9, 4), draw(3, 4)
    one("locally_1d", "LocallyConnected1D", {"filters": 4, "kernel_size": [3], "strides": [2], "padding": "valid", "data_format": "channels_last",
        "activation": "linear", "use_bias": True, "implementation": 1}, x, locally(x, w, b, [3], [2]), [("kernel:0", w), ("bias:0", b)])
    x, w, b = draw(2, 4, 5, 3), draw(9, 18, 2), draw(3, 3, 2)
    one("locally_2d", "LocallyConnected2D", {"filters": 2, "kernel_size": [2, 3], "strides": [1, 1], "padding": "valid", "data_format": "channels_last",
        "activation": "tanh", "use_bias": True, "implementation": 1}, x, np.tanh(locally(x, w, b, [2, 3], [1, 1])), [("kernel:0", w), ("bias:0", b)])
    x, b = draw(2, 3, 4, 5), draw(2, 3, 3)
    one("locally_2d_th", "LocallyConnected2D", {"nb_filter": 2, "nb_row": 2, "nb_col": 3, "subsample": [1, 1], "border_mode": "valid", "dim_ordering": "th",
        "activation": "linear", "bias": True}, x, locally(x, w, b, [2, 3], [1, 1], first=True), [("W", w), ("b", b)], "1.2.2")


def activations():
    x = draw(3, 2, 4) * 3
    left, a, right, c = draw(2, 4), draw(2, 4), draw(2, 4), draw(2, 4)
    end = left + np.abs(right)
    y = np.where(x < left, left + a * (x - left), np.where(x < end, x, end + c * (x - end)))
    one("srelu", "SReLU", {"t_left_init": "zero", "a_left_init": "glorot_uniform", "t_right_init": "glorot_uniform", "a_right_init": "one", "shared_axes": None},
        x, y, [("t_left", left), ("a_left", a), ("t_right", right), ("a_right", c)], "1.2.2")
    one("parametric_softplus", "ParametricSoftplus", {"alpha_init": 0.2, "beta_init": 5.0, "shared_axes": None},
        x, a * np.log1p(np.exp(c * x)), [("alphas", a), ("betas", c)], "1.1.1")
    alpha = draw(1, 4)
    one("prelu", "PReLU", {"alpha_initializer": "zeros", "shared_axes": [1]}, x, np.where(x < 0, alpha * x, x), [("alpha:0", alpha)])
    one("relu", "ReLU", {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5}, x, np.where(x >= 2, 2, np.where(x > 0.5, x, 0.1 * (x - 0.5))))
    one("leaky_relu", "LeakyReLU", {"alpha": 0.25}, x, np.where(x < 0, 0.25 * x, x))
    one("elu", "ELU", {"alpha": 0.5}, x, np.where(x < 0, 0.5 * (np.exp(x) - 1), x))
    one("thresholded_relu", "ThresholdedReLU", {"theta": 0.75}, x, np.where(x > 0.75, x, 0))
    one("softmax_axis", "Softmax", {"axis": 1}, x, softmax(x, 1))
    e = np.exp(x)
    one("softmax_axes", "Softmax", {"axis": [1, 2]}, x, e / e.sum(axis=(1, 2), keepdims=True), version="3.4.0")
    for name, f in (("glu", lambda t: F.glu(t, -1)), ("sparse_sigmoid", lambda t: torch.clamp((t + 1) / 2, 0, 1)),
                    ("mish", F.mish), ("swish", F.silu), ("gelu", F.gelu), ("relu6", F.relu6), ("exponential", torch.exp)):
        one("activation_" + name, "Activation", {"activation": name}, x, f(tensor(x)).numpy(), version="3.6.0")
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)  # sparsemax by bisection
    for _ in range(100):
        middle = (low + high) / 2
        more = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    one("activation_sparsemax", "Activation", {"activation": "sparsemax"}, x, np.maximum(x - low, 0), version="3.8.0")


def masked_softmax():
    x, mask = draw(2, 4), np.array([[1, 0, 1, 1], [0, 1, 1, 0]], bool)
    config = functional([entry("x", [4]), entry("m", [4], "bool"), node("Softmax", "l", [[["x", 0, 0, {"mask": ["m", 0, 0]}]]], axis=-1)], "xm", "l")
    model("softmax_mask", config, [x, mask], [softmax(np.where(mask, x, -np.inf))])


def categories():
    x = np.array([[5, 1], [3, 9]], np.int64)
    lookup = {"max_tokens": None, "num_oov_indices": 1, "mask_token": None, "oov_token": -1, "vocabulary": [3, 5, 7], "idf_weights": None,
              "vocabulary_dtype": "int64", "pad_to_max_tokens": False, "sparse": False}
    one("integer_lookup", "IntegerLookup", {**lookup, "output_mode": "int"}, x, [[2, 0], [1, 0]], version="3.6.0")
    one("integer_lookup_mask", "IntegerLookup", {**lookup, "output_mode": "int", "mask_token": 9}, x, [[3, 1], [2, 0]], version="3.6.0")
    one("integer_lookup_multi_hot", "IntegerLookup", {**lookup, "output_mode": "multi_hot"}, x, [[1, 0, 1, 0], [1, 1, 0, 0]], version="3.6.0")
    x = np.array([[3, 2, 2], [0, 1, 0]], np.int64)
    hot = np.eye(4)[x]
    one("category_multi_hot", "CategoryEncoding", {"num_tokens": 4, "output_mode": "multi_hot", "sparse": False}, x, hot.max(1))
    one("category_count", "CategoryEncoding", {"num_tokens": 4, "output_mode": "count", "sparse": False}, x, hot.sum(1))
    one("category_one_hot", "CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, x[:, :1], hot[:, 0])
    x = np.array([[-1.5, 1.0, 3.4, 0.5]], np.float32)
    bins = {"bin_boundaries": [0.0, 1.0, 2.0], "num_bins": None, "epsilon": 0.01, "sparse": False}
    one("discretization", "Discretization", {**bins, "output_mode": "int"}, x, np.digitize(x, [0, 1, 2]))
    one("discretization_count", "Discretization", {**bins, "output_mode": "count"}, x, [[1, 1, 1, 1]])


def norms():
    x = draw(2, 3, 4, 6) * 2 + 1
    scale, gamma, beta = draw(6), draw(6), draw(6)
    one("rms_norm", "RMSNormalization", {"axis": -1, "epsilon": 1e-6}, x, x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * scale,
        [("scale", scale)], "3.9.0")
    one("unit_norm", "UnitNormalization", {"axis": [-1]}, x, x / np.sqrt((x * x).sum(-1, keepdims=True)))
    normal = lambda v, axes, eps: (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + eps)
    one("layer_norm", "LayerNormalization", {"axis": [3], "epsilon": 1e-3, "center": True, "scale": True}, x, normal(x, 3, 1e-3) * gamma + beta,
        [("gamma:0", gamma), ("beta:0", beta)])
    wide = draw(4, 6)
    one("layer_norm_axes", "LayerNormalization", {"axis": [2, 3], "epsilon": 1e-5, "center": False, "scale": True}, x, normal(x, (2, 3), 1e-5) * wide, [("gamma:0", wide)])
    grouped = F.group_norm(tensor(np.moveaxis(x, -1, 1)), 3, tensor(gamma), tensor(beta), 1e-3).numpy()
    one("group_norm", "GroupNormalization", {"groups": 3, "axis": -1, "epsilon": 1e-3, "center": True, "scale": True}, x, np.moveaxis(grouped, 1, -1),
        [("gamma:0", gamma), ("beta:0", beta)])
    four = [draw(3, 1, 1), draw(3, 1, 1), draw(3, 1, 1), np.abs(draw(3, 1, 1)) + 0.5]
    one("batch_norm_first", "BatchNormalization", {"axis": [1], "momentum": 0.99, "epsilon": 1e-3, "center": True, "scale": True}, x, batch_norm(x, *four),
        [(n, w.ravel()) for n, w in zip(("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"), four)])
    one("normalization", "Normalization", {"axis": [-1], "mean": [1.0, 2, 3, 4, 5, 6], "variance": [1.0, 4, 9, 1, 1, 1], "invert": False}, x,
        (x - np.arange(1, 7)) / np.array([1, 2, 3, 1, 1, 1]), version="3.0.0")


def convolutions():
    x, w, b = draw(2, 9, 3), draw(3, 3, 4), draw(4)
    common = {"strides": [1], "data_format": "channels_last", "dilation_rate": [1], "groups": 1, "activation": "linear", "use_bias": True}
    kb = lambda *ws: list(zip(("kernel:0", "bias:0"), ws))
    one("conv1d_causal", "Conv1D", {**common, "filters": 4, "kernel_size": [3], "padding": "causal", "dilation_rate": [2]}, x,
        conv(x, w, b, padding="causal", dilation=2), kb(w, b))
    one("atrous_conv1d", "AtrousConvolution1D", {"nb_filter": 4, "filter_length": 3, "border_mode": "valid", "subsample_length": 1, "atrous_rate": 2, "bias": True,
        "activation": "linear"}, x, conv(x, w, b, dilation=2), [("W", w[:, None]), ("b", b)], "1.2.2")
    d, p = draw(3, 3, 2), draw(1, 6, 4)
    one("separable1d", "SeparableConv1D", {**common, "filters": 4, "kernel_size": [3], "padding": "same", "depth_multiplier": 2}, x,
        conv(depthwise(x, d, padding="same"), p, b), [("depthwise_kernel:0", d), ("pointwise_kernel:0", p), ("bias:0", b)])
    one("depthwise1d", "DepthwiseConv1D", {**common, "kernel_size": [3], "padding": "valid", "depth_multiplier": 2}, x, depthwise(x, d) + np.tile(b, 2)[:6],
        [("depthwise_kernel:0", d), ("bias:0", np.tile(b, 2)[:6])])
    x, w, b = draw(2, 7, 6, 4), draw(3, 3, 2, 6), draw(6)
    common = {**common, "strides": [2, 2], "dilation_rate": [1, 1]}
    one("conv2d_groups", "Conv2D", {**common, "filters": 6, "kernel_size": [3, 3], "padding": "same", "groups": 2}, x, conv(x, w, b, 2, "same", groups=2), kb(w, b))
    w = draw(3, 3, 5, 4)
    b = draw(5)
    for padding, extra in (("valid", None), ("same", None), ("same", 1), ("valid", 1)):
        one(f"transpose2d_{padding}_{extra}", "Conv2DTranspose", {**common, "filters": 5, "kernel_size": [3, 3], "padding": padding,
            "output_padding": None if extra is None else [extra, extra]}, x, conv_transpose(x, w, b, 2, padding, extra), kb(w, b))
    first = np.moveaxis(x, -1, 1)
    one("conv2d_first", "Conv2D", {**common, "filters": 5, "kernel_size": [3, 3], "padding": "valid", "data_format": "channels_first"}, first,
        np.moveaxis(conv(x, w.transpose(0, 1, 3, 2), b, 2), -1, 1), kb(w.transpose(0, 1, 3, 2), b))
    x, w, b = draw(2, 5, 3), draw(4, 2, 3), draw(2)
    one("transpose1d", "Conv1DTranspose", {**common, "filters": 2, "kernel_size": [4], "strides": [2], "dilation_rate": [1], "padding": "same"}, x,
        conv_transpose(x, w, b, 2, "same"), kb(w, b))
    x, w, b = draw(1, 4, 4, 4, 2), draw(2, 2, 2, 2, 3), draw(3)
    common = {**common, "strides": [1, 1, 1], "dilation_rate": [1, 1, 1]}
    one("conv3d", "Conv3D", {**common, "filters": 3, "kernel_size": [2, 2, 2], "padding": "same"}, x, conv(x, w, b, padding="same"), kb(w, b))
    one("transpose3d", "Conv3DTranspose", {**common, "filters": 3, "kernel_size": [2, 2, 2], "padding": "valid", "strides": [2, 2, 2]}, x,
        conv_transpose(x, w.transpose(0, 1, 2, 4, 3), b, 2), kb(w.transpose(0, 1, 2, 4, 3), b))
    x, w, b = draw(2, 5, 5, 3), draw(3, 3, 3, 2), draw(2)
    inner = layer("Conv2D", "c", **{**common, "strides": [1, 1], "dilation_rate": [1, 1], "filters": 2, "kernel_size": [3, 3], "padding": "valid"})
    one("spectral_norm", "SpectralNormalization", {"power_iterations": 1, "layer": inner}, x, conv(x, w, b),
        [("kernel:0", w), ("bias:0", b), ("sn_u:0", draw(1, 2))])


def conv_lstms():
    for rank in (1, 2, 3):
        x, w, u, b = draw(2, 3, *[5, 4, 3][:rank], 2), draw(*[3, 2, 2][:rank], 2, 12), draw(*[3, 2, 2][:rank], 3, 12), draw(12)
        y = conv_lstm(x, w, u, b, sigmoid if rank != 2 else hard_sigmoid, "same")
        one(f"conv_lstm{rank}d", f"ConvLSTM{rank}D", {"filters": 3, "kernel_size": [3, 2, 2][:rank], "strides": [1] * rank, "padding": "same", "data_format": "channels_last",
            "dilation_rate": [1] * rank, "activation": "tanh", "recurrent_activation": "sigmoid" if rank != 2 else "hard_sigmoid", "use_bias": True,
            "unit_forget_bias": True, "return_sequences": rank != 1, "go_backwards": False, "stateful": False, "dropout": 0.0, "recurrent_dropout": 0.0},
            x, y if rank != 1 else y[:, -1], [("kernel:0", w), ("recurrent_kernel:0", u), ("bias:0", b)])
        if rank == 2:
            parts = dict(zip("ifco", zip(*[np.split(v, 4, -1) for v in (w, u, b)])))
            one("conv_lstm_keras1", "ConvLSTM2D", {"nb_filter": 3, "nb_row": 3, "nb_col": 2, "border_mode": "same", "subsample": [1, 1], "dim_ordering": "tf", "init": "glorot_uniform",
                "inner_init": "orthogonal", "forget_bias_init": "one", "activation": "tanh", "inner_activation": "hard_sigmoid", "return_sequences": True,
                "go_backwards": False, "stateful": False, "dropout_W": 0.0, "dropout_U": 0.0}, x, y,
                [(f"{kind}_{g}", parts[g][i]) for g in "icfo" for i, kind in enumerate("WUb")], "1.2.2")


def recurrent():
    x = draw(2, 5, 3)
    gates = lambda n, units=4: (draw(3, n * units), draw(units, n * units), draw(n * units))
    named = lambda ws, prefix="": [(prefix + n, w) for n, w in zip(("kernel:0", "recurrent_kernel:0", "bias:0"), ws)]
    common = {"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True, "return_sequences": True, "return_state": False,
              "go_backwards": False, "stateful": False, "unroll": False, "time_major": False, "implementation": 2, "dropout": 0.0, "recurrent_dropout": 0.0}
    ws = gates(4)
    one("lstm_backwards", "LSTM", {**common, "go_backwards": True}, x, lstm(x, *ws, reverse=True), named(ws))
    ws = gates(3)
    one("gru", "GRU", {**common, "return_sequences": False, "reset_after": False}, x, gru(x, *ws), named(ws))
    ws = gates(1)
    h, steps = np.zeros((2, 4)), []
    for t in range(5):
        h = np.maximum(x[:, t] @ ws[0] + h @ ws[1] + ws[2], 0)
        steps.append(h)
    simple = {k: v for k, v in common.items() if k not in ("recurrent_activation", "implementation")}
    one("simple_rnn", "SimpleRNN", {**simple, "activation": "relu"}, x, np.stack(steps, 1), named(ws))
    first, second = gates(4), gates(4)
    forth, back = lstm(x, *first), lstm(x, *second, reverse=True)[:, ::-1]
    inner = layer("LSTM", "r", **common)
    both = named(first, "forward_r/") + named(second, "backward_r/")
    for mode, y in (("sum", forth + back), ("mul", forth * back), ("ave", (forth + back) / 2), ("concat", np.concatenate([forth, back], -1))):
        one("bidirectional_" + mode, "Bidirectional", {"merge_mode": mode, "layer": inner}, x, y, both)
    # Each gate by itself, in Keras 1.
    parts = [dict(zip("ifco", zip(*[np.split(w, 4, -1) for w in ws]))) for ws in (first, second)]
    stored = [(f"{way}_{kind}_{g}", part[g][i]) for way, part in zip(("forward", "backward"), parts) for g in "icfo" for i, kind in enumerate("WUb")]
    old = layer("LSTM", "r", output_dim=4, activation="tanh", inner_activation="hard_sigmoid", return_sequences=True, go_backwards=False)
    y = np.concatenate([lstm(x, *first, hard_sigmoid), lstm(x, *second, hard_sigmoid, reverse=True)[:, ::-1]], -1)
    one("bidirectional_keras1", "Bidirectional", {"merge_mode": "concat", "layer": old}, x, y, stored, "1.2.2")
    model("time_major", {"class_name": "Sequential", "config": {"name": "s", "layers": [layer("UnifiedLSTM", "l", **{**common, "time_major": True},
          batch_input_shape=[5, None, 3], dtype="float32")]}}, [x.transpose(1, 0, 2)], [forth.transpose(1, 0, 2)], {"l": named(first, "l/")}, "2.2.4-tf")
    cudnn = lambda w: np.hstack([p.T.ravel().reshape(p.shape) for p in np.hsplit(w, 4)])
    stored = [(n, w) for way, ws in (("f", first), ("b", second))
              for n, w in ((way + "/kernel:0", cudnn(ws[0])), (way + "/recurrent_kernel:0", cudnn(ws[1])), (way + "/bias:0", np.concatenate([ws[2], 0 * ws[2]])))]
    one("bidirectional_cudnn", "Bidirectional", {"merge_mode": "concat", "layer": layer("CuDNNLSTM", "r", units=4, return_sequences=True)}, x,
        np.concatenate([forth, back], -1), stored, "2.2.4")
    second = (draw(4, 12), draw(3, 12), draw(12))
    cells = [layer("LSTMCell", "a", units=4, activation="tanh", recurrent_activation="sigmoid", use_bias=True),
             layer("LSTMCell", "b", units=3, activation="tanh", recurrent_activation="sigmoid", use_bias=True)]
    one("stacked_cells", "RNN", {"cell": layer("StackedRNNCells", "cells", cells=cells), "return_sequences": False, "return_state": False, "go_backwards": True,
        "stateful": False, "unroll": False}, x, lstm(lstm(x, *first, reverse=True), *second)[:, -1], named(first, "a/") + named(second, "b/"))
    # States out of one and into another, by keyword.
    second = gates(4)
    quiet = {**common, "return_sequences": True, "return_state": True}
    config = functional([entry("x", [5, 3]), entry("z", [5, 3]), node("LSTM", "a", [[["x", 0, 0, {}]]], **quiet),
                         node("LSTM", "b", [[["z", 0, 0, {"initial_state": [["a", 0, 1], ["a", 0, 2]]}]]], **quiet)], "xz", [["b", 0, 0], ["b", 0, 2]])
    z = draw(2, 5, 3)
    _, h, c = lstm(x, *first, states=())
    y, h, c = lstm(z, *second, states=(h, c))
    model("states", config, [x, z], [y, c], {"a": named(first, "a/"), "b": named(second, "b/")})
    masked = x.copy()
    masked[0, 3:] = 0
    ws = gates(4)
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer("Masking", "m", mask_value=0.0, batch_input_shape=[None, 5, 3]),
                                                                              layer("LSTM", "l", **{**common, "return_sequences": False})]}}
    model("masking", config, [masked], [[lstm(masked[:1, :3], *ws)[0, -1], lstm(masked[1:], *ws)[0, -1]]], {"m": [], "l": named(ws, "l/")})


def attentions():
    q, v = draw(2, 3, 4), draw(2, 5, 4)
    call = [[["q", 0, 0, {}], ["v", 0, 0, {}]]]
    base = [entry("q", [3, 4]), entry("v", [5, 4])]
    scale = np.float32(0.7)
    model("attention", functional([*base, node("Attention", "l", call, use_scale=True, score_mode="dot", dropout=0.1)], "qv", "l"), [q, v],
          [softmax(scale * q @ v.transpose(0, 2, 1)) @ v], {"l": [("l/scale:0", scale)]})
    weight = np.float32(1.4)
    model("attention_concat", functional([*base, node("Attention", "l", call, use_scale=True, score_mode="concat", dropout=0.0)], "qv", "l"), [q, v],
          [softmax(weight * np.tanh(scale * (q[:, :, None] + v[:, None])).sum(-1)) @ v], {"l": [("l/scale:0", scale), ("l/concat_score_weight:0", weight)]})
    w = draw(4)
    model("additive_attention", functional([*base, node("AdditiveAttention", "l", call, use_scale=True, dropout=0.0)], "qv", "l"), [q, v],
          [softmax((w * np.tanh(q[:, :, None] + v[:, None])).sum(-1)) @ v], {"l": [("l/scale:0", w)]})
    wq, wk, wv, wo = (draw(4, 4, 3), draw(4, 3)), (draw(4, 2, 3), draw(2, 3)), (draw(4, 2, 3), draw(2, 3)), (draw(4, 3, 4), draw(4))
    project = lambda x, w: np.einsum("btf,fhd->bhtd", x, w[0]) + w[1][None, :, None]
    heads = softmax(project(q, wq) / np.sqrt(3) @ np.repeat(project(v, wk), 2, 1).transpose(0, 1, 3, 2)) @ np.repeat(project(v, wv), 2, 1)
    names = [f"l/{part}/{n}" for part in ("query", "key", "value", "attention_output") for n in ("kernel", "bias")]
    model("group_query_attention", functional([*base, node("GroupQueryAttention", "l", call, head_dim=3, num_query_heads=4, num_key_value_heads=2, dropout=0.0, use_bias=True)],
          "qv", "l"), [q, v], [np.einsum("bhtd,hdf->btf", heads, wo[0]) + wo[1]], {"l": list(zip(names, [*wq, *wk, *wv, *wo]))}, "3.4.0")


def pools():
    for rank, shape, size in ((1, (5,), [2]), (2, (7, 6), [3, 4]), (3, (5, 4, 3), [2, 3, 1])):
        x = draw(2, *shape, 3)
        t = tensor(np.moveaxis(x, -1, 1))
        for kind, f in (("Average", f"adaptive_avg_pool{rank}d"), ("Max", f"adaptive_max_pool{rank}d")):
            one(f"adaptive_{kind.lower()}{rank}d", f"Adaptive{kind}Pooling{rank}D", {"output_size": size, "data_format": "channels_last"}, x,
                np.moveaxis(getattr(F, f)(t, size).numpy(), 1, -1), version="3.13.0")
    x = draw(2, 5, 4, 3)
    ones = np.ones_like(x)
    window = np.ones((3, 3, 3, 1), np.float32)
    one("average_same", "AveragePooling2D", {"pool_size": [3, 3], "strides": [2, 2], "padding": "same", "data_format": "channels_last"}, x,
        depthwise(x, window, strides=2, padding="same") / depthwise(ones, window, strides=2, padding="same"))


def signals():
    x = draw(2, 100)
    size, hop, bins = 32, 10, 6
    padded = np.pad(x, ((0, 0), (16, 16)), mode="reflect")
    window = np.zeros(size)
    window[4:28] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(24) / 24)
    frames = np.stack([padded[:, i:i + size] for i in range(0, padded.shape[1] - size + 1, hop)], 1)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    edges = np.linspace(mel(20), mel(4000), bins + 2)
    at = mel(np.linspace(0, 4000, size // 2 + 1))[:, None]
    triangles = np.maximum(0, np.minimum((at - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - at) / (edges[2:] - edges[1:-1])))
    triangles[0] = 0
    decibels = 10 * np.log10(np.maximum(power @ triangles, 1e-10))
    one("mel_spectrogram", "MelSpectrogram", {"fft_length": size, "sequence_stride": hop, "sequence_length": 24, "window": "hann", "sampling_rate": 8000,
        "num_mel_bins": bins, "min_freq": 20.0, "max_freq": 4000, "power_to_db": True, "top_db": 30.0, "mag_exp": 2.0, "min_power": 1e-10, "ref_power": 1.0}, x,
        np.maximum(decibels, decibels.max() - 30).transpose(0, 2, 1), version="3.4.0")
    x = draw(2, 20, 2)
    angles = 2 * np.pi * np.outer(np.arange(6), np.arange(5)) / 8
    window = np.hanning(6)[:, None]
    real, imag = (window * np.cos(angles)).astype(np.float32), (-window * np.sin(angles)).astype(np.float32)
    frames = np.stack([x[:, i:i + 6] for i in range(0, 15, 3)], 1)  # [batch, frames, 6, channels]
    spectrum = np.einsum("nfwc,wk->nfck", frames, real + 1j * imag)
    kernels = [("real_kernel", real[:, None]), ("imag_kernel", imag[:, None])]
    config = {"frame_length": 6, "frame_step": 3, "fft_length": 8, "window": "hann", "periodic": False, "scaling": None, "padding": "valid", "data_format": "channels_last"}
    flat = lambda s: s.reshape(2, 5, -1)
    power = np.abs(spectrum) ** 2
    twice = power.copy()
    twice[..., 1:-1] *= 2
    for mode, expand, y in (("magnitude", False, flat(np.sqrt(np.maximum(power, 1e-7)))), ("log", False, flat(np.log(np.maximum(np.sqrt(np.maximum(power, 1e-7)), 1e-7)))),
                            ("psd", True, twice.transpose(0, 1, 3, 2)), ("stft", False, flat(np.concatenate([spectrum.real, spectrum.imag], -1)))):
        one("stft_" + mode, "STFTSpectrogram", {**config, "mode": mode, "expand_dims": expand}, x, y, kernels, "3.7.0")


def images():
    x = rng.integers(10, 200, (2, 4, 5, 3)).astype(np.float32)
    x[0, ..., 1] = 7
    low, high = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = (x - low) / (high - low) * 255
    one("auto_contrast", "AutoContrast", {"value_range": [0, 255], "data_format": "channels_last"}, x, np.where(high > low, y, x), version="3.9.0")
    t = tensor(np.moveaxis(x, -1, 1))
    one("resizing", "Resizing", {"height": 6, "width": 7, "interpolation": "bilinear", "crop_to_aspect_ratio": False}, x,
        np.moveaxis(F.interpolate(t, size=(6, 7), mode="bilinear", align_corners=False).numpy(), 1, -1))
    one("upsampling", "UpSampling2D", {"size": [2, 3], "data_format": "channels_last", "interpolation": "bilinear"}, x,
        np.moveaxis(F.interpolate(t, scale_factor=(2, 3), mode="bilinear", align_corners=False).numpy(), 1, -1))
    one("center_crop", "CenterCrop", {"height": 2, "width": 3}, x, x[:, 1:3, 1:4])
    one("rescaling", "Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, x, x / 127.5 - 1)
    one("rescaling_channels", "Rescaling", {"scale": [0.5, 2.0, 1.0], "offset": [1.0, 0.0, -1.0]}, x, x * [0.5, 2, 1] + [1, 0, -1])
    one("zero_padding", "ZeroPadding2D", {"padding": [1, 2, 0, 3], "dim_ordering": "tf"}, x, np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0))), version="1.2.2")
    one("zero_padding_sides", "ZeroPadding2D", {"padding": {"top_pad": 1, "right_pad": 2}, "dim_ordering": "tf"}, x, np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))), version="1.2.2")
    for kind, config in (("RandAugment", {"value_range": [0, 255], "num_ops": 2, "factor": 0.5}), ("MixUp", {"alpha": 0.2}), ("CutMix", {"factor": 1.0}),
                         ("AugMix", {"value_range": [0, 255]}), ("RandomErasing", {"factor": 1.0}), ("Solarization", {"addition_factor": 0.0}),
                         ("RandomHue", {"factor": 0.1}), ("RandomFlip", {"mode": "horizontal"}), ("RandomRotation", {"factor": [-0.1, 0.1], "fill_mode": "reflect"}),
                         ("GaussianNoise", {"stddev": 0.5}), ("SpatialDropout2D", {"rate": 0.5}), ("AlphaDropout", {"rate": 0.1})):
        one("inference_" + kind, kind, config, x, x, version="3.9.0")
    inner = [layer("Rescaling", "a", scale=0.5, offset=0.0), layer("RandomFlip", "b", mode="vertical")]
    one("pipeline", "Pipeline", {"layers": inner}, x, x * 0.5, version="3.9.0")


def merges():
    a, b = draw(3, 4), draw(3, 4)
    call = [[["a", 0, 0, {}], ["b", 0, 0, {}]]]
    base = [entry("a", [4]), entry("b", [4])]
    dot = (a * b).sum(1, keepdims=True)
    length = lambda v: np.sqrt((v * v).sum(1, keepdims=True))
    for kind, config, y in (("Dot", {"axes": 1, "normalize": False}, dot), ("Dot", {"axes": [1, 1], "normalize": True}, dot / length(a) / length(b)),
                            ("Minimum", {}, np.minimum(a, b)), ("Average", {}, (a + b) / 2), ("Subtract", {}, a - b),
                            ("Merge", {"mode": "sum", "mode_type": "raw", "concat_axis": -1, "dot_axes": -1}, a + b), ("Merge", {"mode": "max", "mode_type": "raw"}, np.maximum(a, b)),
                            ("Merge", {"mode": "concat", "mode_type": "raw", "concat_axis": 1}, np.concatenate([a, b], 1)), ("Merge", {"mode": "mul"}, a * b),
                            ("Merge", {"mode": "dot", "mode_type": "raw", "dot_axes": [1, 1]}, dot)):
        model(f"merge{len(MODELS)}", functional([*base, node(kind, "l", call, **config)], "ab", "l"), [a, b], [y])
    w1, w2, w3 = draw(4, 3), draw(4, 3), draw(3, 2)
    sources = lambda *names: {"input": None, "inputs": list(names), "merge_mode": "sum", "concat_axis": -1, "dot_axes": -1}
    graph = {"name": "g", "input_config": [{"name": "in", "input_shape": [4], "dtype": "float"}],
             "node_config": [{"name": "one", **sources(), "input": "in", "create_output": False}, {"name": "two", **sources(), "input": "in", "create_output": False},
                             {"name": "three", **sources("one", "two"), "create_output": False}],
             "output_config": [{"name": "out", **sources(), "input": "three"}],
             "nodes": {n: layer("Dense", n, output_dim=u, bias=False, activation="linear") for n, u in (("one", 3), ("two", 3), ("three", 2))}}
    inner = functional([entry("z", [4]), entry("p", [4]), node("Subtract", "s", [[["p", 0, 0, {}], ["z", 0, 0, {}]]])], "", "s")
    inner["config"]["input_layers"] = {"z": ["z", 0, 0], "p": ["p", 0, 0]}
    tensor_of = lambda n: {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [n, 0, 0]}}
    called = {**inner, "name": "inner", "inbound_nodes": [{"args": [{"z": tensor_of("a"), "p": tensor_of("b")}], "kwargs": {"training": None}}]}
    model("object_of_inputs", functional([*base, called], "ab", ["inner"]), [a, b], [b - a], version="3.5.0")
    model("graph", {"class_name": "Graph", "config": graph}, [a], [(a @ w1 + a @ w2) @ w3], {"one": [("one_W", w1)], "two": [("two_W", w2)], "three": [("three_W", w3)]}, "1.0.8")


def lookups():
    ids, table = np.array([[2, 0, 1], [4, 4, 3]], np.int32), draw(5, 3)
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer("Embedding", "e", input_dim=5, output_dim=3, mask_zero=True, input_length=3, batch_input_shape=[None, 3], dtype="float32"),
                                                                              layer("GlobalAveragePooling1D", "g", data_format="channels_last")]}}
    rows = table[ids]
    model("masked_average", config, [ids], [np.stack([rows[0, [0, 2]].mean(0), rows[1].mean(0)])], {"e": [("e/embeddings:0", table)], "g": []})
    config = functional([entry("x", [3], "int32"), node("ReversibleEmbedding", "e", [[["x", 0, 0, {}]], [["e", 0, 0, {"reverse": True}]]], input_dim=5, output_dim=3,
                                                        tie_weights=True, mask_zero=False)], "x", [["e", 1, 0]])
    model("reversible_embedding", config, [ids], [rows @ table.T], {"e": [("e/embeddings", table)]}, "3.12.0")


def masked_mean(x, mask):
    return (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)


def masked_merges():
    """What is left of masks behind layers that merge, by the version of Keras, as an average over the steps shows it."""
    ma, mb = np.array([[1, 0, 1, 0], [1, 1, 1, 0]]), np.array([[1, 1, 0, 0], [0, 1, 1, 0]])
    a, b = draw(2, 4, 3) * ma[..., None], draw(2, 4, 3) * mb[..., None]
    one, both, some = np.ones_like(ma), ma & mb, ma | mb
    product = np.where(ma[..., None] == 1, a, 1) * np.where(mb[..., None] == 1, b, 1) * some[..., None]
    side, steps = np.concatenate([a, b], -1), np.concatenate([a, b], 1)
    end = {"axis": -1}
    for version, kind, second, y, mask, *config in (
            ("2.2.4", "Add", "mb", a + b, both), ("2.12.0", "Add", "b", a + b, ma), ("2.12.0", "Multiply", "mb", a * b, both), ("1.2.2", "Merge", "b", a + b, ma, {"mode": "sum"}),
            ("3.3.3", "Add", "mb", a + b, one), ("3.4.0", "Add", "mb", a + b, some), ("3.4.0", "Add", "b", a + b, one), ("3.4.0", "Multiply", "mb", product, some),
            ("2.12.0", "Concatenate", "mb", side, both, end), ("3.8.0", "Concatenate", "mb", side, some, end), ("3.8.0", "Concatenate", "b", side, one, end),
            ("2.12.0", "Concatenate", "mb", steps, np.concatenate([ma, mb], 1), {"axis": 1}), ("3.8.0", "Concatenate", "b", steps, np.concatenate([ma, one], 1), {"axis": 1})):
        layers = [entry("a", [4, 3]), entry("b", [4, 3]), node("Masking", "ma", [[["a", 0, 0, {}]]], mask_value=0.0), node("Masking", "mb", [[["b", 0, 0, {}]]], mask_value=0.0),
                  node(kind, "l", [[["ma", 0, 0, {}], [second, 0, 0, {}]]], **(config[0] if config else {})), node("GlobalAveragePooling1D", "g", [[["l", 0, 0, {}]]])]
        if second == "b":
            del layers[3]
        model(f"masked{len(MODELS)}", functional(layers, "ab", "g"), [a, b], [masked_mean(y, mask)], version=version)


def masked_bidirectional():
    """TensorFlow's Keras has 0 for masked steps of sequences, the older one the output of the step before."""
    def masked_lstm(x, mask, ws, zero):
        h = c = shown = np.zeros((len(x), 4), np.float32)
        outputs = []
        for t in range(x.shape[1]):
            m = mask[:, t, None] == 1
            _, new_h, new_c = lstm(x[:, t:t + 1], *ws, states=(h, c))
            h, c, shown = np.where(m, new_h, h), np.where(m, new_c, c), np.where(m, new_h, 0 * shown if zero else shown)
            outputs.append(shown)
        return np.stack(outputs, 1)
    mask = np.array([[0, 1, 0, 1, 0], [1, 1, 1, 0, 0]])
    x = draw(2, 5, 3) * mask[..., None]
    forth, back = [(draw(3, 16), draw(4, 16), draw(16)) for _ in range(2)]
    inner = layer("LSTM", "r", units=4, activation="tanh", recurrent_activation="sigmoid", use_bias=True, return_sequences=True)
    stored = [(way + n, w) for way, ws in (("l/forward_r/", forth), ("l/backward_r/", back)) for n, w in zip(("kernel:0", "recurrent_kernel:0", "bias:0"), ws)]
    for version, zero in (("2.2.4", False), ("2.3.1", False), ("2.1.6-tf", False), ("2.2.4-tf", True), ("2.12.0", True), ("3.6.0", True)):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer("Masking", "m", mask_value=0.0, batch_input_shape=[None, 5, 3]),
                                                                                  layer("Bidirectional", "l", merge_mode="concat", layer=inner)]}}
        y = np.concatenate([masked_lstm(x, mask, forth, zero), masked_lstm(x[:, ::-1], mask[:, ::-1], back, zero)[:, ::-1]], -1)
        model(f"masked_bidirectional{len(MODELS)}", config, [x], [y], {"m": [], "l": stored}, version)


def masks_behind_operations():
    """They are gone."""
    ids, table = np.array([[3, 1, 0, 0], [2, 4, 1, 0]], np.int32), draw(5, 3)
    tensor_of = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4, 3], "dtype": "float32", "keras_history": ["e", 0, 0]}}
    three = {**node("Multiply", "o", [{"args": [tensor_of, 2.0], "kwargs": {}}]), "module": "keras.src.ops.numpy"}
    for version, operation in (("2.12.0", node("TFOpLambda", "o", [["e", 0, 0, {"y": 2.0, "name": None}]], function="math.multiply")), ("3.5.0", three)):
        layers = [entry("x", [4], "int32"), node("Embedding", "e", [[["x", 0, 0, {}]]], input_dim=5, output_dim=3, mask_zero=True), operation,
                  node("GlobalAveragePooling1D", "g", [[["o", 0, 0, {}]]])]
        model(f"mask_behind_operation{len(MODELS)}", functional(layers, "x", "g"), [ids], [2 * table[ids].mean(1)], {"e": [("e/embeddings:0", table)]}, version)


def rescaled_channels():
    """Numbers of each channel as Keras 3 writes tuples and arrays; a factor is negative, another is 0."""
    x = draw(2, 4, 5, 3) * 100
    scale, offset = [-0.5, 0.0, 2.0], [1.0, -2.0, 0.5]
    wrapped = {"class_name": "__tuple__", "items": offset}
    array = {"class_name": "__numpy__", "config": {"value": [[scale]], "dtype": "float32"}}
    y = x * np.float32(scale) + np.float32(offset)
    one("rescaling_tuples", "Rescaling", {"scale": {"class_name": "__tuple__", "items": scale}, "offset": wrapped}, x, y, version="3.8.0")
    one("rescaling_arrays", "Rescaling", {"scale": array, "offset": offset}, x, y, version="3.8.0")
    one("rescaling_offsets", "Rescaling", {"scale": -0.25, "offset": wrapped}, x, x * np.float32(-0.25) + np.float32(offset), version="2.12.0")
    bytes_ = rng.integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    one("rescaling_bytes", "Rescaling", {"scale": scale, "offset": 0.0}, bytes_, bytes_ * np.float32(scale), version="2.12.0")


def masked_attentions():
    """Masks of queries, values and keys as arguments of the call, by name and by place."""
    q, v, mq, mv, mk, ma = draw(2, 3, 4), draw(2, 5, 4), rng.random((2, 3)) > 0.3, rng.random((2, 5)) > 0.3, rng.random((2, 5)) > 0.3, rng.random((2, 3, 5)) > 0.3
    mv[:, 0] = mk[:, 0] = True
    ma[:, :, 0] = True
    w = [(draw(4, 2, 3), draw(2, 3)) for _ in range(3)]
    out = draw(2, 3, 4), draw(4)
    stored = {"l": [(f"l/{part}/{n}:0", p) for part, ps in zip(("query", "key", "value", "attention_output"), (w[0], w[1], w[2], out)) for n, p in zip(("kernel", "bias"), ps)]}
    project = lambda x, ws: np.einsum("btf,fhd->bhtd", x, ws[0]) + ws[1][None, :, None]
    scores = project(q, w[0]) / np.sqrt(3) @ project(v, w[1]).transpose(0, 1, 3, 2)
    attend = lambda mask: np.einsum("bhtd,hdf->btf", softmax(scores + np.float32(-1e9) * ~mask[:, None]) @ project(v, w[2]), out[0]) + out[1]
    names = {"q": q, "v": v, "mq": mq, "mv": mv, "mk": mk, "ma": ma}
    ref = lambda n: {"class_name": "__keras_tensor__", "config": {"shape": [None, *names[n].shape[1:]], "dtype": "float32", "keras_history": [n, 0, 0]}}
    def check(name, call, used, mask, version):
        inputs = [entry(n, names[n].shape[1:], "float32" if n in "qv" else "bool") for n in used]
        layers = [*inputs, node("MultiHeadAttention", "l", [call], num_heads=2, key_dim=3, value_dim=3, dropout=0.0, use_bias=True)]
        model(name, functional(layers, used, "l"), [names[n] for n in used], [attend(mask)], stored, version)
    everywhere = np.ones((2, 3, 5), bool)
    check("mha_value_mask", {"args": [ref("q"), ref("v")], "kwargs": {"value_mask": ref("mv")}}, ["q", "v", "mv"], everywhere & mv[:, None], "3.4.0")
    check("mha_key_mask", {"args": [ref("q"), ref("v")], "kwargs": {"key_mask": ref("mk"), "training": False}}, ["q", "v", "mk"], everywhere & mk[:, None], "3.4.0")
    check("mha_masks", {"args": [], "kwargs": {"query": ref("q"), "value": ref("v"), "query_mask": ref("mq"), "value_mask": ref("mv"), "key_mask": ref("mk"), "attention_mask": ref("ma")}},
          ["q", "v", "mq", "mv", "mk", "ma"], ma & mq[:, :, None] & mv[:, None] & mk[:, None], "3.4.0")
    check("mha_places", {"args": [ref("q"), ref("v"), None, None, ref("mv"), None, ref("ma")], "kwargs": {}}, ["q", "v", "mv", "ma"], ma & mv[:, None], "3.4.0")
    check("mha_places2", [["q", 0, 0, {"value": ["v", 0, 0], "attention_mask": ["ma", 0, 0]}]], ["q", "v", "ma"], ma, "2.12.0")
    # The query's mask is not handed on.
    layers = [entry("q", [3, 4]), entry("v", [5, 4]), entry("mq", [3], "bool"), node("GlobalAveragePooling1D", "g", [[["l", 0, 0, {}]]]),
              node("MultiHeadAttention", "l", [{"args": [ref("q"), ref("v")], "kwargs": {"query_mask": ref("mq")}}], num_heads=2, key_dim=3, value_dim=3, dropout=0.0, use_bias=True)]
    model("mha_query_mask", functional(layers, ["q", "v", "mq"], "g"), [q, v, mq], [attend(everywhere & mq[:, :, None]).mean(1)], stored, "3.4.0")
    # A list of masks in which the query has none.
    call = [{"args": [[ref("q"), ref("v")]], "kwargs": {"mask": [None, ref("mv")]}}]
    model("attention_masks", functional([entry("q", [3, 4]), entry("v", [5, 4]), entry("mv", [5], "bool"), node("Attention", "l", call, use_scale=False, score_mode="dot", dropout=0.0)],
          ["q", "v", "mv"], "l"), [q, v, mv], [softmax(q @ v.transpose(0, 2, 1) + np.float32(-1e9) * ~mv[:, None]) @ v], version="3.4.0")
    # A model gets a mask for what is in it.
    inner = functional([entry("z", [5, 4]), node("GlobalAveragePooling1D", "g", [[["z", 0, 0, {}]]])], "z", "g")
    called = {**inner, "name": "inner", "inbound_nodes": [{"args": [ref("v")], "kwargs": {"mask": ref("mv")}}]}
    model("model_with_mask", functional([entry("v", [5, 4]), entry("mv", [5], "bool"), called], ["v", "mv"], ["inner"]), [v, mv], [masked_mean(v, mv)], version="3.5.0")


def objects_of_inputs():
    """A model in a model that takes its inputs by name, whatever the order in which the file has them."""
    a, b = draw(3, 4), draw(3, 4)
    subtract = [entry("z", [4]), entry("p", [4]), node("Subtract", "s", [[["z", 0, 0, {}], ["p", 0, 0, {}]]])]
    tensor_of = lambda n: {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [n, 0, 0]}}
    pairs = lambda z, p: [{"z": z, "p": p}, {"p": p, "z": z}]
    for refs in pairs(["z", 0, 0], ["p", 0, 0]) + [[["z", 0, 0], ["p", 0, 0]], [["p", 0, 0], ["z", 0, 0]]]:
        inner = functional(subtract, "", "s")
        inner["config"]["input_layers"] = refs
        for call in pairs(["a", 0, 0, {}], ["b", 0, 0, {}]):
            called = {**inner, "name": "inner", "inbound_nodes": [call]}
            model(f"object{len(MODELS)}", functional([entry("a", [4]), entry("b", [4]), called], "ab", [["inner", 1, 0]]), [a, b], [a - b], version="2.8.0")
        for call in pairs(tensor_of("a"), tensor_of("b")):
            called = {**inner, "name": "inner", "inbound_nodes": [{"args": [call], "kwargs": {}}]}
            model(f"object{len(MODELS)}", functional([entry("a", [4]), entry("b", [4]), called], "ab", ["inner"]), [a, b], [a - b], version="3.5.0")
    # More than the model takes.
    inner["config"]["input_layers"] = [["p", 0, 0], ["z", 0, 0]]
    called = {**inner, "name": "inner", "inbound_nodes": [{"c": ["a", 0, 0, {}], "z": ["b", 0, 0, {}], "p": ["a", 0, 0, {}]}]}
    model("object_with_more", functional([entry("a", [4]), entry("b", [4]), called], "ab", [["inner", 1, 0]]), [a, b], [b - a], version="2.8.0")


for make in (products, locally_connected, activations, masked_softmax, categories, norms, convolutions, conv_lstms, recurrent, attentions, pools, signals, images, merges, lookups, masked_merges, masked_bidirectional, masks_behind_operations, rescaled_channels, masked_attentions, objects_of_inputs):
    with torch.no_grad():
        make()
with open(f"{sys.argv[1]}/layers.json", "w") as file:
    json.dump(MODELS, file, separators=(",", ":"))
np.savez_compressed(f"{sys.argv[1]}/layers.npz", **ARRAYS)
