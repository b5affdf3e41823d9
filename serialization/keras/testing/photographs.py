#!/usr/bin/env python3
"""Runs real Keras models on real pictures, here and in testdata/reference.py, an independent forward pass from the files' weights.

Photographs are those of Debian's package python3-skimage (an astronaut's portrait, a cat, a cup of coffee, a rocket), which is
fetched and unpacked below FOLDER, not installed; roads are drawn. Prints what each model says, and how far the two are apart;
the exit code is 1 where that is more than 1e-4.

Usage: photographs.py --nomo PROGRAM --work FOLDER
Needs /usr/bin/python3 with NumPy, PyTorch, h5py and Pillow: apt-get install python3-torch python3-h5py python3-pil
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parents[1]
MODELS = HERE / "testdata/models"
sys.path += [str(HERE / "testdata"), str(HERE.parents[1] / "tests/onnx/real_models")]

import reference
import runners

TOLERANCE = 1e-4
EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SAFETY = ["drawing", "unsafe drawing", "neutral", "unsafe", "suggestive"]


def photographs(work):
    """By name."""
    folder = work / "python3-skimage"
    if not folder.exists():
        subprocess.run(["apt-get", "download", "python3-skimage"], cwd=work, check=True, capture_output=True)
        subprocess.run(["dpkg-deb", "-x", next(work.glob("python3-skimage_*.deb")), folder], check=True)
    data = folder / "usr/lib/python3/dist-packages/skimage/data"
    return {name: Image.open(next(data.glob(name + ".*"))).convert("RGB") for name in ("astronaut", "chelsea", "coffee", "rocket")}


def road(width, height, bend):
    """Sky, grass and a road with a dashed line, whose far end lies `bend` widths to the right."""
    image = Image.new("RGB", (width, height), (130, 180, 230))
    draw = ImageDraw.Draw(image)
    horizon = height * 2 // 5
    draw.rectangle([0, horizon, width, height], fill=(70, 120, 60))
    for y in range(horizon, height):
        near = (y - horizon) / (height - horizon)
        centre = width * (0.5 + bend * (1 - near) ** 2)
        half = width * (0.03 + 0.42 * near)
        draw.line([centre - half, y, centre + half, y], fill=(95, 95, 100))
        if int(12 * near ** 0.5) % 2 == 0:
            draw.line([centre - half / 20, y, centre + half / 20, y], fill=(240, 240, 240))
    return image


def portrait(image):
    """The face in it, grey, as mini-Xception was trained: from -1 to 1."""
    grey = image.crop((170, 60, 280, 180)).convert("L").resize((64, 64), Image.BILINEAR)
    return np.asarray(grey, np.float32)[None, :, :, None] / 127.5 - 1


def cases(work):
    """(model, what it looks at, its input, labels)."""
    images = photographs(work)
    for name, image in images.items():
        small = np.asarray(image.resize((224, 224), Image.BILINEAR), np.float32)[None] / 255
        yield "mobilenet", name, small, SAFETY
    yield "mini_xception", "the astronaut's face", portrait(images["astronaut"]), EMOTIONS
    for bend in (-0.4, 0.0, 0.4):
        yield "carnd", f"a road that bends by {bend:+.1f}", np.asarray(road(200, 66, bend), np.float32)[None], ["steering"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nomo", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    flags = parser.parse_args()
    nomo = runners.Nomo(flags.nomo)
    rows, failed = [["model", "picture", "says", "reference", "apart"]], False
    with tempfile.TemporaryDirectory() as folder:
        for model, picture, x, labels in cases(flags.work):
            path = MODELS / reference.CASES[model][0]
            saved = pathlib.Path(folder) / f"{model}.nomo"
            if not saved.exists():
                nomo.convert(path, saved)
            (name,) = [declared["name"] for declared in nomo.inspect(saved)["inputs"]]
            (here,) = nomo.run(saved, {name: x}).values()
            with torch.no_grad():
                (there,) = reference.Model(model, reference.read_config(str(path)), reference.Weights(str(path))).run([x])
            apart = float(np.abs(here - there).max())
            best = int(np.argmax(here))
            rows.append([model, picture, f"{labels[best]} {here.ravel()[best]:.4f}", f"{labels[int(np.argmax(there))]} {there.ravel().max():.4f}", f"{apart:.1e}"])
            failed |= not apart <= TOLERANCE
        # Its authors published the configuration alone: it runs, with initial weights.
        commaai = np.asarray(road(320, 160, 0.2), np.float32)[None].transpose(0, 3, 1, 2)
        (steering,) = nomo.run(MODELS / "steering_angle.json", {next(d["name"] for d in nomo.inspect(MODELS / "steering_angle.json")["inputs"]): commaai}).values()
        rows.append(["steering_angle", "a road that bends by +0.2", f"steering {steering.ravel()[0]:.4f}", "(no weights)", "-"])
    runners.print_table(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
