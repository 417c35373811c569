"""Compiled loops of grey values and of spectra: no array of the picture's size is made."""

import numpy as np

from focusnb.kernels.compiled import compiled


@compiled()
def means(picture, left, bottom, step, every, out):
    """Fill out (rows, columns) float32 with means of step × step pixels, each `every`-th of them."""
    rows, columns = out.shape
    scale = np.float32(1.0 / (step * step))
    for r in range(rows):
        for c in range(columns):
            total = np.float32(0)
            first = left + c * every * step
            for y in range(bottom + r * every * step, bottom + r * every * step + step):
                for x in range(first, first + step):
                    total += np.float32(picture[y, x])
            out[r, c] = total * scale


@compiled()
def grey(picture, left, bottom, step, low, gain, out):
    """Fill out (rows, columns) uint8: 1 + (mean − low) · gain, cut at 1 and 255; 0 where not finite."""
    rows, columns = out.shape
    scale = np.float32(1.0 / (step * step))
    line = np.empty(columns, np.float32)
    for r in range(rows):
        line[:] = np.float32(0)
        for y in range(bottom + r * step, bottom + r * step + step):
            x = left
            for c in range(columns):
                total = np.float32(0)
                for _ in range(step):
                    total += np.float32(picture[y, x])
                    x += 1
                line[c] += total
        for c in range(columns):
            mean = line[c] * scale
            if np.isfinite(mean):
                value = (mean - low) * gain + np.float32(1.5)
                value = min(max(value, np.float32(1)), np.float32(255))
                out[r, c] = np.uint8(value)
            else:
                out[r, c] = 0


@compiled()
def summary(picture):
    """Count of pixels that are not finite; least, most, sum and sum of squares of the others.

    Sums are of the differences to the first finite pixel, the last number given: squares of large
    values would lose their small scatter.
    """
    rows, columns = picture.shape
    bad = 0
    least, most, total, squares = np.inf, -np.inf, 0.0, 0.0
    offset, known = 0.0, False
    for y in range(rows):
        for x in range(columns):
            value = float(picture[y, x])
            if not np.isfinite(value):
                bad += 1
                continue
            if not known:
                offset, known = value, True
            least = min(least, value)
            most = max(most, value)
            value -= offset
            total += value
            squares += value * value
    return bad, least, most, total, squares, offset


@compiled()
def amplitudes(half, side, left, bottom, step, every, out):
    """Fill out (rows, columns) float32 with means of step × step amplitudes of a whole spectrum.

    half: (side, side // 2 + 1) complex64, of real values; left, bottom: in the whole spectrum, whose
    zero frequency is at [side // 2, side // 2].
    """
    rows, columns = out.shape
    scale = np.float32(1.0 / (step * step))
    middle = side // 2
    for r in range(rows):
        for c in range(columns):
            total = np.float32(0)
            first = left + c * every * step - middle
            start = bottom + r * every * step - middle
            for v in range(start, start + step):
                for u in range(first, first + step):
                    # the spectrum of real values is the same on both sides
                    value = half[v % side, u] if u >= 0 else half[-v % side, -u]
                    total += np.sqrt(value.real * value.real + value.imag * value.imag)
            out[r, c] = total * scale
