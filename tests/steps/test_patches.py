"""What motion tells of the parts of a picture: notes, tracks for the plot, and RELION's file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contracts.steps import perform, results
from numpy.testing import assert_allclose

from focusnb.formats import motion_star
from focusnb.formats.tiff import TiffStack
from focusnb.kernels import motion as kernel
from focusnb.pictures import previews

LEFT_OUT = "1 of 9 patches move unlike the others and were left out"
ROUGH = "the patches do not move as one smooth field; the whole frames are moved"
STILL = "no local motion can be told from noise; the whole frames are moved"
MODEL = np.linspace(-0.1, 0.1, 36)


@pytest.fixture
def told(tmp_path, recorded_movie, monkeypatch):
    """A function: what the kernel finds besides the movement -> outcome, notes, tracks of the patches."""
    estimate = kernel.estimate
    seen = []

    def get(used=(True,) * 9, steps=("prepare", "motion"), **changes):
        def changed(*args, **how):
            found = estimate(*args, **how)
            tracks = replace(found.tracks, used=np.array(used))
            seen.append(replace(found, tracks=tracks, **changes))
            return seen[-1]

        monkeypatch.setattr(kernel, "estimate", changed)
        outcome = perform(tmp_path / "home", recorded_movie, steps, patches=3)
        assert outcome.message == ""
        return outcome, [note for run in outcome.runs for note in run.notes], seen[-1].tracks

    return get


class TestNotes:
    @pytest.mark.parametrize("notes", [(LEFT_OUT,), (ROUGH,), (LEFT_OUT, ROUGH)])
    def test_what_people_should_know_of_the_patches_is_told(self, told, notes):
        outcome, found, _ = told(notes=notes, model=MODEL)
        assert [note for note in found if "patches" in note] == list(notes)
        log = (Path(outcome.scratch) / "logs" / "motion.log").read_text()
        assert all(log.count(note) == 1 for note in notes)

    def test_that_nothing_moves_locally_is_usual_and_only_in_the_log(self, told):
        outcome, found, _ = told(notes=(LEFT_OUT, STILL), model=None)
        assert not any("patches" in note or "local" in note for note in found)
        assert STILL in (Path(outcome.scratch) / "logs" / "motion.log").read_text()


class TestTracks:
    def test_relions_block_has_the_patches_that_were_fitted_and_ours_the_others(self, told):
        used = np.arange(9) != 4
        outcome, _, tracks = told(used, model=MODEL)
        file = motion_star.read(Path(outcome.scratch) / "shifts.star")
        relative = tracks.movement - np.array(results(outcome)["shifts"])
        assert_allclose(file.local_shifts[:, 3:], relative[used].reshape(-1, 2), atol=1e-5)
        assert_allclose(file.left_out[:, 3:], relative[4], atol=1e-5)
        place = (tracks.centres[4] + 0.5) * 512
        assert_allclose(file.left_out[:, 1:3], [place] * file.frames, atol=1e-3)
        assert file.left_out[:, 0].tolist() == list(range(file.frames))

    def test_without_local_motion_all_patches_are_in_ours(self, told):
        outcome, _, tracks = told(model=None)
        file = motion_star.read(Path(outcome.scratch) / "shifts.star")
        assert file.local_shifts is None
        assert len(file.left_out) == tracks.movement.shape[0] * file.frames

    @pytest.mark.parametrize(
        ("left", "model"), [([], MODEL), ([4], MODEL), ([], None), ([2, 7], None)], ids=str
    )
    def test_all_are_drawn_and_those_that_took_no_part_as_such(
        self, told, monkeypatch, left, model
    ):
        drawn = {}
        draw = previews.drift

        def drift(shifts, path, **how):
            drawn.update(how)
            return draw(shifts, path, **how)

        monkeypatch.setattr(previews, "drift", drift)
        used = ~np.isin(np.arange(9), left)
        outcome, _, tracks = told(used, ("prepare", "motion", "previews"), model=model)
        order = np.lexsort(tracks.centres.T[::-1])
        assert_allclose(drawn["centres"], tracks.centres[order], atol=1e-5)
        assert_allclose(drawn["tracks"], tracks.movement[order], atol=1e-5)
        wanted = used[order] if model is not None else np.zeros(9, bool)
        assert drawn["used"].tolist() == wanted.tolist()
        assert (Path(outcome.scratch) / results(outcome)["preview_drift"]).is_file()

    def test_a_file_without_patches_gives_none(self, told):
        outcome, _, _ = told()
        file = motion_star.read(Path(outcome.scratch) / "shifts.star")
        assert previews.patch_tracks(replace(file, local_shifts=None, left_out=None)) == {}


@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("values", [{}, {"write_aligned": True}, {"already_aligned": True}])
def test_motion_alone_decodes_each_frame_once(tmp_path, recorded_movie, monkeypatch, values, hot):
    sigma = {"hot_pixel_sigma": 0.0, "defects": None} if hot else {}  # the kernel meets hot ones
    before = perform(tmp_path / "1", recorded_movie, ["prepare"], **sigma)
    prepared = str(Path(before.scratch) / results(before)["prepared"])
    decoded = []
    decode = TiffStack._decode

    def counted(self, index, room):
        decoded.append(index)
        decode(self, index, room)

    monkeypatch.setattr(TiffStack, "_decode", counted)
    outcome = perform(tmp_path / "2", recorded_movie, ["motion"], prepared=prepared, **values)
    assert outcome.message == ""
    assert sorted(decoded) == list(range(8))
