#!/usr/bin/env python3
"""Prints the floors of the house, and fails where an include goes upwards, a room of core is too full, oneDNN's headers are
included outside of the one room that knows its versions, or a list for people lacks a room, a folder, a hook or a command.

A room may include what stands on its own floor's list of rooms or below it: each row of FLOORS lists rooms that know
nothing of each other. Tests may look anywhere below `tests`.
"""
import collections
import pathlib
import re
import subprocess
import sys

# From the ground up.
FLOORS = [
    ["core/form", "core/types", "core/numeric", "core/vector"],
    ["core/elementary", "core/io", "core/narrow", "core/op", "core/overlap", "core/packing", "core/reduction", "core/window"],
    ["core/attention", "core/graph", "core/onednn"],
    ["core/build"],
    ["core/gradient"],
    ["core/layers", "core/compile"],
    ["core/run"],
    ["ops", "data"],
    ["data/pipeline"],
    ["proto"],
    ["serialization"],
    ["serialization/onnx", "serialization/keras"],
    ["train"],
    ["mpi"],
    ["inspect"],
    ["tools"],
]
MOST_FILES = 24  # in a room of core
UNBOUNDED = {"core/layers"}  # a file a layer

ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
INCLUDE = re.compile(r'^#include "nomograph/([^"]+)"', re.MULTILINE)
ONEDNN = re.compile(r'^#include [<"](?:oneapi/|dnnl)', re.MULTILINE)


def room_of(path):
    """The deepest room that the file is in, or None."""
    parts = path.split("/")[:-1]
    for end in range(len(parts), 0, -1):
        if "/".join(parts[:end]) in ROOMS:
            return "/".join(parts[:end])
    return None


def lacking(root):
    """What the lists of CONTRIBUTING.md and of both READMEs do not have, or have in vain."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    core, text = text.split("And the rest of the house:", 1)
    folders, hooks = text.split("What an op may leave out", 1)
    hooks = hooks.split("**an ONNX operator.**", 1)[0]

    listed = {f"core/{room}" for room in re.findall(r"^\| `(\w+)/` \|", core, re.MULTILINE)}
    rooms = {room for room in ROOMS if room.startswith("core/")}
    yield from (f"CONTRIBUTING.md: the rooms of core lack {room}" for room in sorted(rooms - listed))
    yield from (f"CONTRIBUTING.md: there is no room {room}" for room in sorted(listed - rooms))

    listed = set(re.findall(r"`(\w+)/", "".join(re.findall(r"^\|[^|]*", folders, re.MULTILINE))))
    # Bazel's links lead to copies of what it has built.
    there = {path.parent.name for path in root.glob("*/BUILD.bazel") if not path.parent.is_symlink()} - {"core"}
    yield from (f"CONTRIBUTING.md: the folders lack {folder}/" for folder in sorted(there - listed))

    asked = (root / "core/op/op.h").read_text(encoding="utf-8").split("// Hooks that passes ask.", 1)[1]
    for hook in re.findall(r"^  OpDef& (\w+)\(", asked, re.MULTILINE):
        if f"`{hook}`" not in hooks:
            yield f"CONTRIBUTING.md: what an op may leave out lacks {hook}"

    for readme in ["README.md", "tools/README.md"]:
        text = (root / readme).read_text(encoding="utf-8")
        for command in sorted(path.stem[len("cmd_"):] for path in root.glob("tools/cmd_*.cc")):
            if not re.search(rf"^(\|.*`|    )nomo {command} [A-Z[]", text, re.MULTILINE):
                yield f"{readme}: the commands lack {command}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    files = subprocess.run(["git", "ls-files", "-z", "*.h", "*.cc"], cwd=root, check=True, capture_output=True, text=True)
    faults, below, count = [], collections.defaultdict(set), collections.Counter()
    for path in filter(None, files.stdout.split("\0")):
        text = (root / path).read_text(encoding="utf-8")
        if ONEDNN.search(text) and not path.startswith("core/onednn/"):
            faults.append(f"{path} includes oneDNN's headers; only core/onednn does")
        room = room_of(path)
        if room is None:
            continue
        count[room] += 1
        is_test = re.search(r"(_test|testing|testdata|_fuzz)", path)
        for included in INCLUDE.findall(text):
            other = room_of(included)
            if other is None or other == room or is_test:
                continue
            below[room].add(other)
            if ROOMS[other] >= ROOMS[room]:
                where = "above" if ROOMS[other] > ROOMS[room] else "beside"
                faults.append(f"{path} includes {included}, which stands {where} {room}")
        if path.startswith("core/") and len(path.split("/")) == 2:
            faults.append(f"{path} is in no room of core")
    for floor, rooms in reversed(list(enumerate(FLOORS))):
        for room in filter(count.get, rooms):
            print(f"{floor:2}  {room:20} {count[room]:3} files  on {', '.join(sorted(below[room], key=ROOMS.get)) or 'nothing'}")
    for room in ROOMS:
        if room.startswith("core/") and room not in UNBOUNDED and count[room] > MOST_FILES:
            faults.append(f"{room} has {count[room]} files; at most {MOST_FILES}")
    faults.extend(lacking(root))
    for fault in faults:
        print("FAILED:", fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
