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
    return runs(parts, tmp_path)


@pytest.fixture
def run_page(tmp_path):
    """The same in the whole of the tuner."""
    return runs(str(PickingTuner._esm), tmp_path)


def runs(parts, tmp_path):
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


def hands(found, seed):
    """Changes by hand: some just on candidates, some near several, some twice, some nowhere."""
    rng = np.random.default_rng(seed)
    at = np.column_stack([found.x, found.y])
    near = at[rng.integers(0, len(at), 12)] + rng.normal(0, 8, (12, 2))
    return {
        "added": [[500.0, 500.0], *near[:2].tolist()],
        "removed": [*at[:2].tolist(), at[0].tolist(), *near[2:].tolist(), [-300.0, 0.0]],
        "excluded": [],
    }


# Picks that keep 0.8 diameters leave no doubt which a hand has meant; denser ones do.
@pytest.mark.parametrize("spacing", [0.8, 0.2])
@pytest.mark.parametrize("seed", [5, 6])
def test_changes_by_hand_are_those_of_the_step_at_every_threshold(run, spacing, seed):
    found = picking.apart(some_picks(seed, 600), spacing * DIAMETER / PIXEL)
    edits, limits = hands(found, seed), [0.5, 1.5, -0.4, 0.1, 9.0]
    told = run(
        f"""(() => {{ {sheet_of(found)}
        return given.limits.map((limit) => {{
          sheet.setThreshold(limit);
          const {{ x, y }} = sheet.lists.b;
          return Array.from({{ length: sheet.shown() }}, (_, i) => [x[i], y[i]]);
        }}); }})()""",
        **given_of(found), edits=edits, limits=limits,
    )  # fmt: skip
    for limit, page in zip(limits, told, strict=True):
        step = picked.edited(
            found.above(limit), found, pick_edits.made(**edits), reach=0.5 * DIAMETER / PIXEL
        )
        assert_allclose(
            np.array(sorted(map(tuple, page))), np.array(sorted(zip(step.x, step.y, strict=True))),
            rtol=1e-5,
        )  # fmt: skip


def test_failures_wipe_what_was_found_of_their_setting_only(run_page):
    told = run_page("""(() => {
      const lost = [];
      const page = Object.assign(Object.create(Tuner.prototype), {
        sheets: [{ info: { name: "one" }, lose: (slot) => lost.push(slot) }],
        gallery: { setBoxes: () => lost.push("boxes") },
        figures: [{ classList: { remove: () => lost.push("waits") } }],
        told: {}, refresh() {}, tellProblems(change) { Object.assign(this.told, change); },
      });
      const tell = (rest) => {
        page.receive({ problems: { one: "too large" }, image: 0, ...rest });
        return lost.splice(0);
      };
      const a = tell({ slot: "a", stamp: 2 });
      const named = Object.keys(page.told);
      return [a, named, tell({ slot: "b", stamp: 3 }), tell({})];
    })()""")
    assert told == [["a"], ["one in A"], ["b", "boxes", "waits"], ["waits"]]


BROWSER = """
  const stored = new Map();
  globalThis.sessionStorage = { getItem: (k) => stored.get(k) ?? null, setItem: (k, v) => stored.set(k, v) };
  globalThis.document = { documentElement: { dataset: { focusnb: "" } } };
  const modelOf = (traits) => ({ traits, get: (k) => traits[k], set: (k, v) => { traits[k] = v; }, save_changes() {} });
  const project = (limit, added) => ({ facts: { title: "t" }, images: [{ name: "one" }], fresh: true, setting_a: null,
    base: { pick_threshold: limit, pick_distance: 80 }, values: { pick_threshold: limit, pick_distance: 80 },
    edits: [{ added }], manual: [[]],
    saved: [{ edits: { added }, marks: [] }] });
  const first = modelOf(project(4, []));
  const sheets = [{ edits: { added: [[1, 1]] }, manual: [[2, 2]] }];
  keepState({ own: true, renewed: true, model: first, values: { pick_threshold: 7.5, pick_distance: 90 }, sheets });
"""


@pytest.mark.parametrize(
    ("now", "restored"),
    [
        ("4, []", [7.5, 90, [[1, 1]], [[2, 2]]]),
        ("5, []", [5, 90, [[1, 1]], [[2, 2]]]),
        ("4, [[9, 9]]", [7.5, 90, [[9, 9]], [[2, 2]]]),
    ],
    ids=["nothing newer", "newer values", "newer changes by hand"],
)
def test_what_the_project_has_newer_is_not_overwritten_by_a_reload(run_page, now, restored):
    told = run_page(f"""(() => {{ {BROWSER}
      const again = modelOf(project({now}));
      restoreState(again);
      const {{ values, edits, manual }} = again.traits;
      return [values.pick_threshold, values.pick_distance, edits[0].added, manual[0]];
    }})()""")
    assert told == restored


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


def test_a_removed_pick_can_be_put_elsewhere_nearby(run):
    found = some_picks(9)
    code = f"""(() => {{ {sheet_of(found)}
      const editing = new Editing([sheet], () => {{}});
      const [x, y] = [given.columns[0][0], given.columns[1][0]];
      editing.removePick(0, 0);
      editing.addPick(0, x + 8, y);
      return [sheet.edits.removed.length, sheet.edits.added[0][0] - x, sheet.edits.added.length]; }})()"""
    removed, moved, added = run(code, **given_of(found))
    assert (removed, added) == (1, 1)
    assert moved == pytest.approx(8, abs=0.01)
