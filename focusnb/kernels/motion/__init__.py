"""Frame shifts of a movie: estimate them, apply them, sum the frames, say how long the way was.

Shifts are the specimen's movement in Å, one x, y per frame, relative to the first used frame;
frames that are not used are NaN. Frames are moved by −shift, so averages lie at the first used
frame's position. Local movement is RELION's polynomial (`motion.model`).
"""

from focusnb.kernels.motion.alignment import Alignment, estimate
from focusnb.kernels.motion.local import NO_LOCAL, Tracks
from focusnb.kernels.motion.model import local_movement
from focusnb.kernels.motion.numbers import (
    bounding_range,
    deceleration,
    early_late,
    jitter,
    longest_step,
    path_length,
)
from focusnb.kernels.motion.patches import binned, sampling
from focusnb.kernels.motion.sums import Sums, aligned, correct

__all__ = [
    "aligned",
    "Alignment",
    "binned",
    "bounding_range",
    "correct",
    "deceleration",
    "early_late",
    "estimate",
    "jitter",
    "local_movement",
    "longest_step",
    "NO_LOCAL",
    "path_length",
    "sampling",
    "Sums",
    "Tracks",
]
