"""Ops of the domain image."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from store import BF16, F16, F32, F64, numbers, torch_fn

FIRST = {"data_format": "channels_first"}
SIZES = {1: (7,), 2: (5, 7), 3: (4, 3, 5)}
TARGETS = {"up": {1: [13], 2: [11, 9], 3: [7, 5, 6]}, "down": {1: [3], 2: [2, 4], 3: [2, 2, 3]}}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
# The way of PyTorch: its mode and align_corners, and the attributes.
WAYS = {
    "half pixel": (None, False, {"coordinates": "half_pixel"}),
    "align corners": (None, True, {"coordinates": "align_corners"}),
    "nearest": ("nearest", None, {"mode": "nearest", "coordinates": "asymmetric", "nearest_mode": "floor"}),
    "nearest exact": ("nearest-exact", None, {"mode": "nearest"}),
}


def add_resize(cases):
    for n, sizes in SIZES.items():
        for direction, targets in TARGETS.items():
            for label, (mode, corners, attrs) in WAYS.items():

                def resize(v, n=n, m=mode, c=corners, s=targets[n]):
                    return F.interpolate(v, size=s, mode=m or LINEAR[n], align_corners=c)

                cases.add("image.Resize", f"{n}D {direction} {label} first", [numbers("r", (2, 3, *sizes))],
                          torch_fn(resize), sizes=targets[n], **FIRST, **attrs)

                def last(v, f=resize):
                    return torch.movedim(f(torch.movedim(v, -1, 1)), 1, -1)

                cases.add("image.Resize", f"{n}D {direction} {label} last", [numbers("r", (2, *sizes, 3))],
                          torch_fn(last), sizes=targets[n], **attrs)
    x = numbers("scales", (2, 3, 5, 7))
    for label, scales in {"whole": [2.0, 3.0], "broken": [1.3, 0.6]}.items():
        for way, (mode, corners, attrs) in WAYS.items():
            if corners:
                continue  # there PyTorch takes the ratio of the sizes
            cases.add("image.Resize", f"scales {label} {way}", [x],
                      torch_fn(lambda v, s=scales, m=mode, c=corners: F.interpolate(
                          v, scale_factor=s, mode=m or "bilinear", align_corners=c)), scales=scales, **FIRST, **attrs)
    for dtype in (F64, F16, BF16):
        cases.add("image.Resize", dtype, [numbers("r", (2, 3, 5, 7), dtype)],
                  torch_fn(lambda v: F.interpolate(v, size=[8, 3], mode="bilinear")), sizes=[8, 3], **FIRST)


def clamp_round(values):
    return np.clip(np.round(values), 0, 255)


def add_pixels(cases):
    for dtype in (F32, F16, BF16, "uint8", "int32"):
        low = 0 if dtype == "uint8" else -9
        x = numbers("pixels", (2, 5, 7, 3), dtype, low, 200)
        cases.add("image.Rescale", dtype, [x], lambda v: v / 255 - 0.5, out=F32, scale=1 / 255, offset=-0.5)
        cases.add("image.Normalize", dtype, [x],
                  lambda v: (v / 255.0 - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4], out=F32, scale=1 / 255,
                  mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4], terms=2)
        cases.add("image.FlipLeftRight", dtype, [x], lambda v: v[:, :, ::-1], out=dtype, exact=True)
        cases.add("image.FlipUpDown", dtype, [x], lambda v: v[:, ::-1], out=dtype, exact=True)
        cases.add("image.Crop", dtype, [x], lambda v: v[:, 1:4, 2:6], out=dtype, exact=True, top=1, left=2, height=3,
                  width=4)
        cases.add("image.CenterCrop", dtype, [x], lambda v: v[:, 1:3, 1:6], out=dtype, exact=True, height=2, width=5)
        cases.add("image.PerImageStandardization", dtype, [x],
                  lambda v: (v - v.mean((1, 2, 3), keepdims=True)) / v.std((1, 2, 3), keepdims=True), out=F32,
                  terms=105)
    for dtype in (F64, F16):
        cases.add("image.Rescale", "to " + dtype, [numbers("p", (5, 7), "uint8", 0, 255)], lambda v: v * 0.25 + 1,
                  out=dtype, scale=0.25, offset=1.0, dtype="@" + dtype)
    x = numbers("first", (2, 3, 5, 7))
    cases.add("image.FlipLeftRight", "first", [x], lambda v: v[..., ::-1], exact=True, **FIRST)
    cases.add("image.FlipUpDown", "first", [x], lambda v: v[:, :, ::-1], exact=True, **FIRST)
    cases.add("image.Normalize", "first", [x], lambda v: (v - 0.25) / np.reshape([0.2, 0.3, 0.4], (3, 1, 1)), terms=2,
              mean=[0.25], std=[0.2, 0.3, 0.4], **FIRST)


def contrast(x, factor):
    mean = x.mean((-3, -2), keepdims=True)
    return (x - mean) * factor + mean


def add_adjusts(cases):
    for dtype in (F32, F16, BF16):
        x = numbers("adjust", (2, 5, 7, 3), dtype, 0, 1)
        cases.add("image.AdjustBrightness", dtype, [x], lambda v: np.clip(v + 0.25, 0, 1), delta=0.25,
                  value_range=[0.0, 1.0])
        cases.add("image.AdjustContrast", dtype, [x], lambda v: contrast(v, 1.5), terms=35, factor=1.5)
        cases.add("image.RgbToGrayscale", dtype, [x], lambda v: v @ np.array([[0.2989], [0.587], [0.114]]), terms=3)
    pixels = numbers("adjust", (5, 7, 3), "uint8", 0, 255)
    cases.add("image.AdjustBrightness", "uint8", [pixels], lambda v: clamp_round(v + 60.3), out="uint8", delta=60.3)
    cases.add("image.AdjustContrast", "uint8", [pixels], lambda v: clamp_round(contrast(v, 1.7)), out="uint8",
              factor=1.7)
    cases.add("image.RgbToGrayscale", "uint8", [pixels],
              lambda v: clamp_round(v @ np.array([[0.2989], [0.587], [0.114]])), out="uint8")


def rotated(x, angle, mode):
    """Images [batch, channels, n, n] turned counter-clockwise, with 0 beyond their edges."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0]], dtype=torch.float64).expand(len(x), 2, 3)
    grid = F.affine_grid(turn, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode, "zeros", align_corners=False)


def add_rotations(cases):
    x = numbers("rotate", (2, 3, 7, 7))
    for angle in (0.3, -2.0):
        for mode in ("bilinear", "nearest"):
            cases.add("image.Rotate", f"{angle} {mode}", [x],
                      torch_fn(lambda v, a=angle, m=mode: rotated(v, a, m)), angle=angle, interpolation=mode,
                      fill_mode="constant", terms=4, **FIRST)
    for quarter in (1, 2, 3):
        cases.add("image.Rotate", f"quarter {quarter}", [x], lambda v, q=quarter: np.rot90(v, q, (2, 3)), terms=4,
                  angle=quarter * math.pi / 2, **FIRST)


def add(cases):
    add_resize(cases)
    add_pixels(cases)
    add_adjusts(cases)
    add_rotations(cases)
