"""How well two lists of picks agree: pairs, precision, recall, F1, for every threshold at once."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts take long to load: that happens when one is first used
from numpy.typing import NDArray

from focusnb.errors import BadData
from focusnb.kernels.picking.picks import Picks

HIT = 0.25  # diameters between a pick and the particle that it is of


@dataclass(frozen=True, slots=True)
class Agreement:
    """One-to-one pairs of two lists of picks, and what they say when the second one is the truth."""

    pairs: NDArray  # (k, 2) indices into the first and the second list
    found: int  # picks in the first list
    true: int  # picks in the second list

    @property
    def precision(self) -> float:
        """The part of the first list that has a partner; NaN when it is empty."""
        return len(self.pairs) / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        """The part of the second list that has a partner; NaN when it is empty."""
        return len(self.pairs) / self.true if self.true else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 when both lists are empty."""
        both = self.found + self.true
        return 2 * len(self.pairs) / both if both else 1.0


def agree(found: Picks, true: Picks, *, distance: float) -> Agreement:
    """Pair the picks of two lists that are at most `distance` (pixels) apart, one to one.

    From the best pick of the first list on, each takes the nearest one of the second list that is
    free. So a better pick never depends on a worse one: the first n pairs that have an index below
    m in the first list are what the m best picks have alone (`course`).
    """
    if not (np.isfinite(distance) and distance > 0):
        raise BadData(f"the distance is {distance} pixels; it must be a positive number")
    pairs: list[tuple[int, int]] = []
    if len(found) and len(true):
        tree = scipy.spatial.cKDTree(np.column_stack([true.x, true.y]))
        here = np.column_stack([found.x, found.y])
        taken = np.zeros(len(true), bool)
        for i, near in enumerate(tree.query_ball_point(here, distance)):
            free = [j for j in near if not taken[j]]
            if free:
                away = np.hypot(true.x[free] - here[i, 0], true.y[free] - here[i, 1])
                j = free[int(np.argmin(away))]
                taken[j] = True
                pairs.append((i, j))
    return Agreement(np.array(pairs, int).reshape(-1, 2), len(found), len(true))


def course(agreement: Agreement) -> NDArray:
    """Pairs among the first m picks of the first list, for m = 0 … all: (found + 1,) int."""
    hits = np.zeros(agreement.found + 1, int)
    hits[agreement.pairs[:, 0] + 1] = 1
    return np.cumsum(hits)
