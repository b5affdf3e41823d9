"""Operators of com.microsoft on 8-bit integers, and its products of integers that yield floats."""
import numpy as np

from table import MS, Const, const_numbers, numbers

F32 = "float32"
RANGES = {"uint8": (0, 255), "int8": (-128, 127)}


def add(cases):
    add_elementwise(cases)
    add_where_and_concat(cases)
    add_pools(cases)
    add_softmax(cases)
    add_reduce_mean(cases)
    add_gemm(cases)
    add_float_products(cases)


def whole(name, shape, dtype):
    return numbers(name, shape, *RANGES[dtype], dtype)


def params(scale, zero, dtype):
    """A scale and a zero point, which None leaves out, as the last inputs."""
    return [Const(scale, F32)] + ([] if zero is None else [Const(zero, dtype)])


def quantised(name, shape, dtype, scale, zero):
    """Integers, their scale and their zero point, with inputs behind them."""
    return [whole(name, shape, dtype), Const(scale, F32), None if zero is None else Const(zero, dtype)]


def requantised(values, scale, zero, dtype):
    return np.clip(np.rint(values / np.float32(scale)) + (zero or 0), *RANGES[dtype]).astype(dtype)


def add_elementwise(cases):
    # ONNX Runtime refuses a zero point that is absent ahead of others.
    def mul(label, dtype, a, b, zeros, scales=(0.02, 0.0313, 0.0271)):
        inputs = (quantised("a", a, dtype, scales[0], zeros[0]) + quantised("b", b, dtype, scales[1], zeros[1]) +
                  params(scales[2], zeros[2], dtype))
        ref = None
        if zeros[0] is None:
            product = inputs[0].astype(np.float64) * inputs[3] * np.float32(scales[0]) * np.float32(scales[1])
            ref = [requantised(product, scales[2], zeros[2], dtype)]
        cases.add("QLinearMul", label, inputs, domain=MS, ref=ref)

    mul("uint8", "uint8", (3, 37), (3, 37), (120, 130, 99))
    mul("int8", "int8", (3, 37), (3, 37), (-7, 20, 5))
    mul("broadcast", "uint8", (2, 3, 5), (3, 1), (128, 100, 128))
    mul("scalar", "int8", (2, 3, 5), (), (0, 9, -9))
    mul("no zero point of y", "uint8", (5, 7), (5, 7), (99, 130, None))
    mul("int8 no zero point of y", "int8", (5, 7), (7,), (-9, 3, None))
    mul("no zero points", "uint8", (5, 7), (5, 7), (None, None, None), (0.02, 0.0313, 0.17))
    mul("int8 no zero points", "int8", (5, 7), (7,), (None, None, None))
    mul("saturates", "uint8", (4, 9), (4, 9), (30, 60, 10), (0.5, 0.7, 0.3))

    for op, attrs, y_scale in (("QLinearSigmoid", {}, 0.0039), ("QLinearLeakyRelu", {}, 0.031),
                               ("QLinearLeakyRelu", {"alpha": 0.23}, 0.031)):
        label = " alpha" if attrs else ""
        for dtype, zeros in (("uint8", (121, 3)), ("int8", (-5, -101))):
            every = np.arange(256, dtype=np.uint8).view(dtype)
            cases.add(op, dtype + label, [every, *params(0.037, zeros[0], dtype), *params(y_scale, zeros[1], dtype)],
                      domain=MS, **attrs)
            cases.add(op, dtype + label + " no zero points", quantised("x", (3, 1, 11), dtype, 0.037, None) +
                      [Const(0.0091, F32), None], domain=MS, **attrs)


def add_where_and_concat(cases):
    def where(label, dtype, condition, x, y, zeros, scales):
        cases.add("QLinearWhere", label, [numbers("c", condition, dtype="bool")] +
                  quantised("x", x, dtype, scales[0], zeros[0]) + quantised("y", y, dtype, scales[1], zeros[1]) +
                  params(scales[2], zeros[2], dtype), outputs=[dtype], domain=MS)

    where("uint8", "uint8", (3, 11), (3, 11), (3, 11), (120, 99, 130), (0.021, 0.033, 0.027))
    where("broadcast", "uint8", (3, 1), (5,), (2, 1, 1), (1, 0, 7), (0.021, 0.033, 0.027))
    where("equal scales", "uint8", (5, 7), (5, 7), (7,), (9, 9, 9), (0.1, 0.1, 0.1))

    def concat(label, dtype, shapes, zeros, axis, scales=(0.0271, 0.0226, 0.0339, 0.0452, 0.0565, 0.0678, 0.0791)):
        inputs = params(scales[0], zeros[0], dtype)
        for i, shape in enumerate(shapes):
            inputs += quantised(f"part{i}", shape, dtype, scales[i + 1], zeros[i + 1])
        cases.add("QLinearConcat", label, inputs, outputs=[dtype], domain=MS, axis=axis)

    concat("two", "uint8", [(2, 3, 5), (2, 1, 5)], (99, 120, 130), 1)
    concat("three int8", "int8", [(1, 7), (3, 7), (2, 7)], (-9, 0, 5, 17), 0)
    concat("one", "uint8", [(3, 5)], (100, 128), 1)
    concat("as they are", "int8", [(3, 5), (3, 2)], (-3, -3, -3), 1, (0.1, 0.1, 0.1))
    concat("six", "uint8", [(2, size) for size in (1, 2, 3, 1, 5, 4)], (99, 1, 20, 140, 90, 255, 0), -1)


def add_pools(cases):
    def pool(label, dtype, shape, zeros, **attrs):
        cases.add("QLinearAveragePool", label, quantised("x", shape, dtype, 0.0371, zeros[0]) +
                  params(0.0293, zeros[1], dtype), domain=MS, **attrs)

    pool("uint8", "uint8", (2, 3, 7, 5), (128, 121), kernel_shape=[3, 2])
    pool("int8", "int8", (1, 3, 7, 9), (-7, 5), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 2])
    pool("no zero point of y", "uint8", (1, 2, 5, 5), (3, None), kernel_shape=[2, 2])
    pool("int8 no zero point of y", "int8", (1, 2, 5, 5), (-3, None), kernel_shape=[2, 2], strides=[2, 1])
    pool("count include pad", "uint8", (1, 2, 6, 5), (17, 30), kernel_shape=[3, 3], pads=[1, 1, 1, 1],
         count_include_pad=1)
    pool("ceil mode", "uint8", (1, 2, 6, 7), (128, 99), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    pool("same upper", "int8", (1, 2, 6, 7), (0, 9), kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    pool("channels last", "uint8", (2, 7, 5, 3), (128, 121), kernel_shape=[3, 2], strides=[1, 2], channels_last=1)
    pool("one axis", "uint8", (2, 3, 11), (128, 121), kernel_shape=[4], strides=[3])
    pool("three axes", "int8", (1, 2, 3, 5, 4), (3, -8), kernel_shape=[2, 3, 2])

    def whole_pool(label, dtype, shape, zeros, **attrs):
        cases.add("QLinearGlobalAveragePool", label, quantised("x", shape, dtype, 0.0371, zeros[0]) +
                  params(0.0093, zeros[1], dtype), domain=MS, **attrs)

    whole_pool("uint8", "uint8", (2, 5, 7, 7), (128, 121))
    whole_pool("int8", "int8", (1, 19, 3, 5), (-7, 5), channels_last=0)
    whole_pool("channels last", "uint8", (2, 7, 5, 11), (120, 121), channels_last=1)


def add_softmax(cases):
    # ONNX Runtime divides by the scale as floor(1 / scale), so scales are those of which that says the same.
    def softmax(label, dtype, shape, zeros, **attrs):
        cases.add("QLinearSoftmax", label, quantised("x", shape, dtype, 0.031, zeros[0]) +
                  params(1 / 256, zeros[1], dtype), domain=MS, **attrs)

    softmax("uint8", "uint8", (3, 11), (120, 0), axis=-1, opset_=13)
    softmax("int8", "int8", (2, 3, 7), (-5, -128), axis=-1, opset_=13)
    softmax("axis 1", "uint8", (2, 5, 7), (None, 0), axis=1, opset_=13)
    softmax("matrix", "uint8", (2, 5, 3), (120, 0), axis=1, opset_=11)
    softmax("matrix int8", "int8", (2, 5, 1, 1), (3, -128), axis=1, opset_=12)
    softmax("old last axis", "uint8", (2, 5, 3), (120, 0), axis=2, opset_=9)
    softmax("old no axis", "uint8", (2, 5, 3), (120, 0), opset_=9)


def add_reduce_mean(cases):
    def mean(label, dtype, shape, zeros, axes=None, **attrs):
        inputs = quantised("x", shape, dtype, 0.0371, zeros[0]) + params(0.0093, zeros[1], dtype)
        x = (inputs[0].astype(np.float64) - (zeros[0] or 0)) * np.float32(0.0371)
        y = x.mean(None if axes is None else tuple(axes), keepdims=attrs.get("keepdims", 1) != 0)
        cases.add("QLinearReduceMean", label, inputs, domain=MS, ref=[requantised(y, 0.0093, zeros[1], dtype)], **attrs,
                  **({} if axes is None else {"axes": axes}))

    mean("uint8", "uint8", (2, 3, 5), (120, 99), [1])
    mean("int8", "int8", (2, 3, 5, 7), (-7, 5), [-1, 2], keepdims=0)
    mean("all", "uint8", (3, 11), (128, 121))
    mean("no zero points", "int8", (3, 11), (None, None), [0], keepdims=1)


def add_gemm(cases):
    # Weights of 7 bits, as in cases_quant.add_products().
    def gemm(label, dtype, weights, y_zero=99, bias=(7,), channels=False, y_scale=0.021, **attrs):
        shape_a, shape_b = (5, 3) if "transA" in attrs else (3, 5), (7, 5) if "transB" in attrs else (5, 7)
        low, high = (0, 127) if weights == "uint8" else (-64, 63)
        size = (7,) if channels else ()
        zero = 13 if weights == "uint8" else 0
        inputs = quantised("a", shape_a, dtype, 0.0213, 120 if dtype == "uint8" else -11)
        inputs += [const_numbers("b", shape_b, low, high, weights),
                   const_numbers("s", size, 0.01, 0.03) if channels else Const(0.017, F32),
                   Const(np.full(size, zero, weights))]
        inputs += [None if bias is None else const_numbers("c", bias, -900, 900, "int32")]
        inputs += [] if y_zero is None else params(y_scale, y_zero, dtype)
        cases.add("QGemm", label, inputs, outputs=[F32 if y_zero is None else dtype], domain=MS, **attrs)

    gemm("uint8", "uint8", "uint8")
    gemm("int8", "int8", "int8", -5)
    gemm("no c", "uint8", "int8", bias=None)
    gemm("columns", "uint8", "int8", channels=True, transB=1)
    gemm("transposed", "uint8", "uint8", transA=1, transB=1)
    gemm("alpha", "uint8", "int8", alpha=0.75)
    gemm("c of one number", "uint8", "int8", bias=())
    gemm("c of a row", "uint8", "int8", bias=(1, 7))
    gemm("c of a row columns", "uint8", "int8", bias=(1, 7), channels=True)
    gemm("c of a column", "uint8", "int8", bias=(3, 1), channels=True)
    gemm("c of a matrix", "int8", "int8", 0, bias=(3, 7))
    gemm("float", "uint8", "int8", None, transA=1)
    gemm("float columns", "uint8", "uint8", None, channels=True, transB=1, alpha=1.5)
    gemm("float no c", "int8", "int8", None, bias=None)
    one = lambda value, dtype: Const([value], dtype)  # noqa: E731
    cases.add("QGemm", "vectors of one number", [
        whole("a", (3, 5), "uint8"), one(0.0213, F32), one(120, "uint8"), const_numbers("b", (5, 7), -64, 63, "int8"),
        one(0.017, F32), one(0, "int8"), None, one(0.021, F32), one(99, "uint8")], domain=MS)


def add_float_products(cases):
    def weights(dtype, shape=(5, 7)):
        return const_numbers("b", shape, *((0, 127) if dtype == "uint8" else (-64, 63)), dtype)

    bias = const_numbers("bias", (7,))
    columns = [const_numbers("s", (7,), 0.01, 0.03), const_numbers("z", (7,), -9, 9, "int8")]
    op, a = "MatMulIntegerToFloat", whole("a", (3, 5), "uint8")
    a_scale, b_scale, a_zero = Const(0.02, F32), Const(0.013, F32), Const(121, "uint8")
    cases.add(op, "uint8", [a, weights("uint8"), a_scale, b_scale, a_zero, Const(60, "uint8")], outputs=[F32],
              domain=MS)
    cases.add(op, "no zero points", [a, weights("int8"), a_scale, b_scale], outputs=[F32], domain=MS)
    cases.add(op, "bias", [a, weights("int8"), a_scale, b_scale, a_zero, None, bias], outputs=[F32], domain=MS)
    cases.add(op, "columns", [a, weights("int8"), a_scale, columns[0], a_zero, columns[1], bias], outputs=[F32],
              domain=MS)
    cases.add(op, "batches", [whole("a", (2, 3, 5), "uint8"), weights("int8", (2, 5, 7)), a_scale, b_scale, a_zero],
              outputs=[F32], domain=MS)
    cases.add(op, "int8", [whole("a", (3, 5), "int8"), weights("int8"), a_scale, b_scale, Const(-7, "int8")],
              outputs=[F32], domain=MS)
    op, x = "DynamicQuantizeMatMul", numbers("x", (2, 3, 5))
    cases.add(op, "uint8", [x, weights("uint8"), b_scale, Const(60, "uint8")], domain=MS)
    cases.add(op, "no zero point", [x, weights("int8"), b_scale], domain=MS)
    cases.add(op, "bias", [x, weights("int8"), b_scale, None, bias], domain=MS)
    cases.add(op, "columns", [x, weights("int8"), *columns, bias], domain=MS, free={0: (0,)})
    cases.add(op, "positive", [np.abs(x) + 1, weights("int8"), b_scale], domain=MS)
