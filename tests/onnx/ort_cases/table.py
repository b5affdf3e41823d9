"""Collects the cases of ort_cases_test, runs them in ONNX Runtime and writes them.

A case is a model of one node, the inputs of one run, and the outputs that ONNX Runtime gives for them; where its CPU
build does not have the operator, those of NumPy.
"""
import pathlib
import sys
import tempfile
import zlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "real_models"))
import runners  # noqa: E402

MS = "com.microsoft"
# The types that NumPy lacks: there are constants of them, and outputs that a second node casts to float32.
RAW_TYPES = {"float8e4m3fn": 17, "float8e4m3fnuz": 18, "float8e5m2": 19, "float8e5m2fnuz": 20, "uint4": 21, "int4": 22}
_TYPES = {np.dtype(name): number for name, number in {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13}.items()}


class Const:
    """An input that is an initializer of the model."""

    def __init__(self, values, dtype="int64"):
        self.array = values if isinstance(values, np.ndarray) else np.array(values, dtype)


class RawConst:
    """An initializer of a type that NumPy lacks: its bytes, as ONNX packs them."""

    def __init__(self, dtype, shape, packed):
        self.dtype, self.shape, self.packed = dtype, shape, bytes(packed)

    def proto(self, name):
        return TensorProto(name=name, data_type=RAW_TYPES[self.dtype], dims=self.shape, raw_data=self.packed)


def numbers(case, shape, low=-3.0, high=3.0, dtype="float32"):
    """Random numbers that depend on the name `case` and the shape alone."""
    rng = np.random.default_rng(zlib.crc32(f"{case} {shape}".encode()))
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.issubdtype(np.dtype(dtype), np.integer):
        return rng.integers(int(low), int(high), shape, endpoint=True).astype(dtype)
    return rng.uniform(low, high, shape).astype(dtype)


def const_numbers(*args, **kwargs):
    return Const(numbers(*args, **kwargs))


def _symbols(axes):
    return axes if isinstance(axes, dict) else {axis: f"n{axis}" for axis in axes}


def _model(op, inputs, outputs, attrs, domain, opset, free):
    names, given, values, constants = [], {}, [], []
    for i, value in enumerate(inputs):
        name = "" if value is None else f"x{i}"
        names.append(name)
        if isinstance(value, Const):
            constants.append(numpy_helper.from_array(value.array, name))
        elif isinstance(value, RawConst):
            constants.append(value.proto(name))
        elif value is not None:
            given[name] = value
            symbols = _symbols(free.get(i, ()))
            shape = [symbols.get(axis, size) for axis, size in enumerate(value.shape)]
            values.append(helper.make_tensor_value_info(name, _TYPES[value.dtype], shape))
    results = ["" if dtype is None else f"y{i}" for i, dtype in enumerate(outputs)]
    node = helper.make_node(op, names, results, domain=domain)
    for key, value in attrs.items():
        node.attribute.append(helper.make_attribute(
            key.rstrip("_"), numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value))
    nodes, declared = [node], []
    for i, (name, dtype) in enumerate(zip(results, outputs)):
        if dtype in RAW_TYPES:
            node.output[i], dtype = f"narrow{i}", "float32"
            nodes.append(helper.make_node("Cast", [node.output[i]], [name], to=TensorProto.FLOAT))
        if name:
            declared.append(helper.make_tensor_value_info(name, _TYPES[np.dtype(dtype)], None))
    graph = helper.make_graph(nodes, "g", values, declared, constants)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    version = 8 if opset < 19 else 9 if opset < 21 else 10
    return helper.make_model(graph, opset_imports=opsets, ir_version=version), given


class Cases:
    """The cases so far, and their tensors' elements: one pool for each dtype, equal tensors stored once."""

    def __init__(self, ort):
        self._ort, self._pools, self._places = ort, {}, {}
        self.lines, self.names, self.failures = [], set(), []

    def add(self, op, label, inputs, *, outputs=None, domain="", opset=21, free=None, tolerance=1e-5, ref=None,
            **attrs):
        """Adds a case. An input of None is absent.

        outputs: their dtypes, None for one that is absent; otherwise there is one, of the first input's dtype.
        free: input -> the axes of it that the model declares as symbols, or their names by axis. tolerance: of a float
        output, relative to its largest magnitude. ref: the outputs where ONNX Runtime does not implement the case.
        attrs: the node's; one that is named as a parameter here has a _ behind its name.
        """
        name = f"{domain.removeprefix('com.')}_{op}_{label}".lstrip("_").replace(" ", "_").replace("-", "_")
        assert name.isidentifier() and name not in self.names, name
        self.names.add(name)
        if outputs is None:
            outputs = [str(inputs[0].dtype)]
        model, given = _model(op, inputs, outputs, attrs, domain, opset, free or {})
        names = [value.name for value in model.graph.output]
        try:
            results = self._run(model, given) if ref is None else dict(zip(names, ref))
        except runners.Failure as failure:
            self.failures.append(f"{name}: {failure}")
            return
        source = "ort" if ref is None else "reference"
        self.lines.append(" ".join([
            name, source, repr(tolerance), self._put(np.frombuffer(model.SerializeToString(), np.uint8)),
            self._put_all(given), self._put_all({key: np.asarray(results[key]) for key in names})]))

    def _run(self, model, given):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "case.onnx"
            path.write_bytes(model.SerializeToString())
            return self._ort.run(path, given)

    def _put_all(self, arrays):
        return ";".join(f"{name}={self._put(array)}" for name, array in arrays.items()) or "none"

    def _put(self, array):
        dtype = str(array.dtype)
        pool = self._pools.setdefault(dtype, [])
        key = (dtype, array.tobytes())
        if key not in self._places:
            self._places[key] = sum(map(len, pool))
            pool.append(np.ascontiguousarray(array).ravel())
        return f"{dtype}[{','.join(map(str, array.shape))}]@{self._places[key]}"

    def write(self, folder):
        np.savez_compressed(folder / "cases.npz", **{name: np.concatenate(pool) for name, pool in self._pools.items()})
        (folder / "index.txt").write_text("\n".join(self.lines) + "\n")
