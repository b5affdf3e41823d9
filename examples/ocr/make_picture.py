#!/usr/bin/env python3
"""Draws note.png: lines of text on shaded, grainy paper, two of them at an angle and one upside down.

Needs python3-numpy, python3-pil and fonts-dejavu: /usr/bin/python3 make_picture.py
"""
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (640, 440)
FONTS = "/usr/share/fonts/truetype/dejavu/"
INK = (38, 42, 66)
# Text, font, its size, the middle of its left side, degrees counterclockwise.
LINES = [
    ("Nomograph", "DejaVuSerif-Bold.ttf", 46, (40, 52), 0),
    ("A drawing that computes", "DejaVuSans.ttf", 27, (40, 112), 0),
    ("Lens 50 mm f/1.8", "DejaVuSans.ttf", 24, (40, 164), 0),
    ("EUR 129.90", "DejaVuSans-Bold.ttf", 24, (430, 164), 0),
    ("3.5 kg x 4 = 14 kg", "DejaVuSansMono.ttf", 24, (40, 212), 0),
    ("tilted by nine degrees", "DejaVuSans.ttf", 26, (60, 330), 9),
    ("and down by six", "DejaVuSerif.ttf", 24, (392, 232), -6),
    ("upside down", "DejaVuSans.ttf", 26, (600, 400), 180),
]


def paper(rng):
    """Brighter at the upper left, with a fold and the grain of a bad camera."""
    y, x = np.mgrid[0:SIZE[1], 0:SIZE[0]] / np.array(SIZE[::-1])[:, None, None]
    light = 238 - 46 * x - 30 * y - 22 * np.exp(-((x - 0.62 - 0.1 * y) / 0.03) ** 2)
    tint = np.array([1.0, 0.97, 0.88])
    return light[..., None] * tint + rng.normal(0, 4, (*SIZE[::-1], 1))


def write(picture, text, font, size, left, degrees):
    """Draws one line, which is turned about the middle of its left side."""
    reach = SIZE[0]  # no line is longer
    layer = Image.new("L", (6 * reach, 6 * reach))  # three times as large, for smooth edges
    font = ImageFont.truetype(FONTS + font, 3 * size)
    ImageDraw.Draw(layer).text((3 * reach, 3 * reach), text, 255, font, anchor="lm")
    layer = layer.rotate(degrees, Image.BICUBIC).resize((2 * reach, 2 * reach), Image.BOX)
    picture.paste(INK, (left[0] - reach, left[1] - reach, left[0] + reach, left[1] + reach), layer)


def main():
    pixels = np.clip(paper(np.random.default_rng(0)), 0, 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    for line in LINES:
        write(picture, *line)
    # 24 colours keep the file small, and are a scanner's.
    picture = picture.quantize(24, dither=Image.Dither.NONE)
    picture.save(pathlib.Path(__file__).parent / "note.png", optimize=True)


if __name__ == "__main__":
    main()
