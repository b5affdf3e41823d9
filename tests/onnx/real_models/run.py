#!/usr/bin/env python3
"""Runs well-known models end to end and compares them with ONNX Runtime.

Each is imported, saved, loaded and run at batch 1 and 3, exported back to ONNX, and that file run
in ONNX Runtime and, imported once more, here. Prints a table; the exit code is 1 where a model
fails. README.md beside this file tells what must be installed.

Usage: run.py --nomo PROGRAM --work FOLDER [MODEL...]
"""
import argparse
import pathlib
import sys

import numpy as np
import onnx

import runners
import zoo

# Of an output's largest magnitude.
TOLERANCE = 1e-4
BATCHES = (1, 3)
COLUMNS = ["model", "nodes", "parameters", "batch 1", "batch 3", "back in ORT", "back here"]


def error(found, expected):
    """The largest difference of any output, as a part of its largest magnitude."""
    worst = 0.0
    for name, right in expected.items():
        if found[name].shape != right.shape or found[name].dtype != right.dtype:
            raise runners.Failure(f"output {name}: expected {right.dtype}{right.shape}, "
                                  f"found {found[name].dtype}{found[name].shape}")
        difference = np.abs(found[name].astype(np.float64) - right).max(initial=0)
        scale = np.abs(right.astype(np.float64)).max(initial=0)
        if scale == 0:
            raise runners.Failure(f"output {name} is 0 everywhere, which proves nothing")
        worst = max(worst, difference / scale)
        if not np.isfinite(found[name]).all():
            raise runners.Failure(f"output {name} is not finite")
    return worst


def within(what, value):
    if value > TOLERANCE:
        raise runners.Failure(f"{what}: {value:.1e} of the largest magnitude, over {TOLERANCE:.0e}")
    return f"{value:.1e}"


def size(facts):
    """Nodes and parameters, in functions too. Some exporters write weights as constants."""
    nodes = len(facts["nodes"]) + sum(len(function["nodes"]) for function in facts["functions"])
    parameters = sum(int(np.prod(tensor["shape"])) for tensor in facts["tensors"]
                     if tensor["dtype"].startswith("float"))
    return str(nodes), f"{parameters:,}"


def run(model, work, nomo, ort):
    """The model's row of the table."""
    source, saved = work / f"{model.name}.onnx", work / f"{model.name}.nomo"
    back, again = work / f"{model.name}.back.onnx", work / f"{model.name}.again.nomo"
    if not source.exists():
        model.make(source)
    nomo.convert(source, saved)
    nomo.convert(saved, back)
    nomo.convert(back, again)
    onnx.checker.check_model(str(back), full_check=True)
    row = [model.name, *size(nomo.inspect(saved))]
    worst = {"back in ORT": 0.0, "back here": 0.0}
    for batch in BATCHES:
        inputs = model.inputs(batch)
        expected = ort.run(source, inputs)
        row.append(within(f"batch {batch}", error(nomo.run(saved, inputs), expected)))
        worst["back in ORT"] = max(worst["back in ORT"], error(ort.run(back, inputs), expected))
        worst["back here"] = max(worst["back here"], error(nomo.run(again, inputs), expected))
    row += [within(what, value) for what, value in worst.items()]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nomo", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--work", required=True, type=pathlib.Path,
                        help="where packages and models go: about 4 GB")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="only these")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    zoo.install(work)
    nomo, ort = runners.Nomo(arguments.nomo.resolve()), runners.OnnxRuntime(work)
    rows, failures = [COLUMNS], []
    for model in zoo.models(work):
        if arguments.models and model.name not in arguments.models:
            continue
        print(model.name, file=sys.stderr)
        try:
            rows.append(run(model, work, nomo, ort))
        except (runners.Failure, onnx.checker.ValidationError,
                onnx.shape_inference.InferenceError) as failure:
            failures.append(f"{model.name}: {failure}")
    runners.print_table(rows)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
