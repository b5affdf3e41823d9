#!/usr/bin/env python3
"""Steps of training and their memory, as ratios to PyTorch's in the same run.

Each model is written in PyTorch and handed over as an ONNX file with its initial weights; both then train it on one batch
of random numbers with the same optimizer. Before it is timed the losses of the first steps must agree. Each round runs
both in turn, each in a process of its own; the table has the median of the rounds' ratios of the median step. Below 1 is
better than PyTorch. With --precision bfloat16 both compute products so (PyTorch: torch.autocast), the losses agree to the
digits of that, and a column more has this side's step as a ratio to its own in float32.

Needs Debian's python3-torch, python3-torchvision and python3-onnx.

Usage: training.py --program PROGRAM --work FOLDER [--threads N] [--rounds N] [--precision float32|bfloat16] [--markdown FILE]
                   [MODEL...]
"""
import argparse
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import numpy as np

LOSSES = 5  # steps whose losses are compared
# Of the loss: float32 sums in other orders, and what steps make of their differences; factors with 8 bits.
TOLERANCES = {"float32": 2e-3, "bfloat16": 1e-1}


def models():
    import torch
    from torch import nn
    import torchvision

    def seeded(make):
        torch.manual_seed(7)
        return tell_apart(make())

    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    class LayerNorm(nn.LayerNorm):
        """In float32: under torch.autocast that of PyTorch 1.13 refuses an input in bfloat16."""

        def forward(self, x):
            return super().forward(x if x.dtype == torch.float32 else x.float())

    class Attention(nn.Module):
        """Written out, so that its export is plain."""

        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x):
            b, t, w = x.shape
            q, k, v = (p.reshape(b, t, self.heads, w // self.heads).transpose(1, 2) for p in self.qkv(x).split(w, -1))
            a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(w // self.heads), -1)
            return self.out((a @ v).transpose(1, 2).reshape(b, t, w))

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.attention, self.norm1, self.norm2 = Attention(width, heads), LayerNorm(width), LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Linear(64, 128)
            self.blocks = nn.Sequential(*[Block(128, 4) for _ in range(4)])
            self.head = nn.Linear(128, 10)

        def forward(self, x):
            return self.head(self.blocks(self.embed(x)).mean(1))

    def mlp():
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))

    def cnn():
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))

    # name: (model, shape of a batch, classes, optimizer, rate, steps of a round)
    return {
        "mlp": (seeded(mlp), (128, 784), 10, "adam", 1e-3, 200),
        "cnn": (seeded(cnn), (64, 1, 28, 28), 10, "adam", 1e-3, 30),
        "lstm": (seeded(Lstm), (32, 50, 64), 10, "adam", 1e-3, 30),
        "transformer": (seeded(Transformer), (16, 64, 64), 10, "adam", 1e-3, 30),
        "resnet18": (seeded(torchvision.models.resnet18), (16, 3, 224, 224), 1000, "sgd", 1e-2, 4),
        "mobilenet_v2": (seeded(lambda: torchvision.models.mobilenet_v2(dropout=0.0)), (16, 3, 224, 224), 1000, "sgd", 1e-4, 4),
    }


def tell_apart(model):
    """Gives batch normalisations weights of their own: the exporter makes one of tensors that are equal."""
    import torch
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in ((module.weight, 0.9, 1.1), (module.bias, -0.1, 0.1), (module.running_mean, -0.1, 0.1),
                                      (module.running_var, 0.9, 1.1)):
                torch.nn.init.uniform_(tensor, low, high)
    return model


def export(model, shape, path):
    import torch
    model.eval()
    # PRESERVE: batch normalisations stay nodes of their own.
    torch.onnx.export(model, torch.zeros(shape), str(path), input_names=["x"], output_names=["scores"], opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamic_axes={"x": {0: "batch"}})


def peak_megabytes():
    """Not getrusage()'s, which counts in the process that started this one."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def train(name, work, threads, precision, steps, warmup):
    """The other side, in a process of its own."""
    import time
    import torch
    torch.set_num_threads(threads)
    model, _, _, optimizer, rate, _ = models()[name]
    arrays = np.load(work / f"{name}.npz")
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    step = (torch.optim.Adam(model.parameters(), rate, eps=1e-12) if optimizer == "adam"
            else torch.optim.SGD(model.parameters(), rate, momentum=0.9))
    loss = torch.nn.CrossEntropyLoss()
    model.train()
    losses, times = [], []
    for i in range(warmup + steps):
        begin = time.perf_counter()
        step.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            scores = model(x)
        value = loss(scores.float(), y)
        value.backward()
        step.step()
        losses.append(value.item())
        if i >= warmup:
            times.append(1e3 * (time.perf_counter() - begin))
    print(json.dumps({"losses": losses, "ms": times, "mb": peak_megabytes()}))


def run(command, threads):
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout)


def compare(name, spec, args):
    model, shape, classes, optimizer, rate, steps = spec
    onnx, batch = args.work / f"{name}.onnx", args.work / f"{name}.npz"
    generator = np.random.default_rng(5)
    np.savez(batch, x=generator.standard_normal(shape, dtype=np.float32), y=generator.integers(0, classes, shape[0]))
    export(model, shape, onnx)
    def here_in(precision):
        return run([args.program, onnx, batch, optimizer, str(rate), str(steps), str(LOSSES), str(args.threads), precision],
                   args.threads)

    rounds = []
    for _ in range(args.rounds):
        here = here_in(args.precision)
        there = run([sys.executable, __file__, "--program", args.program, "--work", args.work, "--threads", str(args.threads),
                     "--precision", args.precision, "--train", name, str(steps), str(LOSSES)], args.threads)
        wide = here if args.precision == "float32" else here_in("float32")
        for step, (a, b) in enumerate(zip(here["losses"][:LOSSES], there["losses"][:LOSSES])):
            if not abs(a - b) <= TOLERANCES[args.precision] * max(1, abs(b)):
                sys.exit(f"{name}: the loss of step {step} is {a} here and {b} there")
        rounds.append((*(statistics.median(side["ms"]) for side in (here, there, wide)), here["mb"], there["mb"]))
    ms, ms_there, _, mb, mb_there = (statistics.median(column) for column in zip(*rounds))
    return {"ms": ms, "ms PyTorch": ms_there, "step": statistics.median(a / b for a, b, *_ in rounds), "MB": mb,
            "MB PyTorch": mb_there, "memory": statistics.median(r[3] / r[4] for r in rounds),
            "to float32": statistics.median(r[0] / r[2] for r in rounds)}


def mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="bazel-bin/benchmarks/training")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=TOLERANCES, default="float32")
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--train", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("models", nargs="*")
    args = parser.parse_args()
    if args.train:
        name, steps, warmup = args.train
        return train(name, args.work, args.threads, args.precision, int(steps), int(warmup))
    args.work.mkdir(parents=True, exist_ok=True)
    args.program = args.program.resolve()
    specs = models()
    unknown = [name for name in args.models if name not in specs]
    if unknown:
        sys.exit(f"no model {', '.join(unknown)}; there are {', '.join(specs)}")
    low = args.precision != "float32"
    heading = ["model", "ms", "ms PyTorch", "step", "MB", "MB PyTorch", "memory", *(["to float32"] if low else [])]
    lines = ["| " + " | ".join(heading) + " |", "|---" + "|---:" * (len(heading) - 1) + "|"]
    results = []
    for name, spec in specs.items():
        if args.models and name not in args.models:
            continue
        row = compare(name, spec, args)
        results.append(row)
        lines.append(f"| {name} | {row['ms']:.2f} | {row['ms PyTorch']:.2f} | {row['step']:.2f} | {row['MB']:.0f} | "
                     f"{row['MB PyTorch']:.0f} | {row['memory']:.2f} |" + (f" {row['to float32']:.2f} |" if low else ""))
        print(lines[-1], flush=True)
    lines.append(f"| geometric mean | | | {mean([r['step'] for r in results]):.2f} | | | "
                 f"{mean([r['memory'] for r in results]):.2f} |"
                 + (f" {mean([r['to float32'] for r in results]):.2f} |" if low else ""))
    print(lines[-1])
    if args.markdown:
        import torch
        args.markdown.write_text("\n".join([f"PyTorch {torch.__version__}, {args.precision}, {args.threads} threads, {platform.machine()}", "",
                                            *lines]) + "\n")


if __name__ == "__main__":
    main()
