"""Pooling, Col2Im, normalisations and Fourier transforms, of the opsets from 17 on."""
import numpy as np

from table import Const, const_numbers, numbers

F32 = "float32"


def add(cases):
    add_average_pool(cases)
    add_lp_pool(cases)
    add_max_pool(cases)
    add_col2im(cases)
    add_normalizations(cases)
    add_fourier(cases)
    add_products(cases)
    add_convolutions(cases)


def dilated_average(x):
    """Of windows of 2x3 elements, 2 apart, with padding on each axis that keeps the size."""
    padded = np.pad(x.astype("float64"), [(0, 0), (0, 0), (1, 1), (2, 2)], constant_values=np.nan)
    height, width = x.shape[2:]
    taps = [padded[:, :, i:i + height, j:j + width] for i in (0, 2) for j in (0, 2, 4)]
    return np.nanmean(taps, axis=0).astype(F32)


def add_average_pool(cases):
    x = numbers("x", (2, 3, 7, 8))
    two = {"kernel_shape": [2, 3], "opset": 19}
    cases.add("AveragePool", "dilations", [x], dilations=[2, 2], **two)
    cases.add("AveragePool", "dilations strides pads", [x], dilations=[3, 2], strides=[2, 1], pads=[1, 1, 1, 0], **two)
    cases.add("AveragePool", "dilations and padding counts", [x], dilations=[2, 3], pads=[1, 2, 1, 2],
              count_include_pad=1, **two)
    for counts in (0, 1):
        cases.add("AveragePool", f"ceil {counts}", [x], ceil_mode=1, strides=[2, 3], pads=[1, 1, 1, 1],
                  count_include_pad=counts, kernel_shape=[3, 3], opset=19)
        cases.add("AveragePool", f"ceil dilations {counts}", [x], ceil_mode=1, strides=[2, 2], dilations=[2, 2],
                  pads=[0, 1, 1, 0], count_include_pad=counts, **two)
    cases.add("AveragePool", "same lower", [x], auto_pad="SAME_LOWER", strides=[2, 2], **two)
    # ONNX Runtime leaves the dilations out of the padding, and with it the output is not as large as the input.
    cases.add("AveragePool", "same upper dilations", [x], auto_pad="SAME_UPPER", dilations=[2, 2], **two,
              ref=[dilated_average(x)])
    cases.add("AveragePool", "one axis", [numbers("x", (1, 2, 9))], kernel_shape=[4], strides=[2], dilations=[2],
              ceil_mode=1, opset=19)
    cases.add("AveragePool", "three axes", [numbers("x", (1, 2, 4, 4, 5))], kernel_shape=[2, 2, 2], strides=[1, 2, 2],
              ceil_mode=1, opset=19)


def add_lp_pool(cases):
    x = numbers("x", (2, 3, 7, 8))
    for p in (1, 2, 3):
        cases.add("LpPool", f"p {p}", [x], p=p, kernel_shape=[2, 3], strides=[2, 2], opset=18)
    cases.add("LpPool", "dilations", [x], kernel_shape=[2, 3], dilations=[3, 2], opset=18)
    cases.add("LpPool", "dilations pads", [x], kernel_shape=[2, 3], dilations=[2, 2], pads=[1, 1, 0, 1], opset=18)
    cases.add("LpPool", "ceil", [x], kernel_shape=[2, 3], strides=[2, 3], ceil_mode=1, opset=18)
    cases.add("LpPool", "same upper", [x], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER", opset=18)
    cases.add("LpPool", "one axis", [numbers("x", (1, 2, 9))], kernel_shape=[3], dilations=[2], opset=18)
    cases.add("GlobalLpPool", "p 3", [x], p=3)


def add_max_pool(cases):
    x = numbers("x", (2, 3, 7, 8))
    both = [F32, "int64"]
    cases.add("MaxPool", "ceil dilations", [x], kernel_shape=[2, 3], strides=[2, 2], dilations=[2, 1], ceil_mode=1)
    cases.add("MaxPool", "ceil pads", [x], kernel_shape=[3, 3], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
    cases.add("MaxPool", "indices", [x], outputs=both, kernel_shape=[2, 2], strides=[2, 2])
    cases.add("MaxPool", "indices column major", [x], outputs=both, kernel_shape=[2, 2], storage_order=1)
    cases.add("MaxPool", "uint8", [numbers("x", (1, 2, 5, 5), 0, 255, "uint8")], kernel_shape=[2, 2])


def add_col2im(cases):
    cases.add("Col2Im", "default", [numbers("x", (1, 5, 5)), Const([5, 5]), Const([1, 5])], opset=18)
    cases.add("Col2Im", "overlap", [numbers("x", (2, 8, 12)), Const([4, 5]), Const([2, 2])], opset=18)
    cases.add("Col2Im", "strides", [numbers("x", (1, 9, 4)), Const([5, 5]), Const([3, 3])], opset=18, strides=[2, 2])
    cases.add("Col2Im", "pads", [numbers("x", (1, 12, 12)), Const([3, 4]), Const([2, 3])], opset=18,
              pads=[0, 1, 1, 1])
    cases.add("Col2Im", "dilations", [numbers("x", (1, 4, 9)), Const([5, 5]), Const([2, 2])], opset=18,
              dilations=[2, 2])
    cases.add("Col2Im", "one axis", [numbers("x", (2, 6, 4)), Const([6]), Const([3])], opset=18)
    cases.add("Col2Im", "three axes", [numbers("x", (1, 8, 8)), Const([3, 3, 3]), Const([2, 2, 2])], opset=18)


def add_normalizations(cases):
    x = numbers("x", (2, 6, 3, 4))
    for opset, size in ((18, 3), (21, 6)):
        scale, bias = const_numbers("scale", (size,)), const_numbers("bias", (size,))
        label = f"opset {opset}"
        cases.add("GroupNormalization", label, [x, scale, bias], opset=opset, num_groups=3)
        cases.add("GroupNormalization", label + " epsilon", [x, scale, bias], opset=opset, num_groups=3, epsilon=0.25)
        cases.add("GroupNormalization", label + " symbolic", [x, scale, bias], opset=opset, num_groups=3,
                  free={0: (0, 2)})
        # In a group of variance 0.001 ONNX Runtime, which takes the squared mean from the mean square, is off by 1e-4
        # of float64's result.
        cases.add("GroupNormalization", label + " rows", [x[:, :, 0, 0].copy(), scale, bias], opset=opset, num_groups=3,
                  tolerance=5e-5)
    cases.add("GroupNormalization", "one group", [x, const_numbers("s", (6,)), const_numbers("b", (6,))], num_groups=1)
    cases.add("GroupNormalization", "a group each", [x, const_numbers("s", (6,)), const_numbers("b", (6,))],
              num_groups=6)
    scale, bias = const_numbers("scale", (3, 4)), const_numbers("bias", (3, 4))
    cases.add("LayerNormalization", "axis 2", [x, scale, bias], axis=2, opset=17)
    cases.add("LayerNormalization", "statistics", [x, scale], outputs=[F32] * 3, axis=-2, epsilon=0.25, opset=17)
    cases.add("RMSNormalization", "default", [x, const_numbers("scale", (4,))], opset=23)
    cases.add("RMSNormalization", "axis 2", [x, scale], opset=23, axis=2, epsilon=0.25)
    cases.add("InstanceNormalization", "epsilon", [x, const_numbers("s", (6,)), const_numbers("b", (6,))], epsilon=0.1)
    small, six = x * np.float32(1e-3), [const_numbers("s", (6,)), const_numbers("b", (6,))]  # epsilon's default
    cases.add("LayerNormalization", "small", [small, scale, bias], axis=2, opset=17)
    cases.add("RMSNormalization", "small", [small, scale], opset=23, axis=2)
    cases.add("InstanceNormalization", "small", [small, *six])
    cases.add("GroupNormalization", "small", [small, *six], num_groups=2)
    cases.add("BatchNormalization", "small", [small, *six, const_numbers("m", (6,), -1e-3, 1e-3),
                                              const_numbers("v", (6,), 0, 1e-5)])
    cases.add("LpNormalization", "p 1", [x], p=1, axis=1)
    cases.add("LRN", "all", [x], size=5, alpha=0.5, beta=0.6, bias=1.5)
    cases.add("Softmax", "axis 1", [x], axis=1)
    cases.add("Softmax", "opset 11", [x], axis=2, opset=11)
    cases.add("LogSoftmax", "opset 11", [x], opset=11)


def add_fourier(cases):
    real, complex_ = numbers("x", (2, 6, 5, 1)), numbers("x", (2, 6, 5, 2))
    for opset in (17, 20):
        # Until opset 19 the axis is an attribute, later an input.
        def case(label, x, length=None, axis=1, **attrs):
            inputs = [x, length] + ([Const(np.array(axis))] if opset == 20 else [])
            attrs.update({} if opset == 20 else {"axis": axis})
            while inputs[-1] is None:
                inputs.pop()
            cases.add("DFT", f"{label} opset {opset}", inputs, opset=opset, **attrs)
        case("real", real)
        case("complex", complex_)
        case("axis 2", complex_, axis=2)
        case("onesided", real, axis=1, onesided=1)
        case("inverse", complex_, inverse=1)
        case("shorter", real, Const(np.array(4)))
        case("longer", complex_, Const(np.array(9)), axis=2)
        case("onesided longer", real, Const(np.array(8)), axis=2, onesided=1)
    cases.add("DFT", "default axis opset 20", [real], opset=20)
    cases.add("DFT", "negative axis opset 20", [complex_, None, Const(np.array(-3))], opset=20)
    cases.add("DFT", "symbolic opset 20", [real, None, Const(np.array(1))], opset=20, free={0: (0,)})
    signal = numbers("signal", (2, 16, 1))
    cases.add("STFT", "window", [signal, Const(np.array(4)), const_numbers("w", (8,), 0, 1)], opset=17)
    cases.add("STFT", "two sided", [signal, Const(np.array(3)), const_numbers("w", (8,), 0, 1), Const(np.array(8))],
              opset=17, onesided=0)
    cases.add("STFT", "no window", [signal, Const(np.array(4)), None, Const(np.array(6))], opset=17)


def add_products(cases):
    a, b = numbers("a", (2, 3, 4)), numbers("b", (2, 4, 5))
    for label, equation, operands in (
            ("product", "bij,bjk->bik", [a, b]), ("ellipsis", "...ij,...jk->...ki", [a, b]), ("sum", "bij->j", [a]),
            ("implicit", "bij,bjk", [a, b]), ("diagonal", "ii->i", [numbers("a", (4, 4))]),
            ("three", "bij,bjk,k->bi", [a, b, numbers("c", (5,))])):
        cases.add("Einsum", label, operands, equation=equation)
    c = const_numbers("c", (3, 1))
    cases.add("Gemm", "all", [numbers("a", (4, 3)), numbers("b", (5, 4)), c], alpha=0.5, beta=-2.0, transA=1, transB=1)
    cases.add("Gemm", "vector bias", [numbers("a", (3, 4)), numbers("b", (4, 5)), const_numbers("c", (5,))])
    cases.add("MatMul", "broadcast", [numbers("a", (2, 1, 3, 4)), numbers("b", (3, 4, 2))])
    cases.add("MatMul", "vector", [numbers("a", (4,)), b])
    cases.add("Det", "batch", [numbers("a", (3, 4, 4))])


def add_convolutions(cases):
    x = numbers("x", (1, 4, 5, 6))
    cases.add("Conv", "groups dilations", [x, const_numbers("w", (6, 2, 2, 3)), const_numbers("b", (6,))], group=2,
              dilations=[2, 1], pads=[1, 0, 2, 1], opset=11)
    cases.add("Conv", "same lower", [x, const_numbers("w", (2, 4, 2, 3))], auto_pad="SAME_LOWER", strides=[2, 2])
    w = const_numbers("w", (4, 3, 3, 2))
    cases.add("ConvTranspose", "output padding", [x, w], strides=[2, 3], output_padding=[1, 2], pads=[1, 0, 0, 1])
    cases.add("ConvTranspose", "output shape", [x, w], strides=[2, 2], output_shape=[10, 12])
    cases.add("ConvTranspose", "groups dilations", [x, w, const_numbers("b", (6,))], group=2, dilations=[2, 2])
    cases.add("ConvTranspose", "same upper", [x, w], strides=[2, 2], auto_pad="SAME_UPPER")
