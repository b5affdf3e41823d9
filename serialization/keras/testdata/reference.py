#!/usr/bin/env python3
"""reference.py MODELS OUT.npz: what the models of this folder compute, written from Keras' documentation.

An interpreter of Keras configurations of its own, with NumPy and PyTorch, that shares nothing with Nomograph: it reads the
weights with h5py, zipfile and struct, walks the layers, and computes each as https://keras.io/api/layers describes it. What
Lambdas compute is written below by hand, from the sources of the models' authors or the bytecode's disassembly. Inputs
follow from a formula, so that only outputs are stored.
"""
import io
import json
import os
import re
import struct
import sys
import zipfile

import h5py
import numpy as np
import torch
import torch.nn.functional as F

LAMBDAS = {
    ("carnd", "lambda_1"): lambda x: x / 255.0 - 0.5,
    ("model_lambda", "lambda_3"): lambda x: x ** 2,
    ("model_lambda", "lambda_4"): lambda x: 3 * x,
    ("sequential_lambda", "lambda_1"): lambda x: x ** 2,
    ("sequential_lambda", "lambda_2"): lambda x: 3 * x,
    ("deepfm", "cat_embed_2d_genure_mean"): lambda x: x.mean(axis=1, keepdims=True),
    ("deepfm", "sum_of_tensors"): lambda x: x.sum(axis=1),
    ("deepfm", "square_of_tensors"): lambda x: x * x,
    ("deepfm", "lambda_1"): lambda x: x * 0.5,
    ("deepfm", "embed_1d_mean"): lambda x: x.mean(axis=1),
    ("siamese_pnnl", "lambda"): lambda x: np.abs(x[0] - x[1]),
    ("siamese_pill", "l2_embedding"): lambda x: x / np.sqrt(np.maximum(np.sum(x * x, axis=1, keepdims=True), 1e-12)),
    ("siamese_pill", "absolute_difference"): lambda x: np.abs(x[0] - x[1]),
}


# Values in [0, 1) without a short period; whole numbers where a layer looks up rows.
def make_input(index, shape, rows=None):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    if rows:
        return ((i * 37 + 11 * index + 5) % rows).reshape(shape).astype(np.float32)
    return (((i * 37 + 11 * index + 5) % 251).astype(np.float32) / np.float32(251)).reshape(shape)


def activation(name, x):
    if name in (None, "linear"):
        return x
    t = torch.from_numpy(np.ascontiguousarray(x))
    table = {
        "relu": F.relu, "selu": F.selu, "elu": F.elu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
        "softmax": lambda v: F.softmax(v, dim=-1), "softplus": F.softplus,
        "hard_sigmoid": lambda v: torch.clamp(0.2 * v + 0.5, 0, 1),  # Keras 1 and 2
    }
    return table[name](t).numpy()


def same_padding(size, window, stride, dilation=1):
    """TensorFlow's: the result has ceil(size / stride) elements, and the odd one is padded at the end."""
    need = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return need // 2, need - need // 2


def pair(value, rank):
    return [value] * rank if isinstance(value, int) else list(value)


def to_torch(x):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def from_torch(t):
    return np.moveaxis(t.numpy(), 1, -1)


def padded(t, config, window, strides, dilation, value=0.0):
    if config.get("padding", config.get("border_mode", "valid")) != "same":
        return t
    pads = []
    for axis in range(len(window)):
        pads = list(same_padding(t.shape[2 + axis], window[axis], strides[axis], dilation[axis])) + pads
    return F.pad(t, pads, value=value)


def convolution(x, kernel, bias, config, groups=1):
    rank = x.ndim - 2
    strides = pair(config.get("strides", config.get("subsample", 1)), rank)
    dilation = pair(config.get("dilation_rate", 1), rank)
    weight = torch.from_numpy(np.ascontiguousarray(np.transpose(kernel, [rank + 1, rank, *range(rank)])))
    t = padded(to_torch(x), config, kernel.shape[:rank], strides, dilation)
    y = [None, F.conv1d, F.conv2d, F.conv3d][rank](t, weight, None if bias is None else torch.from_numpy(bias), strides, 0, dilation, groups)
    return from_torch(y)


def depthwise(x, kernel, config):
    height, width, channels, multiplier = kernel.shape
    as_grouped = kernel.reshape(height, width, 1, channels * multiplier)
    return convolution(x, as_grouped, None, config, groups=channels)


def pool(x, config, kind):
    rank = x.ndim - 2
    window = pair(config.get("pool_size"), rank)
    strides = pair(config.get("strides") or window, rank)
    if kind == "max":
        t = padded(to_torch(x), config, window, strides, [1] * rank, float("-inf"))
        return from_torch([None, F.max_pool1d, F.max_pool2d][rank](t, window, strides))
    assert config.get("padding", "valid") == "valid"
    return from_torch([None, F.avg_pool1d, F.avg_pool2d][rank](to_torch(x), window, strides))


def gru(x, weights, config):
    """K. Cho et al. 2014, with the reset gate behind the recurrent product (reset_after), as CuDNN has it."""
    kernel, recurrent, bias = weights
    units = config["units"]
    assert config["reset_after"] and not config["return_sequences"]
    h = np.zeros((x.shape[0], units), np.float32)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    for step in range(x.shape[1]):
        a = x[:, step] @ kernel + bias[0]
        b = h @ recurrent + bias[1]
        z = sigmoid(a[:, :units] + b[:, :units])
        r = sigmoid(a[:, units:2 * units] + b[:, units:2 * units])
        candidate = np.tanh(a[:, 2 * units:] + r * b[:, 2 * units:])
        h = z * h + (1 - z) * candidate
    return h


def apply_layer(model, name, kind, config, weights, x):
    act = config.get("activation")
    if kind in ("Dense",):
        y = x @ weights[0]
        return activation(act, y + weights[1] if len(weights) > 1 else y)
    if kind in ("Conv1D", "Conv2D", "Convolution2D"):
        return activation(act, convolution(x, weights[0], weights[1] if len(weights) > 1 else None, config))
    if kind == "DepthwiseConv2D":
        y = depthwise(x, weights[0], config)
        return activation(act, y + weights[1] if len(weights) > 1 else y)
    if kind == "SeparableConv2D":
        y = convolution(depthwise(x, weights[0], config), weights[1], weights[2] if len(weights) > 2 else None, {})
        return activation(act, y)
    if kind == "BatchNormalization":
        axis = config["axis"][0] if isinstance(config["axis"], list) else config["axis"]
        assert axis in (-1, x.ndim - 1)
        *scale, mean, variance = weights
        y = (x - mean) / np.sqrt(variance + np.float32(config["epsilon"]))
        if config.get("scale", True):
            y = y * scale.pop(0)
        return y + scale.pop(0) if config.get("center", True) else y
    if kind == "Activation":
        return activation(act, x)
    if kind in ("Dropout", "InputLayer"):
        return x
    if kind == "ReLU":
        y = np.maximum(x, 0)
        return np.minimum(y, config["max_value"]) if config.get("max_value") is not None else y
    if kind == "ELU":
        return np.where(x > 0, x, config["alpha"] * (np.exp(x) - 1))
    if kind in ("MaxPooling1D", "MaxPooling2D"):
        return pool(x, config, "max")
    if kind in ("AveragePooling1D", "AveragePooling2D"):
        return pool(x, config, "average")
    if kind == "GlobalAveragePooling2D":
        return x.mean(axis=(1, 2))
    if kind == "Flatten":
        return x.reshape(x.shape[0], -1)
    if kind == "Reshape":
        return x.reshape([x.shape[0], *config["target_shape"]])
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = config["padding"]
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    if kind == "Embedding":
        return weights[0][x.astype(np.int64)]
    if kind == "Concatenate":
        return np.concatenate(x, axis=config["axis"])
    if kind == "Add":
        return sum(x[1:], x[0])
    if kind == "Subtract":
        return x[0] - x[1]
    if kind == "Multiply":
        y = x[0]
        for other in x[1:]:
            y = y * other
        return y
    if kind == "GRU":
        return gru(x, weights, config)
    if kind == "Lambda":
        return LAMBDAS[model, name](x).astype(np.float32)
    raise NotImplementedError(kind)


class Weights:
    """Lists of arrays by layer, in the file's order."""

    def __init__(self, path):
        self.by_place = {}
        if path.endswith(".json"):
            return self.read_tfjs(path)
        if zipfile.is_zipfile(path):
            file = h5py.File(io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5")))
            file.visititems(lambda place, item: self.by_place.setdefault(place.rsplit("/", 1)[0], []).append(item[()])
                            if isinstance(item, h5py.Dataset) else None)
            return
        group = h5py.File(path)["model_weights"]
        for layer in group:
            names = [n.decode() if isinstance(n, bytes) else n for n in group[layer].attrs["weight_names"]]
            self.by_place[layer] = [(n, group[layer][n][()]) for n in names]

    def read_tfjs(self, path):
        for group in json.load(open(path))["weightsManifest"]:
            data = b"".join(open(os.path.join(os.path.dirname(path), p), "rb").read() for p in group["paths"])
            at = 0
            for weight in group["weights"]:
                quantized = weight.get("quantization")
                dtype = np.dtype(quantized["dtype"] if quantized else weight["dtype"])
                count = int(np.prod(weight["shape"]))
                values = np.frombuffer(data, dtype, count, at).reshape(weight["shape"])
                at += count * dtype.itemsize
                if quantized:
                    values = (values.astype(np.float64) * quantized["scale"] + quantized["min"]).astype(np.float32)
                layer, name = weight["name"].rsplit("/", 1)
                self.by_place.setdefault(layer, []).append((name, values))
            assert at == len(data)


def snake(name):
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()


# The order in which layers want what tfjs stores by name.
ORDER = ["gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel", "pointwise_kernel", "kernel", "bias"]


class Model:
    def __init__(self, name, config, weights, place="", names=()):
        self.name, self.weights, self.place, self.prefix = name, weights, place, names
        body = config["config"]
        self.sequential = config["class_name"] == "Sequential"
        self.layers = body if isinstance(body, list) else body["layers"]
        self.body = body
        self.places, counts = {}, {}
        for layer in self.layers:
            kind = layer["class_name"]
            base = {"Conv1D": "conv1d", "Conv2D": "conv2d", "MaxPooling1D": "max_pooling1d"}.get(kind, snake(kind))
            number = counts.get(base, 0)
            counts[base] = number + 1
            self.places[layer["config"]["name"]] = place + "layers/" + base + (f"_{number}" if number else "")

    def weights_of(self, layer, kind):
        lists = self.weights.by_place
        place = self.places[layer]
        for candidate in (place + "/vars", place + "/cell/vars"):
            if candidate in lists:
                return lists[candidate]
        if self.prefix and self.prefix[0] in lists:  # a model in an HDF5 file has one list
            return [w for n, w in lists[self.prefix[0]] if n.split("/")[0] == layer]
        found = lists.get(layer, [])
        found = sorted(found, key=lambda w: ORDER.index(w[0])) if found and found[0][0] in ORDER else found
        return [w for _, w in found]

    def run_layer(self, layer, x):
        kind, config = layer["class_name"], layer["config"]
        name = config["name"] if isinstance(config, dict) else layer["name"]
        if kind in ("Functional", "Model", "Sequential"):
            return Model(self.name, layer, self.weights, self.places[name] + "/", self.prefix + (name,)).run([x])[0]
        weights = [np.asarray(w, np.float32) for w in self.weights_of(name, kind)]
        return apply_layer(self.name, name, kind, config, weights, x)

    def run(self, inputs):
        if self.sequential:
            x = inputs[0]
            for layer in self.layers:
                x = self.run_layer(layer, x)
            return [x]
        entries = self.body["input_layers"]
        if isinstance(entries[0], str):
            entries = [entries]
        values, calls = {}, {}
        for entry, x in zip(entries, inputs):
            values[entry[0]] = [x]
        by_name = {layer["config"]["name"]: layer for layer in self.layers}
        # A model's calls are counted from 1 in files of Keras 2.
        first = {}

        def refs(node):
            if isinstance(node, dict):
                out = []
                for arg in node["args"]:
                    out += refs(arg) if isinstance(arg, dict) and "args" in arg else [a["config"]["keras_history"] for a in (arg if isinstance(arg, list) else [arg])]
                return out
            return [entry[:3] for entry in node]

        for layer in self.layers:
            for node in layer["inbound_nodes"]:
                for ref in refs(node):
                    first[ref[0]] = min(first.get(ref[0], 99), ref[1])
        outputs = self.body["output_layers"]
        outputs = [outputs] if isinstance(outputs[0], str) else outputs
        for ref in outputs:
            first[ref[0]] = min(first.get(ref[0], 99), ref[1])

        def value(ref):
            name, call = ref[0], ref[1] - first[ref[0]]
            if name not in values or len(values[name]) <= call or values[name][call] is None:
                layer = by_name[name]
                values.setdefault(name, [None] * len(layer["inbound_nodes"]))
                node = layer["inbound_nodes"][call]
                args = [value(r) for r in refs(node)]
                single = len(args) == 1
                values[name][call] = self.run_layer(layer, args[0] if single else args)
            return values[name][call]

        sys.setrecursionlimit(10000)
        return [value(ref) for ref in outputs]


def read_config(path):
    if path.endswith(".json"):
        topology = json.load(open(path))["modelTopology"]
        return topology.get("model_config", topology)
    if zipfile.is_zipfile(path):
        return json.loads(zipfile.ZipFile(path).read("config.json"))
    config = h5py.File(path).attrs["model_config"]
    return json.loads(config if isinstance(config, str) else config.decode())


# name: file, inputs (shape, number of rows that are looked up)
CASES = {
    "abalone": ("abalone/model.json", [((3, 8), None)]),
    "carnd": ("carnd.h5", [((2, 66, 200, 3), None)]),
    # Its weights are not kept here: see models/ATTRIBUTION.md.
    "deepfm": ("deepfm.h5", [((4, 1), None), ((4, 1), 100), ((4, 1), 100), ((4, 3), 10)]),
    "encoder": ("encoder.keras", [((2, 128, 6), None)]),
    "mini_xception": ("mini_xception.hdf5", [((1, 64, 64, 1), None)]),
    "mobilenet": ("mobilenet/model.json", [((1, 224, 224, 3), None)]),
    "model_lambda": ("model_lambda.h5", [((2, 784), None)]),
    "sequential_lambda": ("sequential_lambda.h5", [((2, 100), None)]),
    "siamese_pill": ("siamese_pill.keras", [((1, 224, 224, 3), None), ((1, 224, 224, 3), None)]),
    "siamese_pnnl": ("siamese_pnnl.h5", [((1, 1700, 1), None), ((1, 1700, 1), None)]),
}


def main(models, out):
    results = {}
    for name, (path, inputs) in CASES.items():
        path = os.path.join(models, path)
        if not os.path.exists(path):
            continue
        values = [make_input(i, shape, rows) for i, (shape, rows) in enumerate(inputs)]
        with torch.no_grad():
            outputs = Model(name, read_config(path), Weights(path)).run(values)
        for i, y in enumerate(outputs):
            results[f"{name}.{i}"] = np.asarray(y, np.float32)
            print(name, i, results[f"{name}.{i}"].shape, results[f"{name}.{i}"].ravel()[:4])
    np.savez_compressed(out, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
