"""EER files made by the bits, for tests: events at parts of pixels, in any of the three codings."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np

PROTOTYPE, SEVEN_BITS, TOLD = 65000, 65001, 65002


def write(
    path: Path, frames, *, compression=SEVEN_BITS, bits=(7, 2, 2), metadata=None, strips=1
) -> Path:
    """Write a BigTIFF of electron events.

    frames : each (side·4, side·4) bool or uint8 on the grid of a quarter pixel; at most one event in
        a pixel of the camera
    bits : of a code, for compression 65002
    metadata : XML text of the first page
    """
    codes = {PROTOTYPE: (8, 2, 2), SEVEN_BITS: (7, 2, 2), TOLD: bits}[compression]
    out = bytearray(b"II+\0" + struct.pack("<HHQ", 8, 0, 16))
    place_of_pointer = 8
    for number, frame in enumerate(frames):
        height, width = (n // 4 for n in frame.shape)
        data = encoded(frame, codes, waste=compression == PROTOTYPE)
        cuts = np.linspace(0, len(data), strips + 1).astype(int)
        starts = [len(out) + int(a) for a in cuts[:-1]]
        lengths = [int(b - a) for a, b in pairwise(cuts)]
        out += data + bytes(-len(data) % 8)
        tags = [
            (256, 4, width),
            (257, 4, height),
            (259, 3, compression),
            (277, 3, 1),
            (278, 4, height),
        ]
        tags += _listed(out, 273, starts) + _listed(out, 279, lengths)
        if compression == TOLD:
            tags += [(65007, 3, bits[0]), (65008, 3, bits[1]), (65009, 3, bits[2])]
        if metadata and number == 0:
            text = metadata.encode()
            tags.append((65001, 7, (len(text), len(out))))
            out += text + bytes(-len(text) % 8)
        struct.pack_into("<Q", out, place_of_pointer, len(out))
        out += struct.pack("<Q", len(tags))
        for code, kind, value in sorted(tags, key=lambda t: t[0]):
            count, value = value if isinstance(value, tuple) else (1, value)
            out += struct.pack("<HHQQ", code, kind, count, value)
        place_of_pointer = len(out)
        out += struct.pack("<Q", 0)
    path.write_bytes(out)
    return path


def _listed(out: bytearray, code: int, values: list[int]) -> list:
    if len(values) == 1:
        return [(code, 16, values[0])]
    place = len(out)
    out += struct.pack(f"<{len(values)}Q", *values)
    return [(code, 16, (len(values), place))]


def encoded(frame, bits, *, waste=False) -> bytes:
    """The bit stream of one frame; `waste`: codes without an event have their other bits, too."""
    skip_bits, x_bits, y_bits = bits
    most = (1 << skip_bits) - 1
    height, width = (n // 4 for n in frame.shape)
    fine_y, fine_x = np.nonzero(frame)
    pixel = fine_y // 4 * width + fine_x // 4
    order = np.argsort(pixel)
    values: list[tuple[int, int]] = []  # number, bits

    def gap(length):
        while length >= most:
            values.append((most, skip_bits + (x_bits + y_bits) * waste))
            length -= most
        return length

    at = 0
    for i in order:
        values.append((gap(int(pixel[i]) - at), skip_bits))
        x, y = int(fine_x[i]) % 4, int(fine_y[i]) % 4
        x, y = x >> (2 - min(x_bits, 2)), y >> (2 - min(y_bits, 2))
        # the upper bit of each part is inverted
        values.append((x ^ 1 << (x_bits - 1) | (y ^ 1 << (y_bits - 1)) << x_bits, x_bits + y_bits))
        at = int(pixel[i]) + 1
    values.append((gap(height * width - at), skip_bits + (x_bits + y_bits) * waste))
    stream = total = 0
    out = bytearray()
    for value, length in values:
        stream |= value << total
        total += length
        while total >= 8:
            out.append(stream & 255)
            stream >>= 8
            total -= 8
    out.append(stream & 255)
    return bytes(out)


def events(rng, side, count):
    """A frame with so many electrons at random places, no two in one pixel: (4·side, 4·side) bool."""
    frame = np.zeros((4 * side, 4 * side), bool)
    pixel = rng.choice(side * side, count, replace=False)
    y, x = np.divmod(pixel, side)
    frame[4 * y + rng.integers(0, 4, count), 4 * x + rng.integers(0, 4, count)] = True
    return frame


def seen(frame, upsampling):
    """What a frame shows on physical pixels (1), or on half ones (2)."""
    block = 4 // upsampling
    side = frame.shape[0] // block
    return frame.reshape(side, block, side, block).sum(axis=(1, 3)).astype(np.uint8)
