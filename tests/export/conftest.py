import numpy as np
import pytest

from focusnb import formats
from focusnb.formats import coordinates, motion_star
from focusnb.model.project import Project

PIXEL = 1.5


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    return Project.create(
        tmp_path / "a project", mode="single-particle", values={"pixel_size": PIXEL}
    )


@pytest.fixture
def processed(project):
    """Gives a function that makes an image as it is after its workflow; results can be changed."""

    def make(
        name, seed=0, picks=((40.7, 30.2), (100.0, 60.9)), weighted=True, moved=True, **results
    ):
        rng = np.random.default_rng(seed)
        movie = {"movie": f"raw/{name}"} if moved else {}
        image = project.add_image(name, "g1", values=movie)
        folder = image.folder
        pictures = {"average": "average.mrc"} | (
            {"average_dw": "average_dw.mrc"} if weighted else {}
        )
        for file in [*pictures.values(), "ctf.mrc"]:
            pixels = rng.normal(100, 10, (96, 160)).astype(np.float32)
            formats.write(folder / file, pixels, pixel_size=PIXEL)
        found = {
            **pictures,
            "ctf_spectrum": "ctf.mrc",
            "average_pixel_size": PIXEL,
            "defocus": 15100.0,
            "defocus_u": 15200.0,
            "defocus_v": 15000.0,
            "defocus_angle": 33.0,
            "astigmatism": 200.0,
            "ctf_resolution": 4.5,
            "ctf_score": 0.2,
            "phase_shift": 0.0,
            "mean_count": 5.0,
        }
        if picks is not None:
            x, y = np.array(picks, float).reshape(-1, 2).T
            coordinates.write(folder / "picks.star", x, y, np.arange(len(x)) + 0.5)
            found |= {"picks": "picks.star", "particles": len(x)}
        if moved:
            (folder / "raw").mkdir()
            formats.write(
                folder / "raw" / name, rng.poisson(3, (3, 96, 160)).astype(np.uint8), PIXEL
            )
            shifts = np.array([[0, 0], [3.0, 0], [3.0, 4.5]])
            motion_star.write(
                folder / "shifts.star",
                motion_star.MotionFile(
                    160, 96, 3, f"raw/{name}", PIXEL, shifts, dose_rate=2.0, gain_name="gain",
                ),
            )  # fmt: skip
            found |= {
                "motion_star": "shifts.star",
                "drift_total": 7.5,
                "drift_range": 5.4,
                "drift_early": 3.0,
                "drift_late": 4.5,
            }
        found |= results

        def finish(document):
            document["results"] = {w: v for w, v in found.items() if v is not None}
            document["runs"] = {"ctf": {}}

        project.change(image.id, finish)
        return image

    return make
