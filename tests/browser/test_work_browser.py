"""The queue panel and the import panel in a real browser, with a real session and real movies."""

import os
import shutil
import signal
import time

import makers
import psutil
import pytest
from browser.served import check_quiet, chromium, needs_browser, opened, served

import focusnb as fn
from focusnb.batch import running
from focusnb.batch.lease import NAME, SESSION, lives

pytestmark = [pytest.mark.browser, needs_browser]
PORT = 8741
GUARD = 60.0  # seconds; a guard only
STEP = """#!/bin/sh
# /// script
# [tool.focusnb]
# title = "Wait at a gate"
# category = "Measure"
# params = ["gate"]
# results = ["waited"]
# [tool.focusnb.param.gate]
# default = ""
# [tool.focusnb.param.waited]
# type = "int"
# unit = "1"
# ///
echo "<b>the gate</b> is $gate"
[ "$gate" != broken ] || exit 3
while [ -n "$gate" ] && [ ! -e "$gate" ]; do sleep 0.05; done
echo "waited = 1" >> "$FOCUSNB_RESULTS"
"""
CELL = """
import focusnb as fn
from IPython.display import display
from focusnb_widgets.desk import Desk
from focusnb_widgets.work import ImportPanel, QueuePanel
desk = Desk(fn.open({root!r}))
display(ImportPanel(desk), QueuePanel(desk))
"""


def until(test):
    end = time.monotonic() + GUARD
    while not (found := test()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def project(place):
    made = fn.create(
        place / "a project", mode="drift", processors=1, threads=1, workflow="prepare measure"
    )
    made.set(voltage=300.0, exposure_dose=20.0)
    script = made.root / "scripts" / "at_gate.sh"
    script.write_text(STEP)
    script.chmod(0o755)
    for number in range(40):
        made.add_image(f"movie {number:02d}.tif", "g", values={})
    made.add_image("<script>document.title='x'</script> ü.tif", "g", values={})
    yield made
    for name in (SESSION, NAME):
        if who := running.who(made, name):
            os.kill(who.pid, signal.SIGTERM)
    until(lambda: running.who(made, SESSION) is None and running.who(made, NAME) is None)


@pytest.fixture(scope="module")
def page(place, project):
    with (
        served(place, CELL.format(root=str(project.root)), port=PORT) as url,
        chromium() as browser,
    ):
        shown = opened(browser, url, height=2000)
        shown.wait_for_selector(".fnb-queue-panel .fnb-work-title b")
        shown.wait_for_selector(".fnb-import-panel .fnb-work-title b")
        yield shown


@pytest.fixture
def queue(page, project):
    """The queue panel, with nothing in the queue."""
    project.queue.pause()
    live = project.queue.waiting() + [
        r["id"] for r in project.queue.listing() if r["state"] == "running"
    ]
    project.queue.cancel(live)
    panel = page.locator(".fnb-queue-panel")
    panel.get_by_label("Find batches").fill("")
    page.evaluate("document.querySelector('.fnb-queue-panel').panel.list.choose([])")
    yield panel
    if page.locator("dialog[open]").count():
        page.keyboard.press("Escape")


def row(panel, batch):
    return panel.locator(f'[data-batch="{batch}"][role=option]')


def chosen(page):
    return page.evaluate("document.querySelector('.fnb-queue-panel').panel.model.get('chosen')")


def submit(project, images, gate=""):
    return project.queue.submit(images, ["at_gate"], given={"gate": str(gate)})


def test_batches_are_chosen_and_put_in_order_by_mouse_and_keys(page, queue, project):
    batches = submit(project, range(1, 9), "never")
    row(queue, batches[7]).wait_for()
    row(queue, batches[2]).click()
    row(queue, batches[4]).click(modifiers=["Shift"])
    assert chosen(page) == batches[2:5]
    row(queue, batches[3]).click(modifiers=["Control"])
    row(queue, batches[6]).click(modifiers=["Control"])
    assert chosen(page) == [batches[2], batches[4], batches[6]]
    queue.get_by_role("button", name="To the top").click()
    a, b, c, d, e, f, g, h = batches
    until(lambda: project.queue.waiting() == [c, e, g, a, b, d, f, h])
    page.wait_for_function(
        "ids => { const l = document.querySelector('.fnb-queue-panel').panel.list;"
        " return ids.every((id, i) => l.order[i] === id); }",
        arg=project.queue.waiting(),
    )
    row(queue, a).click()
    page.keyboard.press("Shift+ArrowDown")
    assert chosen(page) == [a, b]
    page.keyboard.press("Alt+ArrowDown")
    until(lambda: project.queue.waiting() == [c, e, g, d, a, b, f, h])
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    until(lambda: project.queue.waiting() == [c, e, a, b, g, d, f, h])
    queue.get_by_role("button", name="Python", exact=True).click()
    queue.get_by_text(f"project.queue.move([{a}, {b}], 2)", exact=True).wait_for()
    queue.get_by_role("button", name="Python", exact=True).click()


def test_waiting_batches_are_dragged_to_another_place(page, queue, project):
    a, b, c, d, e = submit(project, range(1, 6), "never")
    row(queue, e).wait_for()
    page.wait_for_timeout(300)
    row(queue, b).click()
    box, target = row(queue, b).bounding_box(), row(queue, d).bounding_box()
    x = box["x"] + 300
    page.mouse.move(x, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(x, target["y"] + 8, steps=4)
    page.mouse.move(x, target["y"] + target["height"] - 4, steps=4)
    assert queue.locator(".fnb-work-drop").is_visible()
    page.mouse.up()
    until(lambda: project.queue.waiting() == [a, c, d, b, e])
    # Escape leaves everything as it was
    box = row(queue, a).bounding_box()
    page.mouse.move(x, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 120, steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert not queue.locator(".fnb-work-drop").is_visible()
    assert project.queue.waiting() == [a, c, d, b, e]


def test_the_queue_is_paused_run_cancelled_and_tried_again(page, queue, project, place):
    gate = place / "gate"
    a, b, c = submit(project, [1, 2, 3], gate)
    broken = project.queue.submit([41], ["at_gate"], given={"gate": "broken"})[0]
    project.queue.top([broken])
    row(queue, c).wait_for()
    assert queue.get_by_text("Paused: no more batches begin.").is_visible()
    queue.get_by_role("button", name="Resume").click()
    row(queue, broken).and_(page.locator('[data-state="failed"]')).wait_for()
    # the log of the failed step, one click away
    row(queue, broken).get_by_role("button").click()
    dialog = page.locator("dialog[open]")
    assert "<b>the gate</b> is broken" in dialog.locator("pre").inner_text()
    assert "<script>" in dialog.locator("h2").inner_text()
    page.keyboard.press("Escape")
    # one runs, with its bar; it is cancelled by a key
    row(queue, a).and_(page.locator('[data-state="running"]')).wait_for()
    queue.locator(f'.fnb-work-slots [data-batch="{a}"] progress').wait_for()
    queue.get_by_role("button", name="Pause").click()
    queue.get_by_text("Paused: no more batches begin.").wait_for()
    row(queue, a).click()
    page.keyboard.press("Delete")
    row(queue, a).and_(page.locator('[data-state="cancelled"]')).wait_for()
    assert project.queue.states([a, b]) == {a: "cancelled", b: "waiting"}
    page.keyboard.press("r")
    row(queue, a).and_(page.locator('[data-state="waiting"]')).wait_for()
    queue.get_by_role("button", name="Resume").click()
    row(queue, b).and_(page.locator('[data-state="running"]')).wait_for()
    # stopped: what runs is finished, what waits waits
    queue.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Finish what runs, then stop").click()
    queue.get_by_text("Stopping when what runs has ended.").wait_for()
    gate.touch()
    queue.get_by_text("Nobody works on the queue.").wait_for()
    until(lambda: project.queue.states([a, b, c]) == {a: "waiting", b: "done", c: "waiting"})
    gate.unlink()


def test_the_log_shows_only_errors_and_is_sorted_by_any_column(page, queue, project):
    lines = queue.locator(".fnb-work-log tbody tr")
    project.queue.note("refused", "<img src=x onerror=alert(1)>.tif: no reader")
    queue.get_by_text("<img src=x onerror=alert(1)>.tif: no reader").wait_for()
    queue.get_by_label("errors only").check()
    page.wait_for_function(
        "[...document.querySelectorAll('.fnb-work-log tbody tr')].every(r => r.className)"
    )
    assert set(lines.locator("td:nth-child(2)").all_inner_texts()) <= {
        "✕failed",
        "✕refused",
        "!warning",
        "!lost",
    }
    queue.get_by_label("errors only").uncheck()
    queue.get_by_role("button", name="Event").click()
    page.wait_for_function(
        "() => { const e = [...document.querySelectorAll('.fnb-work-log tbody td:nth-child(2)')]"
        ".map(td => td.lastChild.data); return e.length > 5 && e.every((x, i) => !i || e[i - 1] <= x); }"
    )
    queue.get_by_label("Show only lines").fill("onerror")
    page.wait_for_function("document.querySelectorAll('.fnb-work-log tbody tr').length === 1")
    queue.get_by_label("Show only lines").fill("")


def test_thousands_of_batches_scroll_and_are_chosen(page, queue, project):
    with project.store.transaction() as connection:
        connection.executemany(
            "insert into batch (image, steps, position, state, submitted) values (?, ?, ?, 'waiting', 0)",
            [(1 + n % 40, f"at_gate {n}", 1e6 + n) for n in range(10_000)],
        )
        project.store.bump(connection)
    last = project.queue.waiting()[-1]
    page.wait_for_function("document.querySelector('.fnb-queue-panel').panel.list.total >= 10000")
    assert queue.locator(".fnb-work-list [role=option]").count() < 100
    queue.locator(".fnb-work-filter", has_text="waiting").click()
    queue.locator(".fnb-work-list").focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "document.querySelector('.fnb-queue-panel').panel.model.get('chosen').length === 1"
    )
    page.keyboard.press("Shift+End")
    row(queue, last).wait_for()
    page.wait_for_function(
        "document.querySelector('.fnb-queue-panel').panel.model.get('chosen').length === 10000"
    )
    page.keyboard.press("Delete")
    queue.get_by_text("No batch is like that.").wait_for()
    until(lambda: project.queue.counts()["waiting"] == 0)
    queue.locator(".fnb-work-filter", has_text="waiting").click()


def test_a_watched_folder_is_added_and_its_movies_are_processed(page, project, place):
    project.queue.resume()
    panel = page.locator(".fnb-import-panel")
    camera = place / "the camera ü"
    camera.mkdir()
    made = makers.recorded(place, name="tiny.tif", size=128, frames=4)
    panel.get_by_role("button", name="Add a folder").click()
    panel.get_by_label("Settle delay (s)").fill("soon")
    panel.get_by_label("Folder", exact=True).fill(str(camera / "gone"))
    panel.get_by_role("button", name="Store").click()
    panel.get_by_text("there is no such folder on this computer").wait_for()
    panel.get_by_text("settle").filter(has_text="number").wait_for()
    assert project.watches == []
    panel.get_by_label("Folder", exact=True).fill(str(camera))
    panel.get_by_label("Settle delay (s)").fill("0.2")
    panel.get_by_label("Gain reference").first.fill(str(place / "gain.mrc"))
    panel.get_by_label("Group", exact=True).first.fill("watched")
    (camera / "no <b>movie</b>.tif".replace("/", "_")).write_bytes(b"none")
    shutil.copy(made, camera / "a.tif")
    os.utime(camera / "a.tif", (1e9, 1e9))
    panel.get_by_role("button", name="Preview").first.click()
    panel.get_by_text("would be imported").wait_for()
    panel.get_by_text("from the header").first.wait_for()
    panel.get_by_role("button", name="Store").click()
    panel.locator(f'[data-folder="{camera}"]').wait_for()
    (one,) = project.watches
    assert one.options["gain"] == str(place / "gain.mrc")
    # the session starts, imports, processes; it is a process of its own
    panel.get_by_role("button", name="Start").click()
    panel.get_by_text("The live session runs.").wait_for()
    panel.get_by_text("2 imported").wait_for()
    until(
        lambda: any(
            r["name"] == "a.tif" and r.get("mean_count") for r in project.rows("group == 'watched'")
        )
    )
    panel.get_by_text("1 file with a problem").click()
    panel.locator(".fnb-imp-watches li", has_text="no <b>movie<_b>.tif").last.wait_for()
    page.evaluate("document.querySelector('.fnb-import-panel').panel.wire.ask('start')")
    panel.get_by_text("it runs already").wait_for()


def test_files_are_imported_once_with_what_became_of_them(page, project, place):
    panel = page.locator(".fnb-import-panel")
    folder = place / "once"
    folder.mkdir()
    makers.recorded(folder, name="b c.tif", size=128, frames=3, seed=8)
    (folder / "gain.mrc").unlink()
    (folder / "defects.txt").unlink()
    (folder / "gone.tif").symlink_to(folder / "nothing")
    panel.get_by_label("Files", exact=True).fill(f"{folder}/*.tif\n{folder}/gone.tif")
    panel.get_by_role("button", name="Import", exact=True).click()
    panel.get_by_text("1 image imported, 1 file refused, 1 batch queued").wait_for()
    assert panel.get_by_text("refused:").is_visible()
    until(lambda: any(r["name"] == "b c.tif" and r.get("mean_count") for r in project.rows()))


def test_the_session_outlives_the_page_s_kernel_and_is_stopped_from_a_new_one(page, project):
    check_quiet(page)
    pid = project.running.session.pid
    kernel = psutil.Process(pid).parent()
    assert "ipykernel_launcher" in kernel.cmdline()
    kernel.kill()
    until(lambda: not lives(kernel.pid))  # the page's server may leave it a zombie
    page.reload()
    page.errors.clear()  # of a page that has lost its kernel
    panel = page.locator(".fnb-import-panel")
    panel.get_by_text("The live session runs.").wait_for()
    assert project.running.session.pid == pid
    panel.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop now").click()
    panel.get_by_text("The live session does not run.").wait_for()
    assert project.running.session is None
    panel.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove the watch").click()
    panel.get_by_text("No folder is watched.").wait_for()
    check_quiet(page)
