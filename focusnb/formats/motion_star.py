"""RELION's STAR file beside each corrected movie: the drift that Bayesian polishing starts from.

RELION keeps the correction in pixels of the movie as recorded; here it is the specimen's movement
in Å, its negative. Both versions of the motion model are read and written: 0, none, and 1, local
motion as 18 + 18 coefficients (Zivanov, Nakane & Scheres 2019, IUCrJ 6, 5).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import star

if TYPE_CHECKING:
    import pandas as pd

NOT_OBSERVED = -9999.0
COEFFICIENTS = 36
Floats = NDArray[np.float64]


def _no_pixels() -> NDArray[np.int64]:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class MotionFile:
    """What the file tells about one movie.

    shifts: (frames of the file, 2) x, y in Å, movement of the specimen; NaN for frames not used.
    model: 36 coefficients of the local movement in Å, the 18 of x first, or None.
    local_shifts: (k, 5) frame (from 0), x, y in pixels of the movie, movement x, y in Å, or None:
    what the patches showed to which the model was fitted, relative to the whole frame.
    left_out: the same of patches that it was not fitted to, in the block left_out_shift, which is
    ours: RELION takes the blocks that it knows by their names.
    hot_pixels: (k, 2) x, y.
    """

    width: int
    height: int
    frames: int
    movie_name: str
    pixel_size: float  # Å, of the movie as recorded
    shifts: Floats
    voltage: float = 300.0  # kV
    dose_rate: float = 0.0  # e/Å² per frame
    pre_exposure: float = 0.0  # e/Å²
    binning: float = 1.0  # of the average
    first_frame: int = 1  # counted from 1
    gain_name: str | None = None
    defect_file: str | None = None
    eer_upsampling: int | None = None  # of an EER file, with the frames that one fraction holds
    eer_grouping: int | None = None
    hot_pixels: NDArray[np.int64] = field(default_factory=_no_pixels)
    model: Floats | None = None
    local_shifts: Floats | None = None
    left_out: Floats | None = None


def write(path: str | Path, motion: MotionFile) -> Path:
    """Write the file, in one stroke. In names, what STAR cannot keep becomes an underline.

    Raises BadValue when shifts and frames, or the model's coefficients, have the wrong number.
    """
    shifts = np.asarray(motion.shifts, np.float64)
    if shifts.shape != (motion.frames, 2):
        raise BadValue(
            f"{Path(path).name}: shifts of shape {shifts.shape} for {motion.frames} frames; "
            "give x, y for each frame of the movie, NaN for those not used"
        )
    if not motion.pixel_size > 0:
        raise BadValue(f"{Path(path).name}: a pixel size of {motion.pixel_size} Å cannot be")
    general: dict[str, Any] = {
        "rlnImageSizeX": motion.width,
        "rlnImageSizeY": motion.height,
        "rlnImageSizeZ": motion.frames,
        "rlnMicrographMovieName": star.tame(motion.movie_name),
    }
    if motion.gain_name:
        general["rlnMicrographGainName"] = star.tame(motion.gain_name)
    if motion.defect_file:
        general["rlnMicrographDefectFile"] = star.tame(motion.defect_file)
    general |= {
        "rlnMicrographBinning": float(motion.binning),
        "rlnMicrographOriginalPixelSize": float(motion.pixel_size),
        "rlnMicrographDoseRate": float(motion.dose_rate),
        "rlnMicrographPreExposure": float(motion.pre_exposure),
        "rlnVoltage": float(motion.voltage),
        "rlnMicrographStartFrame": motion.first_frame,
    }
    if motion.eer_grouping:
        general["rlnEERUpsampling"] = motion.eer_upsampling or 1
        general["rlnEERGrouping"] = motion.eer_grouping
    general |= {
        "rlnMotionModelVersion": 0 if motion.model is None else 1,
    }
    stored = _stored(shifts, motion.pixel_size)
    blocks: dict[str, Any] = {
        "general": general,
        "global_shift": star.Loop(
            {
                "rlnMicrographFrameNumber": np.arange(1, motion.frames + 1),
                "rlnMicrographShiftX": stored[:, 0],
                "rlnMicrographShiftY": stored[:, 1],
            }
        ),
    }
    if motion.model is not None:
        blocks["local_motion_model"] = _model(Path(path), motion.model, motion.pixel_size)
    hot = np.asarray(motion.hot_pixels).reshape(-1, 2)
    if len(hot):
        blocks["hot_pixels"] = star.Loop(
            {"rlnCoordinateX": hot[:, 0].astype(float), "rlnCoordinateY": hot[:, 1].astype(float)}
        )
    for name, rows in (
        ("local_shift", motion.local_shifts), ("left_out_shift", motion.left_out),
    ):  # fmt: skip
        if rows is not None:
            blocks[name] = _track_table(rows, motion.pixel_size)
    return star.write(path, blocks)


def _stored(movement: Floats, pixel_size: float) -> Floats:
    """Movement in Å as RELION's correction in pixels."""
    stored = np.round(-movement / pixel_size, 6) + 0.0  # no negative zero
    return np.where(np.isnan(stored), NOT_OBSERVED, stored)


def _track_table(rows: Floats, pixel_size: float) -> star.Loop:
    rows = np.asarray(rows, np.float64).reshape(-1, 5)
    moved = _stored(rows[:, 3:], pixel_size)
    return star.Loop(
        {
            "rlnMicrographFrameNumber": rows[:, 0].astype(int) + 1,
            "rlnCoordinateX": rows[:, 1].round(3),
            "rlnCoordinateY": rows[:, 2].round(3),
            "rlnMicrographShiftX": moved[:, 0],
            "rlnMicrographShiftY": moved[:, 1],
        }
    )


def _model(path: Path, model: Floats, pixel_size: float) -> star.Loop:
    coefficients = -np.asarray(model, np.float64) / pixel_size + 0.0
    if coefficients.shape != (COEFFICIENTS,) or not np.isfinite(coefficients).all():
        raise BadValue(
            f"{path.name}: a motion model has {COEFFICIENTS} finite coefficients, "
            f"this one has the shape {coefficients.shape}"
        )
    return star.Loop(
        {
            "rlnMotionModelCoeffsIdx": np.arange(COEFFICIENTS),
            "rlnMotionModelCoeff": coefficients,
        }
    )


def read(path: str | Path) -> MotionFile:
    """The file, as RELION's motion correction (3.0 to 5) or `write` made it.

    Raises BrokenFile when a block or a label is missing or the numbers contradict each other.
    """
    path = Path(path)
    blocks = star.read(path)
    general = blocks.get("general")
    table = blocks.get("global_shift")
    if not isinstance(general, dict) or table is None or isinstance(table, dict):
        raise BrokenFile(
            f"{path}: no data_general and data_global_shift; it is not RELION's file of a movie"
        )
    try:
        pixel_size = float(general["rlnMicrographOriginalPixelSize"])
        frames = int(general["rlnImageSizeZ"])
        version = int(general.get("rlnMotionModelVersion", 0))
        shifts = np.full((frames, 2), np.nan)
        numbers = table["rlnMicrographFrameNumber"].to_numpy(int) - 1
        stored = table[["rlnMicrographShiftX", "rlnMicrographShiftY"]].to_numpy(float)
        shifts[numbers] = _movement(stored, pixel_size)
        model = None
        if version == 1:
            rows = _table(blocks, "local_motion_model")
            model = np.zeros(COEFFICIENTS)
            order = rows["rlnMotionModelCoeffsIdx"].to_numpy(int)
            model[order] = -rows["rlnMotionModelCoeff"].to_numpy(float) * pixel_size + 0.0
        elif version != 0:
            raise BrokenFile(f"{path}: motion model version {version}; 0 and 1 are known")
        return MotionFile(
            width=int(general["rlnImageSizeX"]),
            height=int(general["rlnImageSizeY"]),
            frames=frames,
            movie_name=str(general["rlnMicrographMovieName"]),
            pixel_size=pixel_size,
            shifts=shifts,
            voltage=float(general.get("rlnVoltage", 300.0)),
            dose_rate=float(general.get("rlnMicrographDoseRate", 0.0)),
            pre_exposure=float(general.get("rlnMicrographPreExposure", 0.0)),
            binning=float(general.get("rlnMicrographBinning", 1.0)),
            first_frame=int(general.get("rlnMicrographStartFrame", 1)),
            gain_name=str(general.get("rlnMicrographGainName", "")) or None,
            defect_file=str(general.get("rlnMicrographDefectFile", "")) or None,
            eer_upsampling=_whole(general, "rlnEERUpsampling"),
            eer_grouping=_whole(general, "rlnEERGrouping"),
            hot_pixels=_hot_pixels(blocks),
            model=model,
            local_shifts=_tracks(blocks, "local_shift", pixel_size),
            left_out=_tracks(blocks, "left_out_shift", pixel_size),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, BrokenFile):
            raise
        raise BrokenFile(f"{path}: not RELION's file of a movie: {error!r}") from error


def _whole(general: dict[str, Any], label: str) -> int | None:
    return int(general[label]) if label in general else None


def _table(blocks: dict[str, star.Block], name: str) -> "pd.DataFrame":
    table = blocks[name]
    if isinstance(table, dict):
        raise KeyError(f"data_{name} as a loop")
    return table


def _movement(stored: Floats, pixel_size: float) -> Floats:
    """RELION's correction in pixels as movement in Å."""
    unseen = (stored <= NOT_OBSERVED + 1).any(axis=1)
    movement = -stored * pixel_size + 0.0
    movement[unseen] = np.nan
    return movement


def _hot_pixels(blocks: dict[str, star.Block]) -> NDArray[np.int64]:
    if "hot_pixels" not in blocks:
        return _no_pixels()
    points = _table(blocks, "hot_pixels")[["rlnCoordinateX", "rlnCoordinateY"]].to_numpy(float)
    whole: NDArray[np.int64] = np.rint(points).astype(np.int64)
    return whole


def _tracks(blocks: dict[str, star.Block], name: str, pixel_size: float) -> Floats | None:
    if name not in blocks:
        return None
    table = _table(blocks, name)
    frames = table["rlnMicrographFrameNumber"].to_numpy(float)[:, np.newaxis] - 1
    places = table[["rlnCoordinateX", "rlnCoordinateY"]].to_numpy(float)
    stored = table[["rlnMicrographShiftX", "rlnMicrographShiftY"]].to_numpy(float)
    return np.hstack([frames, places, _movement(stored, pixel_size)])
