"""The compiled loops of motion correction; each does what a function of arrays beside it says."""

import numpy as np

from focusnb.kernels.compiled import compiled

ZERO = np.float32(0)


@compiled(fastmath=True)
def bin_frame(raw, gain, side, out, lo, hi):
    """Rows lo … hi of the sums of side × side pixels of raw × gain (gain may be None)."""
    width = out.shape[1]
    for y in range(lo, hi):
        row = out[y]
        row[:] = ZERO
        for j in range(side):
            line = raw[y * side + j]
            if gain is None:
                for x in range(width):
                    for i in range(side):
                        row[x] += np.float32(line[x * side + i])
            else:
                factor = gain[y * side + j]
                for x in range(width):
                    for i in range(side):
                        row[x] += np.float32(line[x * side + i]) * factor[x * side + i]


@compiled(fastmath=True)
def add_moved(total, parts, step, y_real, y_imag, x_real, x_imag, lo, hi):
    """Rows lo … hi of total += step × parts × y × x, complex numbers as real and imaginary parts.

    total and parts (2, rows, x): the rows of all patches. y (patches, height), x (patches, x).
    """
    height = y_real.shape[1]
    for row in range(lo, hi):
        patch, y = row // height, row % height
        turn_real, turn_imag = y_real[patch, y] * step, y_imag[patch, y] * step
        across_real, across_imag = x_real[patch], x_imag[patch]
        to_real, to_imag, real, imag = total[0, row], total[1, row], parts[0, row], parts[1, row]
        for x in range(to_real.size):
            c = turn_real * across_real[x] - turn_imag * across_imag[x]
            s = turn_real * across_imag[x] + turn_imag * across_real[x]
            a, b = np.float32(real[x]), np.float32(imag[x])
            to_real[x] += a * c - b * s
            to_imag[x] += a * s + b * c


@compiled(fastmath=True)
def correlate(
    total, parts, step, y_real, y_imag, x_real, x_imag, kx, weight, out, lo, hi
):  # fmt: skip
    """Correlation of moved spectra with total less themselves, in rows lo … hi; see `add_moved`.

    out[row] = sums over x of weight·Re, weight·Im·kx, weight·Im of (total − moved)* moved, and of
    weight²·|total − moved|².
    """
    height = y_real.shape[1]
    for row in range(lo, hi):
        patch, y = row // height, row % height
        turn_real, turn_imag = y_real[patch, y] * step, y_imag[patch, y] * step
        across_real, across_imag = x_real[patch], x_imag[patch]
        all_real, all_imag, real, imag = total[0, row], total[1, row], parts[0, row], parts[1, row]
        factor = weight[row]
        score, slope, rise, power = ZERO, ZERO, ZERO, ZERO
        for x in range(all_real.size):
            c = turn_real * across_real[x] - turn_imag * across_imag[x]
            s = turn_real * across_imag[x] + turn_imag * across_real[x]
            a, b = np.float32(real[x]), np.float32(imag[x])
            moved_real, moved_imag = a * c - b * s, a * s + b * c
            other_real, other_imag = all_real[x] - moved_real, all_imag[x] - moved_imag
            w = factor[x]
            score += w * (other_real * moved_real + other_imag * moved_imag)
            part = w * (other_real * moved_imag - other_imag * moved_real)
            rise += part
            slope += part * kx[x]
            power += w * w * (other_real * other_real + other_imag * other_imag)
        out[row, 0] = score
        out[row, 1] = slope
        out[row, 2] = rise
        out[row, 3] = power


@compiled(fastmath=True)
def pack(spectra, step, out):
    """Real and imaginary parts of (rows, x) in steps, as whole numbers (2, rows, x)."""
    scale = np.float32(1) / step
    low, high = np.float32(-32767), np.float32(32767)
    for row in range(spectra.shape[0]):
        for x in range(spectra.shape[1]):
            value = spectra[row, x]
            out[0, row, x] = np.int16(np.rint(min(max(value.real * scale, low), high)))
            out[1, row, x] = np.int16(np.rint(min(max(value.imag * scale, low), high)))


@compiled(fastmath=True)
def ring_power(parts, ring, count, height, out):
    """Add |real + i·imaginary|² × count of (2, rows, x) to the rings of each patch."""
    for row in range(parts.shape[1]):
        patch, y = row // height, row % height
        to, where, real, imag = out[patch], ring[y], parts[0, row], parts[1, row]
        for x in range(real.size):
            a, b = np.float32(real[x]), np.float32(imag[x])
            to[where[x]] += count[x] * (a * a + b * b)


@compiled(fastmath=True)
def weigh(spectrum, table, sy, sx, out):
    """Add table[|s|] × spectrum to out; sy and sx are in steps of the table."""
    last = table.size - 1
    for y in range(spectrum.shape[0]):
        square, line, to = sy[y] * sy[y], spectrum[y], out[y]
        for x in range(spectrum.shape[1]):
            index = np.int64(np.sqrt(square + sx[x] * sx[x]) + np.float32(0.5))
            to[x] += table[min(index, last)] * line[x]


@compiled(fastmath=True)
def add_blocks(raw, gain, whole, part, table, parts, sums, still, block, lo, hi):
    """Sums of moved frames in the rows lo … hi of blocks; see `resample.add`.

    raw (n, y, x).  gain (y, x) or None.  whole, part (n, rows, columns, 2) of blocks: x, y of the
    first pixel's distance, and the number of the kernel in the table.  parts (m, n): how much of
    each frame goes into each sum.  sums (m, y, x).  still (y, x): sum of the frames, not moved.
    """
    frames, height, width = raw.shape
    taps, many = table.shape[1], sums.shape[0]
    before = taps // 2 - 1
    window = np.empty((block + taps - 1, block + taps - 1), np.float32)
    across = np.empty((block + taps - 1, block), np.float32)
    moved = np.empty((block, block), np.float32)
    here = np.empty((many, block, block), np.float32)
    for row in range(lo, hi):
        top = row * block
        tall = min(block, height - top)
        for column in range(whole.shape[2]):
            left = column * block
            wide = min(block, width - left)
            here[:] = ZERO
            for frame in range(frames):
                picture = raw[frame]
                for y in range(tall):
                    to, line = still[top + y], picture[top + y]
                    if gain is None:
                        for x in range(left, left + wide):
                            to[x] += np.float32(line[x])
                    else:
                        factor = gain[top + y]
                        for x in range(left, left + wide):
                            to[x] += np.float32(line[x]) * factor[x]
                from_x = left + whole[frame, row, column, 0] - before
                from_y = top + whole[frame, row, column, 1] - before
                high, long = tall + taps - 1, wide + taps - 1
                inside = (
                    from_x >= 0 and from_y >= 0 and from_x + long <= width
                    and from_y + high <= height
                )  # fmt: skip
                for y in range(high):
                    at_y = from_y + y if inside else _mirrored(from_y + y, height)
                    to, line = window[y], picture[at_y]
                    if gain is None:
                        for x in range(long):
                            at_x = from_x + x if inside else _mirrored(from_x + x, width)
                            to[x] = np.float32(line[at_x])
                    else:
                        factor = gain[at_y]
                        for x in range(long):
                            at_x = from_x + x if inside else _mirrored(from_x + x, width)
                            to[x] = np.float32(line[at_x]) * factor[at_x]
                kernel = table[part[frame, row, column, 0]]
                for y in range(high):
                    to, line = across[y], window[y]
                    for x in range(wide):
                        to[x] = ZERO
                    for k in range(taps):
                        c = kernel[k]
                        for x in range(wide):
                            to[x] += c * line[x + k]
                kernel = table[part[frame, row, column, 1]]
                for y in range(tall):
                    to = moved[y]
                    for x in range(wide):
                        to[x] = ZERO
                    for k in range(taps):
                        c, line = kernel[k], across[y + k]
                        for x in range(wide):
                            to[x] += c * line[x]
                for q in range(many):
                    c = parts[q, frame]
                    for y in range(tall):
                        to, line = here[q, y], moved[y]
                        for x in range(wide):
                            to[x] += c * line[x]
            for q in range(many):
                for y in range(tall):
                    to, line = sums[q, top + y], here[q, y]
                    for x in range(wide):
                        to[left + x] += line[x]


@compiled()
def _mirrored(index, size):
    """The pixel that stands for one outside: the picture goes on as its mirror image."""
    if index < 0:
        index = -index - 1
    if index >= size:
        index = 2 * size - 1 - index
    return min(max(index, 0), size - 1)
