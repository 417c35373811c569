"""The hand-written ES modules, read by a JavaScript engine rather than by eye."""

import re
import subprocess

import pytest

import focusnb_widgets
from focusnb_widgets import monitor
from focusnb_widgets.plots import SeriesPlots
from focusnb_widgets.source import STATIC

PARTS = [
    monitor.Activity,
    monitor.ErrorLog,
    monitor.LastImage,
    monitor.QueueState,
    monitor.SessionHead,
    SeriesPlots,
    *[
        getattr(focusnb_widgets, n)
        for n in focusnb_widgets.__all__
        if n[0].isupper() and n not in ("Desk", "MonitorPage")
    ],
]
ASK = 'import("./part.mjs").then(m => console.log(typeof m.default.render))'


@pytest.mark.needs("node")
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_each_part_is_a_module_with_a_render_function(part, tmp_path):
    (tmp_path / "part.mjs").write_text(str(part._esm), encoding="utf-8")
    told = subprocess.run(
        ["node", "--input-type=module", "-e", ASK], cwd=tmp_path, capture_output=True, text=True
    )
    assert (told.stdout.strip(), told.stderr) == ("function", "")


def test_no_two_style_sheets_mean_other_things_by_one_name():
    """All of a page's sheets act together: what belongs to one widget begins with its name."""
    sheets = {
        path.name: set(
            re.findall(r"(?:^|[}\n,] ?)\s*\.(fnb-[\w-]+)(?=\s*[{,:])", path.read_text("utf-8"))
        )
        for path in STATIC.glob("*.css")
    }  # names that are styled as they stand, not within a widget
    shared = {"page.css", "parts.css"}
    families = {
        "tune_parts.css": "tune.css",
        "work_import.css": "work.css",
        "rules.css": "explore.css",
    }
    met: dict[str, str] = {}
    for sheet, names in sorted(sheets.items()):
        if sheet in shared:
            continue
        family = families.get(sheet, sheet)
        for name in names:
            assert met.setdefault(name, family) == family, f"{name} in {met[name]} and in {sheet}"
