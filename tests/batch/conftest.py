import pytest

from focusnb.model.project import Project

STEP = """#!/bin/sh
# /// script
# [tool.focusnb]
# title = "Count for a while"
# category = "Measure"
# params = ["seconds", "gate"]
# results = ["counted", "note"]
# [tool.focusnb.param.seconds]
# unit = "s"
# default = 0.0
# [tool.focusnb.param.gate]
# default = ""
# [tool.focusnb.param.counted]
# type = "int"
# unit = "1"
# [tool.focusnb.param.note]
# type = "path"
# ///
[ -z "$gate" ] || while [ ! -e "$gate" ]; do sleep 0.05; done
[ "$seconds" = 0.0 ] || [ "$seconds" = 0 ] || sleep "$seconds"
echo "$seconds" > note.txt
echo "counted = 7" >> "$FOCUSNB_RESULTS"
echo "note = note.txt" >> "$FOCUSNB_RESULTS"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("FOCUSNB_CONFIG", str(tmp_path / "config"))
    project = Project.create(tmp_path / "a project", mode="drift")
    script = project.root / "scripts" / "count.sh"
    script.write_text(STEP)
    script.chmod(0o755)
    for number in range(4):
        project.add_image(f"movie {number}", "g", values={})
    return project
