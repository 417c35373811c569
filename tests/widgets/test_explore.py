"""The explorer as traits and messages: what is sent, once and then what changed; brushes, limits."""

import json
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from monitor import made

import focusnb as fn
from focusnb.errors import BadValue, UnknownName
from focusnb_widgets.desk import Desk
from focusnb_widgets.explore import Explorer, RulesPanel
from focusnb_widgets.explore.figures import templates
from focusnb_widgets.explore.numbers import Columns, as_range, choices, rounded
from focusnb_widgets.workbench import Workbench

NOW = 1_790_000_000.0


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    project = made.project(tmp_path / "session")
    made.fill(project, 27, now=NOW)
    return fn.open(project.root)


@pytest.fixture
def desk(project):
    return Desk(project)


@pytest.fixture
def explorer(desk):
    """An explorer whose messages are kept in `sent`, as (message, buffers)."""
    explorer = Explorer(desk)
    explorer.sent = []
    explorer.send = lambda message, buffers=None: explorer.sent.append((message, buffers or []))
    return explorer


@pytest.fixture
def shown(explorer):
    """The same with a page that has asked for everything."""
    ask(explorer, "ready")
    explorer.first = list(explorer.sent)
    explorer.sent.clear()
    return explorer


def ask(explorer, name, **more):
    explorer._on_message(explorer, {"do": name, **more}, [])


def told(explorer, key):
    return [(message, buffers) for message, buffers in explorer.sent if key in message]


def numbers_of(project, word):
    return {row["id"]: row.get(word) for row in project.rows()}


# -- what is sent -----------------------------------------------------------------------------


def test_nothing_is_sent_before_a_page_asks(explorer, project):
    project.flag([1], "red")
    explorer.desk.look()
    explorer.desk.select([1, 2])
    assert explorer.sent == []


def test_a_page_gets_the_columns_of_the_plots_that_are_drawn(shown, project):
    (message, buffers), *_ = [one for one in shown.first if "columns" in one[0]]
    words = message["columns"]["words"]
    assert words == ["ctf_resolution", "defocus", "drift_range", "iciness", "recorded"]
    ids = np.frombuffer(buffers[0], "<i4")
    good = np.frombuffer(buffers[1], "i1")
    defocus = np.frombuffer(buffers[2 + words.index("defocus")], "<f8")
    assert list(ids) == list(range(1, 28))
    assert message["columns"]["names"][0] == "movie_00000.tif"
    assert dict(zip(ids, defocus, strict=True)) == numbers_of(project, "defocus")
    assert (good == 0).sum() == sum(1 for row in project.rows() if not row["good"])
    assert np.frombuffer(buffers[2 + words.index("recorded")], "<f8")[-1] == pytest.approx(NOW)


def test_missing_numbers_are_nan(shown, project):
    made.add(project, "nothing.tif", NOW, None)
    columns = Columns.of(project.rows(), ["ctf_resolution"], trash=False)
    assert np.isnan(columns.words["ctf_resolution"][-1])
    assert columns.good[-1] == -1


def test_only_what_changed_is_sent_afterwards(shown, project):
    made.add(project, "new.tif", NOW + 45, made.results(99))
    project.change(3, lambda document: document["results"].update(iciness=0.5))
    shown.desk.look()
    ((message, buffers),) = told(shown, "patch")
    assert list(np.frombuffer(buffers[0], "<i4")) == [2, 27]
    assert list(np.frombuffer(buffers[1], "<i4")) == [3, 28]
    assert message["patch"]["names"] == ["movie_00002.tif", "new.tif"]
    iciness = np.frombuffer(buffers[3 + message["patch"]["words"].index("iciness")], "<f8")
    assert iciness[0] == 0.5
    assert told(shown, "columns") == []


def test_a_change_that_no_plot_shows_sends_no_numbers(shown, project):
    project.set([2], comment="nice")
    shown.desk.look()
    assert told(shown, "patch") == told(shown, "columns") == []


def test_images_of_the_trash_are_drawn_when_wanted(shown, project):
    project.move([5, 6], "TRASH")
    shown.desk.look()
    ((_, buffers),) = told(shown, "columns")
    assert len(np.frombuffer(buffers[0], "<i4")) == 25
    shown.sent.clear()
    ask(shown, "trash", on=True)
    ((_, buffers),) = told(shown, "columns")
    assert len(np.frombuffer(buffers[0], "<i4")) == 27


def test_a_second_page_gets_everything_anew(shown):
    ask(shown, "ready")
    assert told(shown, "columns")
    assert told(shown, "setup")
    assert told(shown, "selected")


def test_a_database_that_cannot_be_read_is_told(shown, project, monkeypatch):
    monkeypatch.setattr(type(project), "rows", lambda *_: (_ for _ in ()).throw(OSError("gone")))
    shown.refresh()
    assert shown.sent == [({"problem": "gone", "of": "refresh"}, [])]


def test_a_project_without_images_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    explorer = Explorer(fn.create(tmp_path / "empty"))
    explorer.sent = []
    explorer.send = lambda message, buffers=None: explorer.sent.append((message, buffers or []))
    ask(explorer, "ready")
    ((message, buffers),) = told(explorer, "columns")
    assert message["columns"]["names"] == []
    assert not any(buffers)
    assert explorer.judge() == {"good": 0, "of": 0, "now": 0}
    assert explorer.brush(iciness=(0, 1)) == []


# -- words ------------------------------------------------------------------------------------


def test_defocus_is_shown_in_micrometres_with_its_limits(project):
    words = {word["word"]: word for word in choices(project, project.rows())}
    assert words["defocus"]["unit"] == "µm"
    assert words["defocus"]["factor"] == 1e-4
    assert words["defocus"]["low"] == "good_defocus_low"
    assert words["ctf_resolution"]["high"] == "good_ctf_resolution"
    assert next(iter(words)) == "recorded"
    assert "comment" not in words
    assert "gain_rotation" not in words


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (3.28112, 4.15777, "ctf_resolution >= 3.281 and ctf_resolution <= 4.158"),
        (1234.56, 18765.4, "ctf_resolution >= 1234 and ctf_resolution <= 18766"),
        (-0.00012, 0.00345, "ctf_resolution >= -0.00012 and ctf_resolution <= 0.00345"),
    ],
)
def test_a_range_has_as_many_decimals_as_it_is_worth(low, high, text):
    assert as_range([], "ctf_resolution", low, high, below=False) == text


def test_a_range_of_no_width_holds_its_number():
    low, high = rounded(3.3, 3.3, np.array([3.3]))
    assert low <= 3.3 <= high


def test_a_range_has_as_many_decimals_as_its_neighbours_ask_for(explorer, project):
    for image, value in enumerate([1.0045, 1.0049, 1.25, 1.4951, 1.4955], 1):
        project.change(image, lambda d, v=value: d["results"].update(iciness=v))
    for image in range(6, 28):
        project.change(image, lambda document: document["results"].update(iciness=3.0))
    assert explorer.brush(iciness=(1.0049, 1.4951)) == [2, 3, 4]
    assert explorer.desk.expression == "iciness >= 1.0049 and iciness <= 1.4951"
    assert explorer.brush(iciness=(1.0046, 1.4951)) == [2, 3, 4]
    assert explorer.brush(iciness=(1.1, 1.4)) == [3]
    assert explorer.desk.expression == "iciness >= 1.1 and iciness <= 1.4"


def test_a_range_must_be_named(explorer):
    with pytest.raises(BadValue, match="name a range"):
        explorer.brush()
    assert explorer.desk.expression == ""


def test_lines_can_be_pasted_where_the_workbench_is(project):
    workbench = Workbench(project)
    workbench.go_to("plots")
    explorer = workbench.parts["explorer"]
    for act in (
        lambda: explorer.add("defocus", "ctf_resolution"),
        lambda: explorer.add("particles", line=100.0),
        lambda: explorer.remove(0),
        lambda: explorer.do_clear({}, []),
        lambda: workbench.parts["rules"].do_choose({"name": "not good"}, []),
    ):
        plots = explorer.plots
        act()
        after, selected, line = explorer.plots, workbench.desk.selected, explorer.line
        explorer.plots = plots
        exec(line, {"project": project, "workbench": workbench})
        assert (explorer.plots, workbench.desk.selected) == (after, selected)


# -- brushing ---------------------------------------------------------------------------------


def test_a_brush_chooses_by_an_expression(explorer, project):
    chosen = explorer.brush(ctf_resolution=(3.4, 3.6))
    assert explorer.desk.expression == "ctf_resolution >= 3.4 and ctf_resolution <= 3.6"
    assert chosen == explorer.desk.selected
    wanted = [i for i, v in numbers_of(project, "ctf_resolution").items() if v and 3.4 <= v <= 3.6]
    assert chosen == wanted
    assert 0 < len(chosen) < 27
    assert explorer.line == "project.select('ctf_resolution >= 3.4 and ctf_resolution <= 3.6')"


def test_a_brush_of_two_words_and_time_chooses_by_one_expression(explorer, project):
    chosen = explorer.brush(recorded=(NOW - 45 * 10.5, NOW - 45 * 3.5), drift_range=(0, 500))
    assert chosen == list(range(17, 24))
    assert explorer.desk.expression.startswith("recorded >= '2026-")
    assert chosen == [image.id for image in project.select(explorer.desk.expression)]


def test_times_that_are_written_differently_are_chosen_by_number(explorer, project):
    with project.store.transaction() as connection:
        connection.execute(
            "update image set recorded = '2026-01-01T00:00:00', revision = revision + 1000"
            " where id = 2"
        )
        connection.execute("update fact set value = 5000 where key = 'revision'")
        connection.execute(
            "update image set recorded = replace(recorded, '+00:00', 'Z'), revision = 4000"
            " where id > 20"
        )
    chosen = explorer.brush(recorded=(NOW - 45 * 10.5, NOW - 45 * 3.5))
    assert chosen == list(range(17, 24))


def test_a_bar_does_not_hold_its_upper_end(explorer, project):
    project.change(1, lambda document: document["results"].update(iciness=0.5))
    project.change(2, lambda document: document["results"].update(iciness=0.6))
    assert 2 not in explorer.brush(iciness=(0.5, 0.6), below=True)
    assert explorer.desk.expression == "iciness >= 0.5 and iciness < 0.6"


@pytest.mark.parametrize(
    ("how", "expression"),
    [
        ("add", "(iciness >= 0 and iciness <= 5) or (defocus >= 10000 and defocus <= 14000)"),
        ("within", "(iciness >= 0 and iciness <= 5) and (defocus >= 10000 and defocus <= 14000)"),
    ],
)
def test_a_brush_can_add_and_narrow(explorer, how, expression):
    explorer.brush(iciness=(0, 5))
    explorer.brush(how=how, defocus=(10_000, 14_000))
    assert explorer.desk.expression == expression


def test_a_brush_adds_to_rows_that_were_chosen_by_hand(explorer, project):
    explorer.desk.select([3, 27])
    chosen = explorer.brush(how="add", recorded=(NOW - 100_000, NOW - 45 * 25.5))
    assert chosen == [1, 3, 27]
    assert explorer.desk.expression == ""
    assert explorer.line == "workbench.desk.select([1, 3, 27])"


def test_a_brush_leaves_the_trash_alone(explorer, project):
    project.move([4], "TRASH")
    chosen = explorer.brush(iciness=(0, 50))
    assert 4 not in chosen
    assert explorer.desk.expression.endswith("and group != 'TRASH'")


def test_what_is_chosen_elsewhere_is_told(shown):
    shown.desk.select([2, 5], expression="x")
    ((message, buffers),) = told(shown, "selected")
    assert message["expression"] == "x"
    assert list(np.frombuffer(buffers[0], "<i4")) == [2, 5]


def test_clicks_choose_the_image_that_is_looked_at(shown):
    ask(shown, "click", image=7)
    assert shown.desk.current == 7
    assert told(shown, "current") == [({"current": 7}, [])]
    ask(shown, "open", image=8)
    assert shown.desk.wants == {"view": 8}


# -- limits -----------------------------------------------------------------------------------


def test_other_limits_are_judged_without_being_set(explorer, project):
    before = explorer.judge()
    strict = explorer.judge(good_ctf_resolution=3.5)
    assert before["good"] == before["now"] == sum(1 for row in project.rows() if row["good"])
    assert strict["good"] < before["good"]
    assert (strict["now"], strict["of"]) == (before["good"], 27)
    assert project.values()["good_ctf_resolution"] == 6.0


def test_limits_are_set_with_their_python_line(explorer, project):
    said = explorer.use(good_ctf_resolution=3.5, good_iciness=1.2)
    assert project.values()["good_ctf_resolution"] == 3.5
    assert explorer.line == "project.set(good_ctf_resolution=3.5, good_iciness=1.2)"
    assert said == f"limits set: {explorer.judge()['good']} of 27 images are good"


def test_only_limits_of_good_are_set(explorer):
    with pytest.raises(BadValue, match="no limit of good"):
        explorer.use(voltage=200.0)


def test_a_line_becomes_a_rule_that_is_off(explorer, project):
    said = explorer.make_rule("defocus", ">", 30_000.0)
    rule = project.rules["Defocus > 3.00 µm"]
    assert (rule.condition, rule.on) == ("defocus > 30000.0", False)
    assert "off until you switch it on" in said


# -- plots ------------------------------------------------------------------------------------


def test_plots_are_remembered_by_the_project(explorer, project):
    explorer.remove(0)
    explorer.add("defocus", "ctf_resolution")
    explorer.add("particles", line=100)
    assert Explorer(project).plots == explorer.plots
    assert explorer.plots[-2:] == [
        {"x": "defocus", "y": "ctf_resolution"},
        {"x": "particles", "y": "", "line": 100.0},
    ]
    assert project.workspace.get("plots")["single-particle"] == explorer.plots


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [("comment", "", BadValue), ("nothing", "", UnknownName), ("iciness", "recorded", BadValue)],
)
def test_what_is_no_number_cannot_be_plotted(explorer, x, y, error):
    with pytest.raises(error):
        explorer.add(x, y)
    assert len(explorer.plots) == 5


def test_plots_that_somebody_broke_by_hand_are_left_out(project):
    kept = [{"y": "iciness"}, {"x": "gone_word"}, "x", {"x": "iciness"}]
    project.workspace.set("plots", {"single-particle": kept})
    assert Explorer(project).plots == [{"x": "iciness", "y": ""}]
    project.workspace.set("plots", [])
    explorer = Explorer(project)
    assert len(explorer.plots) == 5
    explorer.remove(0)
    assert len(Explorer(project).plots) == 4


def test_a_new_plot_brings_its_numbers(shown):
    ask(shown, "plots", plots=[{"x": "particles", "y": ""}])
    ((message, _),) = told(shown, "columns")
    assert message["columns"]["words"] == ["particles"]


def test_the_figures_name_no_place_outside():
    assert set(templates()) == {"histogram", "histogram time", "scatter", "scatter time"}
    assert not any("http" in one for one in templates().values())


def test_the_explorer_says_what_it_draws(explorer):
    assert "drift_range" in repr(explorer)
    assert "recorded × ctf_resolution" in repr(explorer)


def test_a_page_without_bokehjs_gets_it_from_the_kernel(explorer):
    explorer._handle_custom_msg({"bokehjs": True}, [])
    ((message, buffers),) = explorer.sent
    assert message == {"bokehjs": True}
    assert b"Bokeh" in buffers[0][:20_000]


@pytest.mark.needs("node")
@pytest.mark.parametrize("part", [Explorer, RulesPanel], ids=lambda part: part.__name__)
def test_each_part_is_a_module_with_a_render_function(part, tmp_path):
    (tmp_path / "part.mjs").write_text(str(part._esm), encoding="utf-8")
    ask_for = 'import("./part.mjs").then(m => console.log(typeof m.default.render))'
    told = subprocess.run(
        ["node", "--input-type=module", "-e", ask_for],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (told.stdout.strip(), told.stderr) == ("function", "")


@pytest.mark.needs("node")
def test_the_browser_counts_bars_as_numpy_does(tmp_path):
    """Bars of decimal steps: no number falls into its neighbour by an error of a sum."""
    script = """
    const values = Float64Array.from({ length: 400 }, (_, i) => Number((3 + i * 0.01).toFixed(2)));
    const edges = edgesOf(3, 6.99);
    console.log(JSON.stringify([edges, Array.from(counted(values, edges)), edgesOf(5, 5),
      edgesOf(0, 7, { whole: true }), Array.from(counted(Float64Array.of(5, NaN, 5), edgesOf(5, 5)))]));
    """
    edges, counts, constant, whole, bars = _told_by(script, tmp_path)
    values = [round(3 + i * 0.01, 2) for i in range(400)]
    wanted = [sum(a <= v < b for v in values) for a, b in pairwise(edges)]
    assert counts == wanted
    assert sum(counts) == 400
    assert len(constant) == 2
    assert constant[0] <= 5 < constant[1]
    assert whole == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert bars == [2]


@pytest.mark.needs("node")
def test_bars_take_as_many_steps_of_rounded_numbers_each(tmp_path):
    """Numbers rounded to 0.01 in bars of 0.025 would be a comb of two and three steps."""
    script = """
    const columns = new Columns();
    columns.take({ words: ["defocus"], names: [] }, [new Int32Array(101), new Int8Array(101),
      Float64Array.from({ length: 101 }, (_, i) => 10000 + 100 * i)]);
    const sum = summed(columns.shown("defocus", 1e-4));
    const edges = edgesOf(sum.low, sum.high, { values: sum.sorted });
    const few = summed(Float64Array.of(1, 2, 3, 4, 100));
    console.log(JSON.stringify([edges[1] - edges[0], Array.from(counted(sum.sorted, edges)),
      usual(few, false), withLines([1, 2], [2.9, 0.1]), withLines([1, 2], [3.2, -0.1])]));
    """
    step, counts, few, near, far = _told_by(script, tmp_path)
    assert round(step, 9) == 0.03
    assert set(counts[1:-1]) == {3}
    assert few == [1, 100]  # of few images the one that is far off is drawn, too
    assert near == [0.1, 2.9]  # limits that are near lengthen the axis, others do not
    assert far == [1, 2]


def _told_by(script, folder):
    source = str(Explorer._esm).replace("export default { render };", "")
    (folder / "script.mjs").write_text(source + script, encoding="utf-8")
    told = subprocess.run(["node", "script.mjs"], cwd=folder, capture_output=True, text=True)
    assert told.stderr == ""
    return json.loads(told.stdout)
