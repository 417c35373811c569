"""The step pick: every picker, changes by hand, what is left out, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from contracts.steps import perform, results
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.formats import coordinates, pick_edits
from focusnb.kernels import picking
from focusnb.kernels.picking.blobs import SPACING
from focusnb.model.vocabulary import vocabulary
from focusnb.steps import picked

PIXEL, DIAMETER, SHAPE = 2.0, 120.0, (640, 900)
CENTRES = [(x, y) for x in range(90, 860, 140) for y in range(80, 600, 120)]


def field(centres=CENTRES, depth=8.0):
    """A picture without noise: dark globs of the diameter, as particles are."""
    y, x = np.indices(SHAPE)
    found = np.full(SHAPE, 30.0)
    for a, b in centres:
        found -= depth * np.exp(-((((x - a) ** 2 + (y - b) ** 2) / 22**2) ** 2))
    return found


@pytest.fixture(scope="module")
def average(tmp_path_factory):
    noisy = np.random.default_rng(1).poisson(field()).astype(np.float32)
    return formats.write(tmp_path_factory.mktemp("images") / "m.mrc", noisy, pixel_size=PIXEL)


def run(folder, average, /, steps=("pick",), **values):
    given = {
        "average": str(average), "average_pixel_size": PIXEL, "gain": None, "defects": None,
        "particle_diameter": DIAMETER,
    }  # fmt: skip
    return perform(folder / "home", average, list(steps), **{**given, **values})


def picks_of(outcome):
    table = coordinates.read(Path(outcome.scratch) / results(outcome)["picks"])
    return picking.points(table["x"], table["y"], table["score"])


def agreed(outcome, centres=CENTRES):
    true = picking.points(*np.transpose(centres))
    return picking.agree(picks_of(outcome), true, distance=0.25 * DIAMETER / PIXEL)


@pytest.fixture(scope="module")
def plain(average, tmp_path_factory):
    return run(tmp_path_factory.mktemp("plain"), average)


class TestWhatIsFound:
    def test_particles_are_found_with_defaults(self, plain):
        assert (plain.state, plain.message) == ("done", "")
        assert agreed(plain).f1 > 0.97

    def test_the_words_say_what_the_files_hold(self, plain):
        found, folder = results(plain), Path(plain.scratch)
        table = coordinates.read(folder / found["picks"])
        assert list(table.columns) == ["x", "y", "score", "diameter", "class", "angle"]
        assert len(table) == found["particles"]
        assert table["score"].min() >= found["pick_cutoff"] - 1e-6
        assert (table["diameter"] > 0).all()
        with formats.open(folder / found["background_free"]) as stack:
            assert (stack.shape, stack.pixel_size) == ((1, *SHAPE), PIXEL)
        mask = formats.read(folder / found["pick_mask"])
        assert mask.dtype == np.int8
        assert found["pick_excluded"] == pytest.approx((mask > 1).mean(), abs=1e-6)

    def test_bright_particles_are_found_on_request(self, tmp_path, average):
        inverted = formats.write(
            tmp_path / "i.mrc", 60 - formats.read(average).astype("f4"), pixel_size=PIXEL
        )
        outcome = run(tmp_path, inverted, pick_bright=True)
        assert agreed(outcome).f1 > 0.97

    def test_a_threshold_and_a_distance_are_kept(self, tmp_path, average):
        outcome = run(tmp_path, average, pick_threshold=1.0, pick_distance=400.0)
        picks = picks_of(outcome)
        assert results(outcome)["pick_cutoff"] == 1.0
        apart = np.hypot(picks.x[:, None] - picks.x, picks.y[:, None] - picks.y)
        assert apart[~np.eye(len(picks), dtype=bool)].min() >= 199

    def test_the_distance_without_a_value_is_as_the_vocabulary_says(self):
        assert f"{SPACING:g} diameters" in vocabulary()["pick_distance"].help

    def test_nothing_in_a_picture_of_noise_and_it_is_said(self, tmp_path):
        noise = np.random.default_rng(2).poisson(30, SHAPE).astype(np.float32)
        file = formats.write(tmp_path / "n.mrc", noise, pixel_size=PIXEL)
        outcome = run(tmp_path, file)
        assert (outcome.state, results(outcome)["particles"]) == ("done", 0)
        assert len(picks_of(outcome)) == 0
        assert any("none found" in note for note in outcome.runs[0].notes)
        assert "none found" in (Path(outcome.scratch) / "logs/pick.log").read_text()
        assert results(outcome)["pick_cutoff"] is None

    def test_when_none_reaches_the_threshold_the_best_score_is_told(self, tmp_path, average):
        outcome = run(tmp_path, average, pick_threshold=1e6)
        (note,) = outcome.runs[0].notes
        assert "candidates reaches pick_threshold = 1e+06; the best has" in note

    def test_when_all_is_left_out_it_is_said(self, tmp_path, average):
        corners = [(-9, -9), (909, -9), (909, 649), (-9, 649)]
        file = pick_edits.write(tmp_path / "e.json", pick_edits.made(excluded=[corners]))
        outcome = run(tmp_path, average, pick_edits=str(file))
        assert outcome.runs[0].notes == ("none found: all of the picture is left out",)

    def test_averages_of_the_first_picks_find_them_again(self, tmp_path, average):
        outcome = run(tmp_path, average, picker="reference_free")
        assert (outcome.state, outcome.message) == ("done", "")
        assert agreed(outcome).f1 > 0.95

    def test_filaments_are_picked_along_their_direction(self, tmp_path):
        y, x = np.indices(SHAPE)
        across = np.abs((x - 450) * np.sin(0.5) - (y - 320) * np.cos(0.5))
        band = 30 - 8.0 * np.exp(-((across / 22) ** 4))
        noisy = np.random.default_rng(1).poisson(band).astype(np.float32)
        file = formats.write(tmp_path / "f.mrc", noisy, pixel_size=PIXEL)
        outcome = run(tmp_path, file, picker="filament", filament_spacing=100.0)
        assert (outcome.state, outcome.message) == ("done", "")
        table = coordinates.read(Path(outcome.scratch) / "picks.star")
        off = (table["x"] - 450) * np.sin(0.5) - (table["y"] - 320) * np.cos(0.5)
        assert len(table) >= 6
        assert np.median(np.abs(off)) < 6
        assert np.median(table["angle"]) == pytest.approx(np.rad2deg(0.5), abs=4)
        assert set(table["class"]) == {0}  # no templates were compared
        longest = table[table["tube"] == table["tube"].mode()[0]].sort_values("track")
        assert longest["track"].iloc[0] == 0
        assert_allclose(np.diff(longest["track"]), 100, rtol=0.1)
        places = longest[["x", "y"]].to_numpy()
        far = np.linalg.norm(places[-1] - places[0]) * PIXEL
        assert longest["track"].iloc[-1] == pytest.approx(far, rel=0.05)


class TestTemplates:
    @pytest.fixture(scope="class")
    @classmethod
    def disk(cls):
        y, x = np.indices((96, 96)) - 48
        return np.exp(-(((x**2 + y**2) / 22**2) ** 2)).astype(np.float32)

    def test_a_stack_of_templates_finds_them(self, tmp_path, average, disk):
        file = formats.write(tmp_path / "t.mrcs", disk[None], pixel_size=PIXEL)
        outcome = run(tmp_path, average, picker="template", templates=str(file))
        assert (outcome.state, outcome.message) == ("done", "")
        assert agreed(outcome).f1 > 0.95
        assert set(coordinates.read(Path(outcome.scratch) / "picks.star")["class"]) == {1}
        assert any("CTF is not known" in note for note in outcome.runs[0].notes)

    def test_dark_templates_are_taken_as_such(self, tmp_path, average, disk):
        file = formats.write(tmp_path / "t.mrcs", -disk[None], pixel_size=PIXEL)
        outcome = run(
            tmp_path, average, picker="template", templates=str(file), template_contrast="dark"
        )
        assert agreed(outcome).f1 > 0.95

    def test_dark_templates_get_no_second_ctf(self, tmp_path, average, disk):
        file = formats.write(tmp_path / "t.mrcs", -disk[None], pixel_size=PIXEL)
        given = {"picker": "template", "templates": str(file), "template_contrast": "dark"}
        lens = {"defocus_u": 15000.0, "defocus_v": 14000.0, "defocus_angle": 20.0}
        with_lens = run(tmp_path / "a", average, **given, **lens)
        without = run(tmp_path / "b", average, **given, template_ctf=False)
        assert_allclose(picks_of(with_lens).score, picks_of(without).score)
        assert any("show the CTF already" in note for note in with_lens.runs[0].notes)
        assert not any("CTF" in note for note in without.runs[0].notes)

    def test_templates_of_another_pixel_size_are_rescaled_and_it_is_said(
        self, tmp_path, average, disk
    ):
        file = formats.write(tmp_path / "t.mrcs", disk[None, ::2, ::2], pixel_size=2 * PIXEL)
        outcome = run(tmp_path, average, picker="template", templates=str(file))
        assert agreed(outcome).f1 > 0.95
        assert any("they are rescaled" in note for note in outcome.runs[0].notes)

    def test_a_map_is_projected(self, tmp_path, average):
        z, y, x = np.indices((48, 48, 48)) - 24
        ball = np.exp(-(((x**2 + y**2 + z**2) / 11**2) ** 2)).astype(np.float32)
        file = formats.write(tmp_path / "map.mrc", ball, pixel_size=2 * PIXEL)
        outcome = run(
            tmp_path, average, picker="template", templates=str(file), template_angle_step=60.0
        )
        assert (outcome.state, outcome.message) == ("done", "")
        assert any("projections of it are the templates" in n for n in outcome.runs[0].notes)
        assert agreed(outcome).f1 > 0.9

    def test_the_ctf_is_used_when_it_is_known(self, tmp_path, average, disk):
        file = formats.write(tmp_path / "t.mrcs", disk[None], pixel_size=PIXEL)
        lens = {"defocus_u": 15000.0, "defocus_v": 14000.0, "defocus_angle": 20.0}
        outcome = run(
            tmp_path, average, picker="template", templates=str(file), phase_shift=0.0, **lens
        )
        assert (outcome.state, outcome.message) == ("done", "")
        assert not any("CTF" in note for note in outcome.runs[0].notes)

    @pytest.mark.parametrize(
        ("pixel", "values", "told"),
        [
            (None, {}, "give it with --set template_pixel_size="),
            (PIXEL, {"templates": None}, "--set templates="),
            (PIXEL, {"templates": "none.mrcs"}, "there is no such file"),
            (0.1, {}, "check template_pixel_size"),
        ],
    )
    def test_what_is_missing_or_does_not_fit_is_told(
        self, tmp_path, average, disk, pixel, values, told
    ):
        file = formats.write(tmp_path / "t.mrcs", disk[None], pixel_size=pixel)
        given = {"picker": "template", "templates": str(file), **values}
        outcome = run(tmp_path, average, **given)
        assert outcome.state == "failed"
        assert told in outcome.message


class TestByHand:
    def edits(self, folder, **changes):
        return str(pick_edits.write(folder / "edits.json", pick_edits.made(**changes)))

    def test_removed_ones_are_gone_and_added_ones_stay(self, tmp_path, average, plain):
        gone, new = CENTRES[7], (20.0, 620.0)
        file = self.edits(tmp_path, added=[new], removed=[(gone[0] + 10, gone[1])])
        outcome = run(tmp_path, average, pick_edits=file)
        picks = picks_of(outcome)
        assert len(picks) == results(plain)["particles"]
        assert np.hypot(picks.x - gone[0], picks.y - gone[1]).min() > 30
        assert np.hypot(picks.x - new[0], picks.y - new[1]).min() == 0
        assert "1 added, 1 removed" in (Path(outcome.scratch) / "logs/pick.log").read_text()

    def test_one_that_was_added_outside_is_left_out_with_a_note(self, tmp_path, average, plain):
        outcome = run(tmp_path, average, pick_edits=self.edits(tmp_path, added=[(1e9, 2)]))
        assert results(outcome)["particles"] == results(plain)["particles"]
        assert outcome.runs[0].notes == ("1 pick added by hand left out: outside of the picture",)

    def test_one_that_is_added_where_one_is_takes_its_place_and_score(
        self, tmp_path, average, plain
    ):
        x, y = CENTRES[7]
        outcome = run(tmp_path, average, pick_edits=self.edits(tmp_path, added=[(x + 12, y)]))
        before, now = picks_of(plain), picks_of(outcome)
        assert len(now) == len(before)
        here = np.argmin(np.hypot(now.x - x, now.y - y))
        there = np.argmin(np.hypot(before.x - x, before.y - y))
        assert now.x[here] == x + 12
        assert now.score[here] == before.score[there]

    def test_nothing_is_picked_inside_of_a_polygon(self, tmp_path, average):
        corners = [(300, 0), (899, 0), (899, 639), (300, 639)]
        outcome = run(tmp_path, average, pick_edits=self.edits(tmp_path, excluded=[corners]))
        assert picks_of(outcome).x.max() < 300
        assert results(outcome)["pick_excluded"] == pytest.approx(2 / 3, abs=0.05)

    def test_a_polygon_counts_too_when_nothing_else_is_left_out(self, tmp_path, average):
        corners = [(300, 0), (899, 0), (899, 639), (300, 639)]
        file = self.edits(tmp_path, excluded=[corners])
        outcome = run(tmp_path, average, pick_edits=file, pick_exclude=False)
        mask = formats.read(Path(outcome.scratch) / "pick_mask.mrc")
        assert set(np.unique(mask)) == {0, 7}
        assert picks_of(outcome).x.max() < 300

    def test_without_any_there_is_no_mask(self, tmp_path, average):
        found = results(run(tmp_path, average, pick_exclude=False))
        assert (found["pick_mask"], found["pick_excluded"]) == (None, None)

    def test_a_broken_file_is_told(self, tmp_path, average):
        (tmp_path / "edits.json").write_text('{"picks": []}')
        outcome = run(tmp_path, average, pick_edits=str(tmp_path / "edits.json"))
        assert outcome.state == "failed"
        assert "edits.json: 'picks' means nothing here" in outcome.message

    def test_law_no_edits_change_nothing(self):
        picks = picking.points([1.0, 50.0], [2.0, 60.0], [1.0, 2.0])
        same = picked.edited(picks, picks, pick_edits.PickEdits(), reach=10)
        assert_allclose(same.x, picks.x)

    def test_an_added_one_far_from_any_filament_is_one_of_its_own(self, tmp_path):
        noise = np.random.default_rng(2).poisson(30, SHAPE).astype(np.float32)
        average = formats.write(tmp_path / "n.mrc", noise, pixel_size=PIXEL)
        file = self.edits(tmp_path, added=[(20, 20), (600, 20)])
        given = {"pick_threshold": 1e6, "picker": "filament", "pick_edits": file}
        outcome = run(tmp_path, average, **given)
        table = coordinates.read(Path(outcome.scratch) / "picks.star")
        assert table["tube"].nunique() == 2
        assert (table["tube"] > 0).all()

    def test_an_added_one_far_from_any_candidate_has_no_score_and_comes_last(self):
        picks = picking.points([1.0, 50.0], [2.0, 60.0], [1.0, 2.0])
        found = picked.edited(picks, picks, pick_edits.made(added=[(200, 200)]), reach=10)
        assert np.isnan(found.score).tolist() == [False, False, True]


class TestBadInput:
    @pytest.mark.parametrize("diameter", [5000.0, 10.0])
    def test_a_diameter_that_does_not_fit(self, tmp_path, average, diameter):
        pixel = {"average_pixel_size": 4.0} if diameter < 100 else {}
        outcome = run(tmp_path, average, particle_diameter=diameter, **pixel)
        assert outcome.state == "failed"
        assert f"particle_diameter of {diameter:g} Å" in outcome.message

    @pytest.mark.parametrize(("value", "told"), [(7.0, "constant"), (np.nan, "NaN")])
    def test_a_picture_without_anything(self, tmp_path, value, told):
        file = formats.write(tmp_path / "b.mrc", np.full(SHAPE, value, "f4"), pixel_size=PIXEL)
        outcome = run(tmp_path, file)
        assert outcome.state == "failed"
        assert told in outcome.message

    def test_a_range_of_diameters_the_wrong_way_round(self, tmp_path, average):
        outcome = run(tmp_path, average, smallest_diameter=200.0)
        assert outcome.state == "failed"
        assert "smallest" in outcome.message


def test_the_overview_shows_circles_and_what_was_left_out(tmp_path, average):
    from PIL import Image

    corners = [(300, 0), (899, 0), (899, 639), (300, 639)]
    file = pick_edits.write(tmp_path / "e.json", pick_edits.made(excluded=[corners]))
    outcome = run(tmp_path, average, steps=("pick", "previews"), pick_edits=str(file))
    seen = Image.open(Path(outcome.scratch) / results(outcome)["preview_picks"]).convert("RGB")
    colours = np.asarray(seen, int)
    red = (colours[..., 0] - colours[..., 2]) > 30
    green = (colours[..., 1] - colours[..., 0]) > 60
    part = 300 / 900 * colours.shape[1]
    assert red[:, int(part) + 4 :].mean() > 0.9
    assert red[:, : int(part) - 4].mean() < 0.1
    assert green[:, : int(part)].sum() > 100
    assert green[:, int(part) + 20 :].sum() == 0
