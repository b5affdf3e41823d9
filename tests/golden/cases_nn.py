"""Activations, normalisations and softmax."""

import numpy as np
import torch
import torch.nn.functional as F

from store import BF16, F16, F32, F64, FLOATS, convert, numbers, torch_fn

# Op, label: the function and the attributes.
ACTIVATIONS = [
    ("Celu", "default", F.celu, {}),
    ("Celu", "alpha", lambda x: F.celu(x, 0.7), {"alpha": 0.7}),
    ("Elu", "default", F.elu, {}),
    ("Elu", "alpha", lambda x: F.elu(x, 0.7), {"alpha": 0.7}),
    ("Gelu", "default", F.gelu, {}),
    ("Gelu", "tanh", lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}),
    ("HardSigmoid", "default", lambda x: torch.clamp(0.2 * x + 0.5, 0, 1), {}),
    ("HardSigmoid", "sixth", F.hardsigmoid, {"alpha": 1 / 6, "beta": 0.5}),
    ("HardSwish", "default", F.hardswish, {}),
    ("LeakyRelu", "default", F.leaky_relu, {}),
    ("LeakyRelu", "alpha", lambda x: F.leaky_relu(x, 0.3), {"alpha": 0.3}),
    ("LogSigmoid", "default", F.logsigmoid, {}),
    ("Mish", "default", F.mish, {}),
    ("Relu", "default", F.relu, {}),
    ("Relu6", "default", F.relu6, {}),
    ("Selu", "default", F.selu, {}),
    ("Shrink", "hard", F.hardshrink, {}),
    ("Shrink", "soft", lambda x: F.softshrink(x, 0.7), {"lambd": 0.7, "bias": 0.7}),
    ("Sigmoid", "default", torch.sigmoid, {}),
    ("Softplus", "default", lambda x: F.softplus(x, threshold=100), {}),
    ("Softsign", "default", F.softsign, {}),
    ("SquarePlus", "default", lambda x: (x + torch.sqrt(x * x + 4)) / 2, {}),
    ("SquarePlus", "bend", lambda x: (x + torch.sqrt(x * x + 1)) / 2, {"b": 1.0}),
    ("Swish", "default", F.silu, {}),
    ("Swish", "alpha", lambda x: x * torch.sigmoid(1.7 * x), {"alpha": 1.7}),
    ("TanhShrink", "default", F.tanhshrink, {}),
    ("ThresholdedRelu", "default", lambda x: F.threshold(x, 1.0, 0.0), {}),
]


def add_activations(cases):
    for name, label, fn, attrs in ACTIVATIONS:
        for dtype in FLOATS:
            shape = (3, 67) if dtype == F32 else (2, 9)
            cases.add("nn." + name, f"{label} {dtype}", [numbers(name, shape, dtype, -8, 8)], torch_fn(fn), **attrs)
        ends = convert([0.0, 1e-4, -1e-4, 30.0, -30.0, 90.0, -90.0], F32)
        cases.add("nn." + name, label + " ends", [ends], torch_fn(fn), **attrs)
        if name == "Shrink":
            continue  # ONNX's definition, and so the op's, makes 0 of NaN
        cases.add("nn." + name, label + " NaN", [convert([np.nan, 1.0], F32)], torch_fn(fn), **attrs)
    for dtype in FLOATS:
        x = numbers("prelu", (3, 5, 7), dtype)
        cases.add("nn.PRelu", dtype, [x, numbers("slope", (7,), dtype)], lambda v, s: np.where(v < 0, v * s, v))
    x, slope = numbers("prelu", (2, 5, 3, 4)), numbers("slope", (5, 1, 1))
    cases.add("nn.PRelu", "channels first", [x, slope], torch_fn(lambda v, s: F.prelu(v, s[:, 0, 0])))
    cases.add("nn.Dropout", "inference", [x], lambda v: v, exact=True)


def add_softmax(cases):
    for name, fn in {"Softmax": F.softmax, "LogSoftmax": F.log_softmax}.items():
        for axis in (0, 1, -1):
            x = numbers(name, (3, 5, 17), F32, -9, 9)
            cases.add("nn." + name, f"axis {axis}", [x], torch_fn(lambda v, f=fn, a=axis: f(v, a)), axis=axis)
        for dtype in (F64, F16, BF16):
            cases.add("nn." + name, dtype, [numbers(name, (3, 11), dtype)], torch_fn(lambda v, f=fn: f(v, -1)))
        large = convert([[1000, 1001, -1000], [-9000, -9000, -9001]], F32)
        cases.add("nn." + name, "large", [large], torch_fn(lambda v, f=fn: f(v, -1)))
        cases.add("nn." + name, "no rows", [numbers(name, (0, 5))], torch_fn(lambda v, f=fn: f(v, -1)))
        cases.add("nn." + name, "one", [numbers(name, (4, 1))], torch_fn(lambda v, f=fn: f(v, -1)))


def first(fn):
    """`fn`, which has the channels at axis 1, for arrays that have them last."""
    return lambda x, *rest: torch.movedim(fn(torch.movedim(x, -1, 1), *rest), 1, -1)


def add_norms(cases):
    for dtype in FLOATS:
        for label, shape, axis in (("first", (2, 6, 3, 5), 1), ("last", (2, 3, 5, 6), -1), ("rows", (5, 6), -1)):
            x, scale, bias = numbers("x", shape, dtype), numbers("scale", (6,), dtype), numbers("bias", (6,), dtype)
            mean, variance = numbers("mean", (6,), dtype), numbers("variance", (6,), dtype, 0.1, 3)
            wrap = first if axis == -1 and len(shape) > 2 else lambda f: f
            batch = wrap(lambda v, s, b, m, r: F.batch_norm(v, m, r, s, b, eps=1e-3))
            cases.add("nn.BatchNormalization", f"{label} {dtype}", [x, scale, bias, mean, variance], torch_fn(batch),
                      terms=2, axis=axis, epsilon=1e-3)
            if label == "rows":
                continue
            group = wrap(lambda v, s, b: F.group_norm(v, 3, s, b))
            cases.add("nn.GroupNormalization", f"{label} {dtype}", [x, scale, bias], torch_fn(group), terms=30,
                      axis=axis, num_groups=3)
            instance = wrap(lambda v, s, b: F.instance_norm(v, weight=s, bias=b, eps=1e-3))
            cases.add("nn.InstanceNormalization", f"{label} {dtype}", [x, scale, bias], torch_fn(instance), terms=15,
                      axis=axis, epsilon=1e-3)
        add_layer_norms(cases, dtype)
    x = numbers("x", (2, 4, 7))
    mean, variance = numbers("mean", (4,)), numbers("variance", (4,), F32, 0.1, 3)
    cases.add("nn.BatchNormalization", "plain", [x, None, None, mean, variance],
              lambda v, s, b, m, r: (v - m[:, None]) / np.sqrt(r[:, None] + 1e-5), terms=2, axis=1)
    cases.add("nn.GroupNormalization", "plain", [x], torch_fn(lambda v: F.group_norm(v, 2)), terms=14, axis=1,
              num_groups=2)
    cases.add("nn.InstanceNormalization", "plain", [x], torch_fn(F.instance_norm), terms=7, axis=1)


def rms(v, scale, axes, epsilon):
    return v / np.sqrt(np.mean(v * v, axes, keepdims=True) + epsilon) * scale


def add_layer_norms(cases, dtype):
    for axis, size in ((-1, (7,)), (-2, (5, 7)), (1, (5, 7))):
        x, scale, bias = numbers("x", (3, 5, 7), dtype), numbers("scale", size, dtype), numbers("bias", size, dtype)
        terms = int(np.prod(size))
        layer = torch_fn(lambda v, s, b, n=size: F.layer_norm(v, n, s, b, 1e-3))
        cases.add("nn.LayerNormalization", f"{axis} {dtype}", [x, scale, bias], layer, terms=terms, axis=axis,
                  epsilon=1e-3)
        cases.add("nn.LayerNormalization", f"plain {axis} {dtype}", [x], torch_fn(lambda v, n=size: F.layer_norm(v, n)),
                  terms=terms, axis=axis)
        axes = tuple(range(3 - len(size), 3))
        cases.add("nn.RmsNormalization", f"{axis} {dtype}", [x, scale], lambda v, s, a=axes: rms(v, s, a, 1e-5),
                  terms=terms, axis=axis)


def add(cases):
    add_activations(cases)
    add_softmax(cases)
    add_norms(cases)
