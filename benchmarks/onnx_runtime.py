#!/usr/bin/env python3
"""Time and memory of well-known models, as ratios to ONNX Runtime's in the same run.

The models are those of tests/onnx/real_models, whose README tells what must be installed. Each round
runs a model here and there in turn, each in a process of its own with all processors; the table has
the median of the rounds' ratios. Below 1 is better than ONNX Runtime.

Usage: onnx_runtime.py --nomo PROGRAM --work FOLDER [--batch N] [--rounds N] [MODEL...]
"""
import argparse
import pathlib
import statistics
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tests/onnx/real_models"))

import runners
import zoo

COLUMNS = ["model", "ms", "ms ORT", "run", "start", "memory", "MB", "MB ORT"]


def repeats(milliseconds):
    """So many that a round takes about two seconds."""
    return max(5, min(500, int(2000 / milliseconds)))


def measure(model, work, nomo, ort, batch, rounds):
    """The model's row of the table."""
    source, saved = work / f"{model.name}.onnx", work / f"{model.name}.nomo"
    if not source.exists():
        model.make(source)
    nomo.convert(source, saved)
    inputs = model.inputs(batch)
    runs = repeats(nomo.cost(saved, inputs, 3).run)
    here, there = zip(*((nomo.cost(saved, inputs, runs), ort.cost(source, inputs, runs))
                        for _ in range(rounds)))

    def middle(costs, field):
        return statistics.median(getattr(cost, field) for cost in costs)

    def ratio(field):
        return statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(here, there))

    return [model.name, f"{middle(here, 'run'):.2f}", f"{middle(there, 'run'):.2f}",
            f"{ratio('run'):.2f}", f"{ratio('start'):.2f}", f"{ratio('peak_bytes'):.2f}",
            f"{middle(here, 'peak_bytes') / 2**20:.0f}", f"{middle(there, 'peak_bytes') / 2**20:.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nomo", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--work", required=True, type=pathlib.Path,
                        help="where packages and models go: about 2 GB")
    parser.add_argument("--batch", type=int, default=1, help="rows of a run (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="of each model (default 3)")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="only these")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    zoo.install(work)
    nomo, ort = runners.Nomo(arguments.nomo.resolve()), runners.OnnxRuntime(work)
    rows = [COLUMNS]
    for model in zoo.models(work):
        if not arguments.models or model.name in arguments.models:
            print(model.name, file=sys.stderr)
            rows.append(measure(model, work, nomo, ort, arguments.batch, arguments.rounds))
    runners.print_table(rows)


if __name__ == "__main__":
    main()
