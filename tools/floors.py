#!/usr/bin/env python3
"""Prints the floors of the house, and fails where an include goes upwards, a room of core is too full, or oneDNN's headers are
included outside of the one room that knows its versions.

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
    for fault in faults:
        print("FAILED:", fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
