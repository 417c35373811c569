import asyncio
import os
import threading

import numpy as np
import pytest

import focusnb as fn
from focusnb import formats
from focusnb.batch import preview, running, watch
from focusnb.batch.intake import Intake
from focusnb.errors import BadProject
from focusnb_widgets.desk import Desk
from focusnb_widgets.work import ImportPanel

SCRIPT = "<script>alert(1)</script> ü.tif"


@pytest.fixture
def project(tmp_path):
    return fn.create(tmp_path / "a project", mode="drift", voltage=300.0, workflow="prepare")


@pytest.fixture
def camera(tmp_path):
    folder = tmp_path / "the camera"
    folder.mkdir()
    return folder


@pytest.fixture
def panel(project, monkeypatch):
    made = ImportPanel(Desk(project))
    made.messages = []
    monkeypatch.setattr(made, "send", lambda message, buffers=None: made.messages.append(message))
    monkeypatch.setattr("focusnb.batch.dispatch.start", lambda project: None)
    made.say = lambda do, **more: made._on_message(made, {"do": do, "page": "A", **more}, [])
    made.say("ready")
    return made


def movie(path, seed=0):
    pixels = np.random.default_rng(seed).poisson(5, (3, 32, 32)).astype(np.uint8)
    formats.write(path, pixels, pixel_size=1.5)
    os.utime(path, (1e9 + seed, 1e9 + seed))
    return path


def told(panel, kind):
    found = [m[kind] for m in panel.messages if next(iter(m)) == kind]
    panel.messages.clear()
    return found


def state(panel):
    found = {}
    for message in panel.messages:
        found |= message.get("state", {})
    return found


def test_the_form_is_made_of_the_vocabulary(panel, project):
    (message,) = [m for m in panel.messages if "fields" in m]
    found = {one["word"]: one for one in message["fields"]}
    assert set(found) == {*watch.WORDS, "group"}
    assert set(message["watch"]) | set(message["files"]) <= set(found)
    settle = found["settle"]
    assert (settle["label"], settle["unit"], settle["usual"]) == ("Settle delay", "s", "10.0 s")
    assert settle["help"] == project.words["settle"].help
    assert found["import_how"]["usual"] == "copying"
    assert ["link", "a link"] in found["import_how"]["choices"]


def test_what_is_wrong_with_a_watch_is_told_beside_each_field(panel, project, camera):
    options = {
        "settle": "-3", "group": "a/b", "gain": "no.mrc", "group_part": "(", "import_how": "link",
        "delete_originals": "yes",
    }  # fmt: skip
    panel.say("store", folder=str(camera), options=options)
    (wrong,) = told(panel, "errors")
    assert set(wrong) == {"settle", "group", "gain", "group_part", "delete_originals"}
    assert "-3" in wrong["settle"]
    assert f"gain = {camera / 'no.mrc'}: there is no such file" in wrong["gain"]
    assert watch.stored(project) == []


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("", "name the folder"),
        ("camera", "begins with /"),
        ("{project}/g1", "inside the project"),
        ("{camera}/a file", "is a file"),
        ("{camera}/gone", "there is no such folder"),
    ],
)
def test_a_folder_that_cannot_be_watched_is_told(panel, project, camera, folder, sentence):
    (camera / "a file").touch()
    panel.say("store", folder=folder.format(project=project.root, camera=camera))
    message = next(m for m in panel.messages if "errors" in m)
    assert sentence in message["errors"]["folder"]
    assert message["missing"] == ("gone" in folder)
    assert watch.stored(project) == []


def test_a_watch_is_stored_changed_and_removed_by_lines_that_do_the_same(panel, project, camera):
    gain = formats.write(camera / "gain ref.mrc", np.ones((32, 32), np.float32))
    options = {"settle": "0.5", "newest_first": "no", "gain": "gain ref.mrc", "group": ""}
    panel.say("store", folder=f" {camera} ", options=options)
    wanted = {"folder": str(camera), "settle": 0.5, "newest_first": False, "gain": str(gain)}
    assert watch.stored(project) == [wanted]
    project.forget_watch(camera)
    exec(panel.line, {"project": project})
    assert watch.stored(project) == [wanted]
    panel.refresh()
    shown = state(panel)["watches"][0]
    assert ["Settle delay", "0.5 s"] in shown["shown"]
    assert shown["options"]["newest_first"] == "no"
    # another folder takes its place; an emptied field is the project's again
    other = camera.parent / "gone"
    panel.say("store", was=str(camera), folder=str(other), options={"settle": ""}, anyway=True)
    assert watch.stored(project) == [{"folder": str(other)}]
    panel.say("forget", folder=str(other))
    assert panel.line == f"project.forget_watch({str(other)!r})"
    assert watch.stored(project) == []
    panel.say("forget", folder=str(other))
    assert "is not watched" in told(panel, "problem")[0]


def test_a_preview_tells_what_would_come(panel, project, camera):
    project.add(movie(camera / "old.tif", seed=3))
    movie(camera / SCRIPT.replace("/", "_"))
    (camera / "broken.mrc").write_bytes(b"none")
    os.utime(camera / "broken.mrc", (1e9, 1e9))
    panel.messages.clear()
    panel.say("preview", kind="watch", folder=str(camera), options={"group": "g7"})
    message = next(m for m in panel.messages if "preview" in m)
    found = message["preview"]
    assert message["kind"] == "watch"
    assert (found["new"], found["known"], found["growing"]) == (1, 1, 0)
    assert found["names"] == [SCRIPT.replace("/", "_")]
    assert [name for name, _ in found["refused"]] == ["broken.mrc"]
    assert (found["group"], found["shape"]) == ("g7", [3, 32, 32])
    values = {one["label"]: (one["value"], one["origin"]) for one in found["values"]}
    assert values["Pixel size"][1] == "header"
    assert values["High tension"] == ("300", "project")
    exec(panel.line, {"project": project})


def test_files_are_imported_and_what_became_of_each_is_told(panel, project, camera):
    name = SCRIPT.replace("/", "_")
    known = movie(camera / "a.tif")
    project.add(known)
    movie(camera / name, seed=2)
    (camera / "broken.mrc").write_bytes(b"none")
    (camera / "dangling.tif").symlink_to(camera / "nothing")
    files = f"{camera}/*.tif\n\nfile://{camera}/broken.mrc\n{camera}/dangling.tif\n"
    panel.say("import", files=files, options={"group": "g3"}, process=True)
    result = state(panel)["result"]
    assert (result["asked"], result["new"], result["known"], result["queued"]) == (4, 2, 1, 1)
    assert [one[1] for one in result["broken"]] == ["broken.mrc"]
    assert [one[0] for one in result["refused"]] == ["dangling.tif"]
    assert result["refused"][0][1].endswith("there is no such file")
    assert panel._importing is None
    assert {row["group"] for row in project.rows() if row["name"] != "a.tif"} == {"g3"}
    first, second = panel.line.splitlines()
    assert first.startswith("project.add([")
    assert second == "project.process([3])" or second == "project.process([2])"
    assert project.queue.counts()["waiting"] == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ("", "name files"),
        ("a.tif", "begins with /"),
        ("/nowhere/a.tif", "there is no such file"),
        ("/nowhere/*.tif", "no file has such a name"),
    ],
)
def test_files_that_are_not_there_are_told_beside_the_field(panel, project, files, sentence):
    for do in ("import", "preview"):
        panel.messages.clear()
        panel.say(do, files=files, options={})
        assert sentence in told(panel, "errors")[-1]["files"]
        assert panel._importing is None
    assert project.rows() == []


def test_an_import_goes_on_beside_the_page_and_can_be_stopped(panel, project, camera, monkeypatch):
    for number in range(5):
        movie(camera / f"m{number}.tif", seed=number)
    slow = Intake.bring

    def bring(self, path, added):
        if len(panel.messages) and path.name == "m2.tif":
            panel._cancel.set()
        return slow(self, path, added)

    monkeypatch.setattr(Intake, "bring", bring)

    async def act():
        panel.say("import", files=str(camera), options={}, process=False)
        assert state(panel)["importing"]["count"] == 0  # it is still looking for them
        panel.say("import", files=str(camera), options={})
        assert "an import is going on" in panel.messages[-1]["problem"]
        await panel._imports.settle()

    asyncio.run(act())
    result = state(panel)["result"]
    assert (result["stopped"], result["new"], result["queued"]) == (True, 3, 0)
    assert [row["name"] for row in project.rows()] == ["m0.tif", "m1.tif", "m2.tif"]


def test_files_are_looked_for_beside_the_page(panel, camera, monkeypatch):
    movie(camera / "a.tif")
    threads = []
    look = preview.chosen

    def chosen(*args, **options):
        threads.append(threading.current_thread() is threading.main_thread())
        return look(*args, **options)

    monkeypatch.setattr("focusnb_widgets.work.import_panel.chosen", chosen)
    monkeypatch.setattr("focusnb.batch.preview.chosen", chosen)

    async def act():
        panel.say("preview", files=str(camera), options={})
        await panel._latest.settle()
        panel.say("import", files=str(camera), options={}, process=False)
        await panel._imports.settle()

    asyncio.run(act())
    assert threads == [False, False]
    assert state(panel)["result"]["new"] == 1


def test_what_came_in_is_told_even_if_it_cannot_be_processed(panel, project, camera, monkeypatch):
    def process(*_, **__):
        raise BadProject("project.toml cannot be read")

    monkeypatch.setattr(panel.desk, "process", process)
    panel.say("import", files=str(movie(camera / "a.tif")), options={}, process=True)
    result = state(panel)["result"]
    assert (result["new"], result["queued"]) == (1, 0)
    assert "project.toml cannot be read" in told(panel, "problem")[0]
    assert panel.line == f"project.add({str(camera / 'a.tif')!r})"


def test_gain_and_defects_of_each_group_are_shown(panel, project, camera):
    gain = formats.write(camera / "gain.mrc", np.ones((32, 32), np.float32))
    project.add(movie(camera / "a.tif"), group="g1", gain=gain)
    project.add(movie(camera / "b.tif", seed=1), group="g2")
    panel.refresh()
    one, two = state(panel)["groups"]
    assert (one["group"], one["images"], one["gain_origin"], one["gain_there"]) == (
        "g1",
        1,
        "group",
        True,
    )
    assert one["gain"].startswith("references/")
    assert (two["gain"], two["defects"]) == ("", "")
    (project.root / one["gain"]).unlink()
    panel.desk.comment([1], "changed")
    panel.refresh()
    assert not state(panel)["groups"][0]["gain_there"]


def test_refused_files_are_tried_again_on_request(panel, project, camera):
    project.watch(camera, settle=0.0)
    (camera / "broken.mrc").write_bytes(b"none")
    watch.Watcher(project, watch.stored(project)[0]).scan()
    panel.refresh()
    ((name, _, image),) = state(panel)["watches"][0]["problems"]
    assert (name, image) == ("broken.mrc", 1)
    panel.say("again", folder=str(camera))
    assert told(panel, "done") == [
        "1 file will be looked at again, as soon as the live session runs"
    ]
    assert panel.line == f"project.look_again({str(camera)!r})"


def test_starting_and_stopping_are_told(panel, project, monkeypatch):
    class Dead:
        def poll(self):
            return 1

    running.log_file(project).write_text("focusnb: project.toml is broken\n")
    monkeypatch.setattr(running, "start", lambda project: Dead())
    panel.say("start")
    assert panel.line == "project.start()"
    assert "ended: focusnb: project.toml is broken" in told(panel, "problem")[0]
    panel.say("stop")
    assert "no live session runs" in told(panel, "problem")[0]


def test_a_broken_project_file_is_told_and_its_end_shows_all_again(panel, project, camera):
    project.watch(camera)
    text = (project.root / "project.toml").read_text()
    (project.root / "project.toml").write_text("[[watch]]\nfolder = 3\n" + text)
    with project.store.transaction() as connection:
        project.store.bump(connection)
    panel.messages.clear()
    panel.refresh()
    panel.refresh()
    (problem,) = told(panel, "problem")
    assert "project.toml" in problem
    (project.root / "project.toml").write_text(text)
    panel.refresh()
    assert state(panel)["watches"][0]["folder"] == str(camera)


def test_a_folder_that_is_gone_is_shown_as_gone(panel, project, camera, monkeypatch):
    project.watch(camera)
    panel.refresh()
    assert state(panel)["watches"][0]["there"]
    camera.rmdir()
    monkeypatch.setattr("focusnb_widgets.work.import_panel.AGAIN", -1.0)
    panel.refresh()
    assert not state(panel)["watches"][0]["there"]


def test_folders_are_completed_while_somebody_types(panel, camera):
    (camera / "grid 1").mkdir()
    (camera / "grid 2").mkdir()
    (camera / "grid.txt").touch()
    panel.say("complete", text=f"{camera}/gr")
    for text in ("gr", "/nowhere/at/all/x", "~nobody at all/x"):
        panel.say("complete", text=text)
    assert told(panel, "folders") == [[f"{camera}/grid 1/", f"{camera}/grid 2/"], [], [], []]


def test_without_a_front_end_it_tells_what_is_watched(panel, project, camera):
    assert "no folder watched" in repr(panel)
    project.watch(camera)
    assert str(camera) in repr(panel)


def test_each_line_that_names_no_file_is_told(panel, camera):
    files = f"/nowhere/*.tif\nmine.tif\n{camera}\n/nowhere/a.mrc"
    panel.say("preview", files=files, options={})
    wanted = [
        "/nowhere/*.tif: no file has such a name",
        "mine.tif: give the whole path, which begins with /",
        "/nowhere/a.mrc: there is no such file",
    ]
    assert _wrong_files(panel) == wanted
    panel.say("preview", files=files.replace("mine.tif\n", ""), options={})
    assert _wrong_files(panel) == [wanted[0], wanted[2]]


def _wrong_files(panel):
    found = [m["errors"]["files"] for m in panel.messages if m.get("errors", {}).get("files")]
    return found[-1].split("\n")
