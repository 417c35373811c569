"""The tuner's JavaScript, run by an engine: its arithmetic is that of the kernels."""

import json
import subprocess

import numpy as np
import pytest
import scipy.ndimage
from numpy.testing import assert_allclose

from focusnb.formats import pick_edits
from focusnb.kernels import picking
from focusnb.steps import picked
from focusnb_widgets.source import module
from focusnb_widgets.tuning import PickingTuner

pytestmark = pytest.mark.needs("node")
PIXEL, DIAMETER = 2.0, 100.0


@pytest.fixture
def run(tmp_path):
    """Runs an expression in the joined modules; gives what it tells. `given` is what it is given."""
    parts = module("match.js", "grey.js", "picture.js", "marks.js", "sheet.js", "editing.js")

    def run(code, **given):
        text = f"{parts}\nconst given = {json.dumps(given)};\nconsole.log(JSON.stringify({code}));"
        (tmp_path / "part.mjs").write_text(text, encoding="utf-8")
        told = subprocess.run(
            ["node", "part.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    return run


def some_picks(seed, count=300):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 1000, (2, count))
    return picking.points(x, y, rng.normal(size=count), diameter=DIAMETER)


def columns(picks):
    return {"x": picks.x.tolist(), "y": picks.y.tolist()}


def test_the_whole_is_a_module_with_a_render_function(tmp_path):
    (tmp_path / "part.mjs").write_text(str(PickingTuner._esm), encoding="utf-8")
    ask = 'import("./part.mjs").then(m => console.log(typeof m.default.render))'
    told = subprocess.run(
        ["node", "--input-type=module", "-e", ask], cwd=tmp_path, capture_output=True, text=True
    )
    assert (told.stdout.strip(), told.stderr) == ("function", "")


@pytest.mark.parametrize("distance", [5.0, 20.0, 60.0])
def test_pairs_are_those_of_the_kernel(run, distance):
    found, true = some_picks(1), some_picks(2)
    pairs = picking.agree(found, true, distance=distance).pairs
    partner = np.array(run(
        "Array.from(partners(given.found, given.truth, given.distance))",
        found=columns(found), truth=columns(true), distance=distance,
    ))  # fmt: skip
    assert [(i, j) for i, j in enumerate(partner) if j >= 0] == [tuple(p) for p in pairs]


def test_a_threshold_only_shortens_the_list_of_pairs(run):
    found, true = some_picks(3), some_picks(4)
    sheet = sheet_of(found, manual=columns(true))
    told = run(
        f"(() => {{ {sheet} return given.limits.map((l) => sheet.agreement('manual', l)); }})()",
        **given_of(found), manual=np.column_stack([true.x, true.y]).tolist(),
        limits=[-1.0, 0.0, 0.7, 3.0],
    )  # fmt: skip
    for one, limit in zip(told, [-1.0, 0.0, 0.7, 3.0], strict=True):
        kernel = picking.agree(found.above(limit), true, distance=0.25 * DIAMETER / PIXEL)
        assert (one["hits"], one["found"], one["truth"]) == (
            len(kernel.pairs), kernel.found, kernel.true,
        )  # fmt: skip


def sheet_of(found, manual=None):
    """JavaScript that makes a sheet of given candidates."""
    return f"""
      const bytesOf = (a) => new DataView(Float32Array.from(a).buffer);
      const sheet = new Sheet({{ reach: {DIAMETER / 2}, pixel_size: {PIXEL} }});
      sheet.edits = given.edits ?? sheet.edits;
      sheet.manual = given.manual ?? [];
      sheet.take("b", {{ auto: 0.5 }}, given.columns.map(bytesOf));"""


def given_of(found):
    return {"columns": [
        c.tolist() for c in (found.x, found.y, found.score, found.diameter, found.angle)
    ]}  # fmt: skip


def test_changes_by_hand_are_those_of_the_step(run):
    found = picking.apart(some_picks(5), 0.8 * DIAMETER / PIXEL)
    near = [float(found.x[2]) + 3, float(found.y[2]) - 4]
    edits = {
        "added": [[500.0, 500.0], near],
        "removed": [[float(found.x[0]) + 2, float(found.y[0])]],
        "excluded": [],
    }
    told = run(
        f"(() => {{ {sheet_of(found)} const n = sheet.shown();"
        " return Array.from({ length: n }, (_, i) => [sheet.lists.b.x[i], sheet.lists.b.y[i]]); })()",
        **given_of(found),
        edits=edits,
    )
    chosen = found.above(0.5)
    step = picked.edited(chosen, found, pick_edits.made(**edits), reach=0.5 * DIAMETER / PIXEL)
    assert_allclose(
        np.array(sorted(map(tuple, told))), np.array(sorted(zip(step.x, step.y, strict=True))),
        rtol=1e-5,
    )  # fmt: skip


def test_a_polygon_holds_what_the_kernel_s_mask_holds(run):
    polygon = [[100, 100], [700, 150], [600, 400], [800, 800], [200, 700]]
    empty = picking.Exclusion(np.zeros((1000, 1000), np.uint8), (1.0, 1.0), (0.0, 0.0))
    mask = empty.with_polygons([np.array(polygon)])
    x, y = some_picks(6, 2000).x, some_picks(6, 2000).y
    told = run(
        "given.x.map((x, i) => isInside(x, given.y[i], given.polygon))",
        x=x.tolist(), y=y.tolist(), polygon=polygon,
    )  # fmt: skip
    assert np.mean(np.array(told) != mask.covers(x, y)) < 0.01  # but for the pixels of the border


def test_smoothing_is_a_gaussian(run):
    rng = np.random.default_rng(7)
    picture = rng.integers(0, 256, (60, 80))
    told = run(
        "Array.from(softened(Uint8Array.from(given.data), 80, 60, 3.5))",
        data=picture.ravel().tolist(),
    )
    ideal = scipy.ndimage.gaussian_filter(picture.astype(float), 3.5, mode="nearest")
    inner = slice(12, -12)  # at the edges each of the passes goes on with the outermost pixel
    assert_allclose(
        np.reshape(told, (60, 80))[inner, inner], ideal[inner, inner], atol=0.04 * np.ptp(ideal)
    )


def test_undo_and_redo_walk_through_all_changes(run):
    found = some_picks(8)
    code = f"""(() => {{ {sheet_of(found)}
      const editing = new Editing([sheet], () => {{}});
      const told = [];
      const tell = () => told.push([sheet.edits.added.length, sheet.edits.removed.length, sheet.manual.length]);
      tell();
      editing.togglePick(0, -400, -400); tell();
      editing.removePick(0, 5); tell();
      editing.toggleManual(0, 10, 10); tell();
      editing.undo(); editing.undo(); tell();
      editing.redo(); tell();
      editing.togglePick(0, -400, -400); tell();
      editing.redo(); tell();
      return told; }})()"""
    assert run(code, **given_of(found)) == [
        [0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0],
    ]  # fmt: skip


def test_a_removed_pick_comes_back_where_it_was_clicked(run):
    found = some_picks(9)
    code = f"""(() => {{ {sheet_of(found)}
      const editing = new Editing([sheet], () => {{}});
      const before = sheet.shown();
      editing.removePick(0, 0);
      const without = sheet.shown();
      editing.addPick(0, given.columns[0][0] + 2, given.columns[1][0]);
      return [before - without, before - sheet.shown(), sheet.edits]; }})()"""
    assert run(code, **given_of(found)) == [1, 0, {"added": [], "removed": [], "excluded": []}]
