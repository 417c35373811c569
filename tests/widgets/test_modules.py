"""The hand-written ES modules, read by a JavaScript engine rather than by eye."""

import subprocess

import pytest

import focusnb_widgets
from focusnb_widgets import monitor
from focusnb_widgets.plots import SeriesPlots

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
