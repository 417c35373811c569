"""Particles: found in a picture, chosen among, compared, and cut out.

Every picker gives `Picks`: x, y (pixels of the picture), score, diameter, class, angle. A picker's
`find_…` gives all candidates; `apart` and `Picks.above` choose among them, with the threshold that
`automatic` reads from their scores.
"""

from focusnb.kernels.picking.agreement import Agreement, agree, course
from focusnb.kernels.picking.averages import Averages, averages, find_again
from focusnb.kernels.picking.background import background_free
from focusnb.kernels.picking.blobs import blobs, find_blobs
from focusnb.kernels.picking.boxes import cut, normalise
from focusnb.kernels.picking.exclude import KINDS, Exclusion, exclusion
from focusnb.kernels.picking.filaments import filaments, find_filaments
from focusnb.kernels.picking.filaments import line as automatic_of_filaments
from focusnb.kernels.picking.picks import Picks, apart, points
from focusnb.kernels.picking.projections import Projections, projections
from focusnb.kernels.picking.templates import find_templates
from focusnb.kernels.picking.threshold import automatic, expected

__all__ = [
    "agree", "Agreement", "apart", "automatic", "automatic_of_filaments", "Averages", "averages",
    "background_free", "blobs", "course", "cut", "exclusion", "Exclusion", "expected",
    "filaments", "find_again", "find_blobs", "find_filaments", "find_templates", "KINDS",
    "normalise", "Picks", "points", "projections", "Projections",
]  # fmt: skip
