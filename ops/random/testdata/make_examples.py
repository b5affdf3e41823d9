#!/usr/bin/python3
"""Computes the expected outputs of the examples of the ops `random.*`, `image.*` and those of `nn.*` that draw numbers.

It shares nothing with the C++ code: Philox4x32-10 follows the paper (J. Salmon et al., "Parallel Random Numbers: As Easy
as 1, 2, 3", SC 2011, section 3.3), the key of a stream follows core/numeric/philox.h, and images are computed with NumPy and
checked with PyTorch where it has the operation. Prints C++ initialisers, each under the name of its op and example.

Usage: make_examples.py   (Debian packages python3-numpy, python3-torch)
"""

import math

import numpy as np
import torch

WORD = 0xFFFFFFFF
LONG = 0xFFFFFFFFFFFFFFFF


# The generator.


def philox4x32(counter, key):
    """Ten rounds: x0, x1, x2, x3 and k0, k1 are the paper's L0, R0, L1, R1 and round keys."""
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * x0, 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * x2, 1 << 32)
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return [x0, x1, x2, x3]


def check_known_answers():
    """The vectors of the authors' Random123 library."""
    assert philox4x32([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox4x32([WORD] * 4, [WORD] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]
    assert philox4x32(*pi) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def mix(x):
    """The finaliser of SplitMix64."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & LONG
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & LONG
    return x ^ (x >> 31)


def mix_keys(a, b):
    return mix((a + 0x9E3779B97F4A7C15 * (mix(b) | 1)) & LONG)


class Stream:
    """The numbers of (seed, node, step); examples have the node key 0."""

    def __init__(self, seed, step=0, node=0):
        key = mix_keys(seed, node)
        self.key = [key & WORD, key >> 32]
        self.high = mix(seed ^ mix(node)) & WORD
        self.step = [step & WORD, step >> 32]

    def block(self, index):
        return philox4x32([index, self.high] + self.step, self.key)

    def words(self, count):
        return [w for b in range((count + 3) // 4) for w in self.block(b)][:count]


def unit(word):
    return (word >> 8) / 2**24


# The random ops.


def uniform(stream, count, low, high):
    return np.array([low + (high - low) * unit(w) for w in stream.words(count)])


def uniform64(stream, count, low, high):
    words = stream.words(2 * count)
    pairs = zip(words[0::2], words[1::2])
    return np.array([low + (high - low) * (((a >> 5) << 26 | b >> 6) / 2**53) for a, b in pairs])


def normal(stream, count, mean, stddev):
    words = stream.words(count + count % 2)
    numbers = []
    for a, b in zip(words[0::2], words[1::2]):
        radius = math.sqrt(-2 * math.log((a + 1) / 2**32))
        numbers += [radius * math.cos(2 * math.pi * b / 2**32), radius * math.sin(2 * math.pi * b / 2**32)]
    return mean + stddev * np.array(numbers[:count])


def randint(stream, count, low, high):
    words = stream.words(2 * count)
    return np.array([low + ((high - low) * (a << 32 | b) >> 64) for a, b in zip(words[0::2], words[1::2])])


def bernoulli(stream, p):
    return np.array([unit(w) < q for w, q in zip(stream.words(len(p)), p)])


def multinomial(stream, logits, samples):
    """Inverts the cumulative distribution of each row."""
    words = stream.words(len(logits) * samples)
    rows = []
    for row, own in zip(logits, np.reshape(words, (len(logits), samples))):
        sums = np.cumsum(np.exp(np.array(row) - max(row)))
        rows.append([int(np.argmax(sums > word / 2**32 * sums[-1])) for word in own])
    return np.array(rows)


# The image ops. Images are [height, width, channels].


def rotate(image, angle, fill_mode, interpolation, fill_value=0.0):
    height, width, _ = image.shape
    y, x = np.mgrid[0:height, 0:width]
    dy, dx = y - (height - 1) / 2, x - (width - 1) / 2
    row = (height - 1) / 2 + math.sin(angle) * dx + math.cos(angle) * dy
    column = (width - 1) / 2 + math.cos(angle) * dx - math.sin(angle) * dy
    return sample(image, row, column, fill_mode, interpolation, fill_value)


def zoom(image, height_factor, width_factor, fill_mode, fill_value=0.0):
    """The matrix of Keras' RandomZoom: a scale, and the offset that keeps the centre."""
    height, width, _ = image.shape
    y, x = np.mgrid[0:height, 0:width]
    row = (1 + height_factor) * y - (height - 1) / 2 * height_factor
    column = (1 + width_factor) * x - (width - 1) / 2 * width_factor
    return sample(image, row, column, fill_mode, "bilinear", fill_value)


def translate(image, height_factor, width_factor, fill_mode):
    height, width, _ = image.shape
    y, x = np.mgrid[0:height, 0:width]
    return sample(image, y - height_factor * height, x - width_factor * width, fill_mode, "bilinear", 0.0)


def sample(image, row, column, fill_mode, interpolation, fill_value):
    """Continues the image by NumPy's pad, far enough for any place, and samples it."""
    margin = sum(image.shape[:2])
    how = {"constant": "constant", "nearest": "edge", "reflect": "symmetric", "wrap": "wrap"}[fill_mode]
    more = {"constant_values": fill_value} if fill_mode == "constant" else {}
    padded = np.pad(image.astype(np.float64), ((margin,) * 2, (margin,) * 2, (0, 0)), how, **more)
    row, column = np.round(margin + row, 9), np.round(margin + column, 9)
    if interpolation == "nearest":
        result = padded[np.floor(row + 0.5).astype(int), np.floor(column + 0.5).astype(int)]
    else:
        r, c = np.floor(row).astype(int), np.floor(column).astype(int)
        down, right = (row - r)[..., None], (column - c)[..., None]
        top = (1 - right) * padded[r, c] + right * padded[r, c + 1]
        bottom = (1 - right) * padded[r + 1, c] + right * padded[r + 1, c + 1]
        result = (1 - down) * top + down * bottom
        check_with_grid_sample(image, row - margin, column - margin, fill_mode, fill_value, result)
    return np.rint(result).astype(image.dtype) if image.dtype.kind in "iu" else result


def check_with_grid_sample(image, row, column, fill_mode, fill_value, result):
    modes = {"constant": "zeros", "nearest": "border", "reflect": "reflection"}
    if fill_mode not in modes or fill_value != 0:
        return
    height, width, _ = image.shape
    # Without align_corners, -1 and 1 are the outer edges of the outermost pixels.
    grid = np.stack([(2 * column + 1) / width - 1, (2 * row + 1) / height - 1], -1)
    pixels = torch.tensor(image.astype(np.float64)).permute(2, 0, 1)[None]
    sampled = torch.nn.functional.grid_sample(
        pixels, torch.tensor(grid)[None], "bilinear", modes[fill_mode], align_corners=False
    )
    np.testing.assert_allclose(sampled[0].permute(1, 2, 0).numpy(), result, atol=1e-12)


def contrast(image, factor):
    mean = image.mean(axis=(0, 1), dtype=np.float64)
    return (image - mean) * factor + mean


def standardize(image):
    deviation = max(image.std(dtype=np.float64), 1 / math.sqrt(image.size))
    return (image - image.mean(dtype=np.float64)) / deviation


def flips(stream, count):
    """(left-right, up-down) for each image of a batch."""
    return [tuple(unit(w) < 0.5 for w in stream.block(i)[:2]) for i in range(count)]


def between(stream, image, low, high, word=0):
    """The number that image `image` of a batch draws."""
    return low + (high - low) * unit(stream.block(image)[word])


def crop_places(stream, count, rows, columns):
    """(top, left) for each image of a batch, for so many possible rows and columns."""
    places = []
    for i in range(count):
        words = stream.block(i)
        places.append((words[0] * rows >> 32, words[1] * columns >> 32))
    return places


# The ops nn.* that draw numbers in training; the formulas are those of Keras' layers.


def spatial_dropout(stream, x, rate, axes):
    shape = [1 if i in axes else size for i, size in enumerate(x.shape)]
    kept = np.array([unit(w) >= rate for w in stream.words(math.prod(shape))]).reshape(shape)
    return x * kept / (1 - rate)


def alpha_dropout(stream, x, rate):
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    alpha_p = -alpha * scale
    kept = np.array([unit(w) >= rate for w in stream.words(x.size)])
    a = ((1 - rate) * (1 + rate * alpha_p**2)) ** -0.5
    b = -a * alpha_p * rate
    return a * (x * kept + alpha_p * (1 - kept)) + b


# Printing.


def show(title, values):
    values = np.asarray(values)
    if values.dtype == bool:
        texts = [str(bool(v)).lower() for v in values.ravel()]
    elif values.dtype.kind in "iu":
        texts = [str(v) for v in values.ravel()]
    else:
        texts = ["%.9g" % v for v in values.ravel()]
    print("%s\n    {%s}" % (title, ", ".join(texts)))


def show_random():
    show("random.Uniform seed 1", uniform(Stream(1), 6, 0, 1))
    show("random.Uniform seed 1 step 1", uniform(Stream(1, 1), 6, 0, 1))
    show("random.Uniform seed 7, -2 to 3, float16", uniform(Stream(7), 3, -2, 3).astype(np.float16))
    for number in uniform64(Stream(2), 3, 0, 1):
        print("random.Uniform seed 2, float64: %.17g" % number)
    show("random.UniformLike seed 3, 10 to 20", uniform(Stream(3), 4, 10, 20))
    show("random.Normal seed 1", normal(Stream(1), 5, 0, 1))
    show("random.Normal seed 2^40 + 5, step 2^33, mean 10, stddev 2", normal(Stream(2**40 + 5, 2**33), 4, 10, 2))
    show("random.NormalLike seed 3", normal(Stream(3), 4, 0, 1))
    show("random.Bernoulli seed 4", bernoulli(Stream(4), [0.5] * 6 + [0.9] * 3 + [0.1] * 3))
    logits = [[0.0, 1.0, -2.0, 0.5], [3.0, -math.inf, 3.0, 2.0]]
    show("random.Multinomial seed 8", multinomial(Stream(8), logits, 6))
    show("random.Multinomial seed 9, even", multinomial(Stream(9), [[math.log(0.25)] * 4], 5))
    show("random.RandInt seed 5, 0 to 10", randint(Stream(5), 8, 0, 10))
    show("random.RandInt seed 6, -2^62 to 2^62", randint(Stream(6), 2, -(2**62), 2**62))


def show_training():
    ramp, stream = np.arange(1.0, 13), Stream(7, 3)
    show("nn.SpatialDropout", spatial_dropout(stream, ramp.reshape(2, 2, 3), 0.5, [1]))
    show("nn.GaussianNoise", ramp[:5] + normal(stream, 5, 0, 0.5))
    show("nn.GaussianDropout", ramp[:5] * normal(stream, 5, 1, math.sqrt(0.2 / 0.8)))
    show("nn.AlphaDropout", alpha_dropout(stream, ramp[:10], 0.5))


def show_images():
    ramp = np.arange(12).reshape(3, 4, 1)
    square = np.arange(9).reshape(3, 3, 1)
    assert np.array_equal(rotate(square, math.pi / 2, "constant", "bilinear"), np.rot90(square))
    show("image.Rotate quarter", np.rot90(square))
    show("image.Rotate 0.5 reflect", rotate(ramp * 1.0, 0.5, "reflect", "bilinear"))
    show("image.Rotate 0.5 constant 0", rotate(ramp * 1.0, 0.5, "constant", "bilinear"))
    show("image.Rotate -1 constant 9, channels first", rotate(ramp[:, :2] * 1.0, -1, "constant", "bilinear", 9))
    show("image.Rotate 2.5 nearest", rotate(ramp * 1.0, 2.5, "nearest", "bilinear"))
    show("image.Rotate 0.8 wrap", rotate(ramp * 1.0, 0.8, "wrap", "bilinear"))
    show("image.Rotate 0.8 wrap, nearest pixel", rotate(ramp * 1.0, 0.8, "wrap", "nearest"))
    two = np.stack([20 * square[..., 0], 255 - 30 * square[..., 0]], -1).astype(np.uint8)
    show("image.Rotate 0.3 uint8, two channels", rotate(two, 0.3, "reflect", "bilinear"))
    corners = np.array([1.0, 2, 3, 4]).reshape(2, 2, 1)
    show("image.AdjustContrast 2", contrast(np.array([[[1.0, 10], [3, 30]]]), 2))
    show("image.AdjustContrast 0.5, uint8", np.rint(contrast(np.array([[[0], [10], [201]]]), 0.5)).astype(int))
    show("image.PerImageStandardization", standardize(ramp.reshape(2, 2, 3)))
    show("image.PerImageStandardization, nearly uniform", standardize(np.array([5.0, 5, 5, 5.5])))
    rgb = np.array([[0, 51, 102], [255, 204, 153]])
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    show("image.Normalize", (rgb / 255 - mean) / std)
    show("image.Normalize, channels first", ((rgb.T / 255 - mean[:, None]) / std[:, None]))

    zoomed = between(Stream(1), 0, -0.5, 0.5)
    show("image.RandomZoom seed 1, 0.5", zoom(ramp * 1.0, zoomed, zoomed, "reflect"))
    tall, wide = between(Stream(9), 0, 0.2, 0.4), between(Stream(9), 0, -0.5, -0.3, word=1)
    show("image.RandomZoom seed 9", zoom(ramp * 1.0, tall, wide, "constant", -1))
    down, right = between(Stream(1), 0, -0.5, 0.5), between(Stream(1), 0, -0.25, 0.25, word=1)
    show("image.RandomTranslation seed 1", translate(ramp * 1.0, down, right, "wrap"))

    print("image.RandomFlip seed 1:", flips(Stream(1), 4), "step 1:", flips(Stream(1, 1), 4))
    print("image.RandomCrop seed 1, 2 x 3 places:", crop_places(Stream(1), 3, 2, 3))
    turns = [between(Stream(1), i, -0.5, 0.5) for i in range(2)]
    show("image.RandomRotation seed 1, factor 0.5: turns", turns)
    show("image.RandomRotation", [rotate(ramp * 1.0, 2 * math.pi * t, "reflect", "bilinear") for t in turns])
    turn = between(Stream(9), 0, 0.1, 0.2)
    show("image.RandomRotation seed 9, 0.1 to 0.2", rotate(ramp * 1.0, 2 * math.pi * turn, "constant", "nearest", -1))
    deltas = [between(Stream(1), i, -0.2, 0.2) for i in range(2)]
    show("image.RandomBrightness seed 1, factor 0.2", [np.clip(corners * 50 + 255 * d, 0, 255) for d in deltas])
    delta = between(Stream(2), 0, 0.1, 0.5)
    show("image.RandomBrightness seed 2, 0.1 to 0.5, to 1", np.clip(corners / 4 + delta, 0, 1))
    factors = [between(Stream(1), i, 0.5, 1.5) for i in range(2)]
    show("image.RandomContrast seed 1, factor 0.5", [np.clip(contrast(corners, f), 0, 255) for f in factors])
    factor = between(Stream(2), 0, 0.9, 1.3)
    show("image.RandomContrast seed 2, [0.1, 0.3], to 3.5", np.clip(contrast(corners, factor), 0, 3.5))


if __name__ == "__main__":
    check_known_answers()
    show_random()
    show_training()
    show_images()
