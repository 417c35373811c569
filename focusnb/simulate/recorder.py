"""A microscope session on disk: movies, mdocs, gain and defects appear as SerialEM writes them."""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from focusnb import formats
from focusnb.errors import BadValue, Cancelled
from focusnb.formats.stack import replacing
from focusnb.simulate import exposure as exposing
from focusnb.simulate import plan
from focusnb.simulate.detector import Camera, camera
from focusnb.simulate.truth import Optics, Truth

Report = Callable[[float, str], None]
GAIN, DEFECTS, TRUTH = "gain.mrc", "defects.txt", "truth.json"
UNSIGNED = 1  # in TIFF's tag SampleFormat
# SerialEM writes English months, whatever the locale.
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Stop(Protocol):
    """What ends a session early: a threading.Event, or anything alike."""

    def is_set(self) -> bool:
        """Whether to end now."""

    def wait(self, timeout: float) -> bool:
        """Sleep, but not longer than until the end is wished."""


def session(
    folder: str | Path,
    *,
    movies: int = 8,
    size: int = 1024,
    frames: int = 16,
    interval: float = 10.0,
    writing: float = 2.0,
    seed: int = 0,
    bad: bool = True,
    name: str = "grid1",
    dose_per_frame: float = 2.5,
    optics: Optics | None = None,
    report: Report | None = None,
    stop: Stop | None = None,
) -> list[Truth]:
    """Record a session into a folder as SerialEM would, and return what is true of its movies.

    First come `gain.mrc` and `defects.txt` (MotionCor2's list), then for each movie
    `NAME_0001.tif`, an LZW TIFF that grows frame by frame at its final name, and after it
    `NAME_0001.tif.mdoc`. `truth.json` is written anew after each movie. The same seed gives the
    same pixels.

    Parameters
    ----------
    folder : where to record; made if it is not there. A session continues behind the movies of
        the same name that it finds.
    movies : how many
    size, frames : pixels on a side, frames of a movie
    interval : seconds from the start of one movie to the start of the next; never less than
        recording takes
    writing : seconds over which the frames of one movie are written
    seed : of everything that chance decides
    bad : whether faulty exposures are among them: drift, crystalline ice, dark, wrong focus, thick
    name : what the files' names begin with
    dose_per_frame : e/Å²
    optics : microscope; 300 kV and 1 Å pixels if not given
    report : called with the finished part (0 to 1) and what has been done
    stop : when set, the session ends before the next frame; a half-written movie is removed

    Raises
    ------
    BadValue
        Numbers that no session can have.
    """
    _check(movies=movies, size=size, frames=frames, interval=interval, writing=writing, name=name)
    folder, optics = Path(folder), optics or Optics()
    folder.mkdir(parents=True, exist_ok=True)
    recorder = camera(size, seed=seed)
    first = _references(folder, recorder, optics, name, seed, size)
    kinds = plan.faults(first + movies, seed=seed) if bad else [None] * (first + movies)
    truths: list[Truth] = []
    for number in range(first, first + movies):
        started = time.monotonic()
        asked = plan.exposure(
            number, frames=frames, seed=seed, bad=kinds[number],
            name=f"{name}_{number + 1:04d}", dose_per_frame=dose_per_frame,
        )  # fmt: skip
        scene = exposing.prepare(asked, optics, size)
        known = exposing.known(scene, asked, optics)
        path = folder / f"{asked.name}.tif"
        pictures = exposing.record(scene, asked, optics, recorder)
        if not _write_slowly(path, pictures, optics.pixel_size, writing / frames, stop):
            break
        _write(Path(f"{path}.mdoc"), mdoc(known, size, plan.TARGETS[number % len(plan.TARGETS)]))
        truths.append(known)
        _remember(folder / TRUTH, known)
        if report:
            what = "" if asked.bad is None else f" ({asked.bad})"
            report(len(truths) / movies, f"{path.name} recorded{what}")
        last = number == first + movies - 1
        if not last and _pause(interval - (time.monotonic() - started), stop):
            break
    return truths


def mdoc(known: Truth, size: int, target: float) -> str:
    """SerialEM's description of one movie; `target` is the wanted defocus in µm, negative."""
    asked, optics = known.exposure, known.optics
    count = len(asked.shifts)
    total = asked.dose_per_frame * count
    now = datetime.now()
    stamp = f"{now:%d}-{MONTHS[now.month - 1]}-{now:%Y  %H:%M:%S}"
    lines = {
        "TiltAngle": "0.00998",
        "StagePosition": "-47.2012 28.4092",
        "StageZ": "-13.1043",
        "Magnification": "81000",
        "Intensity": "0.127476",
        "ExposureDose": f"{total:.6g}",
        "DoseRate": f"{known.mean_count * count / max(_seconds(total), 1e-3):.5g}",
        "PixelSpacing": f"{optics.pixel_size:.6g}",
        "SpotSize": "7",
        "Defocus": f"{target + 0.01:.5g}",
        "ImageShift": "1.43117 -0.941825",
        "RotationAngle": "174.13",
        "ExposureTime": f"{_seconds(total):.4g}",
        "Binning": "1",
        "CameraIndex": "0",
        "DividedBy2": "0",
        "OperatingMode": "1",
        "MagIndex": "31",
        "LowDoseConSet": "4",
        "MinMaxMean": f"0 255 {known.mean_count:.5g}",
        "CountsPerElectron": "1",
        "TargetDefocus": f"{target:g}",
        "SubFramePath": f"X:\\simulated\\{asked.name}.tif",
        "NumSubFrames": f"{count}",
        "FrameDosesAndNumber": f"{asked.dose_per_frame:.6g} {count}",
        "DateTime": stamp,
        "FilterSlitAndLoss": "20 0",
        "UncroppedSize": f"{size} {size}",
        "RotationAndFlip": "0",
        "GainReference": GAIN,
        "DefectFile": DEFECTS,
    }
    title = f"SerialEM: recorded by the simulated microscope of focusnb  {stamp}"
    body = "\n".join(f"{key} = {value}" for key, value in lines.items())
    return f"T = {title}\nVoltage = {optics.voltage:g}\n\n[FrameSet = 0]\n{body}\n"


def _seconds(dose: float) -> float:
    return dose / 16.0  # e/Å² per second, as on a K3 at this magnification


def _check(
    *, movies: int, size: int, frames: int, interval: float, writing: float, name: str
) -> None:
    for word, value, low in (("movies", movies, 0), ("size", size, 128), ("frames", frames, 1)):
        if value < low:
            raise BadValue(f"{word} = {value}: a simulated session needs at least {low}")
    for word, seconds in (("interval", interval), ("writing", writing)):
        if not (np.isfinite(seconds) and seconds >= 0):
            raise BadValue(f"{word} = {seconds}: seconds are 0 or more")
    if not name or Path(name).name != name or name.startswith("."):
        raise BadValue(f"name = {name!r}: the beginning of file names, without any folder")


def _references(
    folder: Path, recorder: Camera, optics: Optics, name: str, seed: int, size: int
) -> int:
    """Write gain and defects if they are not there; how many movies of this name there are."""
    if not (folder / GAIN).exists():
        formats.write(folder / GAIN, recorder.gain, pixel_size=optics.pixel_size, label="gain")
        _write(folder / DEFECTS, "".join(f"{x} {y} {w} {h}\n" for x, y, w, h in recorder.defects))
    elif not np.array_equal(formats.read(folder / GAIN), recorder.gain):
        raise BadValue(
            f"{folder / GAIN}: the gain of another camera than size {size}, seed {seed} give; "
            "record into another folder, or continue with the old size and seed"
        )
    numbers = [p.stem.rpartition("_")[2] for p in folder.glob(f"{glob.escape(name)}_*.tif")]
    return max((int(n) for n in numbers if n.isdigit()), default=0)


def _write_slowly(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    pixel_size: float,
    pause: float,
    stop: Stop | None,
) -> bool:
    """Write frames one by one at the final name, as a camera computer does; False if stopped.

    RELION (libtiff) wants the tag SampleFormat, which tifffile leaves out for unsigned integers:
    frames are written as signed ones, and the tag is set right at the end.
    """
    import tifffile

    dots = 1e8 / pixel_size  # pixels per centimetre, as SerialEM and IMOD write it
    try:
        with path.open("wb") as handle, tifffile.TiffWriter(handle) as file:
            for picture in pictures:
                started = time.monotonic()
                if stop is not None and stop.is_set():
                    raise Cancelled(f"{path.name}: the session ended while it was recorded")
                file.write(
                    np.ascontiguousarray(picture[::-1]).view(np.int8),  # TIFF begins at the top
                    photometric="minisblack", compression="lzw", metadata=None, software=False,
                    contiguous=False, resolution=(dots, dots), resolutionunit="CENTIMETER",
                )  # fmt: skip
                handle.flush()
                _pause(pause - (time.monotonic() - started), stop)
    except Cancelled:
        path.unlink(missing_ok=True)
        return False
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            page.tags["SampleFormat"].overwrite(UNSIGNED)
    return True


def _pause(seconds: float, stop: Stop | None) -> bool:
    """Wait; whether the session is to end."""
    if stop is not None:
        return stop.wait(seconds) if seconds > 0 else stop.is_set()
    if seconds > 0:
        time.sleep(seconds)
    return False


def _remember(path: Path, known: Truth) -> None:
    """Add a movie to truth.json, which is an object of movies by file name."""
    entries: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    entries[f"{known.exposure.name}.tif"] = known.to_json()
    rows = (f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in entries.items())
    _write(path, "{\n" + ",\n".join(rows) + "\n}\n")


def _write(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
