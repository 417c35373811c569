"""Programs that pick: ours and RELION's Laplacian of Gaussian; and how picks are judged.

A pick is a hit when it lies within a quarter of the particle's diameter of a particle that no other pick has:
the largest number of such pairs counts. Particles and picks nearer to the picture's border than half a
diameter count neither way, since no program cuts boxes there.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import peers
import starfile
from scipy import sparse
from scipy.spatial import cKDTree

from focusnb import simulate
from focusnb.kernels import picking
from focusnb.kernels.picking.balls import SPACING

HIT = 0.25  # diameters
WORKERS = 2
CUTS = 120  # thresholds among which the best one is looked for

# picture, truth (only pixel size and diameter may be read) -> picks above the automatic threshold
Picker = Callable[[np.ndarray, simulate.Truth], picking.Picks]


@dataclass(frozen=True)
class Result:
    """How a list of picks compares with the truth."""

    hits: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        return self.hits / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        return self.hits / self.true if self.true else float("nan")

    @property
    def f1(self) -> float:
        both = self.found + self.true
        return 2 * self.hits / both if both else 1.0


def blobs(picture: np.ndarray, truth: simulate.Truth) -> picking.Picks:
    """The blob picker with its defaults; only the diameter is given."""
    known = {"pixel_size": truth.optics.pixel_size, "diameter": truth.diameter, "workers": WORKERS}
    exclude = picking.exclusion(picture, **known)
    return picking.blobs(picture, exclude=exclude, **known)


def all_blobs(picture: np.ndarray, truth: simulate.Truth) -> picking.Picks:
    """The same without any threshold: to see what the best threshold would give."""
    known = {"pixel_size": truth.optics.pixel_size, "diameter": truth.diameter, "workers": WORKERS}
    exclude = picking.exclusion(picture, **known)
    return picking.blobs(picture, exclude=exclude, threshold=-np.inf, **known)


def again(picture: np.ndarray, truth: simulate.Truth) -> picking.Picks:
    """The second pass, with averages of the first picks as templates; defaults as well."""
    known = {"pixel_size": truth.optics.pixel_size, "diameter": truth.diameter, "workers": WORKERS}
    exclude = picking.exclusion(picture, **known)
    apart = SPACING * truth.diameter / truth.optics.pixel_size
    first = picking.apart(picking.find_blobs(picture, exclude=exclude, **known), apart)
    if not len(first.above(picking.automatic(first))):
        return first.above(np.inf)
    found = picking.apart(picking.find_again(picture, first, exclude=exclude, **known), apart)
    return found.above(picking.automatic(found))


def judge(x: np.ndarray, y: np.ndarray, picture: np.ndarray, truth: simulate.Truth) -> Result:
    """Count hits, picks and particles inside the border; picks in contamination are not counted."""
    pixels = truth.diameter / truth.optics.pixel_size
    found, true = np.column_stack([x, y]).reshape(-1, 2), np.column_stack([truth.x, truth.y])
    found = found[~truth.dirty(found[:, 0], found[:, 1])]
    inside, seen = (_inside(points, picture.shape, pixels / 2) for points in (found, true))
    near = cKDTree(found).query_ball_tree(cKDTree(true), HIT * pixels) if len(true) else []
    pairs = np.array([(i, j) for i, js in enumerate(near) for j in js], int).reshape(-1, 2)
    if not len(pairs):
        return Result(0, int(inside.sum()), int(seen.sum()))
    graph = sparse.csr_matrix((np.ones(len(pairs)), pairs.T), (len(found), len(true)))
    partner = sparse.csgraph.maximum_bipartite_matching(graph, perm_type="column")
    taken = partner >= 0
    # a particle at the border and its pick count neither way, wherever each of them lies
    both = taken & inside & seen[np.where(taken, partner, 0)]
    outside = taken & ~seen[np.where(taken, partner, 0)]
    lost = np.zeros(len(true), bool)
    lost[partner[taken & ~inside]] = True
    return Result(int(both.sum()), int((inside & ~outside).sum()), int((seen & ~lost).sum()))


def _inside(points: np.ndarray, shape: tuple[int, int], border: float) -> np.ndarray:
    x, y = points.reshape(-1, 2).T
    right, top = shape[1] - 1 - border, shape[0] - 1 - border
    return (x >= border) & (x <= right) & (y >= border) & (y <= top)


def best(
    x: np.ndarray, y: np.ndarray, score: np.ndarray, picture: np.ndarray, truth: simulate.Truth
) -> Result:
    """The result at the threshold of highest F1, found with the truth known."""
    order = np.argsort(-score)
    cuts = np.unique(np.linspace(0, len(order), CUTS).astype(int))
    results = (judge(x[order[:n]], y[order[:n]], picture, truth) for n in cuts)
    return max(results, key=lambda result: result.f1)


def relion_is_here() -> bool:
    return shutil.which("relion_autopick") is not None


@dataclass(frozen=True)
class Log:
    """How RELION's LoG is asked: least and largest diameter in particle diameters, percent between two."""

    smallest: float
    largest: float
    neighbour: float = 100.0


# The first is how it is asked when a diameter is known; others are better on some of the pictures.
LOGS = (Log(0.6, 1.0), Log(0.6, 0.8, 140.0), Log(0.5, 0.7), Log(0.4, 0.8))


def relion(
    picture: np.ndarray, truth: simulate.Truth, folder: Path, how: Log, adjust: float = -5.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What RELION's LoG finds, without a threshold by default: x, y, figure of merit."""
    folder.mkdir(parents=True, exist_ok=True)
    peers.timed(relion_command(picture, truth, folder, how, adjust), folder)
    table = starfile.read(next((folder / "found").rglob("*_autopick.star")))
    columns = ("rlnCoordinateX", "rlnCoordinateY", "rlnAutopickFigureOfMerit")
    shutil.rmtree(folder / "found")
    return tuple(np.atleast_1d(table[c].to_numpy(float)) for c in columns)


def relion_command(
    picture: np.ndarray, truth: simulate.Truth, folder: Path, how: Log, adjust: float = 0.0
) -> list[str]:
    """Write the picture and its STAR file, and say how relion_autopick is called in that folder."""
    pixel = truth.optics.pixel_size
    with mrcfile.new(folder / "picture.mrc", overwrite=True) as file:
        file.set_data(picture)
        file.voxel_size = pixel
    optics = "data_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n"
    optics += "_rlnMicrographPixelSize #3\n_rlnVoltage #4\n_rlnSphericalAberration #5\n"
    optics += f"_rlnAmplitudeContrast #6\nopticsGroup1 1 {pixel} 300 2.7 0.07\n\n"
    rows = "data_micrographs\n\nloop_\n_rlnMicrographName #1\n_rlnOpticsGroup #2\npicture.mrc 1\n"
    (folder / "micrographs.star").write_text(f"# version 30001\n\n{optics}{rows}")
    return [
        "relion_autopick", "--i", "micrographs.star", "--odir", "found/", "--pickname", "autopick",
        "--LoG", "--LoG_diam_min", f"{how.smallest * truth.diameter:.1f}",
        "--LoG_diam_max", f"{how.largest * truth.diameter:.1f}", "--LoG_neighbour", f"{how.neighbour:g}",
        "--LoG_adjust_threshold", f"{adjust:g}", "--shrink", "0", "--lowpass", "20",
    ]  # fmt: skip
