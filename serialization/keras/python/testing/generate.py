#!/usr/bin/env python3
"""Writes lambdas.json: lambdas as every Python here stores them, with the values that the same source gives in NumPy.

    generate.py [--check] PYTHON...     e.g. ~/.pyenv/versions/*/bin/python
    generate.py --seeds FOLDER          the payloads, a file each: what fuzzing begins with

--check writes nothing: each Python's payloads must be those of the file, where it has that version's. The values are
computed by the Python that runs this, which needs NumPy.
"""
import base64
import inspect
import json
import os
import subprocess
import sys

import numpy as np

import call_cases
import cases
import standins
import standins_more

standins_more.import_into()

HERE = os.path.dirname(os.path.abspath(__file__))


def all_cases():
    for line in cases.SIMPLE.strip().splitlines():
        inputs, body = line.split(" | ", 1)
        yield inputs, "f = lambda x: " + body
    for inputs, source in cases.FUNCTIONS:
        yield inputs, source
    for line in call_cases.CALLS.strip().splitlines():
        inputs, body = line.split(" | ", 1)
        yield inputs, "f = lambda x: " + body


# Of call_cases.CALLS.
CALL_VERSIONS = ("3.7", "3.12")


def make_input(kind, shape, k):
    n = int(np.prod(shape))
    wave = np.sin(np.arange(n) * (1.7 + 0.3 * k) + k + 0.3)
    values = {"f": wave, "p": np.abs(wave) + 0.1, "i": np.arange(n) * 7 % 11 - 3, "u": np.arange(n) * 37 % 256}[kind]
    return values.astype({"f": "float32", "p": "float32", "i": "int32", "u": "uint8"}[kind]).reshape(shape).view(standins.T)


def expected(source, inputs):
    values = []
    for k, text in enumerate(inputs.split(";")):
        kind, shape = text.split(":")
        values.append(make_input(kind, tuple(int(s) for s in shape.split(",")), k))
    names = dict(standins.GLOBALS)
    install_imports()
    # What only Python 2 compiles has an equal in Python 3.
    exec(compile(cases.PYTHON_2.get(source, source), "model.py", "exec"), names)
    stdout, sys.stdout = sys.stdout, open(os.devnull, "w")
    try:
        masks = {"mask": None} if "mask" in inspect.signature(names["f"]).parameters else {}  # as Keras gives it
        result = names["f"](values if len(values) > 1 else values[0], **masks)
    finally:
        sys.stdout = stdout
    many = isinstance(result, (list, tuple))
    outputs = [np.asarray(r) for r in (result if many else [result])]
    return many, [[list(o.shape), [float("%.7g" % v) for v in o.astype(np.float64).ravel()]] for o in outputs]


def install_imports():
    """What functions import is the stand-ins."""
    k, a = standins.keras, standins.keras.applications
    for name, module in {"tensorflow": standins.tf, "keras": k, "keras.backend": standins.K, "keras.applications": a,
                         "keras.applications.vgg16": a.vgg16, "tensorflow.keras": k, "tensorflow.keras.backend": standins.K,
                         "tensorflow.keras.applications": a, "tensorflow.keras.applications.resnet50": a.resnet50,
                         "tensorflow.python": k, "tensorflow.python.keras": k, "tensorflow.python.keras.applications": a}.items():
        sys.modules[name] = module


def payloads(python, sources):
    run = subprocess.run([python, os.path.join(HERE, "dump.py")], input=json.dumps(sources), stdout=subprocess.PIPE,
                         universal_newlines=True, check=True)
    version = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE,
                             universal_newlines=True, check=True).stdout.strip()
    return version, json.loads(run.stdout)


def write_seeds(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(HERE, "lambdas.json")) as f:
        payloads = [payload for case in json.load(f) for payload, _ in case["payloads"]]
    for i, payload in enumerate(payloads):
        with open(os.path.join(folder, "lambda_%d" % i), "wb") as f:
            f.write(base64.b64decode(payload))


def main():
    if sys.argv[1:2] == ["--seeds"]:
        return write_seeds(sys.argv[2])
    check = "--check" in sys.argv
    pythons = [a for a in sys.argv[1:] if a != "--check"] or [sys.executable]
    listed = list(all_cases())
    found = dict(payloads(p, [s for _, s in listed]) for p in pythons)
    if check:
        with open(os.path.join(HERE, "lambdas.json")) as f:
            stored = json.load(f)
        for version, dumped in found.items():
            for case, payload in zip(stored, dumped):
                mine = [p for p, versions in case["payloads"] if version in versions]
                if payload is not None and mine and mine[0] != payload[0]:
                    sys.exit("Python %s stores other bytes for %r" % (version, case["source"]))
        print("as stored:", " ".join(sorted(found)))
        return
    lines = []
    first_call = len(listed) - len(call_cases.CALLS.strip().splitlines())
    for i, (inputs, source) in enumerate(listed):
        many, outputs = expected(source, inputs)
        by_payload = {}
        defaults = closure = None
        for version, dumped in found.items():
            if i >= first_call and version not in CALL_VERSIONS:
                continue
            if dumped[i] is not None and not (version == "2.7" and source in cases.NOT_PYTHON_2):
                by_payload.setdefault(dumped[i][0], []).append(version)
                defaults, closure = dumped[i][1:]
        lines.append(json.dumps({"source": source, "inputs": inputs, "defaults": defaults, "closure": closure, "list": many,
                                 "outputs": outputs, "payloads": list(by_payload.items())}, separators=(",", ":")))
    with open(os.path.join(HERE, "lambdas.json"), "w") as f:
        f.write("[\n" + ",\n".join(lines) + "\n]\n")
    print(len(lines), "lambdas of", " ".join(found))


if __name__ == "__main__":
    main()
