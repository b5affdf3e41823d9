#!/usr/bin/env python3
"""Time and memory of models, as ratios to ONNX Runtime's in the same run.

The models are those of tests/onnx/real_models, whose README tells what must be installed, and those of
further_models.py, wider_models.py, rarer_models.py and newer_models.py. Before a model is timed its
outputs must agree within 1e-4 of the largest magnitude. Each round runs it here and there in turn,
each in a process of its own; the table has the median of the rounds' ratios. Below 1 is better than
ONNX Runtime. With --together N each is run by N processes at once, with --busy N beside N processes
that do nothing but compute. With --quantized both run what `nomo quantize` has made of the model,
integers of 8 bits as ONNX's QDQ; the outputs must agree with the model of floats within a tenth.

Usage: onnx_runtime.py --nomo PROGRAM --work FOLDER [--threads N] [--batch N] [--rounds N]
                       [--together N] [--busy N] [--quantized] [--json FILE] [--markdown FILE]
                       [MODEL...]
"""
import argparse
import concurrent.futures
import contextlib
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tests/onnx/real_models"))

import runners
import zoo

# Of the largest magnitude. Factors of 8 bits, in some fifty layers one behind the other. Quantised
# models are compared with the model of floats: ONNX Runtime's own sums of bytes may saturate.
TOLERANCES = {"float32": 1e-4, "bfloat16": 5e-2, "quantized": 1e-1}
RATIOS = ["run", "start", "memory"]
HEADING = ["model", "ms", "ms ORT", *RATIOS, "MB", "MB ORT", "differs by"]


def repeats(milliseconds):
    """So many that a round takes about two seconds."""
    return max(5, min(500, int(2000 / milliseconds)))


def difference(here, there):
    """The largest of all outputs, in units of each one's largest magnitude."""
    worst = 0.0
    for name, right in there.items():
        scale = max(float(np.abs(right).max(initial=0)), 1e-30)
        worst = max(worst, float(np.abs(here[name].astype(np.float64) - right).max(initial=0)) / scale)
    return worst


@contextlib.contextmanager
def busy_processes(count):
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def costs_together(programs, path, inputs, runs):
    """The costs of processes that run at the same time, one of each of the programs."""
    with concurrent.futures.ThreadPoolExecutor(len(programs)) as pool:
        return list(pool.map(lambda program: program.cost(path, inputs, runs), programs))


def quantized(model, source, nomo):
    """A file beside the source, calibrated on the benchmark's own inputs."""
    target = source.parent / "quantized" / source.name
    target.parent.mkdir(exist_ok=True)
    nomo.quantize(source, target, model.inputs(2))
    return target


def measure(model, work, nomo, peers, batch, rounds, precision):
    """The figures of the model, where as many run together as there are peers."""
    ort, tolerance = peers[0], TOLERANCES[precision]
    source = work / f"{model.name}.onnx"
    if not source.exists():
        model.make(source)
    original = source
    if precision == "quantized":
        source = quantized(model, source, nomo)
    saved = source.with_suffix(".nomo")
    saved.unlink(missing_ok=True)
    nomo.convert(source, saved)
    os.sync()  # a file that is still on its way to the disk takes three times as long to read
    inputs = model.inputs(batch)
    differs = difference(nomo.run(saved, inputs), ort.run(original, inputs))
    if not differs <= tolerance:
        raise runners.Failure(f"{model.name}: the outputs differ by {differs:.1e} of their largest magnitude")
    runs = repeats(nomo.cost(saved, inputs, 3).run)
    here, there = zip(*((costs_together([nomo] * len(peers), saved, inputs, runs),
                         costs_together(peers, source, inputs, runs))
                        for _ in range(rounds)))

    def mean(costs, field):
        return statistics.fmean(getattr(cost, field) for cost in costs)

    def middle(rounds_costs, field):
        return statistics.median(mean(costs, field) for costs in rounds_costs)

    def ratio(field):
        return statistics.median(mean(a, field) / mean(b, field) for a, b in zip(here, there))

    return {"model": model.name, "ms": middle(here, "run"), "ms ORT": middle(there, "run"),
            "run": ratio("run"), "start": ratio("start"), "memory": ratio("peak_bytes"),
            "MB": middle(here, "peak_bytes") / 2**20, "MB ORT": middle(there, "peak_bytes") / 2**20,
            "differs by": differs}


def with_mean(rows):
    """The rows, and behind them the geometric mean of their ratios."""
    def mean(column):
        return math.exp(statistics.fmean(math.log(row[column]) for row in rows))
    return rows + [{"model": "geometric mean", **{column: mean(column) for column in RATIOS}}]


def cells(row):
    """Of a Markdown table."""
    def cell(column):
        if column not in row:
            return ""
        if column == "model":
            return row[column]
        return f"{row[column]:.0e}" if column == "differs by" else f"{row[column]:.0f}" if column.startswith("MB") else f"{row[column]:.2f}"
    return [cell(column) for column in HEADING]


def machine(threads, batch):
    """Where the figures come from."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    flags = re.search(r"flags\s*: (.*)", text)
    flags = set(flags.group(1).split()) if flags else set()
    levels = {"AMX": "amx_tile", "AVX-512 bf16": "avx512_bf16", "AVX-512": "avx512f", "AVX2": "avx2"}
    best = next((level for level, flag in levels.items() if flag in flags), "no AVX2")
    return {"date": datetime.date.today().isoformat(), "processor": name.group(1) if name else platform.machine(),
            "instructions": best, "threads": threads, "batch": batch,
            "peer": zoo.PACKAGES[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nomo", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--work", required=True, type=pathlib.Path,
                        help="where packages and models go: about 13 GB")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each (default all)")
    parser.add_argument("--batch", type=int, default=1, help="rows of a run (default 1)")
    parser.add_argument("--precision", choices=TOLERANCES, default="float32",
                        help="in which Nomograph multiplies; ONNX Runtime does in float32 (default float32)")
    parser.add_argument("--quantized", action="store_true",
                        help="run what `nomo quantize` makes of the models, on both sides")
    parser.add_argument("--rounds", type=int, default=3, help="of each model (default 3)")
    parser.add_argument("--together", type=int, default=1, help="processes at once (default 1)")
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside them (default 0)")
    parser.add_argument("--json", type=pathlib.Path, help="writes the figures there, too")
    parser.add_argument("--markdown", type=pathlib.Path, help="writes the table there, too")
    parser.add_argument("models", nargs="*", metavar="MODEL",
                        help="only these; 'known': those of tests/onnx/real_models, 'further', 'wider', 'rarer', 'newer': "
                             "the others, 'attention': that by itself, 'operators': one operator each")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    zoo.install(work)
    import further_models
    import newer_models
    import operators
    import rarer_models
    import wider_models
    groups = {"known": zoo.models(work), "further": further_models.models(),
              "wider": wider_models.models(), "rarer": rarer_models.models(), "newer": newer_models.models(),
              "attention": further_models.attention(), "operators": operators.models()}
    chosen = set(arguments.models) or {"known", "further", "wider", "rarer", "newer"}
    models = [model for group, members in groups.items() for model in members
              if group in chosen or model.name in chosen]
    missing = chosen - set(groups) - {model.name for model in models}
    if missing:
        sys.exit(f"no such model: {', '.join(sorted(missing))}")
    nomo = runners.Nomo(arguments.nomo.resolve(), arguments.threads, arguments.precision)
    peers = [runners.OnnxRuntime(work, arguments.threads) for _ in range(arguments.together)]
    if arguments.quantized and arguments.precision != "float32":
        sys.exit("--quantized: integers have no --precision")
    precision = "quantized" if arguments.quantized else arguments.precision
    rows, failed = [], []
    for model in models:
        print(model.name, file=sys.stderr)
        try:
            with busy_processes(arguments.busy):
                rows.append(measure(model, work, nomo, peers, arguments.batch, arguments.rounds,
                                    precision))
        except runners.Failure as failure:  # the others are measured all the same
            failed.append(str(failure))
    where = {**machine(arguments.threads, arguments.batch), "precision": precision,
             "together": arguments.together, "busy": arguments.busy}
    table = [HEADING, *(cells(row) for row in (with_mean(rows) if rows else []))]
    title = "{date}, {processor} ({instructions}), {threads} threads, batch {batch}, {precision}, {peer}".format(**where)
    if arguments.together > 1 or arguments.busy > 0:
        title += f", {arguments.together} together, {arguments.busy} busy processes"
    print(f"{title}\n")
    runners.print_table(table)
    if arguments.markdown:
        with arguments.markdown.open("w") as file:
            file.write(f"{title}\n\n")
            runners.print_table(table, file)
    if arguments.json:
        arguments.json.write_text(json.dumps({**where, "models": rows, "failed": failed}, indent=2) + "\n")
    for failure in failed:
        print(failure, file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
