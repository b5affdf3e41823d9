#!/usr/bin/python3
"""Makes the files of this folder: TFRecord files and Examples, put together byte by byte.

Nothing but the descriptions of the formats went into it: TFRecord's on tensorflow.org ("TFRecords format details"), the CRC-32C
of RFC 3720 (computed here bit by bit), protobuf's wire format on protobuf.dev, and the field numbers of tf.train.Example. Run it
in its own folder; it prints what the tests expect of the CRC.
"""

import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked(length)) + data + struct.pack("<I", masked(data))


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def bytes_list(*values):
    return field(1, b"".join(field(1, value) for value in values))


def float_list(*values, packed=True):
    if packed:
        return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))
    return field(2, b"".join(varint(1 << 3 | 5) + struct.pack("<f", value) for value in values))


def int64_list(*values, packed=True):
    if packed:
        return field(3, field(1, b"".join(varint(value) for value in values)))
    return field(3, b"".join(varint(1 << 3 | 0) + varint(value) for value in values))


def entry(name, feature):
    return field(1, field(1, name.encode()) + field(2, feature))


def example(*entries):
    return field(1, b"".join(entries))


def put(name, data):
    with open(name, "wb") as file:
        file.write(data)


def main():
    image = bytes(range(6))
    examples = [
        example(entry("image", bytes_list(image)), entry("label", int64_list(7)), entry("weights", float_list(0.5, -1.25, 3e38))),
        # Values one by one, fields in another order, fields that nobody knows, a label of ten bytes.
        example(
            entry("other", int64_list(1, 2, 3)),
            entry("weights", float_list(2.0, packed=False)),
            entry("label", int64_list(-1, packed=False)),
            field(1, field(2, bytes_list(image[::-1])) + field(1, b"image")),
        )
        + varint(15 << 3 | 0) + varint(1 << 40) + varint(9 << 3 | 1) + b"12345678" + varint(9 << 3 | 5) + b"1234" + field(8, b"x"),
        # A name twice (the later one counts), a list in two pieces (joined), another kind first (forgotten), two maps (joined).
        example(entry("label", int64_list(1)), entry("label", int64_list(2)))
        + example(
            entry("weights", float_list(9.0) + int64_list(8) + float_list(1.0, 2.0) + float_list(3.0)),
            entry("image", bytes_list(image)),
        ),
        # No weights, and an empty list in the label's place.
        example(entry("image", bytes_list(b"abcdef")), entry("label", int64_list())),
    ]
    put("examples.tfrecord", b"".join(record(data) for data in examples))
    put("records.tfrecord", b"".join(record(data) for data in [b"first", b"", b"\0" * 300, b"last"]))
    for text in [b"", b"123456789", bytes(32), b"\xff" * 32, bytes(range(32)), b"TFRecord", bytes(range(256)) * 3]:
        print(f"{text[:9]!r} {len(text)}: {crc32c(text):#010x} {masked(text):#010x}")


if __name__ == "__main__":
    main()
