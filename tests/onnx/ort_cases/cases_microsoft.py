"""Operators of com.microsoft, which ONNX Runtime's optimiser writes: activations, products, what transformers need."""
import numpy as np

from table import MS, Const, const_numbers, numbers

F32 = "float32"


def add(cases):
    add_activations(cases)
    add_fused_conv(cases)
    add_products(cases)
    add_normalizations(cases)
    add_attention(cases)
    add_embeddings(cases)


def add_activations(cases):
    x, bias = numbers("x", (2, 3, 8), -5, 5), numbers("bias", (8,))
    small, large = np.array([0, 1e-3, -1e-3, 1e-2], F32), np.array([4, -4, 30, -30, 90, -90], F32)
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        cases.add(op, "default", [x], domain=MS)
        cases.add(op, "small", [small], domain=MS)
        cases.add(op, "large", [large], domain=MS)
        cases.add(op, "symbolic batch", [x], domain=MS, free={0: (0,)})
    cases.add("FastGelu", "bias", [x, Const(bias)], domain=MS)
    cases.add("FastGelu", "bias that is computed", [x, bias], domain=MS)
    cases.add("QuickGelu", "alpha 1", [x], domain=MS, alpha=1.0)
    cases.add("QuickGelu", "alpha negative", [x], domain=MS, alpha=-0.75)
    cases.add("BiasGelu", "default", [x, Const(bias)], domain=MS)
    cases.add("BiasGelu", "matrix", [x[0], bias], domain=MS)


def add_fused_conv(cases):
    x, w, b = numbers("x", (2, 3, 6, 5)), const_numbers("w", (4, 3, 3, 3), -1, 1), const_numbers("b", (4,))
    z = numbers("z", (2, 4, 4, 3))
    for activation, params in {"Relu": None, "Tanh": None, "Sigmoid": None, "LeakyRelu": [0.2], "Clip": [-0.5, 1.5],
                               "HardSigmoid": [0.15, 0.4]}.items():
        attrs = {"activation": activation, "domain": MS, **({"activation_params": params} if params else {})}
        cases.add("FusedConv", activation, [x, w, b], kernel_shape=[3, 3], **attrs)
        cases.add("FusedConv", activation + " z", [x, w, b, z], **attrs)
    cases.add("FusedConv", "no activation z", [x, w, b, z], domain=MS)
    cases.add("FusedConv", "no bias", [x, w], domain=MS, activation="Relu")
    cases.add("FusedConv", "window", [x, w, b], domain=MS, activation="Relu", strides=[2, 1], pads=[1, 2, 0, 1],
              dilations=[1, 2])
    cases.add("FusedConv", "same upper", [x, w, b], domain=MS, activation="LeakyRelu", activation_params=[-0.5],
              strides=[2, 2], auto_pad="SAME_UPPER")
    cases.add("FusedConv", "groups", [numbers("x", (1, 4, 5, 5)), const_numbers("w", (6, 2, 3, 3), -1, 1)], domain=MS,
              activation="Clip", activation_params=[0.0, 6.0], group=2)
    cases.add("FusedConv", "one axis", [numbers("x", (2, 3, 9)), const_numbers("w", (2, 3, 4), -1, 1)], domain=MS,
              activation="Relu", free={0: (0, 2)})


def add_products(cases):
    a, b = numbers("a", (2, 3, 4)), numbers("b", (2, 4, 5))
    swap = lambda array: np.ascontiguousarray(np.swapaxes(array, -1, -2))  # noqa: E731
    for op in ("FusedMatMul", "TransposeMatMul"):
        cases.add(op, "default", [a, b], domain=MS)
        cases.add(op, "alpha", [a, b], domain=MS, alpha=0.125)
        cases.add(op, "transA", [swap(a), b], domain=MS, transA=1)
        cases.add(op, "transB", [a, Const(swap(b))], domain=MS, transB=1, alpha=-2.0)
        cases.add(op, "both", [swap(a), swap(b)], domain=MS, transA=1, transB=1)
    cases.add("FusedMatMul", "matrices", [a[0].T.copy(), Const(b[0])], domain=MS, transA=1)
    cases.add("FusedMatMul", "broadcast", [numbers("a", (2, 1, 3, 4)), numbers("b", (3, 5, 4))], domain=MS, transB=1)
    cases.add("FusedMatMul", "vectors", [numbers("a", (4,)), numbers("b", (4,))], domain=MS, alpha=3.0)
    cases.add("FusedMatMul", "vector", [numbers("a", (2, 3, 4)), numbers("b", (4,))], domain=MS)
    rows = numbers("rows", (3, 2, 4))
    cases.add("FusedMatMul", "transBatchA", [rows, b], domain=MS, transBatchA=1)
    cases.add("FusedMatMul", "transBatchA transA", [numbers("rows", (4, 2, 3)), b], domain=MS, transBatchA=1, transA=1)
    cases.add("FusedMatMul", "transBatchB", [a, numbers("rows", (4, 2, 5))], domain=MS, transBatchB=1)
    cases.add("FusedMatMul", "all", [numbers("rows", (4, 2, 3)), numbers("rows", (5, 2, 4))], domain=MS, alpha=0.5,
              transBatchA=1, transBatchB=1, transA=1, transB=1)


def add_normalizations(cases):
    x, skip = numbers("x", (2, 3, 8)), numbers("skip", (2, 3, 8))
    gamma, beta, bias = (const_numbers(name, (8,)) for name in ("gamma", "beta", "bias"))
    op = "SkipLayerNormalization"
    cases.add(op, "default", [x, skip, gamma], domain=MS)
    cases.add(op, "beta", [x, skip, gamma, beta], domain=MS, epsilon=1e-5)
    cases.add(op, "bias", [x, skip, gamma, beta, bias], domain=MS, epsilon=0.125)
    cases.add(op, "bias without beta", [x, skip, gamma, None, bias], domain=MS)
    cases.add(op, "skip of one batch", [x, skip[:1], gamma, beta], domain=MS)
    cases.add(op, "skip without a batch", [x, skip[0], gamma, beta], domain=MS)
    cases.add(op, "matrix", [x[0], skip[0], gamma, beta], domain=MS)
    cases.add(op, "sum", [x, skip, gamma, beta, bias], outputs=[F32, None, None, F32], domain=MS)
    cases.add(op, "symbolic", [x, skip, gamma, beta, bias], outputs=[F32, None, None, F32], domain=MS,
              free={0: (0, 1), 1: (0, 1)})
    cases.add(op, "all outputs", [x, skip, gamma, beta, bias], outputs=[F32] * 4, domain=MS, epsilon=0.25)
    small, small_skip = x * np.float32(1e-3), skip * np.float32(1e-3)  # what epsilon is by default
    cases.add(op, "small", [small, small_skip, gamma], domain=MS)
    op = "SkipSimplifiedLayerNormalization"
    cases.add(op, "default", [x, skip, gamma], domain=MS)
    cases.add(op, "epsilon", [x, skip, gamma], domain=MS, epsilon=0.25)
    cases.add(op, "bias", [x, skip, gamma, bias], domain=MS)
    cases.add(op, "sum", [x, skip, gamma, bias], outputs=[F32, None, None, F32], domain=MS, epsilon=1e-6)
    cases.add(op, "inv std var", [x, skip, gamma], outputs=[F32, None, F32, F32], domain=MS, epsilon=0.25)
    cases.add(op, "small", [small, small_skip, gamma], domain=MS)
    cases.add(op, "matrix", [x[0], skip[0], gamma], outputs=[F32, None, None, F32], domain=MS)
    op = "SimplifiedLayerNormalization"  # of ai.onnx, whatever the opset: ONNX Runtime has it in no other domain
    cases.add(op, "default", [x, gamma])
    cases.add(op, "small", [small, gamma])
    cases.add(op, "opset 13", [x, gamma], opset=13, epsilon=1e-6)
    cases.add(op, "axis", [x, const_numbers("gamma", (3, 8))], axis=1, stash_type=1)
    cases.add(op, "inv std var", [x, gamma], outputs=[F32, F32], epsilon=0.25)


def attention(x, weights, heads):
    """Self-attention without bias and mask, in float64."""
    parts = np.split(x.astype("float64") @ weights, 3, axis=-1)
    queries, keys, values = (np.stack(np.split(part, heads, axis=-1), 1) for part in parts)
    scores = np.exp(queries @ np.swapaxes(keys, -1, -2) / np.sqrt(queries.shape[-1]))
    mixed = scores / scores.sum(-1, keepdims=True) @ values
    return np.concatenate(np.moveaxis(mixed, 1, 0), -1).astype(F32)


def add_attention(cases):
    batch, length, width = 2, 4, 6
    x, w, b = numbers("x", (batch, length, width)), const_numbers("w", (width, 18), -1, 1), const_numbers("b", (18,))

    def case(label, *rest, **attrs):
        cases.add("Attention", label, [x, w, b, *rest], domain=MS, **{"num_heads": 2, **attrs})

    keys = np.array([[1, 1, 1, 0], [1, 0, 1, 1]], np.int32)
    pairs = numbers("pairs", (batch, length, length), 0, 1, "int32") | np.eye(length, dtype=np.int32)
    case("default")
    case("three heads", num_heads=3)
    case("scale", scale=0.5)
    case("unidirectional", unidirectional=1)
    case("lengths", np.array([3, 4], np.int32))
    case("ends and starts", np.array([3, 4, 1, 0], np.int32))
    case("mask of keys", keys)
    case("mask that is a constant", Const(keys))
    case("mask of pairs", pairs)
    case("mask and unidirectional", keys, unidirectional=1)
    case("mask of pairs and unidirectional", pairs, unidirectional=1)
    case("filter value", keys, mask_filter_value=-1.0)
    case("symbolic", keys, free={0: (0, 1), 3: (0, 1)})
    case("symbolic unidirectional", free={0: (0, 1)}, unidirectional=1)
    cases.add("Attention", "no bias", [x, w], domain=MS, num_heads=2, ref=[attention(x, w.array, 2)])
    cases.add("Attention", "sizes", [x, const_numbers("w", (width, 4 + 4 + 10), -1, 1), b], domain=MS, num_heads=2,
              qkv_hidden_sizes=[4, 4, 10])
    case("bias of scores", None, None, numbers("scores", (batch, 2, length, length)))
    case("bias of scores broadcast and mask", keys, None, numbers("scores", (1, 1, length, length)))
    past, both = numbers("past", (2, batch, 2, 3, 3)), [F32, F32]
    long_keys = np.array([[1, 1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 1, 1]], np.int32)
    case("present", outputs=both)
    case("past", None, past, outputs=both)
    case("past and unidirectional", None, past, outputs=both, unidirectional=1)
    case("past and mask", long_keys, past, outputs=both)
    case("past mask and unidirectional", long_keys, past, outputs=both, unidirectional=1)
    case("past mask of pairs", numbers("pairs", (batch, length, 7), 0, 1, "int32"), past, outputs=both)
    case("past and lengths", np.array([5, 7], np.int32), past, outputs=both)
    case("past symbolic", long_keys, past, outputs=both, unidirectional=1,
         free={0: (0, 1), 3: {0: "n0", 1: "total"}, 4: {1: "n0", 3: "past"}})
    case("past empty", None, past[:, :, :, :0], outputs=both, unidirectional=1, free={4: (3,)})


def add_embeddings(cases):
    words, positions, segments = (const_numbers(name, (rows, 8))
                                  for name, rows in (("words", 9), ("positions", 5), ("segments", 2)))
    gamma, beta = const_numbers("gamma", (8,)), const_numbers("beta", (8,))
    ids, kinds = numbers("ids", (2, 4), 0, 8, "int32"), numbers("kinds", (2, 4), 0, 1, "int32")
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)

    def case(label, kinds, segments, *rest, outputs=(F32, "int32"), **attrs):
        cases.add("EmbedLayerNormalization", label, [ids, kinds, words, positions, segments, gamma, beta, *rest],
                  outputs=outputs, domain=MS, **attrs)

    case("default", kinds, segments)
    case("mask", kinds, segments, mask, epsilon=0.25)
    case("no segments", None, None, mask)
    case("sum", kinds, segments, mask, outputs=(F32, "int32", F32))
    case("position ids", kinds, segments, mask, numbers("position", (2, 4), 0, 4, "int32"))
    case("position ids of one row", kinds, segments, None, numbers("position", (1, 4), 0, 4, "int32"))
    case("mask index type", kinds, segments, mask, mask_index_type=0)
    case("symbolic", kinds, segments, mask, outputs=(F32, "int32", F32), free={0: (0, 1), 1: (0, 1), 7: (0, 1)})
