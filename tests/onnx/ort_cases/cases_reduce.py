"""Reductions whose axes are an input (opset 18), and of bool (opset 20)."""
import numpy as np

from table import Const, numbers

OPS = ("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
       "ReduceSumSquare").split()


def add(cases):
    for op in OPS:
        x = numbers(op, (2, 3, 4), 0.25, 2) if op in ("ReduceLogSum", "ReduceProd") else numbers(op, (2, 3, 4))
        cases.add(op, "axes", [x, Const([0, 2])], opset=18)
        cases.add(op, "no axes", [x], opset=18, keepdims=0)
        cases.add(op, "negative axis", [x, Const([-2])], opset=18, keepdims=0)
        cases.add(op, "noop", [x, Const([])], opset=18, noop_with_empty_axes=1)
        cases.add(op, "noop without axes", [x], opset=18, noop_with_empty_axes=1)
        cases.add(op, "empty axes", [x, Const([])], opset=18)
        cases.add(op, "symbolic", [x, Const([1])], opset=18, free={0: (0, 1)})
    add_types(cases)
    add_arg(cases)


def add_types(cases):
    for op in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean", "ReduceL1", "ReduceSumSquare"):
        cases.add(op, "int32", [numbers(op, (3, 4), -9, 9, "int32"), Const([1])], opset=18)
    for op in ("ReduceMax", "ReduceMin"):
        for dtype in ("int8", "uint8", "int64"):
            low = 0 if dtype == "uint8" else -9
            cases.add(op, dtype, [numbers(op, (3, 4), low, 99, dtype), Const([0])], opset=20, keepdims=0)
        x = np.array([[True, False, True], [False, False, True]])
        for axis in (0, 1):
            cases.add(op, f"bool axis {axis}", [x, Const([axis])], opset=20, keepdims=axis)
        cases.add(op, "bool", [x], opset=20, keepdims=0)
    cases.add("ReduceLogSumExp", "large", [np.array([[1000, 1001], [-1000, -999]], np.float32), Const([1])], opset=18)
    cases.add("ReduceSum", "no elements", [np.zeros((2, 0, 3), np.float32), Const([1])], opset=18)
    cases.add("ReduceProd", "no elements", [np.zeros((2, 0, 3), np.float32), Const([1])], opset=18)


def add_arg(cases):
    x = np.array([[1, 3, 3, 2], [5, 5, 0, 0]], np.float32)
    for op in ("ArgMax", "ArgMin"):
        cases.add(op, "first", [x], outputs=["int64"], axis=1)
        cases.add(op, "last", [x], outputs=["int64"], axis=-1, select_last_index=1, keepdims=0)
