"""Elementwise ops of the domain math."""

import numpy as np
import torch

from store import BF16, F16, F32, F64, FLOATS, convert, numbers, torch_fn

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -0.5, 1e-4, -1e-4]

# Op: the function, and the interval from which its arguments are drawn.
UNARY_FLOAT = {
    "Acos": (np.arccos, -1, 1), "Acosh": (np.arccosh, 1, 9), "Asin": (np.arcsin, -1, 1),
    "Asinh": (np.arcsinh, -9, 9), "Atan": (np.arctan, -9, 9), "Atanh": (np.arctanh, -1, 1),
    "Ceil": (np.ceil, -9, 9), "Cos": (np.cos, -9, 9), "Cosh": (np.cosh, -5, 5),
    "Erf": (torch_fn(torch.erf), -4, 4), "Exp": (np.exp, -8, 8), "Exp2": (np.exp2, -8, 8),
    "Expm1": (np.expm1, -3, 3), "Floor": (np.floor, -9, 9), "Log": (np.log, 0, 9), "Log10": (np.log10, 0, 9),
    "Log1p": (np.log1p, -1, 5), "Log2": (np.log2, 0, 9), "Reciprocal": (np.reciprocal, -4, 4),
    "Round": (np.round, -9, 9), "Rsqrt": (torch_fn(torch.rsqrt), 0, 9), "Sin": (np.sin, -9, 9),
    "Sinh": (np.sinh, -5, 5), "Sqrt": (np.sqrt, 0, 9), "Tan": (np.tan, -1.5, 1.5), "Tanh": (np.tanh, -4, 4),
    "Trunc": (np.trunc, -9, 9), "IsFinite": (np.isfinite, -9, 9), "IsInf": (np.isinf, -9, 9),
    "IsNaN": (np.isnan, -9, 9), "Abs": (np.abs, -9, 9), "Neg": (np.negative, -9, 9), "Sign": (np.sign, -9, 9),
    "Square": (np.square, -9, 9),
}
UNARY_INT = {"Abs": np.abs, "Neg": np.negative, "Sign": np.sign, "Square": np.square}
BINARY_FLOAT = {
    "Add": np.add, "Atan2": np.arctan2, "Div": np.divide, "FloorDiv": np.floor_divide, "Mod": np.mod,
    "Mul": np.multiply, "Sub": np.subtract, "Max": np.maximum, "Min": np.minimum,
}
BINARY_INT = {
    "Add": np.add, "FloorDiv": np.floor_divide, "Mod": np.mod, "Mul": np.multiply, "Sub": np.subtract,
    "Max": np.maximum, "Min": np.minimum, "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor, "Div": torch_fn(lambda a, b: torch.div(a, b, rounding_mode="trunc")),
}
COMPARE = {
    "Equal": np.equal, "NotEqual": np.not_equal, "Less": np.less, "LessOrEqual": np.less_equal,
    "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
}
LOGIC = {"And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor}
SHAPES = {"same": ((3, 5, 7), (3, 5, 7)), "broadcast": ((3, 1, 7), (5, 1)), "scalar": ((9, 17), ()),
          "empty": ((0, 3), (1, 3)), "row": ((13, 35), (35,))}


def add_unary(cases):
    for name, (fn, low, high) in UNARY_FLOAT.items():
        for dtype in FLOATS:
            shape = (3, 67) if dtype == F32 else (2, 9)
            cases.add("math." + name, dtype, [numbers(name, shape, dtype, low, high)], fn)
        cases.add("math." + name, "special values", [convert(SPECIAL, F32)], fn)
        cases.add("math." + name, "empty", [numbers(name, (0, 3))], fn)
    halves = convert(np.arange(-9, 10) / 2, F32)
    cases.add("math.Round", "ties", [halves], np.round, exact=True)
    for name, fn in UNARY_INT.items():
        for dtype in ("int8", "int32", "int64"):
            cases.add("math." + name, dtype, [numbers(name, (3, 11), dtype, -128, 127)], fn)
    for dtype in ("int8", "uint16", "int32", "uint64"):
        cases.add("math.BitwiseNot", dtype, [numbers("not", (3, 5), dtype, 0, 100)], np.invert)
    cases.add("math.Not", "bool", [numbers("not", (3, 5), "bool")], np.logical_not)
    infinite = convert(SPECIAL, F32)
    cases.add("math.IsInf", "positive", [infinite], np.isposinf, detect_negative=False)
    cases.add("math.IsInf", "negative", [infinite], np.isneginf, detect_positive=False)


def add_binary(cases):
    for name, fn in BINARY_FLOAT.items():
        for shapes, (left, right) in SHAPES.items():
            inputs = [numbers(name + "a", left, F32, -9, 9), numbers(name + "b", right, F32, -4, 4)]
            cases.add("math." + name, shapes, inputs, fn)
        for dtype in (F64, F16, BF16):
            inputs = [numbers(name + "a", (3, 5), dtype, -9, 9), numbers(name + "b", (5,), dtype, 1, 4)]
            cases.add("math." + name, dtype, inputs, fn)
        special = convert(SPECIAL, F32)
        if name not in ("FloorDiv", "Mod"):
            cases.add("math." + name, "special values", [special[:, None], special], fn)
    for name, fn in BINARY_INT.items():
        for dtype in ("int8", "uint8", "int32", "int64"):
            low = 0 if dtype == "uint8" else -100
            right = numbers(name + "b", (5, 1), dtype, low, 11)
            right[right == 0] = 3
            cases.add("math." + name, "ints " + dtype, [numbers(name + "a", (3, 1, 7), dtype, low, 100), right], fn)
    for name, fn in COMPARE.items():
        for dtype in (F32, F16, BF16, "int32", "uint8"):
            low = 0 if dtype == "uint8" else -2
            inputs = [numbers(name + "a", (3, 1, 7), dtype, low, 2), numbers(name + "b", (5, 1), dtype, low, 2)]
            cases.add("math." + name, dtype, inputs, fn)
        special = convert(SPECIAL, F32)
        cases.add("math." + name, "special values", [special[:, None], special], fn)
    for name, fn in LOGIC.items():
        inputs = [numbers(name + "a", (3, 1, 7), "bool"), numbers(name + "b", (5, 1), "bool")]
        cases.add("math." + name, "broadcast", inputs, fn)


def add_other(cases):
    base = numbers("base", (5, 67), F32, 0.1, 4)
    cases.add("math.Pow", "float", [base, numbers("exponent", (67,))], np.power)
    cases.add("math.Pow", "negative base", [convert([-2, -3, -0.5, 0], F32), convert([3, 2, 0.5, 0], F32)], np.power)
    for dtype in (F64, F16, BF16):
        cases.add("math.Pow", dtype, [numbers("base", (7,), dtype, 0.1, 3), numbers("exponent", (7,), dtype)], np.power)
    cases.add("math.Pow", "int32", [numbers("b", (9,), "int32", -5, 5), numbers("e", (9,), "int32", 0, 5)], np.power)
    for dtype in (F32, F64, "int32"):
        right = numbers("fmod b", (5, 1), dtype, 1, 7)
        left = numbers("fmod a", (3, 1, 7), dtype, -50, 50)
        cases.add("math.Mod", "fmod " + dtype, [left, right], np.fmod, fmod=True)
    bits, by = numbers("bits", (3, 7), "uint8", 0, 255), numbers("by", (7,), "uint8", 0, 7)
    cases.add("math.BitShift", "left", [bits, by], np.left_shift, direction="LEFT")
    cases.add("math.BitShift", "right", [bits, by], np.right_shift, direction="RIGHT")
    x = numbers("clip", (3, 67), F32)
    cases.add("math.Clip", "both", [x], lambda v: np.clip(v, -1, 0.5), min=-1.0, max=0.5)
    cases.add("math.Clip", "min", [x], lambda v: np.maximum(v, -1), min=-1.0)
    cases.add("math.Clip", "inputs", [x, convert(-0.5, F32), convert(2, F32)], np.clip)
    cases.add("math.Clip", "int8", [numbers("clip", (9,), "int8", -99, 99)], lambda v: np.clip(v, -9, 5), min=-9.0,
              max=5.0)
    for dtype in FLOATS:
        three = [numbers(f"variadic {i}", s, dtype) for i, s in enumerate([(3, 1, 7), (5, 1), (7,)])]
        cases.add("math.Sum", dtype, three, lambda a, b, c: a + b + c, terms=3)
        cases.add("math.Mean", dtype, three, lambda a, b, c: (a + b + c) / 3, terms=3)
        cases.add("math.Max", "three " + dtype, three, lambda a, b, c: np.maximum(np.maximum(a, b), c))
        cases.add("math.Min", "three " + dtype, three, lambda a, b, c: np.minimum(np.minimum(a, b), c))
    cases.add("core.Identity", "float", [x], lambda v: v, exact=True)


def add(cases):
    add_unary(cases)
    add_binary(cases)
    add_other(cases)
