"""Collects cases of the golden test and writes them.

A case is an op, its attributes, its inputs, and the outputs that NumPy or PyTorch give for them. What an op computes
in floating point is computed here in float64 from the inputs as they are stored, and then rounded once.
"""

import zlib

import numpy as np
import torch

torch.set_num_threads(1)
F32, F64, F16, BF16 = "float32", "float64", "float16", "bfloat16"
FLOATS = (F32, F64, F16, BF16)
# Ops with one right answer: those that choose or cut, and those that IEEE 754 wants to be rounded right. (The result
# in float64 has more than twice the digits of the inputs, so that rounding it once more changes nothing.)
EXACT = {"math." + op for op in (
    "Abs Add Ceil Clip Div Floor Max Min Mul Neg ReduceMax ReduceMin Round Sign Sqrt Square Sub Trunc").split()}
EXACT |= {"nn.MaxPool", "nn.GlobalMaxPool", "nn.Relu", "nn.Relu6"}


class BFloat16:
    """An array of bfloat16, which NumPy lacks, as its bits."""

    def __init__(self, values):
        tensor = torch.from_numpy(np.array(values, np.float64)).to(torch.bfloat16)
        self.bits = tensor.view(torch.int16).numpy().view(np.uint16)
        self.shape = self.bits.shape

    def widen(self):
        return (self.bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def convert(values, dtype):
    """`values` rounded to the dtype of that name."""
    if dtype == BF16:
        return BFloat16(values)
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(np.asarray(values).astype(dtype)).reshape(np.shape(values))


def dtype_of(array):
    return BF16 if isinstance(array, BFloat16) else str(array.dtype)


def is_float(array):
    return dtype_of(array) in FLOATS


def widen(array):
    """Floats as float64, other arrays as they are."""
    if isinstance(array, BFloat16):
        return array.widen()
    return array.astype(np.float64) if is_float(array) else array


def numbers(case, shape, dtype=F32, low=-3.0, high=3.0):
    """Random numbers that depend on the name `case` and the shape alone."""
    rng = np.random.default_rng(zlib.crc32(f"{case} {shape}".encode()))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in FLOATS:
        return convert(rng.uniform(low, high, shape), dtype)
    return rng.integers(int(low), int(high), shape, endpoint=True).astype(dtype)


def torch_fn(fn):
    """A function of PyTorch tensors as one of NumPy arrays."""

    def call(*arrays):
        result = fn(*[None if a is None else torch.from_numpy(np.array(a, order="C")) for a in arrays])
        return [r.numpy() for r in result] if isinstance(result, (tuple, list)) else result.numpy()

    return call


def _attr_text(value):
    if isinstance(value, bool):
        return "bool:" + str(value).lower()
    if isinstance(value, int):
        return f"int:{value}"
    if isinstance(value, float):
        return f"float:{value!r}"
    if isinstance(value, str):
        return "dtype:" + value[1:] if value.startswith("@") else "string:" + value
    kind = "floats" if any(isinstance(v, float) for v in value) else "ints"
    return kind + ":" + ",".join(repr(v) for v in value)


class Store:
    """The cases so far, and the elements of their tensors: one pool for each dtype, equal tensors stored once."""

    def __init__(self):
        self.pools, self.places, self.lines, self.names = {}, {}, [], set()

    def add(self, op, name, inputs, fn, out=None, terms=0, exact=False, **attrs):
        """Adds a case whose outputs are fn(*inputs), with floats widened to float64.

        out: the dtypes of the outputs (or the one of all); otherwise the first input's where fn gives floats, and else
        what fn gives. terms: how many products or numbers are added up in an element of the output. exact: no rounding
        is allowed to differ. Attributes that are dtypes are written "@float32", tensors as arrays.
        """
        case = f"{op}/{name}".replace(" ", "_")
        assert case not in self.names, case
        self.names.add(case)
        with np.errstate(all="ignore"):
            outputs = fn(*[None if i is None else widen(i) for i in inputs])
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        rounded = []
        for i, array in enumerate(outputs):
            dtype = out[i] if isinstance(out, (list, tuple)) else out
            if dtype is None:
                floats = inputs and np.asarray(array).dtype == np.float64
                dtype = dtype_of(inputs[0]) if floats else str(np.asarray(array).dtype)
            rounded.append(convert(array, dtype))
        rounding = "exact" if exact or op in EXACT else f"sum:{terms}" if terms else "close"
        texts = [case, op, rounding, self._put(inputs), self._put(rounded)]
        for key, value in sorted(attrs.items()):
            text = "tensor:" + self._put([value]) if isinstance(value, np.ndarray) else _attr_text(value)
            texts.append(f"{key}={text}")
        self.lines.append(" ".join(texts))

    def _put(self, arrays):
        return ";".join("absent" if a is None else self._place(a) for a in arrays) or "none"

    def _place(self, array):
        dtype, bits = dtype_of(array), array.bits if isinstance(array, BFloat16) else array
        pool = self.pools.setdefault(dtype, [])
        key = (dtype, bits.tobytes())
        if key not in self.places:
            self.places[key] = sum(len(part) for part in pool)
            pool.append(bits.ravel())
        return f"{dtype}[{','.join(map(str, array.shape))}]@{self.places[key]}"

    def write(self, folder):
        np.savez(folder / "goldens.npz", **{name: np.concatenate(pool) for name, pool in self.pools.items()})
        (folder / "index.txt").write_text("\n".join(self.lines) + "\n")
