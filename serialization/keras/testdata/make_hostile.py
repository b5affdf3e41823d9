#!/usr/bin/env python3
"""make_hostile.py FOLDER: files that are no honest Keras models, for hostile_test.cc, which says what is wrong with each."""
import io
import json
import os
import struct
import sys
import warnings
import zipfile

import h5py
import numpy as np

warnings.simplefilter("ignore")
DENSE = {"class_name": "Dense", "config": {"name": "dense", "units": 2, "batch_input_shape": [None, 3]}}
MODEL = {"class_name": "Sequential", "config": {"name": "m", "layers": [DENSE]}}
MODEL3 = {"module": "keras", "class_name": "Sequential", "config": MODEL["config"], "registered_name": None}


def hdf5(path, fill):
    with h5py.File(path, "w", libver="latest" if "giant" in path else "earliest") as file:
        file.attrs["model_config"] = json.dumps(MODEL)
        file.attrs["keras_version"] = "2.4.0"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense"]
        layer = group.create_group("dense")
        layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        fill(file, layer, layer.create_group("dense"))


def honest(file, layer, group):
    group["kernel:0"] = np.ones((3, 2), np.float32)
    group["bias:0"] = np.ones(2, np.float32)


def external_link(file, layer, group):
    group["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/kernel")
    group["bias:0"] = np.ones(2, np.float32)


def soft_link(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group["kernel:0"] = h5py.SoftLink("/model_weights/dense/dense/bias:0")


def external_dataset(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group.create_dataset("kernel:0", (3, 2), np.float32, external=[("/etc/passwd", 0, 24)])


def virtual_dataset(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    layout = h5py.VirtualLayout((3, 2), np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3, 2))
    group.create_virtual_dataset("kernel:0", layout)


def huge_shape(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group.create_dataset("kernel:0", (1 << 30, 1 << 20), np.float32, chunks=(64, 64))


def bomb(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group.create_dataset("kernel:0", (1 << 27,), np.float32, chunks=(1 << 27,), compression="gzip", data=np.zeros(1 << 27, np.float32))


def unknown_filter(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group.create_dataset("kernel:0", data=np.ones((3, 2), np.float32), compression="lzf")


def text_weights(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group["kernel:0"] = np.array([[b"a", b"b"]] * 3)


def wrong_shape(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)
    group["kernel:0"] = np.ones((4, 2), np.float32)


def giant_names(file, layer, group):
    honest(file, layer, group)
    del layer.attrs["weight_names"]
    layer.attrs["weight_names"] = np.array([b"x"] * 150000)


def missing_dataset(file, layer, group):
    group["bias:0"] = np.ones(2, np.float32)


def names_that_climb(file, layer, group):
    honest(file, layer, group)
    layer.attrs["weight_names"] = [b"../../kernel", b"./dense/bias:0"]


def config_is_number(file, layer, group):
    honest(file, layer, group)
    del file.attrs["model_config"]
    file.attrs["model_config"] = 7


def config_is_no_json(file, layer, group):
    honest(file, layer, group)
    file.attrs["model_config"] = ""


def hdf5_bytes(fill):
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        fill(file)
    return data.getvalue()


def plain_weights(file):
    file["layers/dense/vars/0"] = np.ones((3, 2), np.float32)
    file["layers/dense/vars/1"] = np.ones(2, np.float32)


def cyclic_weights(file):
    plain_weights(file)
    file["layers/again"] = file["layers"]


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members:
            file.writestr(name, data)


def keras(path, extra=(), config=MODEL3, weights=plain_weights, **kwargs):
    members = [("metadata.json", json.dumps({"keras_version": "3.4.0"})), ("config.json", json.dumps(config))]
    if weights:
        members.append(("model.weights.h5", hdf5_bytes(weights)))
    archive(path, members + list(extra), **kwargs)


def patched(path, old, new, count=-1):
    with open(path, "rb") as file:
        data = file.read()
    assert old in data
    with open(path, "wb") as file:
        file.write(data.replace(old, new, count))


def write(path, value):
    with open(path, "w") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))


def functional(layers, inputs, outputs):
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}}


def layer(name, inbound, kind="Activation", **config):
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


X = layer("x", [], "InputLayer", batch_input_shape=[None, 3])


def main(folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    for fill in (external_link, soft_link, external_dataset, virtual_dataset, huge_shape, bomb, unknown_filter, text_weights,
                 wrong_shape, giant_names, missing_dataset, names_that_climb, config_is_number, config_is_no_json):
        hdf5(fill.__name__ + ".h5", fill)
    hdf5("truncated.h5", honest)
    with open("truncated.h5", "r+b") as file:
        file.truncate(os.path.getsize("truncated.h5") // 2)
    keras("duplicate_members.keras", [("config.json", json.dumps(MODEL3))])
    keras("escaping.keras", [("../../escaped", "x")])
    keras("absolute.keras", [("/tmp/escaped", "x")])
    keras("drive.keras", [("C:\\escaped", "x")])
    keras("bomb.keras", [("assets/zeros", b"\0" * (300 << 20))], compression=zipfile.ZIP_DEFLATED)
    keras("cyclic.keras", weights=cyclic_weights)
    keras("no_config.keras")
    patched("no_config.keras", b"config.json", b"konfig.json")
    archive("config_is_no_json.keras", [("config.json", "{")])
    archive("metadata_is_no_json.keras", [("metadata.json", "{"), ("config.json", json.dumps(MODEL3))])
    archive("metadata_is_list.keras", [("metadata.json", "[1]"), ("config.json", json.dumps(MODEL3))])
    # A member that claims to be large.
    archive("claims.keras", [("config.json", json.dumps(MODEL3))])
    size = struct.pack("<I", len(json.dumps(MODEL3)))
    patched("claims.keras", size + size, struct.pack("<I", 0x7FFFFFFF) * 2)
    write("deep.json", '{"class_name": "Sequential", "config": ' + "[" * 100000 + "]" * 100000 + "}")
    write("duplicate_field.json", '{"class_name": "Sequential", "class_name": "Model", "config": []}')
    write("no_json.json", '{"class_name": "Sequential", "config": [}')
    write("models_in_models.json", '{"class_name": "Sequential", "config": {"layers": [' * 60 + json.dumps(DENSE) + "]}}" * 60)
    write("waits_for_itself.json", functional(
        [X, layer("a", [[["b", 0, 0]]], activation="relu"), layer("b", [[["a", 0, 0]]], activation="relu")], [["x", 0, 0]], [["b", 0, 0]]))
    write("no_such_layer.json", functional([X, layer("a", [[["q", 0, 0]]], activation="relu")], [["x", 0, 0]], [["a", 0, 0]]))
    write("no_such_output.json", functional([X, layer("a", [[["x", 0, 7]]], activation="relu")], [["x", 0, 0]], [["a", 0, 0]]))
    write("no_such_call.json", functional(
        [X, layer("a", [[["x", 0, 0]]], activation="relu"), layer("b", [[["a", 0, 0], ["a", 9223372036854775807, 0]]], "Add")],
        [["x", 0, 0]], [["b", 0, 0]]))
    write("two_of_a_name.json", functional([X, X], [["x", 0, 0]], [["x", 0, 0]]))
    write("huge_layer.json", {"class_name": "Sequential", "config": [
        {"class_name": "Dense", "config": {"name": "d", "units": 1 << 40, "batch_input_shape": [None, 1 << 40]}}]})
    write("no_shape.json", {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"name": "d", "units": 2}}]})
    manifest = {"paths": ["weights.bin"], "weights": [{"name": "dense/kernel", "shape": [3, 2], "dtype": "float32"},
                                                      {"name": "dense/bias", "shape": [2], "dtype": "float32"}]}
    with open("weights.bin", "wb") as file:
        file.write(b"\0" * 32)
    tfjs = lambda **kwargs: {"modelTopology": MODEL, "weightsManifest": [{**manifest, **kwargs}]}
    write("tfjs_escaping.json", tfjs(paths=["../../../../etc/passwd"]))
    write("tfjs_absolute.json", tfjs(paths=["/etc/passwd"]))
    write("tfjs_claims.json", tfjs(weights=[{"name": "dense/kernel", "shape": [1 << 40, 1 << 20], "dtype": "float32"}]))
    write("tfjs_left_over.json", tfjs(weights=manifest["weights"][:1]))
    write("tfjs_no_json.json", {"modelTopology": {"model_config": "[", "keras_version": "2.4.0"}, "weightsManifest": []})
    write("tfjs_graph.json", {"modelTopology": {"node": [], "class_name": "x"}, "weightsManifest": []})


main(*sys.argv[1:])
