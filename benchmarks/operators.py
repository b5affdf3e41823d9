"""Models of one operator each, of the sizes that it has in usual models, to find which of them are slow."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import zoo

FLOATS, BYTES = np.float32, np.uint8
PICTURE, TOKENS, LARGE = (1, 64, 56, 56), (1, 128, 768), (512, 1024)


def _numbers(shape, dtype=FLOATS, low=-2.0, high=2.0, seed=0):
    values = zoo.random(seed).uniform(low, high, shape)
    return (values > 0 if dtype == bool else values).astype(dtype)


def _operator(name, op, inputs, constants=(), outputs=1, opset=17, output_type=TensorProto.FLOAT, **attributes):
    """`inputs` are arrays that a run is given; `constants` stand behind them in the file, where None is an absent one."""
    def write(path):
        given = [helper.make_tensor_value_info(f"x{i}", numpy_helper.from_array(array).data_type, array.shape)
                 for i, array in enumerate(inputs)]
        saved = [numpy_helper.from_array(np.asarray(array), f"c{i}") for i, array in enumerate(constants) if array is not None]
        names = [f"x{i}" for i in range(len(inputs))]
        names += ["" if array is None else f"c{i}" for i, array in enumerate(constants)]
        types = output_type if isinstance(output_type, list) else [output_type] * outputs
        results = [helper.make_tensor_value_info(f"y{i}", types[i], None) for i in range(outputs)]
        node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attributes)
        model = helper.make_model(helper.make_graph([node], name, given, results, saved),
                                  opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 8
        onnx.save(model, path)
    return zoo.ZooModel(f"op_{name}", write, lambda batch: {f"x{i}": array for i, array in enumerate(inputs)})


def _unary():
    for op in ["Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Exp", "Sin", "Cos", "Tan", "Atan", "Sinh", "Tanh", "Erf",
               "Sigmoid", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSigmoid", "HardSwish",
               "ThresholdedRelu", "Mish"]:
        yield _operator(op, op, [_numbers(PICTURE)], opset=18 if op == "Mish" else 17)
    for op in ["Sqrt", "Log", "Reciprocal"]:
        yield _operator(op, op, [_numbers(PICTURE, low=0.1)])
    yield _operator("Gelu", "Gelu", [_numbers(TOKENS)], opset=20)
    yield _operator("GeluTanh", "Gelu", [_numbers(TOKENS)], opset=20, approximate="tanh")
    yield _operator("Asin", "Asin", [_numbers(PICTURE, low=-1, high=1)])
    yield _operator("Clip", "Clip", [_numbers(PICTURE)], [FLOATS(-1), FLOATS(1)])
    yield _operator("IsNaN", "IsNaN", [_numbers(PICTURE)], output_type=TensorProto.BOOL)
    yield _operator("Not", "Not", [_numbers(PICTURE, bool)], output_type=TensorProto.BOOL)
    for name, dtype, to in [("int64", np.int64, FLOATS), ("int32", np.int32, FLOATS), ("uint8", BYTES, FLOATS), ("bool", bool, FLOATS),
                            ("float16", np.float16, FLOATS)]:
        yield _operator(f"Cast_{name}_float", "Cast", [_numbers(PICTURE, dtype, 0, 100)], to=TensorProto.FLOAT)
    for name, to in [("int64", TensorProto.INT64), ("int32", TensorProto.INT32), ("uint8", TensorProto.UINT8), ("bool", TensorProto.BOOL),
                     ("float16", TensorProto.FLOAT16)]:
        yield _operator(f"Cast_float_{name}", "Cast", [_numbers(PICTURE, low=0, high=100)], output_type=to, to=to)


def _binary():
    for op in ["Add", "Mul", "Sub", "Div", "Max", "Min", "PRelu"]:
        yield _operator(op, op, [_numbers(PICTURE), _numbers(PICTURE, seed=1)])
    for op in ["Add", "Mul", "Div", "Sub"]:
        yield _operator(f"{op}_channels", op, [_numbers(PICTURE), _numbers((1, 64, 1, 1), seed=1)])
        yield _operator(f"{op}_last", op, [_numbers(TOKENS), _numbers((768,), seed=1)])
        yield _operator(f"{op}_rows", op, [_numbers(TOKENS), _numbers((1, 128, 1), seed=1)])
        yield _operator(f"{op}_outer", op, [_numbers((512, 1)), _numbers((1, 512), seed=1)])
        yield _operator(f"{op}_int64", op, [_numbers(LARGE, np.int64, 1, 100), _numbers(LARGE, np.int64, 1, 100, 1)],
                        output_type=TensorProto.INT64)
    yield _operator("Pow", "Pow", [_numbers(PICTURE, low=0.1), _numbers(PICTURE, seed=1)])
    for exponent in (2, 3, 0.5, 2.2):
        yield _operator(f"Pow_{exponent}", "Pow", [_numbers(PICTURE, low=0.1)], [FLOATS(exponent)])
    yield _operator("Mod", "Mod", [_numbers(PICTURE), _numbers(PICTURE, low=1, seed=1)], fmod=1)
    for op in ["Equal", "Greater", "LessOrEqual"]:
        yield _operator(op, op, [_numbers(PICTURE), _numbers(PICTURE, seed=1)], output_type=TensorProto.BOOL)
    yield _operator("Equal_int64", "Equal", [_numbers(LARGE, np.int64), _numbers(LARGE, np.int64, seed=1)], output_type=TensorProto.BOOL)
    yield _operator("And", "And", [_numbers(PICTURE, bool), _numbers(PICTURE, bool, seed=1)], output_type=TensorProto.BOOL)
    yield _operator("Where", "Where", [_numbers(PICTURE, bool), _numbers(PICTURE), _numbers(PICTURE, seed=1)])
    yield _operator("Where_mask", "Where", [_numbers((1, 1, 128, 128), bool), _numbers((1, 12, 128, 128)), FLOATS([-1e9])])
    for op in ["Sum", "Mean"]:
        yield _operator(op, op, [_numbers(PICTURE, seed=i) for i in range(3)])


def _reductions():
    for op in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare"]:
        for name, shape, axes in [("last", TOKENS, [-1]), ("planes", PICTURE, [2, 3]), ("channels", PICTURE, [1]), ("first", LARGE, [0]),
                                  ("all", LARGE, [0, 1])]:
            yield _operator(f"{op}_{name}", op, [_numbers(shape)], [np.array(axes)], opset=18)
    for op in ["ArgMax", "ArgMin"]:
        yield _operator(op, op, [_numbers(TOKENS)], axis=-1, output_type=TensorProto.INT64)
        yield _operator(f"{op}_channels", op, [_numbers(PICTURE)], axis=1, output_type=TensorProto.INT64)
    for axis, name in [(-1, "last"), (1, "middle")]:
        yield _operator(f"Softmax_{name}", "Softmax", [_numbers(PICTURE)], axis=axis)
        yield _operator(f"LogSoftmax_{name}", "LogSoftmax", [_numbers(PICTURE)], axis=axis)
        yield _operator(f"CumSum_{name}", "CumSum", [_numbers(PICTURE)], [np.array(axis)])
    yield _operator("Hardmax", "Hardmax", [_numbers(TOKENS)])
    yield _operator("TopK", "TopK", [_numbers(LARGE)], [np.array([10])], outputs=2, output_type=[TensorProto.FLOAT, TensorProto.INT64])
    yield _operator("TopK_long", "TopK", [_numbers((1, 100000))], [np.array([1000])], outputs=2,
                    output_type=[TensorProto.FLOAT, TensorProto.INT64])
    yield _operator("NonZero", "NonZero", [_numbers(LARGE, bool)], output_type=TensorProto.INT64)
    yield _operator("Unique", "Unique", [_numbers((50000,), np.int64, 0, 1000)], output_type=TensorProto.INT64)


def _norms():
    width, channels = 768, 64
    yield _operator("LayerNormalization", "LayerNormalization", [_numbers(TOKENS)], [_numbers(width, seed=1), _numbers(width, seed=2)])
    yield _operator("InstanceNormalization", "InstanceNormalization", [_numbers(PICTURE)],
                    [_numbers(channels, seed=1), _numbers(channels, seed=2)])
    yield _operator("BatchNormalization", "BatchNormalization", [_numbers(PICTURE)],
                    [_numbers(channels, seed=1), _numbers(channels, seed=2), _numbers(channels, seed=3),
                     _numbers(channels, low=0.5, seed=4)])
    yield _operator("GroupNormalization", "GroupNormalization", [_numbers(PICTURE)],
                    [_numbers(channels, seed=1), _numbers(channels, seed=2)], opset=21, num_groups=8)
    yield _operator("LRN", "LRN", [_numbers(PICTURE)], size=5)
    yield _operator("LpNormalization", "LpNormalization", [_numbers(TOKENS)], axis=-1)
    yield _operator("MeanVarianceNormalization", "MeanVarianceNormalization", [_numbers(PICTURE)])


def _moves():
    yield _operator("Transpose_heads", "Transpose", [_numbers((1, 128, 12, 64))], perm=[0, 2, 1, 3])
    yield _operator("Transpose_last", "Transpose", [_numbers(LARGE)], perm=[1, 0])
    yield _operator("Transpose_to_last", "Transpose", [_numbers(PICTURE)], perm=[0, 2, 3, 1])
    yield _operator("Transpose_to_first", "Transpose", [_numbers((1, 56, 56, 64))], perm=[0, 3, 1, 2])
    yield _operator("Transpose_shuffle", "Transpose", [_numbers((1, 2, 32, 28, 28))], perm=[0, 2, 1, 3, 4])
    yield _operator("Transpose_windows", "Transpose", [_numbers((1, 8, 7, 8, 7, 96))], perm=[0, 1, 3, 2, 4, 5])
    yield _operator("Transpose_int64", "Transpose", [_numbers(LARGE, np.int64)], perm=[1, 0], output_type=TensorProto.INT64)
    yield _operator("Concat_channels", "Concat", [_numbers(PICTURE), _numbers(PICTURE, seed=1)], axis=1)
    yield _operator("Concat_last", "Concat", [_numbers(TOKENS), _numbers(TOKENS, seed=1)], axis=-1)
    yield _operator("Split", "Split", [_numbers((1, 128, 2304))], outputs=3, axis=-1)
    yield _operator("Slice", "Slice", [_numbers(PICTURE)], [np.array([0, 0]), np.array([1 << 30, 1 << 30]), np.array([2, 3]), np.array([2, 2])])
    yield _operator("Slice_back", "Slice", [_numbers(PICTURE)], [np.array([-1]), np.array([-1 << 30]), np.array([3]), np.array([-1])])
    yield _operator("Expand", "Expand", [_numbers((1, 64, 1, 1))], [np.array(PICTURE)])
    yield _operator("Tile", "Tile", [_numbers((1, 64, 28, 28))], [np.array([1, 1, 2, 2])])
    for mode in ["constant", "reflect", "edge", "wrap"]:
        yield _operator(f"Pad_{mode}", "Pad", [_numbers(PICTURE)], [np.array([0, 0, 1, 1, 0, 0, 1, 1])], opset=19, mode=mode)
    yield _operator("Gather_last", "Gather", [_numbers(TOKENS)], [np.arange(0, 768, 2)], axis=-1)
    yield _operator("Gather_tokens", "Gather", [_numbers((30000, 64)), _numbers((256,), np.int64, 0, 30000)])
    yield _operator("GatherElements", "GatherElements", [_numbers(LARGE), _numbers(LARGE, np.int64, 0, 1024)], axis=1)
    yield _operator("GatherND", "GatherND", [_numbers((128, 128, 64)), _numbers((4096, 2), np.int64, 0, 128)])
    yield _operator("ScatterElements", "ScatterElements", [_numbers(LARGE), _numbers(LARGE, np.int64, 0, 1024), _numbers(LARGE, seed=1)], axis=1,
                    opset=18)
    yield _operator("ScatterND", "ScatterND", [_numbers((1024, 64)), np.arange(0, 1024, 2).reshape(-1, 1), _numbers((512, 64), seed=1)],
                    opset=18)
    yield _operator("DepthToSpace", "DepthToSpace", [_numbers((1, 64, 56, 56))], blocksize=2)
    yield _operator("SpaceToDepth", "SpaceToDepth", [_numbers((1, 16, 112, 112))], blocksize=2)
    yield _operator("OneHot", "OneHot", [_numbers((512,), np.int64, 0, 1000)], [np.array(1000), np.array([0, 1], FLOATS)])
    yield _operator("Trilu", "Trilu", [_numbers(LARGE)], upper=0)
    yield _operator("Range", "Range", [np.array(0, np.int64), np.array(100000, np.int64), np.array(1, np.int64)], output_type=TensorProto.INT64)
    yield _operator("ReverseSequence", "ReverseSequence", [_numbers((128, 16, 64)), _numbers((16,), np.int64, 1, 128)])
    yield _operator("Compress", "Compress", [_numbers(LARGE), _numbers((512,), bool)], axis=0)
    yield _operator("EyeLike", "EyeLike", [_numbers((512, 512))])


def _windows():
    for name, window in [("2x2", dict(kernel_shape=[2, 2], strides=[2, 2])),
                         ("3x3", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
                         ("3x3_same", dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1]))]:
        for op in ["MaxPool", "AveragePool"]:
            yield _operator(f"{op}_{name}", op, [_numbers((1, 64, 112, 112))], **window)
    yield _operator("MaxPool_5x5", "MaxPool", [_numbers((1, 256, 20, 20))], kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    yield _operator("MaxPool_1d", "MaxPool", [_numbers((1, 64, 4000))], kernel_shape=[4], strides=[4])
    yield _operator("MaxPool_3d", "MaxPool", [_numbers((1, 32, 16, 28, 28))], kernel_shape=[3, 3, 3], strides=[2, 2, 2], pads=[1] * 6)
    yield _operator("AveragePool_3d", "AveragePool", [_numbers((1, 32, 16, 28, 28))], kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    yield _operator("MaxPool_indices", "MaxPool", [_numbers((1, 64, 112, 112))], outputs=2, output_type=[TensorProto.FLOAT, TensorProto.INT64],
                    kernel_shape=[2, 2], strides=[2, 2])
    for op in ["GlobalAveragePool", "GlobalMaxPool"]:
        yield _operator(op, op, [_numbers(PICTURE)])
    yield _operator("LpPool", "LpPool", [_numbers(PICTURE)], kernel_shape=[2, 2], strides=[2, 2])
    none = np.array([], FLOATS)
    for name, attributes in [("nearest", dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
                             ("linear", dict(mode="linear")),
                             ("linear_corners", dict(mode="linear", coordinate_transformation_mode="align_corners")),
                             ("cubic", dict(mode="cubic"))]:
        yield _operator(f"Resize_{name}", "Resize", [_numbers(PICTURE)], [None, FLOATS([1, 1, 2, 2])], **attributes)
        yield _operator(f"Resize_{name}_down", "Resize", [_numbers(PICTURE)], [None, FLOATS([1, 1, 0.5, 0.5])], **attributes)
        yield _operator(f"Resize_{name}_odd", "Resize", [_numbers(PICTURE)], [None, None, np.array([1, 64, 77, 91])], **attributes)
    for mode in ["bilinear", "nearest", "bicubic"]:
        yield _operator(f"GridSample_{mode}", "GridSample", [_numbers(PICTURE), _numbers((1, 56, 56, 2), low=-1, high=1)], mode=mode)
    yield _operator("RoiAlign", "RoiAlign", [_numbers((1, 64, 50, 50)), _numbers((100, 4), low=0, high=40) + FLOATS([0, 0, 5, 5]),
                                             np.zeros(100, np.int64)], output_height=7, output_width=7, sampling_ratio=2,
                    spatial_scale=1.0)
    boxes = np.concatenate([_numbers((1, 1000, 2), low=0, high=80), _numbers((1, 1000, 2), low=90, high=100, seed=1)], -1)
    yield _operator("NonMaxSuppression", "NonMaxSuppression", [boxes, _numbers((1, 1, 1000), low=0, high=1)],
                    [np.array([100]), FLOATS([0.5]), FLOATS([0.1])], output_type=TensorProto.INT64)


def _products():
    for m, k, n in [(128, 768, 768), (1, 1024, 1024), (197, 64, 197), (49, 32, 49), (1000, 3, 64), (17, 129, 33), (2048, 512, 8), (8, 512, 2048)]:
        yield _operator(f"MatMul_{m}_{k}_{n}", "MatMul", [_numbers((m, k))], [_numbers((k, n), seed=1)])
        yield _operator(f"MatMul_{m}_{k}_{n}_both", "MatMul", [_numbers((m, k)), _numbers((k, n), seed=1)])
    yield _operator("MatMul_heads", "MatMul", [_numbers((1, 12, 197, 64)), _numbers((1, 12, 64, 197), seed=1)])
    yield _operator("MatMul_windows", "MatMul", [_numbers((64, 3, 49, 32)), _numbers((64, 3, 32, 49), seed=1)])
    yield _operator("MatMul_small_batch", "MatMul", [_numbers((1000, 4, 4)), _numbers((1000, 4, 4), seed=1)])
    yield _operator("Gemm", "Gemm", [_numbers((128, 768))], [_numbers((3072, 768), seed=1), _numbers(3072, seed=2)], transB=1)
    yield _operator("Gemm_both", "Gemm", [_numbers((128, 768)), _numbers((512, 768), seed=1), _numbers(512, seed=2)], transB=1, alpha=0.5)
    yield _operator("Einsum_heads", "Einsum", [_numbers((1, 128, 12, 64)), _numbers((1, 128, 12, 64), seed=1)], equation="bqhd,bkhd->bhqk")
    yield _operator("Einsum_diagonal", "Einsum", [_numbers((64, 256)), _numbers((64, 256), seed=1)], equation="bi,bi->b")


def _convs():
    for name, channels, outputs, size, attributes in [
            ("1x1", 64, 128, (28, 28), dict(kernel_shape=[1, 1])),
            ("1x1_stride", 64, 128, (56, 56), dict(kernel_shape=[1, 1], strides=[2, 2])),
            ("3x3", 64, 64, (56, 56), dict(kernel_shape=[3, 3], pads=[1] * 4)),
            ("3x3_small", 256, 256, (14, 14), dict(kernel_shape=[3, 3], pads=[1] * 4)),
            ("3x3_tiny", 512, 512, (7, 7), dict(kernel_shape=[3, 3], pads=[1] * 4)),
            ("3x3_stride", 64, 128, (56, 56), dict(kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])),
            ("3x3_dilated", 64, 64, (56, 56), dict(kernel_shape=[3, 3], pads=[2] * 4, dilations=[2, 2])),
            ("3x3_groups", 128, 128, (28, 28), dict(kernel_shape=[3, 3], pads=[1] * 4, group=32)),
            ("3x3_depthwise", 96, 96, (56, 56), dict(kernel_shape=[3, 3], pads=[1] * 4, group=96)),
            ("3x3_depthwise_stride", 96, 96, (56, 56), dict(kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2], group=96)),
            ("5x5_depthwise", 240, 240, (14, 14), dict(kernel_shape=[5, 5], pads=[2] * 4, group=240)),
            ("7x7_depthwise", 96, 96, (56, 56), dict(kernel_shape=[7, 7], pads=[3] * 4, group=96)),
            ("7x7_first", 3, 64, (224, 224), dict(kernel_shape=[7, 7], pads=[3] * 4, strides=[2, 2])),
            ("3x3_first", 3, 32, (224, 224), dict(kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])),
            ("16x16_patches", 3, 384, (224, 224), dict(kernel_shape=[16, 16], strides=[16, 16])),
            ("4x4_patches", 3, 96, (224, 224), dict(kernel_shape=[4, 4], strides=[4, 4])),
            ("5x5", 32, 64, (28, 28), dict(kernel_shape=[5, 5], pads=[2] * 4)),
            ("1x7", 128, 128, (17, 17), dict(kernel_shape=[1, 7], pads=[0, 3, 0, 3])),
            ("7x1", 128, 128, (17, 17), dict(kernel_shape=[7, 1], pads=[3, 0, 3, 0])),
            ("odd_channels", 33, 65, (31, 29), dict(kernel_shape=[3, 3], pads=[1] * 4)),
            ("few_outputs", 64, 3, (112, 112), dict(kernel_shape=[3, 3], pads=[1] * 4)),
            ("1d_3", 256, 256, (400,), dict(kernel_shape=[3], pads=[1, 1])),
            ("1d_wide", 32, 64, (4000,), dict(kernel_shape=[25], pads=[12, 12], strides=[4])),
            ("1d_depthwise", 256, 256, (400,), dict(kernel_shape=[31], pads=[15, 15], group=256)),
            ("1d_dilated", 64, 64, (4000,), dict(kernel_shape=[3], pads=[8, 8], dilations=[8])),
            ("3d", 16, 32, (16, 28, 28), dict(kernel_shape=[3, 3, 3], pads=[1] * 6)),
            ("3d_1x3x3", 32, 32, (8, 28, 28), dict(kernel_shape=[1, 3, 3], pads=[0, 1, 1, 0, 1, 1])),
            ("3d_3x1x1", 32, 32, (8, 28, 28), dict(kernel_shape=[3, 1, 1], pads=[1, 0, 0, 1, 0, 0])),
            ("3d_stride", 3, 32, (16, 56, 56), dict(kernel_shape=[3, 7, 7], pads=[1, 3, 3] * 2, strides=[1, 2, 2])),
            ("3d_depthwise", 32, 32, (8, 28, 28), dict(kernel_shape=[3, 3, 3], pads=[1] * 6, group=32))]:
        shape = [outputs, channels // attributes.get("group", 1), *attributes["kernel_shape"]]
        weights = [_numbers(shape, low=-0.1, high=0.1, seed=1), _numbers(outputs, seed=2)]
        yield _operator(f"Conv_{name}", "Conv", [_numbers((1, channels, *size))], weights, **attributes)
    yield _operator("Conv_computed", "Conv", [_numbers((1, 64, 28, 28)), _numbers((64, 64, 3, 3), seed=1)], pads=[1] * 4)
    for name, channels, outputs, size, attributes in [
            ("2x2", 128, 64, (28, 28), dict(kernel_shape=[2, 2], strides=[2, 2])),
            ("4x4", 128, 64, (16, 16), dict(kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4)),
            ("3x3", 64, 32, (28, 28), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, output_padding=[1, 1])),
            ("depthwise", 64, 64, (28, 28), dict(kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4, group=64)),
            ("1d", 128, 64, (400,), dict(kernel_shape=[16], strides=[8], pads=[4, 4])),
            ("3d", 32, 16, (8, 14, 14), dict(kernel_shape=[2, 2, 2], strides=[2, 2, 2]))]:
        shape = [channels, outputs // attributes.get("group", 1), *attributes["kernel_shape"]]
        yield _operator(f"ConvTranspose_{name}", "ConvTranspose", [_numbers((1, channels, *size))],
                        [_numbers(shape, low=-0.1, high=0.1, seed=1), _numbers(outputs, seed=2)], **attributes)


def _recurrent():
    for op, gates in [("LSTM", 4), ("GRU", 3), ("RNN", 1)]:
        for name, steps, batch, size, hidden in [("long", 100, 1, 128, 128), ("batch", 20, 16, 64, 64), ("step", 1, 1, 256, 256)]:
            yield _operator(f"{op}_{name}", op, [_numbers((steps, batch, size))],
                            [_numbers((1, gates * hidden, size), low=-0.1, high=0.1), _numbers((1, gates * hidden, hidden), low=-0.1, high=0.1),
                             _numbers((1, 2 * gates * hidden))], hidden_size=hidden)


def _quantized():
    scale, zero = FLOATS(0.05), BYTES(128)
    yield _operator("QuantizeLinear", "QuantizeLinear", [_numbers(PICTURE)], [scale, zero], output_type=TensorProto.UINT8)
    yield _operator("DequantizeLinear", "DequantizeLinear", [_numbers(PICTURE, BYTES, 0, 255)], [scale, zero])
    yield _operator("DynamicQuantizeLinear", "DynamicQuantizeLinear", [_numbers(TOKENS)], outputs=3,
                    output_type=[TensorProto.UINT8, TensorProto.FLOAT, TensorProto.UINT8])
    yield _operator("MatMulInteger", "MatMulInteger", [_numbers((128, 768), BYTES, 0, 255)],
                    [_numbers((768, 768), np.int8, -127, 127), zero], output_type=TensorProto.INT32)
    yield _operator("ConvInteger", "ConvInteger", [_numbers((1, 64, 28, 28), BYTES, 0, 255)],
                    [_numbers((64, 64, 3, 3), np.int8, -127, 127), zero], output_type=TensorProto.INT32, pads=[1] * 4)
    yield _operator("QLinearMatMul", "QLinearMatMul", [_numbers((128, 768), BYTES, 0, 255)],
                    [scale, zero, _numbers((768, 768), np.int8, -127, 127), FLOATS(0.01), np.int8(0), FLOATS(1), zero],
                    output_type=TensorProto.UINT8)
    yield _operator("QLinearConv", "QLinearConv", [_numbers((1, 64, 56, 56), BYTES, 0, 255)],
                    [scale, zero, _numbers((64, 64, 3, 3), np.int8, -127, 127), FLOATS(0.01), np.int8(0), FLOATS(1), zero],
                    output_type=TensorProto.UINT8, pads=[1] * 4)


def models():
    return [*_unary(), *_binary(), *_reductions(), *_norms(), *_moves(), *_windows(), *_products(), *_convs(), *_recurrent(), *_quantized()]
