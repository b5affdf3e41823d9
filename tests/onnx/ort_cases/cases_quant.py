"""Quantised operators: blocks of opset 21, 16-bit integers, and those of com.microsoft."""
import numpy as np

from table import MS, RAW_TYPES, Const, RawConst, const_numbers, numbers

F32 = "float32"


def add(cases):
    add_linear(cases)
    add_blocks(cases)
    add_narrow(cases)
    add_microsoft(cases)
    add_qlinear_add(cases)
    add_products(cases)


def single(value, dtype):
    return Const(np.array(value, dtype))


def add_linear(cases):
    x = numbers("x", (3, 4), -20, 20)
    ranges = {"uint8": (128, 0, 255), "int8": (-3, -128, 127), "uint16": (32768, 0, 65535), "int16": (11, -999, 999)}
    for dtype, (zero, low, high) in ranges.items():
        whole = numbers("q", (3, 4), low, high, dtype)
        cases.add("QuantizeLinear", dtype, [x, single(0.125, F32), single(zero, dtype)], outputs=[dtype], opset=21)
        cases.add("DequantizeLinear", dtype, [whole, single(0.125, F32), single(zero, dtype)], outputs=[F32], opset=21)
        cases.add("QuantizeLinear", dtype + " axis", [x, const_numbers("s", (4,), 0.01, 0.3),
                                                      const_numbers("z", (4,), max(low, -9), 9, dtype)],
                  outputs=[dtype], opset=21, axis=1)
    cases.add("QuantizeLinear", "ties", [np.array([0.5, 1.5, 2.5, -0.5, -1.5, 300, -300], F32), single(1, F32),
                                         single(1, "int8")], outputs=["int8"], opset=19)
    cases.add("QuantizeLinear", "output dtype", [x, single(0.5, F32)], outputs=["int16"], opset=21, output_dtype=5)
    cases.add("QuantizeLinear", "no zero point", [np.abs(x), single(0.5, F32)], outputs=["uint8"], opset=21)
    cases.add("DequantizeLinear", "int32", [numbers("q", (3, 4), -999, 999, "int32"), single(0.01, F32)],
              outputs=[F32], opset=21)
    cases.add("DequantizeLinear", "axis 0", [numbers("q", (3, 4), 0, 255, "uint8"), const_numbers("s", (3,), 0.1, 1),
                                             const_numbers("z", (3,), 0, 255, "uint8")],
              outputs=[F32], opset=21, axis=-2)
    cases.add("DynamicQuantizeLinear", "mixed", [x], outputs=["uint8", F32, "uint8"])
    cases.add("DynamicQuantizeLinear", "positive", [np.abs(x) + 1], outputs=["uint8", F32, "uint8"])


def add_blocks(cases):
    x = numbers("x", (4, 6), -20, 20)
    whole = numbers("q", (4, 6), -128, 127, "int8")
    for axis, size, shape in ((1, 3, (4, 2)), (0, 2, (2, 6)), (-1, 2, (4, 3))):
        scale, zero = const_numbers("s", shape, 0.05, 0.4), const_numbers("z", shape, -9, 9, "int8")
        label = f"blocks of {size} axis {axis}"
        attrs = {"opset": 21, "axis": axis, "block_size": size}
        cases.add("QuantizeLinear", label, [x, scale, zero], outputs=["int8"], **attrs)
        cases.add("DequantizeLinear", label, [whole, scale, zero], outputs=[F32], **attrs)
    scale = const_numbers("s", (2, 2, 3), 0.05, 0.4)
    cases.add("DequantizeLinear", "blocks of three axes", [numbers("q", (2, 4, 3), 0, 255, "uint8"), scale],
              outputs=[F32], opset=21, axis=1, block_size=2)
    # The last block is shorter.
    cases.add("QuantizeLinear", "blocks that do not fit", [x, const_numbers("s", (4, 2), 0.05, 0.4),
                                                           const_numbers("z", (4, 2), 0, 9, "uint8")],
              outputs=["uint8"], opset=21, axis=1, block_size=4)


def add_narrow(cases):
    """4-bit integers, two in a byte, and 8-bit floats."""
    x, packed = numbers("x", (3, 5), -20, 20), numbers("packed", (8,), 0, 255, "uint8").tobytes()
    for dtype in ("int4", "uint4"):
        whole, zeros = RawConst(dtype, (3, 5), packed), RawConst(dtype, (), b"\3")
        cases.add("DequantizeLinear", dtype, [whole, single(0.25, F32)], outputs=[F32])
        cases.add("DequantizeLinear", dtype + " zero point", [whole, single(0.25, F32), zeros], outputs=[F32])
        cases.add("DequantizeLinear", dtype + " axis", [whole, const_numbers("s", (3,), 0.1, 1),
                                                        RawConst(dtype, (3,), b"\x31\x02")], outputs=[F32], axis=0)
        cases.add("DequantizeLinear", dtype + " blocks", [RawConst(dtype, (2, 6), packed[:6]),
                                                          const_numbers("s", (2, 2), 0.1, 1),
                                                          RawConst(dtype, (2, 2), b"\x51\x02")],
                  outputs=[F32], axis=1, block_size=3)
        cases.add("QuantizeLinear", dtype, [x, single(2.3, F32), zeros], outputs=[dtype])
        cases.add("Cast", "from " + dtype, [whole], outputs=[F32], to=1)
    ends = np.array([0, -0.0, 1, -1.0625, 3.3, 0.001, -0.01, 240, 440, 464, 500, -60000, 1e9, -1e-9, np.inf, np.nan],
                    F32)
    for dtype, number in {name: RAW_TYPES[name] for name in RAW_TYPES if name.startswith("float8")}.items():
        exact = {"opset": 19, "tolerance": 0.0}
        every = RawConst(dtype, (256,), bytes(range(256)))
        cases.add("Cast", "from " + dtype, [every], outputs=[F32], to=1, **exact)
        cases.add("Cast", "to " + dtype, [ends], outputs=[dtype], to=number, **exact)
        cases.add("Cast", "to " + dtype + " unsaturated", [ends], outputs=[dtype], to=number, saturate=0,
                  **exact)
        zero = RawConst(dtype, (), b"\0")
        cases.add("DequantizeLinear", dtype, [every, single(0.25, F32), zero], outputs=[F32], **exact)
        cases.add("QuantizeLinear", dtype, [ends, single(0.3, F32), zero], outputs=[dtype], **exact)
        cases.add("QuantizeLinear", dtype + " unsaturated", [ends, single(0.3, F32), zero], outputs=[dtype], saturate=0,
                  **exact)


def add_microsoft(cases):
    x = numbers("x", (3, 4), -20, 20)
    for dtype, zero in (("uint8", 100), ("int8", -5), ("uint16", 999), ("int16", -99)):
        low, high = (0, 255) if dtype[0] == "u" else (-128, 127)
        cases.add("QuantizeLinear", dtype, [x, single(0.25, F32), single(zero, dtype)], outputs=[dtype], domain=MS)
        cases.add("DequantizeLinear", dtype, [numbers("q", (3, 4), low, high, dtype), single(0.25, F32),
                                              single(zero, dtype)], outputs=[F32], domain=MS)
    scale = const_numbers("s", (4,), 0.05, 0.4)
    cases.add("QuantizeLinear", "axis", [x, scale, const_numbers("z", (4,), -9, 9, "int8")], outputs=["int8"],
              domain=MS, axis=1)
    cases.add("DequantizeLinear", "axis", [numbers("q", (3, 4), 0, 255, "uint8"), const_numbers("s", (3,), 0.1, 1),
                                           const_numbers("z", (3,), 0, 255, "uint8")],
              outputs=[F32], domain=MS, axis=0)


def add_qlinear_add(cases):
    # Scales whose sums are no ties: next to a tie the order of ONNX Runtime's float operations decides, and both it and
    # the formula in float arithmetic differ from the formula in float64.
    def case(label, dtype, a, b, zeros=(0, 0, 0), scales=(0.1, 0.0713, 0.2)):
        low, high = (0, 255) if dtype == "uint8" else (-128, 127)
        inputs = []
        for name, shape, scale, zero in zip("ab", (a, b), scales, zeros):
            inputs += [numbers(name, shape, low, high, dtype), single(scale, F32), single(zero, dtype)]
        cases.add("QLinearAdd", label, inputs + [single(scales[2], F32), single(zeros[2], dtype)], outputs=[dtype],
                  domain=MS)

    case("uint8", "uint8", (3, 40), (3, 40), (120, 20, 99))
    case("int8", "int8", (3, 40), (3, 40), (-7, 20, 5))
    case("broadcast", "uint8", (2, 3, 5), (3, 1), (128, 100, 128))
    case("scalar", "int8", (2, 3, 5), (), (0, 9, -9))
    case("saturates", "uint8", (4, 20), (4, 20), (30, 60, 10), (0.5, 0.7, 0.05))


def add_products(cases):
    # Weights of 7 bits: with 8, ONNX Runtime adds pairs of products in 16 bits, which saturate, where the processor has
    # no instruction for 32 (float64 agrees with us).
    x, w = numbers("x", (1, 2, 5, 5), 0, 255, "uint8"), const_numbers("w", (3, 2, 3, 3), -64, 63, "int8")
    scales = [single(value, F32) for value in (0.02, 0.03, 0.05)]
    zeros = [single(value, dtype) for value, dtype in ((120, "uint8"), (0, "int8"), (99, "uint8"))]
    cases.add("QLinearConv", "bias", [x, scales[0], zeros[0], w, scales[1], zeros[1], scales[2], zeros[2],
                                      const_numbers("b", (3,), -900, 900, "int32")], pads=[1, 1, 1, 1])
    channels = [const_numbers("s", (3,), 0.01, 0.05), Const([0, 0, 0], "int8")]
    cases.add("QLinearConv", "channels", [x, scales[0], zeros[0], w, *channels, scales[2], zeros[2]], strides=[2, 2])
    a, b = numbers("a", (2, 3, 4), 0, 255, "uint8"), const_numbers("b", (4, 5), 0, 255, "uint8")
    byte = [single(value, "uint8") for value in (120, 130, 99)]
    cases.add("QLinearMatMul", "uint8", [a, scales[0], byte[0], b, scales[1], byte[1], single(0.4, F32), byte[2]])
    cases.add("MatMulInteger", "uint8", [a, b, byte[0], byte[1]], outputs=["int32"])
    cases.add("ConvInteger", "zero point", [x, Const(w.array.view(np.uint8) + np.uint8(64)), byte[0]],
              outputs=["int32"])
