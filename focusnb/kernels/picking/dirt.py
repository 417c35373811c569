"""Dirt: regions darker than the ice around, with an edge; and clumps of particles."""

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.kernels.picking import small as searching

ORDER = 2  # of the polynomial that is the beam and the ice's slow changes
LARGER = 1.25  # diameters: dark features narrower than that are particles, not dirt
USUAL = 0.007  # scatter of the ice, part of its counts, where that part cannot be known
EDGE, LEAST_EDGE = 6.0, 0.05  # medians of the slope, and part of the ice's counts per diameter
DARKER, LEAST_DARKER = 1.5, 0.012  # sd of the ice, and part of its counts, behind an edge
STEP = 0.018  # part of the ice's counts that a region is darker than what is across its edge
DEEP, LEAST_DEEP = 4.5, 0.06  # the same, wherever that is
COLUMN = 0.25  # part of a region's outline along the picture's border that makes it carbon
SINGLE = 15  # percentile of the picks' power that single particles have
LINE = 12.0  # usual deviations of rows from their neighbours
SQUARE = 16  # pixels
DENSER, RIM = 4.0, 2.2  # times the power of single particles, in a clump and towards its rim
CLUMP = 6  # picks that a clump has at least
BEYOND = 25.0  # times the power of single particles: gold, drops
TOUCH = 1.5  # diameters between neighbours in a clump


def regions(values: NDArray, across: float) -> NDArray:
    """Number of each place: 0 ice, 2 carbon, 3 ice crystal, 5 dark blob, as `exclude.KINDS`; (y, x) uint8.

    Dark features narrower than a particle are filled first (a closing). What is left is divided by
    edges, places where the counts change by more than ice does within a diameter; the parts behind
    them that are darker than the ice are dirt, and so is whatever is much darker.

    values: counts, about 8 pixels across a particle.  across: that number.
    """
    smooth = scipy.ndimage.gaussian_filter(values, across / 8, mode="nearest")
    filled = scipy.ndimage.grey_closing(smooth, footprint=disk(LARGER * across), mode="nearest")
    level, scatter, ice = _level(filled)
    unit = level
    if values.min() <= 0:  # no counts: somebody has taken the background away, or the mean
        unit = np.full_like(level, max(scatter / USUAL, 1e-30))
    depth = (level - filled) / unit
    scatter /= float(np.mean(unit))
    slope = across * scipy.ndimage.gaussian_gradient_magnitude(depth, across / 8, mode="nearest")
    edge = slope > max(EDGE * float(np.median(slope[ice])), LEAST_EDGE)
    behind = _behind(depth, edge, max(DARKER * scatter, LEAST_DARKER), across)
    deep = depth > max(DEEP * scatter, LEAST_DEEP)
    dirt = behind | deep
    dirt |= edge & scipy.ndimage.binary_dilation(dirt, disk(across / 2))
    dirt = scipy.ndimage.binary_closing(dirt, disk(across / 2), border_value=0) | dirt
    return _kinds(dirt, slope, across)


def defects(picture: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Rows and columns of a camera that stand out, and squares of it that are dead.

    A row (or column) stands out when its mean is LINE times further from those around it than rows
    usually are. Dead is a square of SQUARE × SQUARE pixels that all have one value.

    Returns (y,) bool, (x,) bool, and (y // SQUARE, x // SQUARE) bool.
    """
    lines = []
    for axis in (1, 0):
        mean = picture.mean(axis=axis, dtype=np.float64)
        away = np.abs(mean - scipy.ndimage.median_filter(mean, 31, mode="nearest"))
        lines.append(away > LINE * 1.4826 * max(float(np.median(away)), 1e-12))
    height, width = (n // SQUARE for n in picture.shape)
    squares = picture[: height * SQUARE, : width * SQUARE]
    squares = squares.reshape(height, SQUARE, width, SQUARE)
    dead = squares.max(axis=(1, 3)) == squares.min(axis=(1, 3))
    return lines[0], lines[1], dead


def _behind(depth: NDArray, edge: NDArray, dark: float, across: float) -> NDArray:
    """The parts between edges that are darker than `dark`, or than what lies across their edges."""
    parts, count = scipy.ndimage.label(~edge)
    found = np.zeros(depth.shape, bool)
    reach = int(np.ceil(across))
    near = disk(2 * reach)
    for number, box in enumerate(scipy.ndimage.find_objects(parts, count), 1):
        wide = tuple(slice(max(s.start - reach, 0), s.stop + reach) for s in box)
        one = parts[wide] == number
        if one.sum() < across:
            continue
        value = float(np.median(depth[wide][one]))
        if value > dark:
            found[wide][one] = True
            continue
        outside = scipy.ndimage.binary_dilation(one, near) & ~one & ~edge[wide]
        inside = scipy.ndimage.binary_dilation(outside, near) & one
        if outside.sum() > across and inside.any():
            step = np.median(depth[wide][inside]) - np.median(depth[wide][outside])
            found[wide][one] = step > STEP and one.mean() < 0.9
    return found


def _kinds(dirt: NDArray, slope: NDArray, across: float) -> NDArray:
    """What each region is, by its outline: carbon comes from outside, crystals have sharp edges."""
    found = np.zeros(dirt.shape, np.uint8)
    parts, count = scipy.ndimage.label(dirt)
    rim = np.ones(dirt.shape, bool)
    rim[1:-1, 1:-1] = False
    for number, box in enumerate(scipy.ndimage.find_objects(parts, count), 1):
        one = parts[box] == number
        outline = one & ~scipy.ndimage.binary_erosion(one, border_value=0)
        border = float(rim[box][outline].mean())
        wide = np.sqrt(one.sum()) > 3 * across
        inner = outline & ~rim[box]
        sharp = inner.any() and float(np.median(slope[box][inner])) > 4 * LEAST_EDGE
        kind = 2 if border > COLUMN and wide else 3 if sharp and not _round(one) else 5
        found[box][one] = kind
    return found


def _round(region: NDArray) -> bool:
    """Whether a region fills an ellipse of its own second moments, as drops and beads do."""
    row, column = np.nonzero(region)
    if len(row) < 12:
        return True
    spread = np.linalg.eigvalsh(np.cov(np.stack([row, column])))
    ellipse = 4 * np.pi * np.sqrt(max(spread[0] * spread[1], 1e-9))
    return len(row) / ellipse > 0.985


def _level(values: NDArray) -> tuple[NDArray, float, NDArray]:
    """A smooth surface through the ice, (y, x); the ice's scatter around it; and which places are ice.

    A polynomial, fitted by turns to what is not much darker than the fit before; the scatter is
    read from what is brighter, since dirt is dark. How much of the picture is dirt is not known, so
    it begins with more and less of the brightest places; the fit that leaves least scatter for the
    part of the picture that it explains is taken.
    """
    surface = searching.slow(values.shape, ORDER)
    flat = values.ravel().astype(np.float64)
    best, least = None, np.inf
    for begin in (40, 60, 80):
        used = flat > np.percentile(flat, begin)
        for _ in range(12):
            fit = surface @ np.linalg.lstsq(surface[used], flat[used], rcond=None)[0]
            away = flat - fit
            scatter = 1.4826 * float(np.median(away[away > 0])) if (away > 0).any() else 0.0
            used = (away > -2.5 * scatter) & (away < 4 * scatter)
            if used.sum() < 4 * surface.shape[1]:
                break
        cost = (scatter + 1e-6 * float(np.ptp(flat))) / max(used.mean(), 1e-3) ** 2
        if cost < least:
            best, least = (fit.reshape(values.shape), scatter, used.reshape(values.shape)), cost
    assert best is not None
    return best


def clumps(x: NDArray, y: NDArray, power: NDArray, diameter: float) -> NDArray:
    """Which of some picks lie in clumps, where particles lie on top of each other: (k,) bool.

    There the power around picks is a multiple of that around single ones, and the same holds for
    their neighbours; a crowd side by side has the power of single particles. What single ones have
    is found by turns, as a clump may hold most of the picks.

    x, y: (k,) pixels.  power: (k,) of the picture in their surroundings.  diameter: pixels.
    """
    none = np.zeros(len(x), bool)
    if len(x) < 2 * CLUMP:
        return none
    tree = scipy.spatial.cKDTree(np.column_stack([x, y]))
    near = _around(x, y, power)
    pairs = tree.query_pairs(TOUCH * diameter, output_type="ndarray")
    found = none
    for _ in range(5):
        single = float(np.percentile(power[~found], SINGLE))
        seeds = _together(near > DENSER * single, pairs)
        reached = _together(seeds | (near > RIM * single), pairs)
        before, found = found, _holding(reached, seeds, pairs)
        if (found == before).all() or found.mean() > 0.85:
            break
    return found


def spread(power: NDArray, seeds: NDArray, single: float, across: float) -> NDArray:
    """Whole clumps around picks in them: (y, x) bool.

    What has RIM times the power of single particles and hangs together, its gaps filled.

    power: (y, x).  seeds: (y, x) bool, picks in clumps.  single: power around single particles.
    """
    wide = scipy.ndimage.gaussian_filter(power, 0.4 * across) > RIM * single
    wide = scipy.ndimage.binary_closing(wide | seeds, disk(across), border_value=0) | seeds
    parts, _ = scipy.ndimage.label(wide)
    whole = np.isin(parts, np.unique(parts[seeds])) | scipy.ndimage.binary_dilation(
        seeds, disk(across)
    )
    return scipy.ndimage.binary_dilation(whole, disk(across))


def specks(x: NDArray, y: NDArray, power: NDArray) -> tuple[NDArray, NDArray]:
    """Which picks have so much more power around them than others that they are no particles.

    Returns (k,) bool twice: those whose neighbours have no such power, and the others.

    x, y: (k,) pixels.  power: (k,) of the picture in their surroundings.
    """
    if len(x) < CLUMP:
        return np.zeros(len(x), bool), np.zeros(len(x), bool)
    single = np.percentile(power, SINGLE)
    strong, near = power > BEYOND * single, _around(x, y, power) < DENSER * single
    return strong & near, strong & ~near


def _around(x: NDArray, y: NDArray, power: NDArray) -> NDArray:
    """The median power of each pick and those next to it."""
    tree = scipy.spatial.cKDTree(np.column_stack([x, y]))
    return np.median(power[tree.query(tree.data, k=CLUMP)[1]], axis=1)


def _labels(members: NDArray, pairs: NDArray) -> NDArray:
    """The number of the group that each point is in: points that are linked, among the members."""
    both = pairs[members[pairs].all(axis=1)] if len(pairs) else pairs.reshape(0, 2)
    shape = (members.size, members.size)
    linked = scipy.sparse.coo_array((np.ones(len(both)), (both[:, 0], both[:, 1])), shape)
    return scipy.sparse.csgraph.connected_components(linked, directed=False)[1]


def _together(members: NDArray, pairs: NDArray) -> NDArray:
    """The members that are in groups of CLUMP or more."""
    labels = _labels(members, pairs)
    return members & (np.bincount(labels, members)[labels] >= CLUMP)


def _holding(members: NDArray, seeds: NDArray, pairs: NDArray) -> NDArray:
    """The members of groups with a seed."""
    labels = _labels(members, pairs)
    return members & (np.bincount(labels, seeds)[labels] > 0)


def power(values: NDArray, across: float, free: NDArray) -> NDArray:
    """Power of the picture in details of about a particle's size, around each place: (y, x).

    values: about 8 pixels across a particle.  free: (y, x) bool, the places that count.
    """
    coarse = around(values, free, across / 2)
    fine = around(values, free, across / 6)
    return scipy.ndimage.gaussian_filter(np.where(free, fine - coarse, 0) ** 2, 0.3 * across)


def around(picture: NDArray, free: NDArray, sigma: float) -> NDArray:
    """Mean of what is free under a Gaussian: (y, x).  sigma: pixels."""
    if free.all():
        return scipy.ndimage.gaussian_filter(picture, sigma, mode="reflect")
    weight = scipy.ndimage.gaussian_filter(free.astype(np.float32), sigma, mode="reflect")
    total = scipy.ndimage.gaussian_filter(np.where(free, picture, 0), sigma, mode="reflect")
    return total / np.maximum(weight, 1e-3)


def disk(diameter: float) -> NDArray:
    """A disk of a diameter in pixels, as a structuring element."""
    n = int(np.ceil(diameter / 2))
    y, x = np.mgrid[-n : n + 1, -n : n + 1]
    return np.hypot(x, y) <= diameter / 2
