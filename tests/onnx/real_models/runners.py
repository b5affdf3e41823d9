"""Runs models in Nomograph and in ONNX Runtime, on NumPy arrays by name."""
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np

_HERE = pathlib.Path(__file__).resolve().parent


class Failure(Exception):
    """A program's own words on why it could not do what it was asked to."""


def _call(command, **kwargs):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **kwargs)
    if done.returncode:
        raise Failure(f"{command[0]} {command[1]}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class OnnxRuntime:
    """The npm package onnxruntime-node, installed below `folder`. One process serves all runs."""

    def __init__(self, folder):
        self._folder, self._process = folder, None

    def run(self, model, inputs, repeats=0):
        """Outputs by name, and the median of `repeats` runs in milliseconds."""
        with tempfile.TemporaryDirectory() as folder:
            job = {"model": str(model), "inputs": [], "folder": folder, "repeats": repeats}
            for i, (name, array) in enumerate(inputs.items()):
                file = f"{folder}/in{i}.bin"
                np.ascontiguousarray(array).tofile(file)
                job["inputs"].append({"name": name, "dtype": str(array.dtype),
                                      "shape": list(array.shape), "file": file})
            result = self._answer(job)
            return {output["name"]: np.fromfile(output["file"], output["dtype"])
                    .reshape(output["shape"]) for output in result["outputs"]}, result["ms"]

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

    def __init__(self, program):
        self._program = program

    def convert(self, source, target):
        _call([self._program, "convert", source, target])

    def inspect(self, model):
        return json.loads(_call([self._program, "inspect", model, "--json"]))

    def run(self, model, inputs):
        """Outputs by name."""
        with tempfile.TemporaryDirectory() as folder:
            return self._run(model, inputs, pathlib.Path(folder))

    def milliseconds(self, model, inputs, repeats=8):
        """The time of one run: what `repeats` more of the same rows take longer.

        For models whose inputs all have the batch first.
        """
        with tempfile.TemporaryDirectory() as folder:
            def seconds(times):
                rows = {name: np.concatenate([array] * times) for name, array in inputs.items()}
                batch = len(next(iter(inputs.values())))
                start = time.perf_counter()
                self._run(model, rows, pathlib.Path(folder), ["--batch", batch])
                return time.perf_counter() - start
            once = min(seconds(1) for _ in range(2))
            return max(0.0, min(seconds(1 + repeats) for _ in range(2)) - once) / repeats * 1e3

    def _run(self, model, inputs, folder, flags=()):
        command = [self._program, "run", model, "-o", folder / "outputs.npz", *flags]
        for i, (name, array) in enumerate(inputs.items()):
            np.save(folder / f"{i}.npy", array)
            command += ["-i", f"{name}={folder}/{i}.npy"]
        _call(command)
        with np.load(folder / "outputs.npz") as outputs:
            return dict(outputs)
