#!/usr/bin/env python3
"""Compiles every source that sees oneDNN against the headers of another one, without making objects.

    tools/onednn_versions.py FOLDER...

FOLDER is an installed oneDNN's folder of headers: it has oneapi/dnnl/dnnl.hpp and the dnnl_config.h that its build wrote.
What depends on how oneDNN was built to use threads is compiled for each way that Nomograph knows. $CXX is the compiler, g++
where it is not set.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNTIMES = ["OMP", "THREADPOOL", "SEQ"]
INCLUDE = re.compile(r'^#include "(nomograph/[^"]+|oneapi/[^"]+)"', re.MULTILINE)
# Sources of other repositories, and those that include what only the build writes.
EXCEPT = re.compile(r"^examples/|_fuzz")


def sources():
    """The tracked or new sources that include oneDNN's headers through whatever headers of ours, and those of them whose
    text, or that of a header of ours, asks for the runtime."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.h", "*.cc"], cwd=ROOT,
                            check=True, capture_output=True, text=True).stdout
    paths = [path for path in listed.split("\0") if path and (ROOT / path).exists()]
    text = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
    included_by = {}
    for path in paths:
        for name in INCLUDE.findall(text[path]):
            included_by.setdefault(name.removeprefix("nomograph/"), []).append(path)

    def all_above(names):
        found, open_names = set(), list(names)
        while open_names:
            for path in included_by.get(open_names.pop(), []):
                if path not in found:
                    found.add(path)
                    open_names.append(path)
        return found

    seen = all_above(name for name in list(included_by) if name.startswith("oneapi/"))
    asking = [path for path in paths if "DNNL_CPU_THREADING_RUNTIME" in text[path]]
    by_runtime = all_above(asking) | set(asking)
    files = sorted(path for path in seen if path.endswith(".cc") and not EXCEPT.search(path))
    return files, [path for path in files if path in by_runtime]


def lay_headers(folder, runtime, to):
    """A folder of links to the headers, with a dnnl_config.h that says `runtime`, and ours as nomograph/."""
    headers = to / "oneapi" / "dnnl"
    headers.mkdir(parents=True)
    for header in (folder / "oneapi" / "dnnl").glob("*.h*"):
        (headers / header.name).symlink_to(header.resolve())
    config = headers / "dnnl_config.h"
    written = re.sub(r"(#define DNNL_CPU_(?:THREADING_)?RUNTIME) DNNL_RUNTIME_\w+", rf"\1 DNNL_RUNTIME_{runtime}",
                     config.read_text(encoding="utf-8"))
    config.unlink()
    config.write_text(written, encoding="utf-8")
    (to / "nomograph").symlink_to(ROOT)


def version_of(folder):
    text = (folder / "oneapi" / "dnnl" / "dnnl_version.h").read_text(encoding="utf-8")
    return ".".join(re.search(rf"#define DNNL_VERSION_{part} (\d+)", text)[1] for part in ["MAJOR", "MINOR", "PATCH"])


def compile_source(path, includes):
    compiler = [os.environ.get("CXX", "g++"), "-std=c++20", "-fopenmp", "-fsyntax-only", "-fmax-errors=3", "-Wall", "-Wextra", "-Werror"]
    compiler += ["-Wno-restrict", "-Wno-missing-field-initializers", '-DNOMO_OP_PROVIDER="nomograph"']
    done = subprocess.run([*compiler, "-I", includes, includes / "nomograph" / path], capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def main(folders):
    files, by_runtime = sources()
    faults = 0
    with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, folder in enumerate(map(pathlib.Path, folders)):
            if not (folder / "oneapi" / "dnnl" / "dnnl_config.h").exists():
                sys.exit(f"{folder} has no oneapi/dnnl/dnnl_config.h: expected the headers of an installed oneDNN")
            for runtime in RUNTIMES:
                includes = pathlib.Path(temporary) / str(i) / runtime
                lay_headers(folder, runtime, includes)
                chosen = files if runtime == RUNTIMES[0] else by_runtime
                failed = 0
                for path, errors in zip(chosen, pool.map(lambda path: compile_source(path, includes), chosen)):
                    if errors:
                        failed += 1
                        print(f"FAILED: {path}\n{errors}")
                print(f"oneDNN {version_of(folder)}, {runtime}: {len(chosen) - failed} of {len(chosen)} sources compile", flush=True)
                faults += failed
    return bool(faults)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
