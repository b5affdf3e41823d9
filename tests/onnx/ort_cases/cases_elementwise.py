"""Operators that work element by element, of the opsets from 18 on and some of those before."""
import math

import numpy as np

from table import Const, numbers

F32 = "float32"


def add(cases):
    add_bits(cases)
    add_activations(cases)
    add_classes(cases)
    add_comparisons(cases)
    add_casts(cases)
    add_arithmetic(cases)


def add_bits(cases):
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        for dtype in ("int32", "uint8", "int64", "int16", "uint32"):
            low, high = (0, 255) if dtype.startswith("u") else (-30000, 30000)
            cases.add(op, dtype, [numbers("a", (2, 3, 4), low, high, dtype), numbers("b", (2, 3, 4), low, high, dtype)])
        cases.add(op, "broadcast", [numbers("a", (2, 1, 4), -99, 99, "int32"), numbers("b", (3, 1), -99, 99, "int32")],
                  opset=18)
    for dtype in ("int8", "uint8", "int32", "uint16", "int64", "uint64"):
        low, high = (0, 255) if dtype.startswith("u") else (-128, 127)
        cases.add("BitwiseNot", dtype, [numbers("a", (3, 5), low, high, dtype)], opset=18)


def add_activations(cases):
    x, small = numbers("x", (2, 3, 8), -5, 5), np.array([0, 1e-3, -1e-3, 1e-2], F32)
    for label, value in {"default": x, "small": small, "large": np.array([4, -4, 30, -30, 90, -90], F32)}.items():
        cases.add("Mish", label, [value], opset=18)
        cases.add("Gelu", label, [value], opset=20)
        cases.add("Gelu", "tanh " + label, [value], opset=20, approximate="tanh")
        cases.add("HardSwish", label, [value])
    cases.add("Mish", "symbolic", [x], free={0: (0, 1)})
    wide = numbers("x", (7,), -3, 3, "float64")
    cases.add("Gelu", "float64", [wide], ref=[wide / 2 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))])
    cases.add("Celu", "alpha", [x], alpha=0.6)
    cases.add("Selu", "both", [x], alpha=1.2, gamma=0.7)
    cases.add("Shrink", "both", [x], lambd=1.5, bias=0.5)
    cases.add("ThresholdedRelu", "alpha", [x], alpha=1.7)
    cases.add("PRelu", "channels", [numbers("x", (2, 3, 4)), Const(numbers("slope", (3, 1)))])


def add_classes(cases):
    odd = np.array([[np.nan, 1, np.inf], [-np.inf, 0, -3]])
    for dtype in ("float32", "float64"):
        cases.add("IsNaN", dtype, [odd.astype(dtype)], outputs=["bool"], opset=20)
        cases.add("IsInf", dtype, [odd.astype(dtype)], outputs=["bool"], opset=20)
    cases.add("IsNaN", "float16", [odd.astype("float16")], outputs=["bool"], opset=20)
    cases.add("IsInf", "positive", [odd.astype(F32)], outputs=["bool"], opset=20, detect_negative=0)
    cases.add("IsInf", "negative", [odd.astype(F32)], outputs=["bool"], opset=20, detect_positive=0)
    cases.add("IsInf", "none", [odd.astype(F32)], outputs=["bool"], opset=20, detect_positive=0, detect_negative=0)


def add_comparisons(cases):
    for op in ("Equal", "Greater", "LessOrEqual"):
        for dtype in ("int32", "float32", "int64", "float64"):
            cases.add(op, dtype, [numbers("a", (3, 4), 0, 2, dtype).round(), numbers("b", (4,), 0, 2, dtype).round()],
                      outputs=["bool"], opset=19)
    cases.add("Equal", "bool", [numbers("a", (3, 4), dtype="bool"), numbers("b", (3, 1), dtype="bool")],
              outputs=["bool"], opset=19)
    cases.add("Equal", "NaN", [np.array([np.nan, 1, np.inf], F32), np.array([np.nan, 1, np.inf], F32)],
              outputs=["bool"], opset=19)


def add_casts(cases):
    values = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 100.9, 0], F32)
    for name, number in {"int32": 6, "int64": 7, "bool": 9, "float64": 11, "float16": 10}.items():
        cases.add("Cast", "to " + name, [values], outputs=[name], opset=19, to=number, tolerance=0.0)
    cases.add("Cast", "int64 to uint8", [np.array([0, 1, 255, 77])], outputs=["uint8"], to=2)
    cases.add("CastLike", "int32", [values, np.zeros(1, np.int32)], outputs=["int32"], opset=19)


def add_arithmetic(cases):
    cases.add("Mod", "negative", [np.array([-7, 7, -7, 7]), np.array([3, 3, -3, -3])])
    cases.add("Mod", "fmod", [np.array([-7.5, 7.5, -7.5, 7.5], F32), np.array([3, 3, -3, -3], F32)], fmod=1)
    cases.add("Pow", "integers", [np.array([2, -3, 5]), np.array([3, 3, 0])])
    cases.add("Pow", "mixed", [np.array([2, 3, 0.5], F32), np.array([3, 2, -1])])
    cases.add("Pow", "int to a float", [np.array([2, 3, 4], np.int32), np.array([0.5, 2, 1.5], F32)])
    cases.add("Div", "integers", [np.array([-7, 7, -7, 7], np.int32), np.array([2, 2, -2, -2], np.int32)])
    cases.add("Round", "ties", [np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], F32)])
    cases.add("Clip", "min above max", [numbers("x", (9,), -3, 3), Const(1.0, F32), Const(-1.0, F32)])
    cases.add("Clip", "no min", [numbers("x", (9,), -3, 3), None, Const(1.0, F32)])
    cases.add("Clip", "int32", [numbers("x", (9,), -9, 9, "int32"), Const(-4, "int32"), Const(3, "int32")])
    cases.add("BitShift", "left", [numbers("a", (6,), 0, 255, "uint8"), numbers("b", (6,), 0, 7, "uint8")],
              direction="LEFT")
    cases.add("Max", "three", [numbers(n, s) for n, s in (("a", (2, 1, 3)), ("b", (4, 1)), ("c", (3,)))])
    cases.add("Mean", "broadcast", [numbers(n, s) for n, s in (("a", (2, 1, 3)), ("b", (4, 1)), ("c", (3,)))])
    cases.add("CumSum", "exclusive reverse", [numbers("x", (3, 4)), Const(np.array(1))], exclusive=1, reverse=1)
