"""Runs models in Nomograph and in ONNX Runtime, on NumPy arrays by name."""
import dataclasses
import json
import pathlib
import re
import subprocess
import tempfile

import numpy as np

_HERE = pathlib.Path(__file__).resolve().parent


class Failure(Exception):
    """A program's own words on why it could not do what it was asked to."""


def _call(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{command[0]} {command[1]}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


@dataclasses.dataclass
class Cost:
    """What a model costs one process that opens and runs it."""
    start: float      # milliseconds from opening it to the first outputs
    run: float        # milliseconds of a run, the median
    peak_bytes: int   # resident memory at its highest


class OnnxRuntime:
    """The npm package onnxruntime-node, installed below `folder`. One process serves all runs."""

    def __init__(self, folder, threads=None):
        self._folder, self._threads, self._process = folder, threads, None

    def run(self, model, inputs):
        """Outputs by name."""
        return self._run(model, inputs, 0)[0]

    def cost(self, model, inputs, repeats):
        """In a process of its own, whose memory without a model is not counted."""
        self.close()
        _, result = self._run(model, inputs, repeats)
        self.close()
        return Cost(result["start"], result["run"], result["bytes"])

    def close(self):
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _run(self, model, inputs, repeats):
        with tempfile.TemporaryDirectory() as folder:
            job = {"model": str(model), "inputs": [], "folder": folder, "repeats": repeats,
                   "threads": self._threads}
            for i, (name, array) in enumerate(inputs.items()):
                file = f"{folder}/in{i}.bin"
                np.ascontiguousarray(array).tofile(file)
                job["inputs"].append({"name": name, "dtype": str(array.dtype),
                                      "shape": list(array.shape), "file": file})
            result = self._answer(job)
            return {output["name"]: np.fromfile(output["file"], output["dtype"])
                    .reshape(output["shape"]) for output in result["outputs"]}, result

    def _answer(self, job):
        if self._process is None:
            self._process = subprocess.Popen(["node", str(_HERE / "ort.js")], cwd=self._folder,
                                             text=True, stdin=subprocess.PIPE,
                                             stdout=subprocess.PIPE)
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            code, self._process = self._process.wait(), None
            raise Failure(f"ONNX Runtime stopped: exit code {code}")
        result = json.loads(line)
        if "error" in result:
            raise Failure(f"ONNX Runtime: {result['error']}")
        return result


class Nomo:
    """Nomograph's command line."""

    def __init__(self, program, threads=None, precision="float32"):
        self._program, self._threads, self._precision = program, threads, precision

    def convert(self, source, target):
        _call([self._program, "convert", source, target])

    def quantize(self, source, target, inputs):
        """With the inputs' rows as examples."""
        with tempfile.TemporaryDirectory() as folder:
            np.savez(f"{folder}/examples.npz", **inputs)
            _call([self._program, "quantize", source, "-o", target, "-i", f"{folder}/examples.npz",
                   "--force"])

    def inspect(self, model):
        return json.loads(_call([self._program, "inspect", model, "--json"]))

    def run(self, model, inputs):
        """Outputs by name."""
        with tempfile.TemporaryDirectory() as folder:
            self._run(model, inputs, folder, ["-o", f"{folder}/outputs.npz"])
            with np.load(f"{folder}/outputs.npz") as outputs:
                return dict(outputs)

    def cost(self, model, inputs, repeats):
        """All of the process counts."""
        with tempfile.TemporaryDirectory() as folder:
            printed = self._run(model, inputs, folder,
                                ["-o", f"{folder}/outputs.npz", "--repeat", repeats])

        def found(pattern):
            return re.search(pattern, printed, re.MULTILINE).groups()

        number, unit = found(r"^memory  (\S+) (\w+)")
        return Cost(float(found(r"^start  (\S+) ms")[0]), float(found(r"^time  (\S+) ms")[0]),
                    int(float(number) * {"KB": 2**10, "MB": 2**20, "GB": 2**30}[unit]))

    def _run(self, model, inputs, folder, flags):
        command = [self._program, "run", model, "--precision", self._precision, *flags]
        if self._threads is not None:
            command += ["--threads", self._threads]
        for i, (name, array) in enumerate(inputs.items()):
            np.save(f"{folder}/{i}.npy", array)
            command += ["-i", f"{name}={folder}/{i}.npy"]
        return _call(command)


def print_table(rows, file=None):
    """As Markdown; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |", file=file)
        if i == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|", file=file)
