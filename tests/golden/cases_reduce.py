"""Reductions, running sums, matrix products."""

import numpy as np
import torch

from store import BF16, F16, F32, F64, FLOATS, numbers, torch_fn

REDUCE = {
    "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceProd": np.prod, "ReduceMax": np.max, "ReduceMin": np.min,
    "ReduceL1": lambda x, **k: np.sum(np.abs(x), **k),
    "ReduceL2": lambda x, **k: np.sqrt(np.sum(x * x, **k)),
    "ReduceSumSquare": lambda x, **k: np.sum(x * x, **k),
    "ReduceLogSum": lambda x, **k: np.log(np.sum(x, **k)),
    "ReduceLogSumExp": lambda x, **k: np.log(np.sum(np.exp(x), **k)),
}
AXES = {"last": (-1,), "first": (0,), "outer": (0, 2), "inner": (1, -1), "all": None}


def add_reductions(cases):
    for name, fn in REDUCE.items():
        low = 0.5 if name == "ReduceLogSum" else -2
        for label, axes in AXES.items():
            for keepdims in (False, True):
                x = numbers(name, (3, 5, 7), F32, low, 2)
                attrs = {} if axes is None else {"axes": list(axes)}
                terms = x.size if axes is None else int(np.prod([x.shape[a] for a in axes]))
                cases.add("math." + name, f"{label} {keepdims}", [x],
                          lambda v, f=fn, a=axes, k=keepdims: f(v, axis=a, keepdims=k), terms=terms, keepdims=keepdims,
                          **attrs)
        for dtype in (F64, F16, BF16):
            cases.add("math." + name, dtype, [numbers(name, (3, 11), dtype, low, 2)],
                      lambda v, f=fn: f(v, axis=1, keepdims=True), terms=11, axes=[1])
        rows = numbers(name, (3, 300), F32, max(low, -1), 1)
        cases.add("math." + name, "long rows", [rows], lambda v, f=fn: f(v, axis=-1), terms=300, axes=[-1],
                  keepdims=False)
        cases.add("math." + name, "axes input", [numbers(name, (3, 4), F32, low, 2), np.array([-1])],
                  lambda v, _, f=fn: f(v, axis=-1, keepdims=True), terms=4)
    for name in ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"):
        cases.add("math." + name, "int32", [numbers(name, (3, 4, 5), "int32", -9, 9)],
                  lambda v, f=REDUCE[name]: f(v, axis=(0, 2)), out="int32", axes=[0, 2], keepdims=False)
    x = numbers("noop", (2, 3))
    cases.add("math.ReduceSum", "noop", [x], lambda v: v, noop_with_empty_axes=True)
    cases.add("math.ReduceSum", "empty", [numbers("empty", (2, 0, 3))], lambda v: v.sum(1), axes=[1], keepdims=False)


def add_scans(cases):
    scans = {"CumSum": np.cumsum, "CumProd": np.cumprod}
    for name, fn in scans.items():
        start = 0 if name == "CumSum" else 1
        for dtype in FLOATS + ("int32", "int64"):
            x = numbers(name, (3, 7, 5), dtype, -2, 2)
            out = None if dtype in FLOATS else dtype
            cases.add("math." + name, dtype, [x], lambda v, f=fn: f(v, axis=-2), out=out, terms=7, axis=-2)
        x = numbers(name, (3, 7), F32)
        cases.add("math." + name, "reverse", [x], lambda v, f=fn: f(v[:, ::-1], axis=1)[:, ::-1], terms=7, axis=1,
                  reverse=True)

        def exclusive(v, f=fn, first=start):
            return np.concatenate([np.full((1, 7), float(first)), f(v, axis=0)[:-1]])

        cases.add("math." + name, "exclusive", [x], exclusive, terms=3, axis=0, exclusive=True)
    for name, fn in {"ArgMax": np.argmax, "ArgMin": np.argmin}.items():
        for dtype in (F32, F16, BF16, "int32", "uint8"):
            x = numbers(name, (3, 9, 5), dtype, 0, 4)
            cases.add("math." + name, dtype, [x], lambda v, f=fn: f(v, axis=-2), axis=-2, keepdims=False)
        x = numbers(name, (3, 9), "int32", 0, 3)
        cases.add("math." + name, "keepdims", [x], lambda v, f=fn: f(v, axis=0)[None], axis=0)
        cases.add("math." + name, "last", [x], lambda v, f=fn: 8 - f(v[:, ::-1], axis=1)[:, None], axis=1,
                  select_last_index=True)


MATMUL = {
    "square": ((5, 5), (5, 5)), "odd": ((7, 33), (33, 17)), "batch": ((2, 3, 4, 5), (2, 3, 5, 7)),
    "broadcast": ((2, 1, 4, 5), (3, 5, 7)), "vector": ((3, 4, 5), (5,)), "row": ((5,), (2, 5, 3)),
    "dot": ((9,), (9,)), "no rows": ((0, 5), (5, 3)), "no terms": ((3, 0), (0, 2)), "long": ((3, 301), (301, 4)),
}


def add_products(cases):
    for label, (a, b) in MATMUL.items():
        inputs = [numbers("a " + label, a), numbers("b " + label, b)]
        cases.add("math.MatMul", label, inputs, lambda x, y: np.asarray(np.matmul(x, y)), terms=a[-1])
    for dtype in (F64, F16, BF16):
        inputs = [numbers("a", (3, 17), dtype), numbers("b", (17, 5), dtype)]
        cases.add("math.MatMul", dtype, inputs, np.matmul, terms=17)
    for dtype in ("int32", "int64", "uint8"):
        low = 0 if dtype == "uint8" else -9
        cases.add("math.MatMul", dtype, [numbers("a", (3, 7), dtype, low, 9), numbers("b", (7, 5), dtype, low, 9)],
                  np.matmul)
    a, b = numbers("a", (2, 7, 3)), numbers("b", (2, 5, 7))
    cases.add("math.MatMul", "transposed", [a, b], lambda x, y: x.transpose(0, 2, 1) @ y.transpose(0, 2, 1), terms=7,
              transpose_a=True, transpose_b=True)
    for label, shape in {"vector": (5,), "column": (3, 1), "matrix": (3, 5), "scalar": ()}.items():
        inputs = [numbers("a", (3, 7)), numbers("b", (7, 5)), numbers("c", shape)]
        fn = torch_fn(lambda x, y, z: torch.addmm(z.expand(3, 5), x, y, alpha=0.5, beta=2))
        cases.add("math.Gemm", label, inputs, fn, terms=7, alpha=0.5, beta=2.0)
    inputs = [numbers("a", (7, 3)), numbers("b", (5, 7)), numbers("c", (5,))]
    cases.add("math.Gemm", "transposed", inputs, lambda x, y, z: x.T @ y.T + z, terms=7, transpose_a=True,
              transpose_b=True)
    cases.add("math.Gemm", "no bias", inputs[:2], lambda x, y: x.T @ y.T, terms=7, transpose_a=True, transpose_b=True)
    for dtype in (F64, F16, BF16):
        inputs = [numbers("a", (3, 7), dtype), numbers("b", (7, 5), dtype), numbers("c", (5,), dtype)]
        cases.add("math.Gemm", dtype, inputs, lambda x, y, z: x @ y + z, terms=7)


def add(cases):
    add_reductions(cases)
    add_scans(cases)
    add_products(cases)
