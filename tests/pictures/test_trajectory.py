"""The drift plot with patches: tracks where they belong, enlarged by a round number, in cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from PIL import Image

from focusnb import pictures
from focusnb.errors import BadData
from focusnb.pictures import movement, pen, png, tracked

FIELD = (4000.0, 5000.0)  # Å
K3 = (4092.0, 5760.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "previews" / "drift.png"


def grid(across, up=None):
    """Middles of equal parts of the field: (across · up, 2)."""
    x = (np.arange(across) + 0.5) / across - 0.5
    y = (np.arange(up or across) + 0.5) / (up or across) - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def settle(frames=20, far=8.0):
    t = np.linspace(0, 1, frames)
    return np.column_stack([far * (1 - np.exp(-4 * t)), -0.4 * far * t])


def doming(centres, frames, most, noise=0.0, seed=0):
    """Movement away from the middle of the field: (patches, frames, 2) Å, at most `most` an axis."""
    local = 2 * most * centres[:, None] * np.linspace(0, 1, frames)[:, None]
    jitter = np.random.default_rng(seed).normal(0, 1, local.shape) * noise
    return local + jitter - jitter[:, :1]


def straight(centre, end, **how):
    """A plot of one patch that goes straight to `end` (Å) while the whole frame goes elsewhere."""
    shifts = settle(11)
    tracks = shifts + np.linspace(0, 1, 11)[:, None] * end
    return {"shifts": shifts, "tracks": tracks[None], "centres": [centre], "field": FIELD} | how


def colours(path):
    return np.asarray(Image.open(path).convert("RGB"), int)


def coloured(seen):
    """Where there is colour, not grey: (y, x) bool with row 0 at the bottom, as in the drawing."""
    return (np.ptp(seen, axis=2) > 70)[::-1]


def inside(box):
    """The pixels of a box in an array with row 0 at the bottom."""
    return np.s_[
        round(box.bottom) + 2 : round(box.top) - 2, round(box.left) + 2 : round(box.right) - 2
    ]


def cells(centres, box):
    side = tracked._cell(centres)
    corners = (centres + 0.5 - side / 2) * [box.width, box.height] + [box.left, box.bottom]
    return [pen.Box(x, y, side * box.width, side * box.height) for x, y in corners]


@given(st.floats(1e-9, 1e9))
def test_round_numbers_are_one_two_or_five_times_a_power_of_ten(value):
    found = pen.rounded(value)
    assert f"{found:.0e}"[0] in "125"
    assert found == float(f"{found:.0e}")
    assert found <= value * (1 + 1e-8) < 2.5 * found * (1 + 1e-6)


@given(
    centres=st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=1, max_size=20)
)
def test_cells_do_not_overlap(centres):
    middles = np.array(centres)
    apart = np.abs(middles[:, None] - middles).max(axis=2)
    assert (apart[apart > 0.01] >= tracked._cell(middles) - 1e-12).all()


@given(across=st.integers(1, 12), up=st.integers(1, 12))
def test_cells_of_a_grid_stay_in_the_field(across, up):
    centres = grid(across, up)
    assert tracked._cell(centres) == pytest.approx(1 / max(across, up))
    assert (np.abs(centres) + tracked._cell(centres) / 2 <= 0.5 + 1e-9).all()


@given(
    across=st.integers(1, 8),
    frames=st.integers(2, 40),
    most=st.floats(1e-3, 1e4),
    noise=st.floats(0, 1),
    field=st.sampled_from([FIELD, K3, K3[::-1], (64.0, 64.0), (1e5, 1e5)]),
)
def test_tracks_fill_their_cells_and_stay_in_them(across, frames, most, noise, field):
    centres = grid(across)
    local = doming(centres, frames, most, noise * most)
    patches = movement.Patches(local, centres, np.ones(len(centres), bool))
    cell, box = tracked._cell(centres), tracked._frame(field)
    factor = tracked._enlargement(local, cell, field)
    places = tracked._placed(patches, factor, cell, field, box)
    sides = np.array([box.width, box.height]) * cell
    extent = np.ptp(places, axis=1)
    assert (extent <= tracked.FILL * sides * (1 + 1e-6)).all()
    middles = (centres + 0.5) * [box.width, box.height] + [box.left, box.bottom]
    assert_allclose((places.max(1) + places.min(1)) / 2, middles, atol=1e-6)
    if np.ptp(local, axis=1).max() > tracked.LEAST * max(field) / min(field):
        assert (extent > tracked.FILL * sides * 0.399).any()


@given(scale=st.floats(0.1, 10))
def test_enlarged_tracks_are_true_to_scale(scale):
    patches = movement.Patches(doming(grid(3), 5, scale), grid(3), np.ones(9, bool))
    cell, box = tracked._cell(grid(3)), tracked._frame(K3)
    factor = tracked._enlargement(patches.local, cell, K3)
    places = tracked._placed(patches, factor, cell, K3, box)
    drawn = np.diff(places, axis=1) / box.width * K3[1]  # Å of the field
    assert_allclose(drawn, np.diff(patches.local, axis=1) * factor, rtol=1e-6, atol=1e-6)


@given(stray=st.floats(1, 1e6), steps=st.integers(2, 30))
def test_a_patch_left_out_neither_sets_the_scale_nor_leaves_its_cell(stray, steps):
    centres, box = grid(3), tracked._frame(FIELD)
    local = doming(centres, steps, 1.0)
    cell = tracked._cell(centres)
    factor = tracked._enlargement(local[1:], cell, FIELD)
    local[0, 1:] += stray
    used = np.arange(9) > 0
    places = tracked._placed(movement.Patches(local, centres, used), factor, cell, FIELD, box)[0]
    middle = (centres[0] + 0.5) * [box.width, box.height] + [box.left, box.bottom]
    assert_allclose(places[0], middle)
    away = np.abs(places - middle) / [box.width, box.height]
    assert np.nanmax(away) <= cell / 2 + 1e-9


@pytest.mark.parametrize("field", [FIELD, K3, K3[::-1], (10.0, 1000.0), (1000.0, 10.0)])
def test_the_field_keeps_its_proportions_and_hides_nothing_else(field):
    box = tracked._frame(field)
    assert box.width / box.height == pytest.approx(field[1] / field[0])
    assert box.left >= tracked.MARGIN
    assert box.right <= pen.SIDE - tracked.MARGIN
    assert box.top <= pen.SIDE - tracked.HEAD
    assert box.bottom >= tracked.PANEL + tracked.MARGIN + tracked.NOTE


@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.25, -0.25), (-0.3, 0.2)])
def test_a_track_is_drawn_at_its_patch_with_the_length_the_scale_tells(path, centre):
    pictures.drift(**straight(centre, [4.0, 0.0]), path=path)
    box = tracked._frame(FIELD)
    y, x = np.nonzero(coloured(colours(path))[inside(box)])
    factor = tracked._enlargement(
        np.array([[[0, 0], [4.0, 0]]]), tracked._cell(np.array([centre])), FIELD
    )
    width = 18  # of the ring
    assert (x.min() + x.max()) / 2 + 2 == pytest.approx(
        (centre[0] + 0.5) * box.width, abs=width / 2
    )
    assert np.median(y) + 2 == pytest.approx((centre[1] + 0.5) * box.height, abs=3)
    assert np.ptp(x) == pytest.approx(4.0 * factor / FIELD[1] * box.width, abs=width)
    assert np.ptp(y) < width


@pytest.mark.parametrize(
    ("end", "axis", "forward"), [((3, 0), 1, True), ((-3, 0), 1, False), ((0, 3), 0, True), ((0, -3), 0, False)],
    ids=["right", "left", "up", "down"],
)  # fmt: skip
def test_colours_run_from_first_to_last_in_the_direction_of_movement(path, end, axis, forward):
    pictures.drift(**straight((0, 0), end), path=path)
    seen = colours(path)[::-1][inside(tracked._frame(FIELD))]
    blue = np.argwhere(seen[..., 2] > seen[..., 0] + 70)[:, axis].mean()
    yellow = np.argwhere(seen[..., 0] > seen[..., 2] + 150)[:, axis].mean()
    assert (yellow > blue) == forward


def test_movement_of_the_whole_frame_is_not_drawn_in_the_patches(path):
    shifts, centres = settle(20, 60.0), grid(3)
    pictures.drift(shifts, path, tracks=np.repeat(shifts[None], 9, 0), centres=centres, field=FIELD)
    box = tracked._frame(FIELD)
    marked = coloured(colours(path))
    for cell in cells(centres, box):
        y, x = np.nonzero(marked[inside(cell)])
        assert max(np.ptp(x), np.ptp(y)) < 16  # the ring of the first frame, and nothing else


def test_the_whole_frames_path_is_drawn_in_its_panel(path):
    pictures.drift(**straight((0, 0), [1.0, 0.0]), path=path)
    panel = pen.Box(tracked.MARGIN, tracked.MARGIN, tracked.PANEL, tracked.PANEL)
    y, x = np.nonzero(coloured(colours(path))[inside(panel)])
    far, down = np.ptp(settle(11), axis=0)
    assert np.ptp(x) == pytest.approx(0.76 * tracked.PANEL, abs=14)
    assert np.ptp(y) == pytest.approx(0.76 * tracked.PANEL * down / far, abs=14)


def test_patches_left_out_are_grey_with_a_cross(path):
    centres, shifts = grid(3), settle()
    tracks = shifts + doming(centres, 20, 2.0)
    used = np.arange(9) != 6
    pictures.drift(shifts, path, tracks=tracks, centres=centres, used=used, field=FIELD)
    seen = colours(path)
    cell = inside(cells(centres, tracked._frame(FIELD))[6])
    assert coloured(seen)[cell].sum() == 0
    assert (seen[::-1][cell].max(axis=2) < 180).sum() > 200
    other = inside(cells(centres, tracked._frame(FIELD))[8])
    assert coloured(seen)[other].sum() > 200


def test_when_none_is_used_all_are_grey_and_their_tracks_fill_their_cells(path):
    centres, shifts = grid(3), settle()
    tracks = shifts + doming(centres, 20, 2.0)
    pictures.drift(shifts, path, tracks=tracks, centres=centres, field=FIELD)
    marked = coloured(colours(path))
    pictures.drift(
        shifts, path, tracks=tracks, centres=centres, used=np.zeros(9, bool), field=FIELD
    )
    seen = colours(path)
    for box in cells(centres, tracked._frame(FIELD)):
        cell = inside(box)
        assert coloured(seen)[cell].sum() == 0
        grey = seen[::-1][cell].max(axis=2) < 180
        assert grey.sum() > 0.5 * marked[cell].sum() > 50


def test_a_patch_without_a_known_point_is_left_out(path):
    centres, shifts = grid(3), settle()
    tracks = shifts + doming(centres, 20, 2.0)
    tracks[4] = np.nan
    tracks[5, 3] = np.nan
    pictures.drift(shifts, path, tracks=tracks, centres=centres, field=FIELD)
    boxes = cells(centres, tracked._frame(FIELD))
    marked = coloured(colours(path))
    assert marked[inside(boxes[4])].sum() == 0
    assert marked[inside(boxes[5])].sum() > 200


def test_the_picture_lies_faint_and_upright_beneath(path):
    picture = np.zeros((400, 500))
    picture[:200] = 1
    pictures.drift(**straight((0, 0), [0.0, 1.0], picture=picture), path=path)
    seen = colours(path)[::-1][inside(tracked._frame(FIELD))][..., 1]
    bottom, top = seen[30:100].mean(), seen[-100:-30].mean()
    assert bottom > top + 40
    assert top > 130


def test_particles_are_not_seen_in_the_picture(path):
    particles = np.indices((20, 25)).sum(axis=0) % 2  # a chess board, 1/25 of the field each
    picture = np.kron(particles, np.ones((20, 20)))
    pictures.drift(**straight((0, 0), [0.0, 1.0], picture=picture), path=path)
    seen = colours(path)[::-1][inside(tracked._frame(FIELD))][..., 1]
    corner = seen[20:200, 20:200]
    assert corner.std() < 5  # 45 if it were not blurred


@pytest.mark.parametrize("size", [240, 333, 800, 1200])
def test_a_plot_with_tracks_is_a_small_square(path, size):
    how = straight((0, 0), [1.0, 1.0], picture=np.random.default_rng(0).random((400, 500)))
    pictures.drift(**how, path=path, size=size)
    assert Image.open(path).size == (size, size)
    assert path.stat().st_size <= png.LIMIT


def test_many_restless_patches_over_a_picture_stay_below_100_kb(path):
    shifts, centres = settle(100), grid(16)
    tracks = shifts + doming(centres, 100, 2.0, noise=1.0)
    picture = np.random.default_rng(0).random((400, 500))
    pictures.drift(shifts, path, tracks=tracks, centres=centres, picture=picture, field=FIELD)
    assert path.stat().st_size <= png.LIMIT


@pytest.mark.parametrize(
    ("shifts", "local"),
    [
        ([[0, 0]], [[[0, 0]]]),
        ([[0, 0], [0, 0]], [[[0, 0], [0, 0]]]),
        ([[np.nan] * 2, [0, 0], [1, 1]], [[[np.nan] * 2, [0, 0], [1, 0]]]),
        ([[0, 0], [1, 1]], [[[np.nan] * 2, [1, 0]]]),
        ([[0, 0], [1e6, 0]], [[[0, 0], [0, 1e7]]]),
    ],
    ids=["one frame", "no movement", "unused frame", "first point unknown", "far away"],
)
def test_unusual_tracks_are_drawn(path, shifts, local):
    assert pictures.drift(
        shifts, path, tracks=np.array(shifts) + local, centres=[[0, 0]], field=FIELD
    ).exists()


def test_patches_at_one_place_and_none_used_are_drawn(path):
    tracks = np.array([[[0, 0], [1, 0]], [[0, 0], [0, 1]]])
    centres, used = [[0.5, 0.5], [0.5, 0.5]], [False, False]
    assert pictures.drift(
        [[0, 0], [0, 0]], path, tracks=tracks, centres=centres, used=used, field=FIELD
    ).exists()


def test_without_tracks_the_rest_is_ignored(tmp_path):
    first = pictures.drift(settle(), tmp_path / "a.png")
    other = pictures.drift(
        settle(), tmp_path / "b.png", picture=np.zeros((4, 4)), field=FIELD, centres=grid(2)
    )
    assert first.read_bytes() == other.read_bytes()


GOOD = {"tracks": np.zeros((4, 20, 2)), "centres": grid(2), "field": FIELD}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tracks": np.zeros((20, 2))}, r"\(patches, frames, 2\)"),
        ({"tracks": np.zeros((4, 20, 3))}, r"\(patches, frames, 2\)"),
        ({"tracks": np.zeros((0, 20, 2)), "centres": np.zeros((0, 2))}, "none of 0 tracks"),
        ({"tracks": np.zeros((4, 19, 2))}, "19 frames but shifts of 20"),
        ({"tracks": np.full((4, 20, 2), np.nan)}, "none of 4 tracks"),
        ({"centres": None}, "need centres"),
        ({"centres": grid(2)[:3]}, "4 tracks need centres"),
        ({"centres": grid(2) * 1000}, "from −½ to ½"),
        ({"centres": np.full((4, 2), np.nan)}, "from −½ to ½"),
        ({"used": [True]}, "as many `used`"),
        ({"field": None}, "need the field"),
        ({"field": (4000.0,)}, "need the field"),
        ({"field": (4000.0, 0.0)}, "need the field"),
        ({"field": (np.nan, 1.0)}, "need the field"),
        ({"picture": np.zeros((3, 4, 4))}, "picture needs real numbers"),
        ({"picture": np.full((4, 4), np.nan)}, "no finite pixel"),
    ],
)
def test_what_does_not_fit_together_is_bad_data_and_writes_nothing(path, change, reason):
    with pytest.raises(BadData, match=reason):
        pictures.drift(settle(), path, **(GOOD | change))
    assert not path.exists()
