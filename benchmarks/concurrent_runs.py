#!/usr/bin/env python3
"""Runs a second of several threads that run one Session at once, as ratios to ONNX Runtime's.

One process each. onnxruntime-node makes the runs of a process one behind the other, each with all
of its threads; above 1 is better than that. `concurrent_runs` is built from concurrent_runs.cc; the models
and what must be installed are those of onnx_runtime.py.

Usage: concurrent_runs.py --nomo PROGRAM --program PROGRAM --work FOLDER [--callers N] [--threads N]
                     [--rounds N] [MODEL...]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tests/onnx/real_models"))

import further_models
import runners
import zoo

SECONDS = 2


def rate_here(program, model, inputs, callers, threads):
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/inputs.npz", **inputs)
        done = subprocess.run([program, model, f"{folder}/inputs.npz", str(callers), str(SECONDS), str(threads)],
                              capture_output=True, text=True)
    if done.returncode:
        raise runners.Failure(done.stderr.strip())
    return json.loads(done.stdout)["rate"]


def rate_there(ort, model, inputs):
    """By the clock, as on the other side: what a process with more runs takes longer."""
    few = 5
    many = few + max(10, int(1000 * SECONDS / ort.cost(model, inputs, few).run))

    def seconds(runs):
        begin = time.monotonic()
        ort.cost(model, inputs, runs)
        return time.monotonic() - begin

    return (many - few) / max(seconds(many) - seconds(few), 1e-9)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nomo", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--program", required=True, type=pathlib.Path, help="concurrent_runs.cc's program")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="where packages and models are")
    parser.add_argument("--callers", type=int, default=4, help="threads that call (default 4)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each run (default all)")
    parser.add_argument("--rounds", type=int, default=3, help="of each model (default 3)")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="only these")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    zoo.install(work)
    nomo = runners.Nomo(arguments.nomo.resolve(), arguments.threads)
    ort = runners.OnnxRuntime(work, arguments.threads)
    rows = [["model", "runs/s", "runs/s ORT", "ratio"]]
    for model in zoo.models(work) + further_models.models():
        if arguments.models and model.name not in arguments.models:
            continue
        source, saved = work / f"{model.name}.onnx", work / f"{model.name}.nomo"
        if not source.exists():
            model.make(source)
        saved.unlink(missing_ok=True)
        nomo.convert(source, saved)
        inputs = model.inputs(1)
        pairs = [(rate_here(arguments.program.resolve(), saved, inputs, arguments.callers, arguments.threads),
                  rate_there(ort, source, inputs)) for _ in range(arguments.rounds)]
        ratio = statistics.median(here / there for here, there in pairs)
        here, there = (statistics.median(side) for side in zip(*pairs))
        rows.append([model.name, f"{here:.4g}", f"{there:.4g}", f"{ratio:.2f}"])
    runners.print_table(rows)


if __name__ == "__main__":
    main()
