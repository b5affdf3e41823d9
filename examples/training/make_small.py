#!/usr/bin/env python3
"""make_small.py FILE.onnx: writes a small network with weights that numbers of a seed initialise."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(1)


def weight(name, *shape):
    scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0
    return numpy_helper.from_array((scale * random.standard_normal(shape)).astype(np.float32), name)


ones = [numpy_helper.from_array(np.ones(8, np.float32), name) for name in ("scale", "variance")]
zeros = [numpy_helper.from_array(np.zeros(8, np.float32), name) for name in ("offset", "mean")]
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c1", "scale", "offset", "mean", "variance"], ["n1"]),
        helper.make_node("Relu", ["n1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"]),
        helper.make_node("Flatten", ["g"], ["features"]),
    ],
    "small",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 12, 12])],
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 16])],
    [weight("conv1.weight", 8, 1, 3, 3), weight("conv1.bias", 8), weight("conv2.weight", 16, 8, 3, 3),
     weight("conv2.bias", 16), *ones, *zeros],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model)
onnx.save(model, sys.argv[1])
