#!/usr/bin/env python3
"""How time and memory of `nomo`'s commands grow with the graph: a table in Markdown.

Two kinds of graph are written as ONNX files. "blocks" is a chain of residual blocks in nested scopes
("/stages.3/groups.5/layers.7/fc1/MatMul"), eight nodes and two small weights each. "wide" is one input
that half of the nodes read, each followed by one more, and all of those joined by one Concat: a value
with as many readers, and a node with as many inputs, as half of the graph. Times are those of the
processor, which other processes disturb less.

Usage: growth_of_tools.py --nomo PROGRAM --work FOLDER [--nodes 1000,10000,…] [--commands summary,…] [--forms onnx,nomo]
                          [--limit SECONDS]
"""
import argparse
import datetime
import os
import pathlib
import platform
import resource
import struct
import subprocess

COMMANDS = {
    "summary": "summary {model}",
    "inspect": "inspect {model}",
    "inspect --json": "inspect {model} --json",
    "inspect SEL": "inspect {model} op:Relu+1",
    "check": "check {model}",
    "diff": "diff {model} {changed}",
    "graph svg": "graph {model} -o {out}.svg --force",
    "graph png": "graph {model} -o {out}.png --force",
    "view": "view {model} -o {out}.html --force",
    "convert": "convert {model} {out}.nomo --force",
}
WIDTH = 4  # of all tensors


# The few fields of onnx.proto that a graph needs.
def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A number, or what has a length: bytes and text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(op, name, inputs, attributes=b""):
    """A NodeProto with one output, which has the node's name."""
    return field(1, b"".join(field(1, i) for i in inputs) + field(2, name) + field(3, name) + field(4, op) + attributes)


def weight(name, shape, seed):
    values = [((seed * 7 + i * 3) % 11 - 5) / 8 for i in range(shape[0] * shape[1])]
    return field(5, b"".join(field(1, size) for size in shape) + field(2, 1) + field(8, name) +
                 field(9, struct.pack("<%df" % len(values), *values)))


def value_info(number, name):
    dims = field(1, field(2, "batch")) + field(1, field(1, WIDTH))
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, dims))))


def write_model(path, parts, output):
    parts = [field(2, "growth"), *parts, value_info(11, "x"), value_info(12, output)]
    length = sum(map(len, parts))
    with open(path, "wb") as file:
        file.write(field(1, 8) + field(2, "growth_of_tools") + field(8, field(2, 17)) + varint(7 << 3 | 2) + varint(length))
        file.writelines(parts)


def write_blocks(path, nodes, changed):
    """With `changed` the block in the middle has an Elu in the place of its Relu."""
    parts, value, blocks = [], "x", nodes // 8
    for block in range(blocks):
        scope = "/stages.%d/groups.%d/layers.%d" % (block // 1728, block // 24 % 72, block % 24)
        for at in (1, 2):
            parts.append(weight("%s.fc%d.weight" % (scope, at), (WIDTH, WIDTH), block + at))
        chain = [("MatMul", "fc1/MatMul", ["%s.fc1.weight" % scope]), ("Mul", "fc1/Mul", None),
                 ("Elu" if changed and block == blocks // 2 else "Relu", "act/Relu", []),
                 ("MatMul", "fc2/MatMul", ["%s.fc2.weight" % scope]), ("Tanh", "act2/Tanh", []),
                 ("Add", "Add", [value]), ("Sigmoid", "gate/Sigmoid", []), ("Mul", "gate/Mul", [value])]
        for op, name, others in chain:
            name = scope + "/" + name
            parts.append(node(op, name, [value] + ([value] if others is None else others)))
            value = name
    write_model(path, parts, value)


def write_wide(path, nodes, changed):
    half, parts = nodes // 2, []
    for at in range(half):
        parts.append(node("Elu" if changed and at == half // 2 else "Relu", "/branch.%d/Relu" % at, ["x"]))
        parts.append(node("Sigmoid", "/branch.%d/Sigmoid" % at, ["/branch.%d/Relu" % at]))
    axis = field(5, field(1, "axis") + field(3, 0) + field(20, 2))
    parts.append(node("Concat", "/Concat", ["/branch.%d/Sigmoid" % at for at in range(half)], axis))
    parts.append(weight("slice", (WIDTH, WIDTH), 1))
    parts.append(node("ReduceMax", "/Reduce", ["/Concat"]))
    parts.append(node("Add", "/Add", ["/Reduce", "x"]))
    write_model(path, parts, "/Add")


def measure(command, limit):
    """Seconds of all processors, megabytes of resident memory at its highest, exit code, and message."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)))
    message = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, message


def short(seconds):
    return "%.2f" % seconds if seconds < 10 else "%.0f" % seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nomo", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--nodes", default="1000,10000,100000,1000000")
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--kinds", default="blocks,wide")
    parser.add_argument("--forms", default="onnx", help="onnx,nomo: files of ONNX, and those converted to .nomo")
    parser.add_argument("--limit", type=int, default=300)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    counts = [int(text) for text in arguments.nodes.split(",")]
    print("%s, %d processors, %s" % (datetime.date.today(), os.cpu_count(), platform.machine()))
    cases = [(kind, form) for kind in arguments.kinds.split(",") for form in arguments.forms.split(",")]
    for kind, form in cases:
        print("\n| %s, .%s | %s |\n|---|%s" % (kind, form, " | ".join("%s nodes" % format(n, ",") for n in counts), "---|" * len(counts)))
        for name in arguments.commands.split(","):
            cells = []
            for count in counts:
                paths = {}
                for part in ("model", "changed"):
                    paths[part] = arguments.work / ("%s_%d%s.onnx" % (kind, count, "_changed" if part == "changed" else ""))
                    if not paths[part].exists():
                        {"blocks": write_blocks, "wide": write_wide}[kind](paths[part], count, part == "changed")
                    if form == "nomo":
                        onnx, paths[part] = paths[part], paths[part].with_suffix(".nomo")
                        if not paths[part].exists():
                            subprocess.run([arguments.nomo, "convert", onnx, paths[part]], check=True, stdout=subprocess.DEVNULL)
                command = COMMANDS[name].format(out=arguments.work / "out", **paths).split()
                seconds, megabytes, code, message = measure([arguments.nomo, *command], arguments.limit)
                cells.append("%s s, %s MB" % (short(seconds), format(round(megabytes), ",")))
                if code != (1 if name == "diff" else 0):
                    cells[-1] = "exit %d after %s s: %s" % (code, short(seconds), message.strip().split("\n")[0][:150])
            print("| %s | %s |" % (name, " | ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
