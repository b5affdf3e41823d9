"""Operators that move elements about, of the opsets from 18 on and some of those before."""
import numpy as np

from table import Const, numbers

F32 = "float32"


def add(cases):
    add_split(cases)
    add_pad(cases)
    add_center_crop_pad(cases)
    add_scatter(cases)
    add_constant_of_shape(cases)
    add_shapes(cases)
    add_selection(cases)


def add_split(cases):
    x = numbers("x", (3, 7))
    cases.add("Split", "three of seven", [x], outputs=[F32] * 3, opset=18, axis=1, num_outputs=3)
    cases.add("Split", "three of three", [x], outputs=[F32] * 3, opset=18, num_outputs=3)
    cases.add("Split", "two of seven", [x], outputs=[F32] * 2, opset=18, axis=-1, num_outputs=2)
    cases.add("Split", "sizes", [x, Const([2, 0, 5])], outputs=[F32] * 3, opset=18, axis=1)
    cases.add("Split", "int64", [numbers("x", (5, 2), 0, 9, "int64")], outputs=["int64"] * 2, opset=18, num_outputs=2)
    cases.add("Split", "symbolic", [x], outputs=[F32] * 2, opset=18, num_outputs=2, axis=1, free={0: (0,)})


def add_pad(cases):
    x = numbers("x", (2, 3, 4))
    for mode in ("constant", "edge", "reflect", "wrap"):
        cases.add("Pad", mode, [x, Const([0, 1, 2, 1, 0, 3])], opset=19, mode=mode)
        cases.add("Pad", mode + " axes", [x, Const([2, 1, 1, 2]), None, Const([2, 1])], opset=19, mode=mode)
        cases.add("Pad", mode + " negative axis", [x, Const([1, 2]), None, Const([-1])], opset=19, mode=mode)
        cases.add("Pad", mode + " cut", [x, Const([0, -1, 1, 1, 1, -2])], opset=19, mode=mode)
    cases.add("Pad", "value", [x, Const([0, 0, 1, 0, 1, 0]), Const(-2.5, F32)], opset=18)
    cases.add("Pad", "computed", [x, np.array([0, 1, 0, 1, 0, 0]), Const(4.0, F32)], opset=21)
    cases.add("Pad", "int64", [numbers("x", (2, 3), -9, 9, "int64"), Const([1, 1, 0, 0]), Const(7)], opset=18)
    cases.add("Pad", "bool", [numbers("x", (2, 3), dtype="bool"), Const([1, 1, 0, 0])], opset=18)
    cases.add("Pad", "int32 axes", [x, Const([1, 2]), None, Const([-1], "int32")], opset=18,
              ref=[np.pad(x, [(0, 0), (0, 0), (1, 2)])])
    cases.add("Pad", "wrap all", [x, Const([0, 3, 4, 0, 3, 4])], opset=19, mode="wrap")


def add_center_crop_pad(cases):
    x = numbers("x", (4, 5, 3))
    for label, shape in {"crop": [2, 3, 1], "pad": [6, 8, 4], "mixed": [3, 8, 3], "odd": [7, 2, 6]}.items():
        cases.add("CenterCropPad", label, [x, Const(shape)], opset=18)
    cases.add("CenterCropPad", "axes", [x, Const([2, 8])], opset=18, axes=[0, 1])
    cases.add("CenterCropPad", "negative axes", [x, Const([6, 2])], opset=18, axes=[-1, -3])
    whole = numbers("x", (4, 5), -9, 9, "int32")
    cases.add("CenterCropPad", "int32 shape", [whole, Const([5, 4], "int32")], opset=18,
              ref=[np.pad(whole[:, :4], [(0, 1), (0, 0)])])
    cases.add("CenterCropPad", "computed", [x, np.array([2, 8, 3])], opset=18)


def add_scatter(cases):
    data = numbers("data", (3, 4), -1, 1)
    rows, updates = np.array([[0, 2, 1, 2], [0, -1, 1, 0]]), numbers("updates", (2, 4))
    for reduction in ("none", "add", "mul", "min", "max"):
        # Without a reduction each element has one update: which of two wins is not defined.
        indices = np.array([[0, 2, 1, 2], [1, -2, 2, 0]]) if reduction == "none" else rows
        cases.add("ScatterElements", reduction, [data, indices, updates], opset=18, reduction=reduction)
        columns = np.array([[3, 1], [0, -2], [2, 0]]) if reduction == "none" else np.array([[3, 3], [0, -1], [2, 2]])
        cases.add("ScatterElements", reduction + " axis 1", [data, columns, numbers("updates", (3, 2))], opset=18,
                  axis=1, reduction=reduction)
        places = np.array([[0], [2]]) if reduction == "none" else np.array([[2], [2]])
        cases.add("ScatterND", reduction, [data, places, updates], opset=18, reduction=reduction)
        points = np.array([[0, 1], [2, -1]]) if reduction == "none" else np.array([[1, 1], [1, -3]])
        cases.add("ScatterND", reduction + " points", [data, points, numbers("updates", (2,))], opset=18,
                  reduction=reduction)
    whole = numbers("data", (3, 4), -9, 9, "int32")
    for reduction in ("add", "min", "max"):
        cases.add("ScatterElements", reduction + " int32", [whole, rows, numbers("u", (2, 4), -9, 9, "int32")],
                  opset=18, reduction=reduction)
        cases.add("ScatterND", reduction + " int64", [whole.astype("int64"), np.array([[2], [2]]),
                                                      numbers("u", (2, 4), -9, 9, "int64")],
                  opset=18, reduction=reduction)


def add_constant_of_shape(cases):
    sizes = np.array([2, 3])
    cases.add("ConstantOfShape", "default", [sizes], outputs=[F32])
    cases.add("ConstantOfShape", "int64", [sizes], outputs=["int64"], value=np.array([7]))
    cases.add("ConstantOfShape", "bool", [sizes], outputs=["bool"], value=np.array([True]))
    cases.add("ConstantOfShape", "float64", [Const([2, 1])], outputs=["float64"], value=np.array([0.1]))
    cases.add("ConstantOfShape", "scalar", [Const([])], outputs=["int32"], value=np.array([-3], np.int32))
    cases.add("ConstantOfShape", "empty", [np.array([2, 0, 3])], outputs=[F32])


def add_shapes(cases):
    x = numbers("x", (2, 3, 4))
    cases.add("Shape", "slice", [x], outputs=["int64"], opset=19, start=1, end=-1)
    cases.add("Shape", "beyond", [x], outputs=["int64"], opset=19, start=-9, end=9)
    cases.add("Reshape", "allowzero", [np.zeros((0, 3), np.float32), Const([3, 0])], opset=19, allowzero=1)
    cases.add("Reshape", "zero copies", [x, Const([0, -1])], opset=19)
    cases.add("Reshape", "computed", [x, np.array([4, -1])], opset=21, free={0: (0,)})
    cases.add("Expand", "computed", [numbers("x", (3, 1)), np.array([2, 1, 4])])
    cases.add("Unsqueeze", "axes", [x, Const([0, -1])])
    cases.add("Squeeze", "all", [numbers("x", (1, 3, 1))])
    cases.add("Transpose", "default", [x])
    cases.add("Flatten", "axis 0", [x], axis=0)
    cases.add("Tile", "computed", [numbers("x", (2, 3)), np.array([2, 2])])
    cases.add("Slice", "steps", [x, Const([3, -1]), Const([-9, 0]), Const([2, 1]), Const([-2, -1])])
    cases.add("DepthToSpace", "CRD", [numbers("x", (1, 8, 2, 3))], blocksize=2, mode="CRD")
    cases.add("SpaceToDepth", "default", [numbers("x", (1, 2, 4, 6))], blocksize=2)


def add_selection(cases):
    x = numbers("x", (3, 4))
    cases.add("Gather", "axis 1", [x, np.array([[0, -1], [2, 2]])], axis=1)
    cases.add("GatherElements", "negative", [x, np.array([[0, -1], [2, 2], [1, -4]])], axis=1)
    cases.add("GatherND", "batch", [numbers("x", (2, 3, 4)), np.array([[1], [-1]])], batch_dims=1)
    cases.add("TopK", "largest", [x, Const([2])], outputs=[F32, "int64"], axis=1)
    cases.add("TopK", "smallest", [x, np.array([2])], outputs=[F32, "int64"], axis=0, largest=0)
    cases.add("OneHot", "axis 0", [np.array([0, 2, -1]), Const(3), Const([-1.0, 2.0], F32)], outputs=[F32], axis=0)
    cases.add("Trilu", "lower", [x, Const(np.array(1))], upper=0)
    cases.add("Where", "broadcast", [numbers("c", (3, 1), dtype="bool"), x, numbers("y", (4,))], outputs=[F32])
    cases.add("Unique", "axis", [np.array([[2, 1], [1, 3], [2, 1]], np.float32)], outputs=[F32] + ["int64"] * 3, axis=0)
    cases.add("NonZero", "matrix", [numbers("x", (3, 4), -1, 1, "int32")], outputs=["int64"])
    cases.add("EyeLike", "k", [numbers("x", (3, 4))], k=-1)
    cases.add("Range", "down", [np.array(5.0, F32), np.array(-1.0, F32), np.array(-1.5, F32)])
    cases.add("ReverseSequence", "time first", [numbers("x", (4, 3)), Const([1, 4, 2])], time_axis=0, batch_axis=1)
