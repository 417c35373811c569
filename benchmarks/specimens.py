"""Simulated pictures that pickers are judged by, made once and kept in benchmarks/out/picking.

    for name, picture, truth in picking.cases(small=True): ...

Nothing here is fitted to a picker: shapes, sizes, ice, dose, focus, light, blur and dirt all vary.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from focusnb import simulate

OUT = Path(__file__).parent / "out" / "picking"
LARGE = (3710, 3838)  # height, width: a K3 or Falcon picture after cropping
PIXEL = 1.06  # Å


@dataclass(frozen=True)
class Case:
    """A picture to be made: words of `simulate.micrograph`."""

    name: str
    words: dict[str, Any] = field(default_factory=dict)
    pixel_size: float = PIXEL

    def make(self) -> tuple[np.ndarray, simulate.Truth]:
        """The picture and what is true of it; kept, as long as the simulator is the same."""
        words = {"dose": 25.0, "astigmatism": 150.0, **self.words}
        told = json.dumps([words, self.pixel_size], sort_keys=True)
        kept = OUT / _simulator() / f"{hashlib.sha256(told.encode()).hexdigest()[:20]}.npz"
        if kept.exists():
            return _read(kept)
        optics = simulate.Optics(pixel_size=self.pixel_size)
        picture, truth = simulate.micrograph(optics=optics, **words)
        kept.parent.mkdir(parents=True, exist_ok=True)
        whole = picture.max() < 65536 and (picture == np.rint(picture)).all()
        known = {
            "exposure": asdict(truth.exposure),
            "optics": asdict(truth.optics),
            "mean": truth.mean_count,
        }
        draft = kept.with_suffix(".part.npz")
        np.savez(
            draft, picture=picture.astype(np.uint16) if whole else picture, x=truth.x, y=truth.y,
            kinds=np.empty(0) if truth.kinds is None else truth.kinds, known=json.dumps(known),
        )  # fmt: skip
        draft.replace(kept)
        return picture, truth


def _simulator() -> str:
    """A digest of the simulator's own files."""
    digest = hashlib.sha256()
    for path in sorted(Path(simulate.__file__).parent.glob("*.py")):
        if path.name not in ("recorder.py", "plan.py"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def tidy() -> None:
    """Remove pictures that another version of the simulator has made."""
    for folder in OUT.glob("*"):
        if folder.name != _simulator():
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


def large() -> Case:
    """One picture of a whole camera."""
    return Case(
        "a whole camera, 3838 × 3710",
        {"size": LARGE, "seed": 1, "particles": 400, "defocus": 15000.0, "waves": 0.1},
    )


def _read(path: Path) -> tuple[np.ndarray, simulate.Truth]:
    with np.load(path) as kept:
        known = json.loads(str(kept["known"]))
        kinds = kept["kinds"] if kept["kinds"].ndim == 2 else None
        truth = simulate.Truth(
            simulate.Exposure(**known["exposure"]), simulate.Optics(**known["optics"]),
            tuple(kept["x"].tolist()), tuple(kept["y"].tolist()), known["mean"], kinds,
        )  # fmt: skip
        return kept["picture"].astype(np.float32), truth


def many(side: int | tuple[int, int], density: float = 1.0) -> int:
    """How many particles a picture of this size gets, in pictures with 300 in 4k at density 1."""
    area = side * side if isinstance(side, int) else side[0] * side[1]
    return max(2, round(300 * density * area / (LARGE[0] * LARGE[1])))


SHAPES = tuple(simulate.SHAPES)
DEFOCUS = (8000.0, 15000.0, 25000.0)  # Å
ICE = (200.0, 350.0, 500.0)  # Å


def varied(side: int, seeds: int = 1) -> Iterator[Case]:
    """Every shape at every defocus, ice, counts, light and spacing varied along with them."""
    number = 0
    for seed in range(seeds):
        for i, shape in enumerate(SHAPES):
            for j, defocus in enumerate(DEFOCUS):
                rng = np.random.default_rng([seed, i, j])
                words = {
                    "size": side, "seed": 1000 + number, "shape": shape, "defocus": defocus,
                    "thickness": ICE[(i + j + seed) % 3],
                    "particles": many(side, (0.25, 1.0, 2.0)[(i // 3 + j + seed) % 3]),
                    "carbon": (0.0, 20.0)[number % 2],
                    "spacing": float(rng.choice([0.9, 1.05, 1.3])),
                    "light_gradient": float(rng.choice([0.0, 0.1, 0.3])),
                    "light_edge": float(rng.choice([0.0, 0.0, 0.3])),
                    "wedge": float(rng.choice([0.0, 0.4])), "waves": float(rng.choice([0.0, 0.1, 0.2])),
                    "smear": float(rng.choice([0.0, 2.0])), "sharpness": float(rng.choice([1.0, 0.4])),
                }  # fmt: skip
                ice, count = words["thickness"], words["particles"]
                yield Case(f"{shape} {defocus / 1e4:.1f} µm, {ice:.0f} Å ice, {count}", words)
                number += 1


def fading(side: int) -> Iterator[Case]:
    """Falling contrast: less dose, thicker ice."""
    number = 0
    for shape in ("lobed", "disk", "Y", "slab"):
        for dose, ice in ((40.0, 300.0), (20.0, 300.0), (10.0, 400.0), (6.0, 500.0)):
            words = {
                "size": side, "seed": 2000 + number, "shape": shape, "dose": dose, "thickness": ice,
                "defocus": DEFOCUS[number % 3], "particles": many(side, 1.2), "carbon": 0.0,
                "waves": 0.1, "light_gradient": 0.1,
            }  # fmt: skip
            yield Case(
                f"{shape}, {dose:.0f} e/Å², {ice:.0f} Å ice, {DEFOCUS[number % 3] / 1e4:.1f} µm",
                words,
            )
            number += 1


def dirty(side: int) -> Iterator[Case]:
    """Every kind of contamination over 20–40 % of the area."""
    number = 0
    for kind in simulate.CONTAMINATIONS:
        for shape, part in (("lobed", 0.2), ("shell", 0.3), ("slab", 0.4)):
            words = {
                "size": side, "seed": 3000 + number, "shape": shape, "contamination": kind,
                "contaminated": part, "defocus": DEFOCUS[(number + number // 3) % 3],
                "thickness": ICE[(number + 1) % 3], "particles": many(side, 1.2), "waves": 0.1,
                "carbon": (0.0, 20.0)[number % 2], "light_gradient": (0.0, 0.2)[number % 2],
            }  # fmt: skip
            yield Case(f"{kind}, {100 * part:.0f} %, {shape}", words)
            number += 1


def empty(side: int) -> Iterator[Case]:
    """No particle at all: plain ice, carbon film, uneven light, and dirt."""
    plain = {"size": side, "particles": 0}
    yield Case("empty ice", plain | {"seed": 4000, "carbon": 0.0, "defocus": 15000.0})
    yield Case("empty thick ice, strong waves", plain | {
        "seed": 4001, "carbon": 0.0, "thickness": 500.0, "waves": 0.25, "wedge": 0.5, "defocus": 25000.0,
    })  # fmt: skip
    yield Case(
        "empty carbon film of 80 Å", plain | {"seed": 4002, "carbon": 80.0, "defocus": 20000.0}
    )
    yield Case("empty, beam's edge", plain | {
        "seed": 4003, "light_edge": 0.4, "light_gradient": 0.2, "defocus": 12000.0, "sharpness": 0.4,
    })  # fmt: skip
    yield Case("empty, with a carbon edge", plain | {
        "seed": 4004, "contamination": "carbon edge", "contaminated": 0.3, "defocus": 18000.0,
    })  # fmt: skip
    yield Case("empty, with crystalline ice", plain | {
        "seed": 4005, "contamination": "crystalline ice", "contaminated": 0.2, "defocus": 18000.0,
    })  # fmt: skip


def odd(side: int) -> Iterator[Case]:
    """Other microscopes, and things that go wrong."""
    rest = {"size": side, "seed": 5000, "particles": many(side), "defocus": 15000.0}
    dense = {"particles": many(side, 4.0), "spacing": 0.85}
    yield Case("only four particles", rest | {"particles": 4})
    yield Case("crowded, touching", rest | dense)
    yield Case("crowded, touching, globules", rest | dense | {"shape": "globule"})
    yield Case("bad columns and hot pixels, disks", rest | {"defects": True, "shape": "disk"})
    yield Case("movement of 8 Å, tetramers", rest | {"smear": 8.0, "shape": "tetramer"})
    yield Case("60 e/Å², beam's edge 40 %, slabs", rest | {
        "dose": 60.0, "light_edge": 0.4, "defocus": 12000.0, "shape": "slab",
    })  # fmt: skip
    yield Case("one broken particle for two", rest | {"debris": 0.5})
    yield Case("one broken barrel for one", rest | {"debris": 1.0, "shape": "barrel"})
    specks = {"contamination": "dark blobs", "contaminated": 0.04}
    yield Case("a few dark specks and gold beads", rest | specks)
    yield Case("a few dark specks and gold beads, globules", rest | specks | {"shape": "globule"})
    yield Case("thick ice on carbon film, wedge, gradient, rings", rest | {
        "carbon": 60.0, "thickness": 600.0, "wedge": 0.8, "light_gradient": 0.4, "shape": "ring",
    })  # fmt: skip
    yield Case("phase plate, globules", rest | {
        "phase_shift": 80.0, "defocus": 6000.0, "shape": "globule",
    })  # fmt: skip
    fine = rest | {"particles": many(side, 0.6), "defocus": 12000.0}
    yield Case("0.66 Å pixels, shells", fine | {"shape": "shell"}, 0.66)
    yield Case("1.7 Å pixels, barrels", rest | {"shape": "barrel"}, 1.7)
    yield Case("2.4 Å pixels, rods", rest | {"shape": "rod", "dose": 40.0}, 2.4)
