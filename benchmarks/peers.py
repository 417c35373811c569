"""Programs that correct motion, each with the same files, settings, outputs and number of threads.

A program's answer is its movement at 5 × 5 points of the field, in pixels of the movie as recorded.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import starfile

THREADS = 2


@dataclass(frozen=True)
class Case:
    """A movie and how it is to be corrected."""

    movie: Path
    pixel_size: float  # Å, as recorded
    dose_per_frame: float  # e/Å²
    frames: int
    patches: int = 1
    gain: Path | None = None
    defects: Path | None = None
    crop: int = 1


@dataclass(frozen=True)
class Run:
    """What one run of a program took, and what it found."""

    wall: float  # s
    cpu: float  # s
    memory: float  # GB
    motion: np.ndarray  # (frames, 2, 5, 5) specimen movement, pixels as recorded


def timed(command: list[str], folder: Path, stdin: str = "") -> tuple[float, float, float]:
    """Run a command on THREADS processors: wall time and processor time in s, peak memory in GB."""
    cores = sorted(os.sched_getaffinity(0))[:THREADS] if hasattr(os, "sched_getaffinity") else None
    begun = time.perf_counter()
    log = (folder / "log.txt").open("w")
    child = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )  # fmt: skip
    child.stdin.write(stdin)
    child.stdin.close()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        sys.exit(f"{command[0]} failed:\n{(folder / 'log.txt').read_text()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, bytes
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e9


def points() -> tuple[np.ndarray, np.ndarray]:
    """The 5 × 5 points: x, y from −½ to ½."""
    at = (np.arange(5) + 0.5) / 5 - 0.5
    return np.meshgrid(at, at)


def motion_of_star(path: Path) -> np.ndarray:
    """Movement by RELION's per-movie file, as its manual and source define it: (frames, 2, 5, 5).

    The file holds the correction, the negative of the specimen's movement.
    """
    blocks = starfile.read(path, always_dict=True)
    table = blocks["global_shift"]
    whole = table[["rlnMicrographShiftX", "rlnMicrographShiftY"]].to_numpy(float)
    moved = np.broadcast_to(whole[:, :, None, None], (*whole.shape, 5, 5)).copy()
    model = blocks.get("local_motion_model")
    if model is not None:
        c = model["rlnMotionModelCoeff"].to_numpy(float).reshape(2, 6, 3)
        x, y = points()
        space = np.stack([np.ones_like(x), x, x**2, y, y**2, x * y])
        z = np.arange(len(whole))
        moved += np.einsum("ast,sij,tn->naij", c, space, np.stack([z, z**2, z**3]))
    return -moved


class Focusnb:
    """This program: its command, as a user calls it."""

    name = "focusnb"

    def available(self) -> bool:
        return True

    def run(self, case: Case, folder: Path) -> Run:
        values = {
            "pixel_size": case.pixel_size, "dose_per_frame": case.dose_per_frame, "voltage": 300,
            "patches": case.patches, "crop_factor": case.crop,
        }  # fmt: skip
        if case.gain:
            values["gain"] = case.gain
        if case.defects:
            values["defects"] = case.defects
        shutil.rmtree(folder / "out", ignore_errors=True)
        command = [
            sys.executable, "-m", "focusnb.command", "quick", str(case.movie), "--steps", "motion",
            "--out", "out", "--set", *(f"{k}={v}" for k, v in values.items()),
        ]  # fmt: skip
        figures = timed(command, folder)
        return Run(*figures, motion_of_star(next((folder / "out").glob("*/shifts.star"))))


class Relion:
    """RELION's own motion correction."""

    name = "RELION"

    def available(self) -> bool:
        return shutil.which("relion_run_motioncorr") is not None

    def run(self, case: Case, folder: Path) -> Run:
        shutil.rmtree(folder / "out", ignore_errors=True)
        for name, file in (
            ("movie.tif", case.movie),
            ("gain.mrc", case.gain),
            ("defects.txt", case.defects),
        ):
            (folder / name).unlink(missing_ok=True)
            if file:
                (folder / name).symlink_to(file)
        words = (
            f"relion_run_motioncorr --use_own --i movie.tif --o out/ --j {THREADS} --bfactor 150"
            f" --angpix {case.pixel_size} --voltage 300 --bin_factor {case.crop}"
            f" --patch_x {case.patches} --patch_y {case.patches} --preexposure 0"
            f" --dose_per_frame {case.dose_per_frame} --dose_weighting --save_noDW"
            f" --first_frame_sum 1 --last_frame_sum {case.frames}"
        ).split()
        words += ["--gainref", "gain.mrc"] if case.gain else []
        words += ["--defect_file", "defects.txt"] if case.defects else []
        figures = timed(words, folder)
        return Run(*figures, motion_of_star(folder / "out/movie.star"))


class Unblur:
    """unblur 2 of cisTEM: whole frames only. Its shifts, in Å, are taken as RELION's are: as the
    correction, in MRC orientation; no run of it has been compared with the truth yet.
    """

    name = "unblur"

    def available(self) -> bool:
        return shutil.which("unblur") is not None

    def run(self, case: Case, folder: Path) -> Run:
        answers = [
            str(case.movie), "sum.mrc", "shifts.txt", case.pixel_size, case.crop, "yes", 300,
            case.dose_per_frame, 0.0, "yes", 2.0, 80, 1500, 1, 1, 0.5, 20, "yes", "yes",
            "yes" if case.gain is None else "no",
            *([] if case.gain is None else [str(case.gain)]), 1, 0, 1, "no", "no", THREADS,
        ]  # fmt: skip
        figures = timed(["unblur"], folder, "\n".join(map(str, answers)) + "\n")
        shifts = np.loadtxt(folder / "shifts.txt", comments="#").reshape(-1, 2) / case.pixel_size
        moved = np.broadcast_to(-shifts[:, :, None, None], (*shifts.shape, 5, 5))
        return Run(*figures, moved)


ALL = (Focusnb(), Relion(), Unblur())


def error(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """RMS distance from the truth over frames and points, one constant per point removed; the worst."""
    apart = found - truth
    apart = apart - apart.mean(axis=0)
    square = (apart**2).sum(axis=1)
    return float(np.sqrt(square.mean())), float(np.sqrt(square.max()))
