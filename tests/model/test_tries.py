import subprocess

import pytest

from focusnb.model import record, tries


@pytest.fixture
def sleeper():
    started = []

    def start(folder):
        folder.mkdir(parents=True, exist_ok=True)
        started.append(
            subprocess.Popen(
                ["sleep", "60"], cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_what_still_works_in_an_ownerless_try_is_ended_and_nobody_else(tmp_path, sleeper):
    inside, beside = tmp_path / ".try-1-7", tmp_path / ".try-1-77"
    orphan, other = sleeper(inside / ".work-program"), sleeper(beside)
    assert tries.end_orphans([inside]) == ["sleep"]
    assert orphan.wait(10) < 0
    assert other.poll() is None


def test_recovering_ends_orphans_and_sweeps_their_folders(project, sleeper):
    image = project.images[0]
    left = tries.folder_of(image.folder, 5, 2)
    orphan = sleeper(left)
    notes = record.recover(project)
    assert orphan.wait(10) < 0
    assert not left.exists()
    assert any("sleep of an earlier run was ended" in note for note in notes)
    assert any(".try-2-5 of an earlier run was removed" in note for note in notes)


def test_the_try_of_a_running_batch_is_left_alone(project, sleeper):
    image = project.images[0]
    with project.store.transaction() as connection:
        connection.execute(
            "insert into batch (id, image, steps, position, state, try, submitted)"
            " values (9, ?, 'ctf', 1, 'running', 3, 0)",
            (image.id,),
        )
    mine = tries.folder_of(image.folder, 9, 3)
    running = sleeper(mine)
    record.recover(project)
    assert running.poll() is None
    assert mine.is_dir()
