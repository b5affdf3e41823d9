#!/usr/bin/env python3
"""make_forms.py FOLDER: small models in the ways in which Keras has stored weights, with random ones, for forms_test.cc.

Each file FOLDER/NAME.* comes with FOLDER/NAME.npz: an input x and what the layers' documentation says of it, y, computed here with
NumPy and PyTorch from the weights as they were before they were stored.
"""
import base64
import io
import json
import marshal
import os
import sys
import zipfile

import h5py
import numpy as np

from layer_math import batch_norm, conv, conv_lstm, depthwise, gru, hard_sigmoid, lstm

rng = np.random.default_rng(7)
FOLDER = sys.argv[1]


def draw(*shape):
    return rng.normal(0, 0.5, shape).astype(np.float32)


def conv2d(x, kernel, bias, first=False):
    """kernel [rows, columns, in, out]; channels first or last."""
    return np.moveaxis(conv(np.moveaxis(x, 1, -1), kernel, bias), -1, 1) if first else conv(x, kernel, bias)


def expect(name, x, y):
    np.savez(f"{FOLDER}/{name}.npz", x=x, y=np.asarray(y, np.float32))


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}


def write_h5(name, config, weights, version, backend="tensorflow", top=False, split=False):
    """weights: {layer: [(name, array)]}, in groups as model.save() makes them."""
    with h5py.File(f"{FOLDER}/{name}.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        if version:
            file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        root = file.create_group("model_weights")
        names = np.array([n.encode() for n in weights])
        if split:
            half = len(names) // 2
            root.attrs["layer_names0"], root.attrs["layer_names1"] = names[:half], names[half:]
        else:
            root.attrs["layer_names"] = names
        for group, arrays in weights.items():
            group = root.create_group(group)
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in arrays]) if arrays else np.zeros((0,))
            for n, array in arrays:
                group[n] = array
        if top:
            root.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros((0,))


def write_keras(name, config, weights, version, separator="/"):
    """weights: {place: [array]}."""
    data = io.BytesIO()
    if separator == "npz":  # as Keras does where h5py is not installed
        np.savez(data, **{place.replace("|", "/"): {str(i): a for i, a in enumerate(arrays)} for place, arrays in weights.items()})
        write_archive(name, config, version, "model.weights.npz", data)
        return
    with h5py.File(data, "w") as file:
        for place, arrays in weights.items():
            group = file
            for part in place.split("|"):
                group = group.require_group(part.replace("/", separator))
            for i, array in enumerate(arrays):
                group[str(i)] = array
    write_archive(name, config, version, "model.weights.h5", data)


def write_archive(name, config, version, weights, data):
    with zipfile.ZipFile(f"{FOLDER}/{name}.keras", "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": version}))
        file.writestr("config.json", json.dumps(config))
        file.writestr(weights, data.getvalue())


def keras1_lstm():
    x, kernel, recurrent, bias = draw(2, 5, 3), draw(3, 16), draw(4, 16), draw(16)
    parts = dict(zip("ifco", zip(np.split(kernel, 4, 1), np.split(recurrent, 4, 1), np.split(bias, 4))))
    stored = [(f"l_{kind}_{gate}", parts[gate][i]) for gate in "icfo" for i, kind in enumerate("WUb")]
    config = {"class_name": "Sequential", "config": [layer(
        "LSTM", "l", output_dim=4, init="glorot_uniform", inner_init="orthogonal", forget_bias_init="one", activation="tanh",
        inner_activation="hard_sigmoid", return_sequences=True, go_backwards=False, stateful=False, unroll=False,
        consume_less="cpu", input_dim=3, input_length=None, dropout_W=0.0, dropout_U=0.0, batch_input_shape=[None, 5, 3])]}
    write_h5("keras1_lstm", config, {"l": stored}, "1.2.2", None)
    expect("keras1_lstm", x, lstm(x, kernel, recurrent, bias, hard_sigmoid))


def keras1_gru():
    x, kernel, recurrent, bias = draw(2, 5, 3), draw(3, 12), draw(4, 12), draw(12)
    parts = dict(zip("zrh", zip(np.split(kernel, 3, 1), np.split(recurrent, 3, 1), np.split(bias, 3))))
    stored = [(f"g_{kind}_{gate}", parts[gate][i]) for gate in "zrh" for i, kind in enumerate("WUb")]
    config = {"class_name": "Sequential", "config": [layer(
        "GRU", "g", output_dim=4, activation="tanh", inner_activation="hard_sigmoid", return_sequences=False,
        batch_input_shape=[None, 5, 3])]}
    write_h5("keras1_gru", config, {"g": stored}, "1.1.0", None)
    expect("keras1_gru", x, gru(x, kernel, recurrent, bias, hard_sigmoid))


def keras1_th():
    x, kernel, bias = draw(2, 3, 6, 7), draw(2, 3, 3, 4), draw(4)
    config = {"class_name": "Sequential", "config": [layer(
        "Convolution2D", "c", nb_filter=4, nb_row=2, nb_col=3, border_mode="valid", subsample=[1, 1], dim_ordering="th",
        activation="linear", bias=True, batch_input_shape=[None, 3, 6, 7])]}
    write_h5("keras1_th", config, {"c": [("c_W", kernel.transpose(3, 2, 0, 1)), ("c_b", bias)]}, "1.0.8", None)
    expect("keras1_th", x, conv2d(x, kernel, bias, first=True))


def keras1_conv1d():
    x, kernel, bias = draw(2, 6, 3), draw(2, 3, 4), draw(4)
    config = {"class_name": "Sequential", "config": [layer(
        "Convolution1D", "c", nb_filter=4, filter_length=2, border_mode="valid", subsample_length=1, activation="linear",
        bias=True, batch_input_shape=[None, 6, 3])]}
    write_h5("keras1_conv1d", config, {"c": [("c_W", kernel[:, None]), ("c_b", bias)]}, "1.2.0", None)
    expect("keras1_conv1d", x, conv2d(x[:, :, None], kernel[:, None], bias)[:, :, 0])


def theano():
    x, kernel, bias = draw(2, 6, 7, 3), draw(2, 3, 3, 4), draw(4)
    config = sequential(layer("Conv2D", "c", filters=4, kernel_size=[2, 3], strides=[1, 1], padding="valid", activation="linear",
                              data_format="channels_last", dilation_rate=[1, 1], use_bias=True, batch_input_shape=[None, 6, 7, 3]))
    write_h5("theano", config, {"c": [("c/kernel:0", kernel[::-1, ::-1]), ("c/bias:0", bias)]}, "2.1.6", "theano")
    expect("theano", x, conv2d(x, kernel, bias))


def to_cudnn(kernel, gates):
    """CuDNN keeps each gate's [units, rows] matrix, which Keras sees as [rows, units]."""
    return np.hstack([part.T.ravel().reshape(part.shape) for part in np.hsplit(kernel, gates)])


def cudnn():
    x, kernel, recurrent, bias = draw(2, 5, 3), draw(3, 16), draw(4, 16), draw(2, 16)
    config = sequential(layer("CuDNNLSTM", "l", units=4, return_sequences=True, return_state=False, batch_input_shape=[None, 5, 3]))
    stored = [("l/kernel:0", to_cudnn(kernel, 4)), ("l/recurrent_kernel:0", to_cudnn(recurrent, 4)), ("l/bias:0", bias.ravel())]
    write_h5("cudnn_lstm", config, {"l": stored}, "2.2.4")
    expect("cudnn_lstm", x, lstm(x, kernel, recurrent, bias.sum(0)))
    x, kernel, recurrent, bias = draw(2, 5, 3), draw(3, 12), draw(4, 12), draw(2, 12)
    config = sequential(layer("CuDNNGRU", "g", units=4, return_sequences=False, batch_input_shape=[None, 5, 3]))
    stored = [("g/kernel:0", to_cudnn(kernel, 3)), ("g/recurrent_kernel:0", to_cudnn(recurrent, 3)), ("g/bias:0", bias.ravel())]
    write_h5("cudnn_gru", config, {"g": stored}, "2.2.4")
    expect("cudnn_gru", x, gru(x, kernel, recurrent, bias, reset_after=True))


def nested():
    """A model in a model: one list of weights, the trainable ones first; a frozen layer's are not."""
    x = draw(4, 3)
    frozen, dense = (draw(3, 3), draw(3)), (draw(3, 3), draw(3))
    norm = draw(3) + 1, draw(3), draw(3), np.abs(draw(3)) + 0.5
    inner = sequential(
        layer("Dense", "frozen", units=3, activation="linear", use_bias=True, trainable=False, batch_input_shape=[None, 3]),
        layer("BatchNormalization", "norm", axis=[1], epsilon=1e-3, center=True, scale=True, trainable=True),
        layer("Dense", "dense", units=3, activation="linear", use_bias=True, trainable=True))
    inner["config"]["name"] = "inner"
    stored = [("norm/gamma:0", norm[0]), ("norm/beta:0", norm[1]), ("dense/kernel:0", dense[0]), ("dense/bias:0", dense[1]),
              ("frozen/kernel:0", frozen[0]), ("frozen/bias:0", frozen[1]), ("norm/moving_mean:0", norm[2]), ("norm/moving_variance:0", norm[3])]
    out = draw(3, 2), draw(2)
    config = sequential(inner, layer("Dense", "out", units=2, activation="linear", use_bias=True))
    write_h5("nested", config, {"inner": stored, "out": [("out/kernel:0", out[0]), ("out/bias:0", out[1])]}, "2.4.0", top=True, split=True)
    y = batch_norm(x @ frozen[0] + frozen[1], *norm) @ dense[0] + dense[1]
    expect("nested", x, y @ out[0] + out[1])


def places():
    """Three Dense layers and a Bidirectional as Keras 2.13, 3 and Keras on Windows place them."""
    x = draw(2, 5, 3)
    dense = [(draw(3, 3), draw(3)), (draw(3, 3), draw(3)), (draw(8, 2), draw(2))]
    forth, back = (draw(3, 16), draw(4, 16), draw(16)), (draw(3, 16), draw(4, 16), draw(16))
    inner = {"module": "keras.layers", "registered_name": None, **layer("LSTM", "lstm", units=4, activation="tanh", recurrent_activation="sigmoid", return_sequences=True, use_bias=True)}
    config = {"module": "keras", "registered_name": None, **sequential(
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 5, 3], "dtype": "float32", "name": "input"}, "registered_name": None},
        layer("Dense", "first", units=3, activation="linear", use_bias=True),
        layer("TimeDistributed", "each", layer=layer("Dense", "in_it", units=3, activation="linear", use_bias=True)),
        layer("Bidirectional", "both", layer=inner, merge_mode="concat"),
        layer("Dense", "last", units=2, activation="linear", use_bias=True))}
    h = (x @ dense[0][0] + dense[0][1]) @ dense[1][0] + dense[1][1]
    h = np.concatenate([lstm(h, *forth), lstm(h, *back, reverse=True)[:, ::-1]], axis=2)
    y = h @ dense[2][0] + dense[2][1]
    for name, root, number, separator, version in (("places3", "layers", 1, "/", "3.5.0"), ("places213", "_layer_checkpoint_dependencies", 2, "/", "2.13.1"),
                                                   ("windows", "layers", 1, "\\", "3.1.0"),
                                                   ("arrays", "layers", 1, "npz", "3.2.0")):
        write_keras(name, config, {
            f"{root}/dense|vars": dense[0], f"{root}/time_distributed/layer|vars": dense[1],
            f"{root}/bidirectional/forward_layer/cell|vars": forth, f"{root}/bidirectional/backward_layer/cell|vars": back,
            f"{root}/dense_{number}|vars": dense[2], "optimizer|vars": [draw(3)],
            f"{root}/dropout/seed_generator|vars": [np.array([1, 2], np.uint32)]}, version, separator)
        expect(name, x, y)


def attention():
    x = draw(2, 5, 6)
    q, k, v = [(draw(6, 2, 4), draw(2, 4)) for _ in range(3)]
    out = draw(2, 4, 6), draw(6)
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 5, 6], "dtype": "float32", "keras_history": ["x", 0, 0]}}
    config = {"module": "keras", "class_name": "Functional", "registered_name": None, "config": {"name": "m", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "name": "x", "config": {"batch_shape": [None, 5, 6], "dtype": "float32", "name": "x"}, "inbound_nodes": []},
        {"module": "keras.layers", "class_name": "MultiHeadAttention", "name": "mha", "config": {"name": "mha", "num_heads": 2, "key_dim": 4, "value_dim": 4, "dropout": 0.0, "use_bias": True},
         "inbound_nodes": [{"args": [], "kwargs": {"query": tensor, "value": tensor, "use_causal_mask": True}}]}],
        "input_layers": [["x", 0, 0]], "output_layers": [["mha", 0, 0]]}}
    base = "layers/multi_head_attention/"
    write_keras("attention", config, {base + "query_dense|vars": q, base + "key_dense|vars": k, base + "value_dense|vars": v, base + "output_dense|vars": out}, "3.3.3")
    project = lambda w: np.einsum("btf,fhd->bhtd", x, w[0]) + w[1][None, :, None]
    scores = np.einsum("bhtd,bhsd->bhts", project(q) / 2.0, project(k))
    scores = np.where(np.tril(np.ones((5, 5), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    heads = np.einsum("bhts,bhsd->bthd", weights / weights.sum(-1, keepdims=True), project(v))
    expect("attention", x, np.einsum("bthd,hdf->btf", heads, out[0]) + out[1])


def masks():
    """An Embedding's mask ends an LSTM's sequences early, through a layer that hands it on."""
    ids = np.array([[3, 1, 4, 0, 0], [1, 5, 0, 0, 0], [2, 2, 2, 2, 2]], np.float32)
    table, kernel, recurrent, bias = draw(6, 3), draw(3, 16), draw(4, 16), draw(16)
    config = sequential(layer("Embedding", "e", input_dim=6, output_dim=3, mask_zero=True, input_length=5, batch_input_shape=[None, 5], dtype="float32"),
                        layer("Dropout", "d", rate=0.5, noise_shape=None, seed=None),
                        layer("LSTM", "l", units=4, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True, return_sequences=False, implementation=1))
    write_h5("masks", config, {"e": [("e/embeddings:0", table)], "d": [], "l": [("l/kernel:0", kernel), ("l/recurrent_kernel:0", recurrent), ("l/bias:0", bias)]}, "2.2.4")
    y = [lstm(table[row[row > 0].astype(int)][None], kernel, recurrent, bias, hard_sigmoid)[0, -1] for row in ids]
    expect("masks", ids, np.stack(y))


def normalization():
    x = draw(4, 3)
    mean, variance = draw(3), np.abs(draw(3)) + 0.1
    config = sequential(layer("Normalization", "n", axis=[-1], mean=None, variance=None, batch_input_shape=[None, 3]))
    write_h5("normalization", config, {"n": [("mean:0", mean), ("variance:0", variance), ("count:0", np.array(9, np.int64))]}, "2.9.0")
    expect("normalization", x, (x - mean) / np.sqrt(variance))


def beside():
    """A configuration whose weights lie beside it, as Keras 3 saves them alone."""
    x, kernel, bias = draw(2, 4), draw(4, 3), draw(3)
    config = sequential({"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}, "registered_name": None},
                        layer("Dense", "dense", units=3, activation="linear", use_bias=True))
    with open(f"{FOLDER}/beside.json", "w") as file:
        json.dump({"module": "keras", **config}, file)
    with h5py.File(f"{FOLDER}/beside.weights.h5", "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = kernel, bias
    expect("beside", x, x @ kernel + bias)


def same_name():
    """An author's own class that is named as one of Keras', in a model of such; its weights tell."""
    inner = sequential(layer("Dense", "first", units=3, activation="linear", use_bias=True, batch_input_shape=[None, 3]),
                       layer("LayerNormalization", "own", axis=[1], epsilon=1e-3))
    inner["config"]["name"] = "inner"
    config = sequential(inner, layer("GroupNormalization", "group", groups=3), layer("Attention", "pool", return_attention=False), layer("Dense", "out", units=2, activation="linear", use_bias=True))
    write_h5("same_name", config, {
        "inner": [("first/kernel:0", draw(3, 3)), ("first/bias:0", draw(3)), ("own/gain:0", draw(3, 3)), ("own/bias:0", draw(3)), ("own/extra:0", draw(3))],
        "group": [("group/gamma:0", draw(1, 1, 3)), ("group/beta:0", draw(1, 1, 3)), ("group/mean:0", draw(3))],
        "pool": [("pool/W:0", draw(3, 1)), ("pool/b:0", draw(3, 1))], "out": [("out/kernel:0", draw(3, 2)), ("out/bias:0", draw(2))]}, "2.2.4")


def slashes():
    """Names that are the same where '/' becomes '_'."""
    x, first, second = draw(2, 4), (draw(4, 3), draw(3)), (draw(3, 3), draw(3))
    config = sequential(layer("Dense", "block/a", units=3, activation="linear", use_bias=True, batch_input_shape=[None, 4]),
                        layer("Dense", "block_a", units=3, activation="linear", use_bias=True))
    names = lambda layer, ws: [(layer + "/kernel:0", ws[0]), (layer + "/bias:0", ws[1])]
    write_h5("slashes", config, {"block/a": names("block/a", first), "block_a": names("block_a", second)}, "2.4.0")
    expect("slashes", x, (x @ first[0] + first[1]) @ second[0] + second[1])


def spectral():
    """A layer in another one, as Keras 3 places it, beside the vector that serves training."""
    x, kernel, bias = draw(2, 4), draw(4, 3), draw(3)
    inner = {"module": "keras.layers", "registered_name": None, **layer("Dense", "inner", units=3, activation="linear", use_bias=True)}
    config = {"module": "keras", "registered_name": None, **sequential(
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}, "registered_name": None},
        layer("SpectralNormalization", "sn", power_iterations=1, layer=inner))}
    write_keras("spectral", config, {"layers/spectral_normalization|vars": [draw(1, 3)], "layers/spectral_normalization/layer|vars": [kernel, bias]}, "3.6.0")
    expect("spectral", x, x @ kernel + bias)


def stacked():
    """Cells in one recurrent layer, as Keras 3 places them."""
    x, first, second = draw(2, 5, 3), (draw(3, 16), draw(4, 16), draw(16)), (draw(4, 8), draw(2, 8), draw(8))
    cells = [layer("LSTMCell", name, units=units, activation="tanh", recurrent_activation="sigmoid", use_bias=True) for name, units in (("a", 4), ("b", 2))]
    config = {"module": "keras", "registered_name": None, **sequential(
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 5, 3], "dtype": "float32", "name": "x"}, "registered_name": None},
        layer("RNN", "r", cell=layer("StackedRNNCells", "c", cells=cells), return_sequences=True, return_state=False))}
    place = "layers/rnn/cell/cells/lstm_cell"
    write_keras("stacked", config, {place + "|vars": first, place + "_1|vars": second}, "3.5.0")
    expect("stacked", x, lstm(lstm(x, *first), *second))


def operations():
    """Operations that nobody knows here, or that cannot be called so."""
    node = lambda kind, name, inbound, **config: {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}
    graph = lambda name, source, node_def: node("TensorFlowOpLayer", name, [[[source, 0, 0, {}]]], node_def=node_def, constants={})
    layers = [node("InputLayer", "x", [], batch_input_shape=[None, 6, 4], dtype="float32"),
              graph("bytes", "x", "CgVBZGRWMg=="), graph("unknown", "bytes", {"name": "Foo", "op": "Foo", "input": ["x"], "attr": {}}),
              node("SlicingOpLambda", "far", [["unknown", 0, 0, {"slice_spec": [1, 2, 3, 4]}]], function="__operators__.getitem"),
              node("TFOpLambda", "call", [["far", 0, 0, {"name": None, "k": 3}]], function="my.call")]
    with open(f"{FOLDER}/operations.json", "w") as file:
        json.dump({"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["call", 0, 0]]},
                   "keras_version": "2.4.0"}, file)


def guessed():
    """A function whose body is not stored, and so its result's shape, ahead of a Dense that fits no guess."""
    config = sequential(
        layer("Lambda", "pool", function={"class_name": "function", "module": "builtins", "config": "pool", "registered_name": "function"},
              arguments={"axis": 1}, batch_input_shape=[None, 5, 3]),
        layer("Flatten", "flat", data_format="channels_last"),
        layer("Dense", "out", units=2, activation="linear", use_bias=True))
    write_h5("guessed", config, {"pool": [], "flat": [], "out": [("out/kernel:0", draw(3, 2)), ("out/bias:0", draw(2))]}, "3.1.0")


def system():
    """A Lambda that would call os.system, of whatever Python runs this."""
    code = compile("lambda x: __import__('os').system('touch escaped')", "<lambda>", "eval").co_consts[0]
    payload = base64.b64encode(marshal.dumps(code)).decode()
    config = sequential(layer("Lambda", "evil", function=[payload, None, None], function_type="lambda", module="os", output_shape=None,
                              output_shape_type="raw", output_shape_module=None, arguments={}, batch_input_shape=[None, 3]))
    with open(f"{FOLDER}/system.json", "w") as file:
        json.dump({**config, "keras_version": "2.9.0"}, file)


def activations3():
    """A Lambda that names an activation which Keras 3 has changed; the code is of whatever Python runs this."""
    x = draw(2, 5) * 4
    code = compile("lambda x: keras.activations.hard_sigmoid(x)", "<lambda>", "eval").co_consts[0]
    function = {"class_name": "__lambda__", "config": {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}}
    write_h5("activations3", sequential(layer("Lambda", "l", function=function, arguments={}, batch_input_shape=[None, 5])), {"l": []}, "3.5.0")
    expect("activations3", x, np.clip(x + 3, 0, 6) / 6)


def theano_kernels():
    """Kernels that Theano turns round, the recurrent one included, and one that Keras has turned ahead of that."""
    x, kernel, recurrent, bias = draw(2, 3, 5, 4, 2), draw(3, 2, 2, 12), draw(3, 2, 3, 12), draw(12)
    config = sequential(layer("ConvLSTM2D", "c", filters=3, kernel_size=[3, 2], strides=[1, 1], padding="same", activation="tanh", recurrent_activation="hard_sigmoid",
                              data_format="channels_last", dilation_rate=[1, 1], use_bias=True, return_sequences=True, batch_input_shape=[None, 3, 5, 4, 2]))
    turned = [("c/kernel:0", kernel[::-1, ::-1]), ("c/recurrent_kernel:0", recurrent[::-1, ::-1]), ("c/bias:0", bias)]
    write_h5("theano_conv_lstm", config, {"c": turned}, "2.1.6", "theano")
    expect("theano_conv_lstm", x, conv_lstm(x, kernel, recurrent, bias, hard_sigmoid, "same"))
    x, kernel, pointwise, bias = draw(2, 6, 7, 3), draw(2, 3, 3, 2), draw(1, 1, 6, 4), draw(4)
    config = sequential(layer("SeparableConv2D", "c", filters=4, kernel_size=[2, 3], strides=[1, 1], padding="valid", activation="linear", depth_multiplier=2,
                              data_format="channels_last", dilation_rate=[1, 1], use_bias=True, batch_input_shape=[None, 6, 7, 3]))
    write_h5("theano_separable", config, {"c": [("c/depthwise_kernel:0", kernel), ("c/pointwise_kernel:0", pointwise), ("c/bias:0", bias)]}, "2.2.4", "theano")
    expect("theano_separable", x, conv(depthwise(x, kernel), pointwise, bias))


os.makedirs(FOLDER, exist_ok=True)
for make in (keras1_lstm, keras1_gru, keras1_th, keras1_conv1d, theano, cudnn, nested, places, attention, masks, normalization, guessed, system, operations, beside, same_name, slashes, spectral, stacked, activations3, theano_kernels):
    make()
