#!/usr/bin/env python3
"""Images a second of input pipelines on one core, as ratios to PyTorch's DataLoader on the same files.

An epoch is measured from opening the files to the last batch of 64 images of float32, 28x28, in every form in which a data set
may come; the median of some epochs, here and there in turn, each in a process of its own. The sums of what was read must agree.
Needs /usr/bin/python3 with PyTorch, torchvision, NumPy and Pillow.

Usage: data_pipeline.py --program bazel-bin/benchmarks/data_pipeline --work FOLDER [--images N] [--epochs N] [SOURCE...]
"""
import argparse
import gzip
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import time

SOURCES = ["tensors", "npy", "npz", "npz-deflated", "idx", "idx-gz", "csv", "png", "tfrecord", "tfrecord-png"]
BATCH = 64


# ---- The files ----


def make_files(folder, count):
    """The same images in every form; strokes on black, as handwriting has them."""
    import numpy as np
    from PIL import Image

    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "data/pipeline/testdata"))
    import make_testdata as records

    random = np.random.default_rng(0)
    noise = random.random((count, 28, 28, 1))
    shade = np.sin(np.arange(28) / 4)[:, None] * np.sin(np.arange(28) / 3)
    x = np.where(noise * 0.3 + shade[None, :, :, None] > 0.4, 255 * noise, 0).astype(np.uint8)
    y = random.integers(0, 10, count)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    np.savez(folder / "a.npz", x=x, y=y)
    np.savez_compressed(folder / "deflated.npz", x=x, y=y)
    for name, array, rank in (("x", x[..., 0], 3), ("y", y.astype(np.uint8), 1)):
        data = struct.pack(f">HBB{rank}I", 0, 8, rank, *array.shape) + array.tobytes()
        (folder / f"{name}.idx").write_bytes(data)
        (folder / f"{name}.idx.gz").write_bytes(gzip.compress(data))
    np.savetxt(folder / "a.csv", np.concatenate([y[:, None], x.reshape(count, -1)], axis=1), fmt="%d", delimiter=",")
    records.crc32c = fast_crc32c
    with open(folder / "raw.tfrecord", "wb") as raw, open(folder / "png.tfrecord", "wb") as packed:
        for i in range(count):
            out = io.BytesIO()
            Image.fromarray(x[i, :, :, 0]).save(out, format="PNG")
            path = folder / "png" / str(y[i])
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{i:06}.png").write_bytes(out.getvalue())
            label = records.entry("label", records.int64_list(int(y[i])))
            for file, image in ((raw, x[i].tobytes()), (packed, out.getvalue())):
                file.write(records.record(records.example(records.entry("image", records.bytes_list(image)), label)))


def crc_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


CRC_TABLE = crc_table()


def fast_crc32c(data):
    """A byte at a time, where make_testdata.py goes bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


# ---- PyTorch ----


def torch_datasets(folder, source):
    """What one would write for the source with PyTorch alone."""
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import IterableDataset, TensorDataset

    class Lines(IterableDataset):
        def __iter__(self):
            with open(folder / "a.csv", encoding="ascii") as file:
                for line in file:
                    values = np.array(line.split(","), dtype=np.float32)
                    yield values[1:], int(values[0])

    def varint(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, at

    def fields(data):
        at = 0
        while at < len(data):
            tag, at = varint(data, at)
            assert tag & 7 == 2
            size, at = varint(data, at)
            yield data[at : at + size]
            at += size

    class Records(IterableDataset):
        """Without checksums, which Python computes too slowly."""

        def __init__(self, name, parse):
            self.name, self.parse = name, parse

        def __iter__(self):
            with open(folder / self.name, "rb") as file:
                while head := file.read(12):
                    data = file.read(struct.unpack_from("<Q", head)[0])
                    file.read(4)
                    found = {}
                    for entry in fields(next(fields(data))):
                        key, feature = fields(entry)
                        found[key] = next(fields(next(fields(feature))))
                    yield self.parse(found[b"image"]), varint(found[b"label"], 0)[0]

    def read_idx(path):
        data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
        rank = data[3]
        shape = struct.unpack_from(f">{rank}I", data, 4)
        return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=4 + 4 * rank).reshape(shape)

    if source in ("tensors", "npz", "npz-deflated"):
        arrays = np.load(folder / ("deflated.npz" if source == "npz-deflated" else "a.npz"))
        return TensorDataset(torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"]))
    if source == "npy":
        return TensorDataset(*(torch.from_numpy(np.load(folder / name)) for name in ("x.npy", "y.npy")))
    if source in ("idx", "idx-gz"):
        suffix = ".gz" if source == "idx-gz" else ""
        return TensorDataset(*(read_idx(folder / f"{name}.idx{suffix}") for name in "xy"))
    if source == "csv":
        return Lines()
    if source == "png":
        from torchvision.datasets import ImageFolder

        return ImageFolder(folder / "png", transform=lambda image: torch.from_numpy(np.array(image)),
                           loader=lambda path: Image.open(path).convert("L"))
    if source == "tfrecord":
        return Records("raw.tfrecord", lambda data: torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(28, 28, 1))
    return Records("png.tfrecord", lambda data: torch.from_numpy(np.array(Image.open(io.BytesIO(data)))))


def run_torch(folder, epochs, source):
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    seconds = []
    in_memory = torch_datasets(folder, source) if source == "tensors" else None
    for _ in range(epochs):
        start = time.perf_counter()
        images, first_rows = 0, []
        for x, _y in DataLoader(in_memory or torch_datasets(folder, source), batch_size=BATCH):
            x = x.float() * (1 / 255)
            images += len(x)
            first_rows = first_rows[-3:] + [x[:1]]
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"name": source, "images": images, "per_second": images / sorted(seconds)[len(seconds) // 2],
                      "sum": float(sum(row.double().sum() for row in first_rows))}))


# ---- Both ----


def measure(command):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    out = subprocess.run(["taskset", "-c", "0", *map(str, command)], check=True, capture_output=True, text=True, env=environment).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)  # this process is the peer
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=", ".join(SOURCES))
    options = parser.parse_args()
    folder = options.work / f"images-{options.images}"
    if options.torch:
        run_torch(folder, options.epochs, options.sources[0])
        return
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_files(folder, options.images)
        (folder / "done").touch()
    print("| source | images/s | images/s PyTorch | ratio |\n|---|---|---|---|")
    for source in options.sources or SOURCES:
        here = measure([options.program, folder, options.epochs, source])[0]
        there = measure([sys.executable, __file__, "--torch", "--work", options.work, "--images", options.images, "--epochs",
                         options.epochs, source])[0]
        if here["images"] != there["images"] or abs(here["sum"] - there["sum"]) > 1e-3 * abs(there["sum"]):
            sys.exit(f"{source}: {here} and {there} do not agree")
        print(f"| {source} | {here['per_second']:,.0f} | {there['per_second']:,.0f} | {here['per_second'] / there['per_second']:.1f} |", flush=True)
    print("\n| preprocessing | images/s |\n|---|---|")
    for row in measure([options.program, "-", options.epochs, "preprocessing"]):
        print(f"| {row['name']} | {row['per_second']:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
