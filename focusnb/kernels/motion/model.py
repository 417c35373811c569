"""Local motion as a polynomial: of second order in space, of third order in time.

The model is version 1 of RELION's (Zivanov, Nakane & Scheres 2019, IUCrJ 6:5): the movement at a
point is that of the whole frame plus, for each axis, [1, x, x², y, y², xy] × [z, z², z³], where
x = X / width − ½, y = Y / height − ½, and z counts frames from the first used one. Without a
constant term in z, it is zero in the first used frame everywhere.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPACE, TIME = 6, 3  # terms
COEFFICIENTS = 2 * SPACE * TIME


def space_terms(x: ArrayLike, y: ArrayLike) -> NDArray:
    """[1, x, x², y, y², xy] at points, −½ to ½: (6, ...)."""
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    return np.stack([np.ones_like(x), x, x * x, y, y * y, x * y])


def time_terms(z: ArrayLike) -> NDArray:
    """[z, z², z³] of frame numbers: (3, ...)."""
    z = np.asarray(z, np.float64)
    return np.stack([z, z * z, z * z * z])


def local_movement(coefficients: ArrayLike, z: ArrayLike, x: ArrayLike, y: ArrayLike) -> NDArray:
    """Movement relative to the whole frame: (frames, *points, 2), x and y in the model's unit.

    Parameters
    ----------
    coefficients : (36,), the 18 of x first, each 6 terms of space × 3 of time
    z : (frames,) frames since the first used one
    x, y : points, X / width − ½ and Y / height − ½
    """
    terms = np.asarray(coefficients, np.float64).reshape(2, SPACE, TIME)
    return np.einsum("ast,s...,tn->n...a", terms, space_terms(x, y), time_terms(z))
