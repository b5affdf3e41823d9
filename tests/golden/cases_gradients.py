"""Gradients of the ops that models use most."""

import numpy as np
import torch
import torch.nn.functional as F

from cases_window import kernel_to_oihw
from store import F32, convert, numbers


def add_case(cases, op, name, inputs, fn, terms=0, **attrs):
    """The gradients of fn, which takes and yields tensors of PyTorch, for a random gradient of what it yields."""
    values = [None if i is None else torch.from_numpy(np.array(i)) for i in inputs]
    dy = numbers(f"{op} {name} dy", tuple(fn(*values).shape), F32, -2, 2)

    def gradients(*arrays):
        tensors = [None if a is None else torch.from_numpy(np.array(a)) for a in arrays]
        floats = [t.requires_grad_() for t in tensors[:-1] if t is not None and t.is_floating_point()]
        fn(*tensors[:-1]).backward(tensors[-1])
        return [t.grad.numpy() for t in floats]

    cases.add(op, name, [*inputs, dy], gradients, out=F32, terms=terms, **attrs)


UNARY = {  # the function, and the interval from which its arguments are drawn
    "math.Abs": (torch.abs, -3, 3), "math.Atan": (torch.atan, -3, 3), "math.Cos": (torch.cos, -3, 3),
    "math.Erf": (torch.erf, -2, 2), "math.Exp": (torch.exp, -3, 2), "math.Log": (torch.log, 0.2, 4),
    "math.Log1p": (torch.log1p, -0.5, 4), "math.Reciprocal": (torch.reciprocal, 0.4, 3),
    "math.Rsqrt": (torch.rsqrt, 0.3, 4), "math.Sin": (torch.sin, -3, 3), "math.Sqrt": (torch.sqrt, 0.2, 4),
    "math.Square": (torch.square, -3, 3), "math.Tanh": (torch.tanh, -2, 2),
}


def add_elementwise(cases):
    for op, (fn, low, high) in UNARY.items():
        add_case(cases, op, "float32", [numbers(op, (3, 11), F32, low, high)], fn)
    binary = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Atan2": torch.atan2,
              "Pow": torch.pow}
    for name, fn in binary.items():
        inputs = [numbers(name + " a", (3, 1, 5), F32, 0.5, 2), numbers(name + " b", (4, 1), F32, 0.5, 2)]
        add_case(cases, "math." + name, "broadcast", inputs, fn, terms=15)
    ties = [convert([1, 2, -3, 0.5], F32), convert([1, -2, 4, 0.5], F32)]
    add_case(cases, "math.Max", "ties", ties, torch.maximum)
    add_case(cases, "math.Min", "ties", ties, torch.minimum)
    base = convert([[0, 0, 0, 2], [-1.5, -2, 0.25, 0]], F32)
    add_case(cases, "math.Pow", "whole exponents", [base, np.array([0, 1, 2, 3], "int32")], lambda a, b: a**b)
    x = convert([-2, -1, -0.5, 0, 0.5, 0.75, 3], F32)
    add_case(cases, "math.Clip", "ends", [x], lambda v: torch.clamp(v, -1, 0.75), min=-1.0, max=0.75)
    y, z = numbers("where y", (3, 5)), numbers("where z", (5,))
    condition = numbers("where", (3, 1), "bool")
    add_case(cases, "array.Where", "broadcast", [condition, y, z], torch.where, terms=3)


def add_reductions(cases):
    x = numbers("reduce", (3, 4, 5))
    ties = convert([[1, 3, 3, 2], [0, -1, -1, 0], [5, 5, 5, 5]], F32)
    zeros = convert([[1, 2, 0.5, 3], [0, 2, -3, 4], [0, 2, 0, 4]], F32)
    for label, axes, keepdims in (("rows", [-1], False), ("outer", [0, 2], True), ("all", [0, 1, 2], False)):
        attrs = {"axes": axes, "keepdims": keepdims}
        for op, fn in {"Sum": torch.sum, "Mean": torch.mean, "LogSumExp": torch.logsumexp}.items():
            add_case(cases, "math.Reduce" + op, label, [x], lambda v, f=fn: f(v, axes, keepdim=keepdims), **attrs)
        norm = lambda v, p: torch.linalg.vector_norm(v, p, axes, keepdim=keepdims)
        add_case(cases, "math.ReduceL1", label, [x], lambda v: norm(v, 1), **attrs)
        add_case(cases, "math.ReduceL2", label, [x], lambda v: norm(v, 2), **attrs)
    attrs = {"axes": [1], "keepdims": False}
    add_case(cases, "math.ReduceL2", "zeros", [np.zeros((2, 3), F32)], lambda v: torch.linalg.vector_norm(v, 2, 1),
             **attrs)
    add_case(cases, "math.ReduceMax", "ties", [ties], lambda v: v.amax(1), **attrs)
    add_case(cases, "math.ReduceMin", "ties", [ties], lambda v: v.amin(1), **attrs)
    add_case(cases, "math.ReduceProd", "zeros", [zeros], lambda v: v.prod(1), **attrs)
    add_case(cases, "math.CumProd", "zeros", [zeros], lambda v: v.cumprod(1), terms=4, axis=1)
    add_case(cases, "math.CumSum", "rows", [x], lambda v: v.cumsum(1), terms=4, axis=1)
    add_case(cases, "math.CumSum", "reverse", [x], lambda v: v.flip(0).cumsum(0).flip(0), terms=3, axis=0,
             reverse=True)


def add_products(cases):
    shapes = {"matrices": ((3, 4), (4, 5)), "batch by matrix": ((2, 3, 4), (4, 5)),
              "batches broadcast": ((2, 1, 3, 4), (5, 4, 2)), "vector by batch": ((4,), (2, 4, 3)),
              "batch by vector": ((2, 3, 4), (4,)), "vectors": ((7,), (7,))}
    for label, (left, right) in shapes.items():
        add_case(cases, "math.MatMul", label, [numbers("a", left), numbers("b", right)], torch.matmul, terms=12)
    add_case(cases, "math.MatMul", "transposed", [numbers("a", (2, 4, 3)), numbers("b", (5, 4))],
             lambda a, b: a.mT @ b.mT, terms=10, transpose_a=True, transpose_b=True)
    gemm = [numbers("a", (4, 3)), numbers("b", (5, 4)), numbers("c", (5,))]
    add_case(cases, "math.Gemm", "transposed", gemm, lambda a, b, c: 0.5 * (a.T @ b.T) + 2 * c, terms=5, alpha=0.5,
             beta=2.0, transpose_a=True, transpose_b=True)
    equations = {"bij,bjk->bik": ((2, 3, 4), (2, 4, 5)), "bqhd,bkhd->bhqk": ((2, 3, 2, 4), (2, 5, 2, 4)),
                 "ij->j": ((3, 4),), "...ii->...i": ((2, 3, 3),), "ij,ji->": ((3, 4), (4, 3)),
                 "ab,bc,bd->acd": ((2, 3), (3, 4), (3, 2)), "i...,...j->...ij": ((2, 3, 4), (4, 5))}
    for equation, sizes in equations.items():
        inputs = [numbers(f"{equation} {i}", size) for i, size in enumerate(sizes)]
        add_case(cases, "math.Einsum", equation, inputs, lambda *v, e=equation: torch.einsum(e, *v), terms=20,
                 equation=equation)


def add_moves(cases):
    x, other = numbers("move", (3, 4, 5)), numbers("more", (3, 2, 5))
    add_case(cases, "array.Transpose", "three axes", [x], lambda v: v.permute(2, 0, 1), perm=[2, 0, 1])
    add_case(cases, "array.Reshape", "infer", [x], lambda v: v.reshape(6, -1), shape=[6, -1])
    add_case(cases, "array.Concat", "middle", [x, other], lambda a, b: torch.cat([a, b], 1), axis=1)
    add_case(cases, "array.Slice", "steps", [x], lambda v: v[:, 1:3, ::2], axes=[1, 2], starts=[1, 0], ends=[3, 99],
             steps=[1, 2])
    add_case(cases, "array.Pad", "constant", [x], lambda v: F.pad(v, (1, 2, 0, 3)), pads=[0, 0, 1, 0, 3, 2])
    add_case(cases, "array.Pad", "reflect", [x], lambda v: F.pad(v, (2, 1), "reflect"), pads=[0, 0, 2, 0, 0, 1],
             mode="reflect")
    add_case(cases, "array.Expand", "rows", [numbers("row", (1, 5))], lambda v: v.expand(3, 5), terms=3, shape=[3, 5])
    add_case(cases, "array.Tile", "twice", [x], lambda v: v.tile(2, 1, 3), terms=6, repeats=[2, 1, 3])
    index = np.array([[0, 2], [2, 2]])
    add_case(cases, "array.Gather", "repeated", [x, index], lambda v, i: v[:, i], terms=3, axis=1)
    picked = np.array([[0, 1, 1], [2, 0, 1]])
    add_case(cases, "array.GatherElements", "repeated", [numbers("g", (3, 4)), picked],
             lambda v, i: v.gather(0, i), terms=2, axis=0)


ACTIVATIONS = {
    "Elu": (F.elu, {}), "Gelu": (F.gelu, {}), "LeakyRelu": (F.leaky_relu, {}), "Relu": (F.relu, {}),
    "HardSwish": (F.hardswish, {}), "Mish": (F.mish, {}), "Selu": (F.selu, {}), "Sigmoid": (torch.sigmoid, {}),
    "Softplus": (F.softplus, {}), "Swish": (F.silu, {}),
}


def add_nn(cases):
    for name, (fn, attrs) in ACTIVATIONS.items():
        add_case(cases, "nn." + name, "float32", [numbers(name, (3, 11), F32, -5, 5)], fn, **attrs)
    tanh = lambda v: F.gelu(v, approximate="tanh")
    add_case(cases, "nn.Gelu", "tanh", [numbers("gelu", (3, 11), F32, -5, 5)], tanh, approximate="tanh")
    x = numbers("softmax", (3, 4, 5), F32, -4, 4)
    add_case(cases, "nn.Softmax", "middle", [x], lambda v: F.softmax(v, 1), terms=4, axis=1)
    add_case(cases, "nn.LogSoftmax", "last", [x], lambda v: F.log_softmax(v, -1), terms=5, axis=-1)
    scale, bias = numbers("scale", (5,)), numbers("bias", (5,))
    add_case(cases, "nn.LayerNormalization", "last axis", [x, scale, bias],
             lambda v, s, b: F.layer_norm(v, (5,), s, b, 1e-3), terms=12, axis=-1, epsilon=1e-3)
    mean, variance = numbers("mean", (4,)), numbers("variance", (4,), F32, 0.3, 3)
    scale, bias = numbers("scale", (4,)), numbers("bias", (4,))
    add_case(cases, "nn.BatchNormalization", "inference", [x, scale, bias, mean, variance],
             lambda v, s, b, m, r: (v - m[:, None]) / torch.sqrt(r[:, None] + 1e-3) * s[:, None] + b[:, None],
             terms=15, axis=1, epsilon=1e-3)
    add_case(cases, "nn.InstanceNormalization", "planes", [x, scale, bias],
             lambda v, s, b: F.instance_norm(v, weight=s, bias=b, eps=1e-3), terms=5, axis=1, epsilon=1e-3)
    slope = numbers("slope", (4, 1), F32, 0.1, 1)
    add_case(cases, "nn.PRelu", "channels", [x, slope], lambda v, s: F.prelu(v, s[:, 0]), terms=15)
    add_case(cases, "nn.RmsNormalization", "last axis", [x, numbers("rms", (5,))],
             lambda v, s: v / torch.sqrt((v * v).mean(-1, keepdim=True) + 1e-5) * s, terms=12, axis=-1)
    add_case(cases, "nn.GroupNormalization", "two groups", [x, scale, bias],
             lambda v, s, b: F.group_norm(v, 2, s, b), terms=15, axis=1, num_groups=2)


def add_losses(cases):
    scores, labels = numbers("scores", (4, 5), F32, -3, 3), np.array([1, 0, 4, 1])
    weights = numbers("weights", (5,), F32, 0.5, 2)
    add_case(cases, "nn.SoftmaxCrossEntropyLoss", "mean", [scores, labels], F.cross_entropy, terms=5)
    add_case(cases, "nn.SoftmaxCrossEntropyLoss", "weighted", [scores, labels, weights],
             lambda v, t, w: w[t] * F.cross_entropy(v, t, reduction="none"), terms=5, reduction="none")
    planes, classes = numbers("planes", (2, 3, 4)), np.array([[0, 2, 1, 0], [2, 2, 0, 1]])
    add_case(cases, "nn.NegativeLogLikelihoodLoss", "ignored class", [planes, classes],
             lambda v, t: F.nll_loss(v, t, ignore_index=2), ignore_index=2)


def add_attention(cases):
    query, key, value = (numbers(name, size, F32, -1, 1) for name, size in
                         (("query", (2, 3, 5, 4)), ("key", (2, 3, 6, 4)), ("value", (2, 3, 6, 7))))

    def attention(q, k, v):
        return torch.softmax(q @ k.mT / 2, -1) @ v

    def causal(q, k, v):
        hidden = torch.ones(5, 6, dtype=torch.bool).triu(1)
        return torch.softmax((q @ k.mT / 2).masked_fill(hidden, -torch.inf), -1) @ v

    add_case(cases, "nn.ScaledDotProductAttention", "plain", [query, key, value], attention, terms=7)
    add_case(cases, "nn.ScaledDotProductAttention", "causal", [query, key, value], causal, terms=7, is_causal=True)


def add_windows(cases):
    x = numbers("image", (2, 4, 7, 6))
    for groups in (1, 2, 4):
        kernel, bias = numbers(f"kernel {groups}", (4, 4 // groups, 3, 2)), numbers("bias", (4,))
        attrs = {"kernel_layout": "OIHW", "data_format": "channels_first", "groups": groups, "strides": [2, 1],
                 "padding": "explicit", "pads": [1, 0, 1, 0]}
        add_case(cases, "nn.Conv", f"groups {groups}", [x, kernel, bias],
                 lambda v, k, b: F.conv2d(v, k, b, (2, 1), (1, 0), groups=groups), terms=40, **attrs)
    kernel = numbers("last kernel", (3, 3, 4, 5))
    add_case(cases, "nn.Conv", "channels last", [numbers("last", (2, 6, 5, 4)), kernel],
             lambda v, k: F.conv2d(v.permute(0, 3, 1, 2), kernel_to_oihw(k, "HWIO")).permute(0, 2, 3, 1), terms=40)
    kernel = numbers("transposed kernel", (4, 3, 2, 2))
    add_case(cases, "nn.ConvTranspose", "strides", [x, kernel], lambda v, k: F.conv_transpose2d(v, k, stride=2),
             terms=84, kernel_layout="IOHW", data_format="channels_first", strides=[2, 2])
    pool = {"data_format": "channels_first", "kernel_shape": [2, 2], "strides": [2, 1]}
    add_case(cases, "nn.MaxPool", "overlapping", [x], lambda v: F.max_pool2d(v, 2, (2, 1)), terms=2, **pool)
    add_case(cases, "nn.AveragePool", "overlapping", [x], lambda v: F.avg_pool2d(v, 2, (2, 1)), terms=2, **pool)


def gates(matrix, order):
    """The gates' rows of a layer with one direction in PyTorch's order."""
    parts = matrix[0].unflatten(0, (len(order), -1))
    return parts[list(order)].flatten(0, 1)


def add_recurrent(cases):
    """Layers of PyTorch, whose weights have the gates in another order than ONNX has them."""
    steps, batch, size, hidden = 3, 2, 4, 5
    for op, order in (("LSTM", (0, 2, 3, 1)), ("GRU", (1, 0, 2))):
        rows = len(order) * hidden
        x, h = numbers(op + " x", (steps, batch, size)), numbers(op + " h", (1, batch, hidden), F32, -1, 1)
        w, r, b = (numbers(op + name, (1, *shape), F32, -1, 1) for name, shape in
                   ((" w", (rows, size)), (" r", (rows, hidden)), (" b", (2 * rows,))))

        def layer(x, w, r, b, _, h, c=None, run=getattr(torch, op.lower()), order=order):
            weights = [gates(v, order) for v in (w, r, *b.chunk(2, 1))]
            state = h if c is None else (h, c)
            return run(x, state, weights, True, 1, 0.0, False, False, False)[0].unsqueeze(1)

        inputs = [x, w, r, b, None, h]
        if op == "LSTM":
            inputs.append(numbers("c", (1, batch, hidden), F32, -1, 1))
        attrs = {"linear_before_reset": True} if op == "GRU" else {}
        add_case(cases, "nn." + op, "forward", inputs, layer, terms=20, hidden_size=hidden, **attrs)


def add(cases):
    add_elementwise(cases)
    add_reductions(cases)
    add_products(cases)
    add_moves(cases)
    add_nn(cases)
    add_losses(cases)
    add_attention(cases)
    add_windows(cases)
    add_recurrent(cases)
