"""What a tuner is made of: pictures it takes, controls, bytes for the browser, candidates."""

import numpy as np
import pytest
from browser import tuned
from numpy.testing import assert_allclose

from focusnb import formats
from focusnb.errors import BadValue, MissingProduct
from focusnb.formats import coordinates
from focusnb.kernels import picking
from focusnb.model.job import Job
from focusnb.model.registry import Registry
from focusnb.model.vocabulary import vocabulary
from focusnb_widgets.tuning import shown
from focusnb_widgets.tuning.answers import Answers
from focusnb_widgets.tuning.controls import controls, tunable
from focusnb_widgets.tuning.search import Search, edited
from focusnb_widgets.tuning.subjects import points_of, subjects, with_marks


@pytest.fixture(scope="module")
def picture():
    return tuned.disks(0)[0]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tuned.project(tmp_path_factory.mktemp("tuning") / "session")[0]


def setting(**values):
    words = {p.name: p.default for p in tunable(Registry().step("pick").params)}
    return {**words, "particle_diameter": tuned.DIAMETER, **values}


# -- pictures


def test_pictures_come_as_arrays_pairs_files_images_and_projects(picture, project, tmp_path):
    formats.write(tmp_path / "a.mrc", picture, pixel_size=2.0)
    assert [s.pixel_size for s in subjects(picture, pixel_size=2)] == [2.0]
    assert [s.pixel_size for s in subjects((picture, 2))] == [2.0]
    assert [s.name for s in subjects([tmp_path / "a.mrc", (picture, 3)])] == ["a.mrc", "picture 2"]
    assert [s.name for s in subjects(project.images[:2])] == ["movie_0.tif", "movie_1.tif"]
    assert [s.note for s in subjects(project)] == ["1.20 µm", "1.60 µm", "2.00 µm"]


def test_a_file_s_picture_is_in_mrc_orientation(tmp_path, picture):
    formats.write(tmp_path / "a.tif", picture, pixel_size=2.0)
    (found,) = subjects(tmp_path / "a.tif")
    assert_allclose(found.picture, picture)
    assert found.shape == picture.shape


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([], "0 pictures"),
        ([np.ones((40, 40))] * 7, "7 pictures"),
        (np.ones((40, 40)), "does not tell its pixel size"),
        ((np.ones((40, 40)), -1.0), "must be a positive number"),
        (np.ones((3, 40, 40)), "a picture is (y, x)"),
    ],
    ids=["none", "seven", "no pixel size", "negative pixel size", "a stack"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(images, said):
    with pytest.raises(BadValue) as told:
        subjects(images)
    assert said in str(told.value)


def test_a_movie_is_refused_with_what_to_do(tmp_path):
    formats.write(tmp_path / "movie.mrc", np.ones((3, 40, 40), np.float32), pixel_size=1.0)
    with pytest.raises(BadValue, match="movie of 3 frames; tune on its average"):
        subjects(tmp_path / "movie.mrc")


def test_an_image_without_average_is_named(project):
    image = project.add_image("new.tif", "g2", values={})
    try:
        with pytest.raises(MissingProduct, match=r"g2/\d+ \(new.tif\) has no average yet"):
            subjects(image)
    finally:
        project.trash([image])


def test_manual_picks_find_their_picture_by_number_name_key_and_image(project, tmp_path):
    points = np.array([[10.0, 20.0], [30.0, 40.0]])
    coordinates.write(tmp_path / "picks.star", points[:, 0], points[:, 1])
    found = subjects(project.images[:3])
    table = picking.points([10, 30], [20, 40]).table()
    image = project.images[1]
    with_marks(found, {0: points, image: table, "movie_2.tif": tmp_path / "picks.star"})
    assert [s.marks for s in found] == [points.tolist()] * 3
    with pytest.raises(
        BadValue, match=r"'other\.tif' is none of the pictures; they are movie_0\.tif"
    ):
        with_marks(found, {"other.tif": points})


def test_points_that_are_none_are_refused():
    assert points_of(np.empty((0, 2))) == []
    with pytest.raises(BadValue, match="a table with columns x and y"):
        points_of([1.0, 2.0])


# -- controls


def test_controls_are_the_picking_words_of_the_step():
    told = {c["word"]: c for c in controls(
        tunable(Registry().step("pick").params), pixel_size=2.0, extent=1500.0, values=setting()
    )}  # fmt: skip
    step = {p.name for p in Registry().step("pick").params}
    assert set(told) == {w for w in step if vocabulary()[w].subject == "picking"} - {"pick_edits"}
    diameter = told["particle_diameter"]
    assert (diameter["low"], diameter["high"], diameter["log"]) == (10.0, 750.0, True)
    assert diameter["unit"] == "Å"
    assert told["pick_threshold"]["automatic"]
    assert not diameter["automatic"]
    assert dict(told["picker"]["choices"])["blob"] == "blobs only, quicker"
    assert told["templates"]["only"] == ["template"]
    assert told["pick_border"]["level"] == "advanced"


def test_a_value_beyond_the_pictures_is_still_on_its_slider():
    values = setting(particle_diameter=4000.0)
    params = [p for p in tunable(Registry().step("pick").params) if p.name == "particle_diameter"]
    (told,) = controls(params, pixel_size=2.0, extent=1500.0, values=values)
    assert told["high"] == 4000.0


# -- bytes


def test_a_preview_is_the_binned_picture_in_8_bits():
    picture = np.add.outer(np.arange(2400.0), np.zeros(1500)).astype(np.float32)
    made = shown.preview(picture)
    grey = np.frombuffer(made.data, np.uint8).reshape(made.height, made.width)
    assert (made.width, made.height) == (500, 800)
    assert made.box == (-0.5, -0.5, 1499.5, 2399.5)
    assert grey[0, 0] < 2  # row 0 is the bottom, as in the array
    assert grey[-1, -1] > 252
    assert_allclose(grey[:, 0], np.linspace(0, 255, 800), atol=2)


def test_a_part_lies_where_it_was_asked_for():
    picture = np.zeros((100, 200), np.float32)
    picture[40:44, 60:64] = 1
    made = shown.part(picture, (52, 32, 92, 72), 4)
    grey = np.frombuffer(made.data, np.uint8).reshape(made.height, made.width)
    assert made.box == (51.5, 31.5, 91.5, 71.5)
    assert [tuple(int(v) for v in place) for place in np.argwhere(grey > 128)] == [(2, 2)]


@pytest.mark.parametrize("wanted", [(-50, -50, 5000, 5000), (199, 99, 400, 400), (60, 60, 20, 20)])
def test_parts_beyond_the_picture_are_brought_inside(wanted):
    picture = np.random.default_rng(1).normal(size=(100, 200)).astype(np.float32)
    made = shown.part(picture, wanted, 8)
    left, bottom, right, top = made.box
    assert -0.5 <= left < right <= 199.5
    assert -0.5 <= bottom < top <= 99.5
    assert len(made.data) == made.width * made.height


def test_a_constant_picture_is_grey():
    assert set(shown.eight_bits(np.full((4, 4), 7.0)).ravel()) == {128}


def test_the_mask_lies_over_the_picture():
    mask = picking.Exclusion(np.array([[0, 2], [0, 0]], np.uint8), (10.0, 10.0), (4.5, 4.5))
    told, data = shown.mask_told(mask)
    assert told["box"] == (-0.5, -0.5, 19.5, 19.5)
    assert told["fractions"] == {"carbon": {"part": 0.25, "kind": 2}}
    assert list(data) == [0, 2, 0, 0]


def test_boxes_are_centred_on_their_points():
    picture = np.zeros((400, 400), np.float32)
    rows, columns = np.mgrid[:400, :400]
    places = np.array([[100.0, 150.0], [250.0, 301.0]])
    for x, y in places:
        picture -= np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 15.0**2)).astype(
            np.float32
        )
    data, side = shown.boxes(picture, *places.T, pixel_size=1.0, diameter=60.0)
    for box in np.frombuffer(data, np.uint8).reshape(2, side, side).astype(float):
        weight = np.clip(box.max() - box - 40, 0, None)
        centre = [(weight * axis).sum() / weight.sum() for axis in np.mgrid[:side, :side]]
        assert_allclose(centre, side // 2, atol=0.6)


# -- candidates


def step_s_picks(picture, values, tmp_path):
    """What the step `pick` makes of a picture."""
    words = {**values, "average": "average.mrc", "average_pixel_size": tuned.PIXEL}
    job = Job(
        folder=tmp_path, home=tmp_path, image={}, values=words, memory={"average": picture}
    )  # fmt: skip
    Registry().step("pick").run(job)
    return coordinates.read(tmp_path / "picks.star")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"pick_threshold": 4.0, "pick_distance": 150.0},
        {"smallest_diameter": 80.0, "pick_exclude": False, "pick_border": 10.0},
        {"pick_bright": True},
        {"picker": "reference_free"},
        {"picker": "template", "templates": "disk.mrcs", "template_angle_step": 90.0},
        {"picker": "filament", "filament_spacing": 60.0},
    ],
    ids=[
        "defaults", "threshold and distance", "range", "bright", "reference-free", "template",
        "filament",
    ],
)  # fmt: skip
def test_what_is_shown_is_what_the_step_picks(picture, values, tmp_path):
    values = setting(**values)
    if values["templates"]:
        rows, columns = np.mgrid[-40:40, -40:40]
        disk = (np.hypot(rows, columns) < 30).astype(np.float32)
        formats.write(tmp_path / "disk.mrcs", disk[None], pixel_size=tuned.PIXEL)
        values["templates"] = str(tmp_path / "disk.mrcs")
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    found = edited(search.candidates(0, values), values, {}, tuned.PIXEL)
    assert_allclose(
        np.column_stack([found.x, found.y, found.score]),
        step_s_picks(picture, values, tmp_path)[["x", "y", "score"]].to_numpy(),
        atol=1e-3,
    )


def filaments():
    """A picture of dark lines on noise."""
    rows, columns = np.mgrid[: tuned.SIDE, : tuned.SIDE]
    picture = np.random.default_rng(4).normal(100, 12, rows.shape)
    for degrees, offset in ((20, 150), (20, 500), (80, 300)):
        a = np.radians(degrees)
        away = abs(rows * np.cos(a) - columns * np.sin(a) - (offset - 260 * (degrees == 80) * 3))
        picture -= 5 / (1 + np.exp((away - 20) / 2))
    return picture.astype(np.float32)


@pytest.mark.parametrize("picker", ["blob", "reference_free", "filament"])
def test_the_page_keeps_as_many_picks_as_the_step(picker, picture, tmp_path):
    """The page compares 32-bit scores with the threshold, both as they are sent."""
    pixels = filaments() if picker == "filament" else picture
    values = setting(picker=picker, particle_diameter=80.0, pick_exclude=False)
    told = []
    search = Search(subjects(pixels, pixel_size=tuned.PIXEL))
    search.subjects[0].edits = {"added": []}
    answers = Answers(search, lambda content, buffers=(): told.append((content, buffers)))
    answers.picks("b", values, {0: ()})
    content, buffers = [one for one in told if "picks" in one[0]][-1]
    scores = np.frombuffer(buffers[2], "<f4").astype(np.float64)
    stepped = step_s_picks(pixels, values, tmp_path)
    assert (scores >= content["auto"]).sum() == len(stepped) > 5
    for row in (2, 5):  # thresholds that are the score of a pick
        limit = float(search.candidates(0, values).picks.score[row])
        stepped = step_s_picks(pixels, {**values, "pick_threshold": limit}, tmp_path)
        assert (scores >= limit).sum() == len(stepped)


def test_what_is_shown_after_changes_by_hand_is_what_the_step_picks(picture, tmp_path):
    from focusnb.formats import pick_edits

    values = setting()
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    before = search.candidates(0, values).picks
    edits = {
        "added": [[30.0, 30.0]],
        "removed": [[float(before.x[3]) + 4, float(before.y[3])]],
        "excluded": [[[200, 200], [500, 200], [500, 500], [200, 500]]],
    }
    found = search.candidates(0, values, edits["excluded"])
    shown_picks = edited(found, values, edits, tuned.PIXEL)
    place = pick_edits.write(tmp_path / "edits.json", pick_edits.made(**edits))
    stepped = step_s_picks(picture, {**values, "pick_edits": str(place)}, tmp_path)
    assert_allclose(
        np.column_stack([shown_picks.x, shown_picks.y]), stepped[["x", "y"]].to_numpy(), atol=1e-3
    )
    assert len(shown_picks) < len(before.above(search.candidates(0, values).automatic))


def test_thresholds_and_distances_need_no_new_search(picture, monkeypatch):
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    search.candidates(0, setting())
    monkeypatch.setattr(picking, "find_blobs", lambda *_, **__: pytest.fail("searched again"))
    near = search.candidates(0, setting(pick_distance=60.0, pick_threshold=1.0))
    far = search.candidates(0, setting(pick_distance=300.0))
    assert len(far.picks) < len(near.picks)
    assert far.distance == 300.0


def test_templates_and_a_ctf_that_changed_are_searched_with_anew(picture, tmp_path):
    def disk(radius):
        rows, columns = np.mgrid[-40:40, -40:40]
        pixels = (np.hypot(rows, columns) < radius).astype(np.float32)
        formats.write(tmp_path / "disk.mrcs", pixels[None], pixel_size=tuned.PIXEL)

    (subject,) = subjects(picture, pixel_size=tuned.PIXEL)
    ctf = {"voltage": 300.0, "defocus_u": 12_000.0, "defocus_v": 12_000.0}
    subject.image = type("Imaged", (), {"get": staticmethod(ctf.get)})()
    search = Search([subject])
    values = setting(
        picker="template", templates=str(tmp_path / "disk.mrcs"), template_angle_step=90.0,
        pick_exclude=False,
    )  # fmt: skip
    disk(30)
    first = search.candidates(0, values).picks.score
    assert search.knows(0, values)
    disk(12)
    assert not search.knows(0, values)
    other = search.candidates(0, values).picks.score
    assert not np.array_equal(other, first)
    ctf["defocus_u"] = 30_000.0
    assert not search.knows(0, values)
    assert not np.array_equal(search.candidates(0, values).picks.score, other)


def test_old_searches_are_forgotten(picture, monkeypatch):
    monkeypatch.setattr(picking, "find_blobs", lambda *_, **__: picking.points([1.0], [1.0], 1.0))
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    for border in range(150):
        search.candidates(0, setting(pick_border=float(border), pick_exclude=False))
    assert len(search._kept) <= 72


def test_templates_are_asked_for_in_a_sentence(picture):
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    with pytest.raises(BadValue, match="templates are needed"):
        search.candidates(0, setting(picker="template"))
    with pytest.raises(BadValue, match="there is no file"):
        search.candidates(0, setting(picker="template", templates="nowhere.mrcs"))


def test_none_found_is_an_empty_list():
    rng = np.random.default_rng(3)
    noise = rng.normal(100, 10, (600, 600)).astype(np.float32)
    search = Search(subjects(noise, pixel_size=2.0))
    values = setting()
    found = search.candidates(0, values)
    assert len(edited(found, values, {}, 2.0)) == 0


def test_without_leaving_out_only_polygons_are_left_out(picture):
    search = Search(subjects(picture, pixel_size=tuned.PIXEL))
    square = [[[100, 100], [300, 100], [300, 300], [100, 300]]]
    mask = search.mask(0, setting(pick_exclude=False), square)
    assert mask.covers([200, 600], [200, 600]).tolist() == [True, False]
    assert search.mask(0, setting(pick_exclude=False)).fraction == 0
