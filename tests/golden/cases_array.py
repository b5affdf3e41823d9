"""Ops of the domain array."""

import numpy as np
import torch

from store import BF16, F16, F32, FLOATS, convert, numbers, torch_fn

DTYPES = (F32, F16, BF16, "int64", "uint8", "bool")


def same(cases, op, label, inputs, fn, **attrs):
    """A case that moves elements and computes nothing."""
    cases.add("array." + op, label, inputs, fn, exact=True, **attrs)


def add_reshapes(cases):
    x = numbers("reshape", (3, 4, 5))
    same(cases, "Reshape", "infer", [x], lambda v: v.reshape(5, -1), shape=[5, -1])
    same(cases, "Reshape", "copy", [x], lambda v: v.reshape(3, 2, 10), shape=[0, 2, -1])
    same(cases, "Reshape", "input", [x, np.array([-1])], lambda v, _: v.reshape(-1))
    same(cases, "Reshape", "empty", [numbers("e", (0, 3))], lambda v: v.reshape(3, 0), shape=[3, 0], allowzero=True)
    same(cases, "Flatten", "default", [x], lambda v: v.reshape(3, 20))
    same(cases, "Flatten", "negative", [x], lambda v: v.reshape(12, 5), axis=-1)
    ones = numbers("squeeze", (1, 3, 1, 5))
    same(cases, "Squeeze", "all", [ones], np.squeeze)
    same(cases, "Squeeze", "one", [ones], lambda v: np.squeeze(v, -2), axes=[-2])
    same(cases, "Unsqueeze", "two", [x], lambda v: np.expand_dims(v, (0, -1)), axes=[0, -1])
    same(cases, "Expand", "broadcast", [ones], lambda v: np.broadcast_to(v, (2, 7, 3, 4, 5)), shape=[2, 7, 3, 4, 5])
    same(cases, "Expand", "two ways", [numbers("e", (3, 1))], lambda v: np.broadcast_to(v, (3, 4)), shape=[1, 4])
    same(cases, "Shape", "all", [x], lambda v: np.array(v.shape))
    same(cases, "Shape", "part", [x], lambda v: np.array(v.shape)[-2:-1], start=-2, end=-1)
    same(cases, "Size", "all", [x], lambda v: np.array(v.size))
    same(cases, "ConstantOfShape", "value", [], lambda: np.full((2, 3), 7, "int32"), shape=[2, 3],
         value=np.array([7], "int32"))
    same(cases, "Range", "ints", [np.array(v) for v in (10, -3, -4)], np.arange)
    same(cases, "Range", "floats", [convert(v, F32) for v in (0.5, 3, 0.25)], np.arange)
    same(cases, "NonZero", "ints", [numbers("nz", (3, 4, 5), "int32", -1, 1)], lambda v: np.array(np.nonzero(v)))
    same(cases, "NonZero", "bools", [numbers("nz", (7,), "bool")], lambda v: np.array(np.nonzero(v)))
    cases.add("core.Constant", "value", [], lambda: x, exact=True, value=x)
    cases.add("core.After", "float", [x, numbers("after", (2,))], lambda v, _: v, exact=True)


def add_moves(cases):
    for dtype in DTYPES:
        x = numbers("move", (3, 4, 5), dtype, 0, 9)
        out = {"out": dtype}
        same(cases, "Transpose", dtype, [x], lambda v: v.transpose(2, 0, 1), perm=[2, 0, 1], **out)
        same(cases, "Concat", dtype, [x, numbers("more", (3, 2, 5), dtype, 0, 9), x],
             lambda *v: np.concatenate(v, -2), axis=-2, **out)
        same(cases, "Slice", dtype, [x], lambda v: v[:, 1:3, ::-2], axes=[1, -1], starts=[1, -1], ends=[3, -99],
             steps=[1, -2], **out)
        same(cases, "Pad", dtype, [x], lambda v: np.pad(v, ((1, 0), (0, 2), (3, 1)), constant_values=1),
             pads=[1, 0, 3, 0, 2, 1], value=1.0, **out)
        same(cases, "Tile", dtype, [x], lambda v: np.tile(v, (2, 1, 3)), repeats=[2, 1, 3], **out)
        same(cases, "Split", dtype, [x], lambda v: np.split(v, [1, 3], -2), axis=-2, split=[1, 2, 1], **out)
        same(cases, "Reverse", dtype, [x], lambda v: np.flip(v, (0, 2)), axes=[0, -1], **out)
        same(cases, "Where", dtype, [numbers("c", (4, 1), "bool"), x, numbers("z", (5,), dtype, 0, 9)], np.where, **out)
        for upper, fn in ((True, np.triu), (False, np.tril)):
            same(cases, "Trilu", f"{dtype} {upper}", [x], lambda v, f=fn: f(v, -1), k=-1, upper=upper, **out)
    x = numbers("pad", (3, 7, 5))
    for mode in ("edge", "reflect", "wrap"):
        same(cases, "Pad", mode, [x], lambda v, m=mode: np.pad(v, ((2, 1), (0, 6), (3, 4)), m),
             pads=[2, 0, 3, 1, 6, 4], mode=mode)
    same(cases, "Pad", "crop", [x], lambda v: np.pad(v[:, 1:], ((0, 0), (0, 2), (0, 0))), axes=[1], pads=[-1, 2])
    same(cases, "Split", "uneven", [x], lambda v: [v[:, :3], v[:, 3:6], v[:, 6:]], axis=1)
    same(cases, "Transpose", "default", [x], np.transpose)
    same(cases, "Transpose", "empty", [numbers("t", (0, 3))], np.transpose)
    same(cases, "Concat", "empty", [numbers("t", (0, 3)), numbers("u", (2, 3))], lambda a, b: b, axis=0)
    same(cases, "Slice", "empty", [x], lambda v: v[2:1], starts=[2], ends=[1])


def add_indexed(cases):
    for dtype in DTYPES:
        data = numbers("data", (5, 4, 3), dtype, 0, 9)
        out = {"out": dtype}
        rows = numbers("rows", (2, 3), "int64", -4, 3)
        same(cases, "Gather", dtype, [data, rows], lambda d, i: np.take(d, i, 1), axis=-2, **out)
        places = numbers("places", (2, 4, 3), "int64", -5, 4)
        same(cases, "GatherElements", dtype, [data, places], lambda d, i: np.take_along_axis(d, i, 0), axis=0, **out)
        pairs = numbers("pairs", (6, 2), "int64", -4, 3)
        same(cases, "GatherND", dtype, [data, pairs], lambda d, i: d[i[:, 0], i[:, 1]], **out)
        order = np.stack([np.random.default_rng(7).permutation(5)[:2] for _ in range(12)], 1).reshape(2, 4, 3)
        updates = numbers("updates", (2, 4, 3), dtype, 0, 9)
        same(cases, "ScatterElements", dtype, [data, order, updates],
             torch_fn(lambda d, i, u: d.scatter(0, i, u)), **out)

        def scatter(d, i, u):
            result = d.copy()
            result[i[:, 0]] = u
            return result

        same(cases, "ScatterND", dtype, [data, np.array([[3], [0]]), numbers("u", (2, 4, 3), dtype, 0, 9)], scatter,
             **out)
    data = numbers("data", (2, 5, 3))
    same(cases, "GatherND", "batch", [data, np.array([[4], [-2]])], lambda d, i: d[[0, 1], i[:, 0]], batch_dims=1)
    places, updates = numbers("p", (2, 9, 3), "int64", 0, 4), numbers("u", (2, 9, 3), F32)
    reductions = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
    for name, torch_name in reductions.items():
        cases.add("array.ScatterElements", name, [data, places, updates],
                  torch_fn(lambda d, i, u, r=torch_name: d.scatter_reduce(1, i, u, r)), terms=9, axis=1, reduction=name)
    cases.add("array.ScatterND", "add", [numbers("d", (5, 3)), np.array([[1], [1], [4]]), numbers("u", (3, 3))],
              torch_fn(lambda d, i, u: d.index_add(0, i[:, 0], u)), terms=3, reduction="add")
    labels = numbers("labels", (3, 4), "int64", 0, 6)
    same(cases, "OneHot", "last", [labels], lambda i: np.eye(7, dtype=np.float32)[i], depth=7)
    same(cases, "OneHot", "first", [labels], lambda i: np.moveaxis(np.eye(7, dtype="int32")[i], -1, 0) * 3 + 2, depth=7,
         out="int32", axis=0, on_value=5.0, off_value=2.0, dtype="@int32")


def add_top_k(cases):
    for dtype in (F32, F16, BF16, "int32", "uint8"):
        for axis, largest in ((-1, True), (0, False)):
            x = numbers("top", (7, 9), dtype, 0, 99)

            def top(v, a=axis, up=largest):
                keys = -v.astype(np.float64) if up else v.astype(np.float64)
                order = np.take(np.argsort(keys, a, kind="stable"), range(4), a)
                return [np.take_along_axis(v, order, a), order]

            same(cases, "TopK", f"{dtype} {largest}", [x], top, out=[dtype, "int64"], k=4, axis=axis, largest=largest)


def add_casts(cases):
    floats = numbers("cast", (3, 7), F32, -100, 100)
    for dtype in FLOATS:
        same(cases, "Cast", "float32 " + dtype, [floats], lambda v: v, out=dtype, to="@" + dtype)
        same(cases, "Cast", "from " + dtype, [numbers("c", (9,), dtype)], lambda v: v, out=F32, to="@float32")
    for dtype in ("int8", "int32", "int64"):
        same(cases, "Cast", "float32 " + dtype, [floats], lambda v: v, out=dtype, to="@" + dtype)
        same(cases, "Cast", dtype + " float16", [numbers("c", (9,), dtype, -99, 99)], lambda v: v, out=F16,
             to="@float16")
    same(cases, "Cast", "wrap", [numbers("c", (9,), "int32", -999, 999)], lambda v: v, out="uint8", to="@uint8")
    same(cases, "Cast", "bool", [convert([0, -0.0, 0.5, np.nan], F32)], lambda v: v, out="bool", to="@bool")


def add_blocks(cases):
    x = numbers("depth", (2, 12, 3, 5))
    shuffle = torch_fn(lambda v: torch.nn.functional.pixel_shuffle(v, 2))
    same(cases, "DepthToSpace", "CRD", [x], shuffle, data_format="channels_first", mode="CRD")

    def dcr(v):
        return v.reshape(2, 2, 2, 3, 3, 5).transpose(0, 3, 4, 1, 5, 2).reshape(2, 3, 6, 10)

    same(cases, "DepthToSpace", "DCR", [x], dcr, data_format="channels_first")
    last = convert(x.transpose(0, 2, 3, 1), F32)
    same(cases, "DepthToSpace", "last", [last], lambda v: dcr(v.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1))
    wide = convert(dcr(x), F32)
    same(cases, "SpaceToDepth", "first", [wide], lambda _: x.astype(np.float64), data_format="channels_first")
    same(cases, "SpaceToDepth", "last", [convert(wide.transpose(0, 2, 3, 1), F32)], lambda _: last.astype(np.float64))


def add(cases):
    add_reshapes(cases)
    add_moves(cases)
    add_indexed(cases)
    add_top_k(cases)
    add_casts(cases)
    add_blocks(cases)
