"""Compiled loops of picking."""

import numpy as np

from focusnb.kernels.compiled import compiled

CELLS = 512  # along a side, at most


@compiled()
def apart(x, y, distance):
    """Which points are kept when each in turn is kept if no kept one is nearer than `distance`.

    x, y: (k,) float64, the best first.  Returns (k,) bool. Points lie in cells as wide as the
    distance or wider, so that only nine cells have to be looked at.
    """
    count = x.size
    kept = np.zeros(count, np.bool_)
    left, low = x.min(), y.min()
    cell = max(distance, (x.max() - left) / CELLS, (y.max() - low) / CELLS)
    columns = int((x.max() - left) / cell) + 1
    rows = int((y.max() - low) / cell) + 1
    first = np.full((rows, columns), -1, np.int64)  # of a cell's chain of kept points
    following = np.full(count, -1, np.int64)
    for k in range(count):
        row, column = int((y[k] - low) / cell), int((x[k] - left) / cell)
        free = True
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                other = first[r, c]
                while other >= 0 and free:
                    away = (x[k] - x[other]) ** 2 + (y[k] - y[other]) ** 2
                    free = away >= distance * distance
                    other = following[other]
        if free:
            kept[k] = True
            following[k] = first[row, column]
            first[row, column] = k
    return kept
