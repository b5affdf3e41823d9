#!/usr/bin/python3
"""Makes the files of these folders with NumPy, Pillow (Debian: python3-numpy, python3-pil) and Python's own zip and gzip.

Run it in its own folder. The same versions make the same bytes.
"""

import gzip
import io
import os
import struct
import warnings
import zipfile
import zlib

import numpy as np
from PIL import Image

NPY_TYPES = "f4 f8 f2 i1 i2 i4 i8 u1 u2 u4 u8 b1".split()


def put(name, data):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


def npy(array, version=None):
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns that old readers cannot read versions 2.0 and 3.0
        np.lib.format.write_array(out, np.asanyarray(array), version=version)
    return out.getvalue()


def sample(code):
    """[[0, 1, 2], [3, 4, 100]], with values that show sign, fraction and byte order where the type has them."""
    values = [0, 1, 2, 3, 4, 100]
    if code[0] in "if":
        values[1] = -1
    if code[0] == "f":
        values[2] = 2.5
    if code[1] != "1":
        values[5] = 1000
    return np.array(values).astype(code).reshape(2, 3)


def make_npy():
    for code in NPY_TYPES:
        put(f"npy/{code}.npy", npy(sample(code)))
        put(f"npy/{code}_big_endian.npy", npy(sample(code).astype(">" + code)))
    arange = np.arange(12, dtype="i4").reshape(2, 3, 2)
    put("npy/version1.npy", npy(arange, (1, 0)))
    put("npy/version2.npy", npy(arange, (2, 0)))
    put("npy/version3.npy", npy(arange, (3, 0)))
    put("npy/fortran.npy", npy(np.asfortranarray(arange)))
    put("npy/fortran_big_endian.npy", npy(np.asfortranarray(arange.astype(">f8"))))
    put("npy/scalar.npy", npy(np.float32(1.5)))
    put("npy/vector.npy", npy(np.array([1, 2, 3], "u1")))
    put("npy/empty.npy", npy(np.zeros((0, 3), "f4")))
    put("npy/refused_object.npy", npy(np.array([1, None], object)))
    put("npy/refused_unicode.npy", npy(np.array(["a", "bc"])))
    put("npy/refused_bytes.npy", npy(np.array([b"a", b"bc"])))
    put("npy/refused_fields.npy", npy(np.zeros(2, [("x", "f4"), ("y", "i4")])))
    put("npy/refused_complex.npy", npy(np.zeros(2, "c8")))
    put("npy/refused_date.npy", npy(np.zeros(2, "M8[s]")))
    put("npy/refused_raw.npy", npy(np.zeros(2, "V2")))
    put("npy/refused_long_double.npy", npy(np.zeros(2, "longdouble")))


def zip_of(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)  # its time is 1980-01-01
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


def make_npz():
    arrays = {"images": np.arange(12, dtype="u1").reshape(2, 3, 2), "scores/a": np.array([0.5, -2], "f4")}
    for name, save in ("stored", np.savez), ("deflated", np.savez_compressed):
        out = io.BytesIO()
        save(out, **arrays)
        put(f"npz/{name}.npz", out.getvalue())
    out = io.BytesIO()
    np.savez(out)
    put("npz/empty.npz", out.getvalue())
    small = npy(np.array([1, 2, 3], "i2"))
    put("npz/refused_bzip2.npz", zip_of([("x.npy", small)], zipfile.ZIP_BZIP2))
    put("npz/refused_text.npz", zip_of([("notes.txt", b"text")]))
    put("npz/refused_member.npz", zip_of([("x.npy", b"not an array")]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the duplicate is the point
        put("npz/refused_duplicate.npz", zip_of([("x.npy", small), ("x.npy", small)]))
    put("npz/zeros.npz", zip_of([("x.npy", npy(np.zeros(1 << 20, "u1")))], zipfile.ZIP_DEFLATED))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(rows, depth):
    """Samples [height,width * channels] as PNG's unfiltered scan lines."""
    lines = []
    for row in rows:
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype("u1").tobytes()
        else:
            bits = "".join(format(v, f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        lines.append(b"\0" + line)
    return b"".join(lines)


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(samples, colour_type, depth=8, extra=b"", interlaced=False):
    """Encodes samples [height,width,channels] by the PNG specification."""
    height, width, channels = samples.shape
    if interlaced:
        data = b""
        for y, x, dy, dx in ADAM7:
            part = samples[y::dy, x::dx]
            if part.size:
                data += packed(part.reshape(part.shape[0], -1), depth)
    else:
        data = packed(samples.reshape(height, -1), depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) +
            chunk(b"IEND", b""))


def pattern(height, width, channels, levels=256):
    index = np.arange(height * width * channels).reshape(height, width, channels)
    return (index * 37 + index * index * 11) % levels


def put_image(name, data, pixels):
    put(name, data)
    put(name.rsplit(".", 1)[0] + ".pixels.npy", npy(np.asarray(pixels, "u1")))


def make_png():
    grey, grey_alpha, rgb, rgba = (pattern(5, 7, c) for c in (1, 2, 3, 4))
    put_image("png/grey.png", png(grey, 0), grey)
    put_image("png/grey_alpha.png", png(grey_alpha, 4), grey_alpha)
    put_image("png/rgb.png", png(rgb, 2), rgb)
    put_image("png/rgba.png", png(rgba, 6), rgba)
    put_image("png/interlaced.png", png(rgb, 2, interlaced=True), rgb)
    for depth in 1, 2, 4:
        few = pattern(5, 7, 1, 1 << depth)
        put_image(f"png/grey{depth}.png", png(few, 0, depth), few * 255 // ((1 << depth) - 1))
    for name, channels, colour_type in ("grey16", 1, 0), ("rgb16", 3, 2):
        wide = pattern(5, 7, channels, 65536) * 1021 % 65536
        put_image(f"png/{name}.png", png(wide, colour_type, 16), np.floor(wide * 255 / 65535 + 0.5))
    palette = pattern(1, 4, 3)[0]
    index = pattern(5, 7, 1, 4)
    plte = chunk(b"PLTE", palette.astype("u1").tobytes())
    put_image("png/palette.png", png(index, 3, 2, plte), palette[index[..., 0]])
    alpha = np.array([0, 128, 255, 255])
    transparent = plte + chunk(b"tRNS", b"\0\x80")
    with_alpha = np.concatenate([palette, alpha[:, None]], 1)
    put_image("png/palette_alpha.png", png(index, 3, 2, transparent), with_alpha[index[..., 0]])
    key = chunk(b"tRNS", struct.pack(">HHH", *rgb[2, 3]))
    opaque = np.where((rgb == rgb[2, 3]).all(-1, keepdims=True), 0, 255)
    put_image("png/transparent_colour.png", png(rgb, 2, 8, key), np.concatenate([rgb, opaque], -1))
    # Gamma is not applied.
    put_image("png/gamma.png", png(rgb, 2, 8, chunk(b"gAMA", struct.pack(">I", 100000))), rgb)
    put("png/grey_of_rgb.npy", npy(np.asarray(Image.fromarray(rgb.astype("u1")).convert("L"))))
    # A small file that claims 2^30 pixels, and one that has too few bytes for what it claims.
    put("png/refused_huge.png", png(np.zeros((1, 1, 1), int), 0).replace(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 15, 1 << 15, 8, 0, 0, 0, 0))))
    put("png/refused_empty.png", png(np.zeros((1, 1, 1), int), 0).replace(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 12, 1 << 12, 8, 0, 0, 0, 0))))


def make_jpeg():
    ramp = np.stack(np.broadcast_arrays(np.arange(17)[None, :] * 15, np.arange(13)[:, None] * 19, 100), -1).astype("u1")
    image = Image.fromarray(ramp)

    def jpeg(name, picture, **options):
        out = io.BytesIO()
        picture.save(out, "JPEG", **options)
        pixels = np.asarray(Image.open(io.BytesIO(out.getvalue())))
        put_image(name, out.getvalue(), pixels.reshape(pixels.shape[0], pixels.shape[1], -1))

    jpeg("jpeg/rgb_420.jpg", image, quality=80)
    jpeg("jpeg/rgb_444.jpg", image, quality=80, subsampling=0)
    jpeg("jpeg/grey.jpg", image.convert("L"), quality=80)
    jpeg("jpeg/progressive.jpg", image, quality=80, progressive=True)
    out = io.BytesIO()
    image.convert("CMYK").save(out, "JPEG")
    put("jpeg/refused_cmyk.jpg", out.getvalue())


def make_resize():
    """NumPy's linear interpolation, one axis after the other."""

    def resize_axis(array, axis, size):
        old = array.shape[axis]
        positions = (np.arange(size) + 0.5) * old / size - 0.5
        return np.apply_along_axis(lambda line: np.interp(positions, np.arange(old), line), axis, array)

    rgb = pattern(5, 7, 3)
    for height, width in (5, 7), (10, 14), (3, 4), (1, 1), (9, 2):
        put(f"resize/{height}x{width}.npy", npy(resize_axis(resize_axis(rgb.astype("f8"), 0, height), 1, width)))


def make_csv():
    table = np.array([[1.5, -2, 3e-5], [4, 5.25, np.pi]])
    out = io.StringIO()
    np.savetxt(out, table, delimiter=",", header='"a, b",c,d', comments="", fmt="%.17g")
    put("csv/table.csv", out.getvalue().encode())
    put("csv/table.npy", npy(table))


def make_idx():
    array = np.arange(-3, 9).reshape(2, 3, 2)
    for code, letter in (8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8"):
        values = array * 1000 if letter[1] != "1" else array
        values = values / 8 if letter[0] == "f" else values
        values = np.abs(values) if letter == "u1" else values
        header = struct.pack(">BBBBIII", 0, 0, code, 3, *array.shape)
        data = header + values.astype(">" + letter).tobytes()
        put(f"idx/{letter}-idx3", data)
        put(f"idx/{letter}-idx3.npy", npy(values.astype(letter)))
    put("idx/u1-idx3.gz", gzip.compress(open("idx/u1-idx3", "rb").read(), mtime=0))


make_npy()
make_npz()
make_png()
make_jpeg()
make_resize()
make_csv()
make_idx()
