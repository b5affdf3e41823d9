#!/usr/bin/env python3
"""Names the C++ files that clang-format would write otherwise, and fails where there are any: some seconds' work.

tools/format.py -i writes them so.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

VERSION = 14  # others break lines elsewhere


def main():
    if not shutil.which("clang-format"):
        print("format: nothing was looked at: clang-format is not installed; tools/setup.sh installs it")
        return 1
    version = subprocess.run(["clang-format", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if f"version {VERSION}." not in version:
        print(f"format: nothing was looked at: expected clang-format {VERSION}, found {version}")
        return 1
    root = pathlib.Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-z", "*.h", "*.cc"], cwd=root, check=True, capture_output=True, text=True)
    files = [path for path in listed.stdout.split("\0") if path]
    mode = "-i" if sys.argv[1:] == ["-i"] else "--dry-run"

    def run(first):
        command = ["clang-format", mode, *files[first:first + 64]]
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings = "".join(pool.map(run, range(0, len(files), 64)))
    others = sorted(set(re.findall(r"^(\S+?):\d+:\d+: warning:", warnings, re.MULTILINE)))
    for path in others:
        print(f"FAILED: {path} has another form; tools/format.py -i writes it as clang-format does")
    return bool(others)


if __name__ == "__main__":
    sys.exit(main())
