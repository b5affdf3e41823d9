#!/usr/bin/env python3
"""Takes Keras models through the whole library and compares with ONNX Runtime.

Each is opened and run; saved, loaded and run; exported to ONNX and run in ONNX Runtime and, imported again, here. Prints a table;
the exit code is 1 where a model fails. A model with a node that names an op which is not registered (a class of its author's own)
does not run: its row says so.

Usage: peer.py --nomo PROGRAM --work FOLDER MODEL...
FOLDER has npm's onnxruntime-node, which `npm install --prefix FOLDER onnxruntime-node@1.30.0` puts there; a MODEL is a file, or a
folder with one.
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "tests/onnx/real_models"))

import runners

TOLERANCE = 1e-4  # of an output's largest magnitude
COLUMNS = ["model", "of Keras", "nodes", "parameters", "saved and loaded", "ONNX Runtime", "back here"]
ENDINGS = (".h5", ".hdf5", ".keras", ".json")


def model_in(path):
    """The model's file."""
    if path.is_file():
        return path
    files = [f for f in sorted(path.iterdir()) if f.name.endswith(ENDINGS) and f.name != "meta.json"]
    if len(files) != 1:
        raise runners.Failure(f"{path}: expected one model, found {len(files)}")
    return files[0]


def inputs_of(facts, rng):
    """Random numbers in [0, 1); small whole ones where rows are looked up. Sizes that are open are 2."""
    looks_up = any(node["op"] == "array.Gather" for node in facts["nodes"])
    inputs = {}
    for declared in facts["inputs"]:
        shape = [size if isinstance(size, int) else 2 for size in declared["shape"]]
        values = rng.integers(0, 3, shape) if looks_up else rng.random(shape)
        inputs[declared["name"]] = values.astype(declared["dtype"])
    return inputs


def difference(found, expected):
    """The largest one of any output, as a part of its largest magnitude."""
    worst = 0.0
    for name, right in expected.items():
        if found[name].shape != right.shape:
            raise runners.Failure(f"output {name}: expected {right.shape}, found {found[name].shape}")
        scale = float(np.abs(right).max(initial=0)) or 1.0
        worst = max(worst, float(np.abs(found[name].astype(np.float64) - right).max(initial=0)) / scale)
    if not worst <= TOLERANCE:
        raise runners.Failure(f"it differs by {worst:.1e} of the largest magnitude")
    return f"{worst:.1e}"


def row_of(path, work, nomo, ort):
    facts = nomo.inspect(path)
    parameters = sum(int(np.prod(t["shape"])) for t in facts["tensors"])
    row = [path.parent.name if path.stem == "model" else path.stem, facts["keras"]["keras_version"], str(len(facts["nodes"])), f"{parameters:,}"]
    saved, exported, back = work / "peer.nomo", work / "peer.onnx", work / "peer.back.nomo"
    for old in (saved, exported, back):
        old.unlink(missing_ok=True)
    nomo.convert(path, saved)
    missing = sorted({outcome["op"] for outcome in facts["keras"]["lambdas"] if outcome["outcome"] == "missing"})
    if missing:
        return row + ["names " + ", ".join(missing), "-", "-"]
    inputs = inputs_of(facts, np.random.default_rng(1))
    expected = nomo.run(path, inputs)
    row.append(difference(nomo.run(saved, inputs), expected))
    nomo.convert(saved, exported)
    row.append(difference(ort.run(exported, inputs), expected))
    nomo.convert(exported, back)
    return row + [difference(nomo.run(back, inputs), expected)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nomo", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    flags = parser.parse_args()
    if not (flags.work / "node_modules/onnxruntime-node").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", flags.work, "onnxruntime-node@1.30.0"], check=True)
    nomo, ort = runners.Nomo(flags.nomo), runners.OnnxRuntime(flags.work)
    rows, failed = [COLUMNS], False
    for path in flags.models:
        try:
            rows.append(row_of(model_in(path), flags.work, nomo, ort))
        except runners.Failure as failure:
            rows.append([path.name, f"FAILED: {failure}"])
            failed = True
        print(rows[-1][0], file=sys.stderr)
    ort.close()
    runners.print_table(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
