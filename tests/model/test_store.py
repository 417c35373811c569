"""The store: whole transactions, between threads and between processes."""

import socket
import sqlite3
import subprocess
import sys
import threading

import pytest

from focusnb.errors import BadProject
from focusnb.model import host
from focusnb.model.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "project.db", create=True)


def count(store, times):
    for _ in range(times):
        with store.transaction() as connection:
            store.bump(connection)


def test_what_was_written_is_there_after_the_commit(store):
    count(store, 3)
    assert Store(store.path).revision == 3


def test_an_error_takes_the_whole_transaction_back(store):
    def fail():
        with store.transaction() as connection:
            store.bump(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.revision == 0
    count(store, 1)
    assert store.revision == 1


def test_an_inner_transaction_belongs_to_the_outer_one(store):
    def fail():
        with store.transaction():
            count(store, 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.revision == 0


def test_threads_do_not_lose_each_others_changes(store):
    threads = [threading.Thread(target=count, args=(store, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.revision == 100


def test_processes_do_not_lose_each_others_changes(store):
    program = (
        "import sys; from pathlib import Path; from focusnb.model.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for _ in range(25):\n"
        "    with store.transaction() as c: store.bump(c)\n"
    )
    command = [sys.executable, "-c", program, str(store.path)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    count(store, 25)
    assert [p.wait() for p in processes] == [0, 0]
    assert store.revision == 75


def test_a_reader_sees_no_half_of_a_transaction(store):
    with store.transaction() as connection:
        store.bump(connection)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(store.revision))
        thread.start()
        thread.join()
    assert seen == [0]


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_broken_database_says_how_it_is_made_again(tmp_path, content):
    path = tmp_path / "project.db"
    path.write_bytes(content)
    with pytest.raises(BadProject, match="focusnb rebuild"):
        Store(path)


def test_an_absent_database_says_how_it_is_made_again(tmp_path):
    with pytest.raises(BadProject, match=r"does not exist; `focusnb rebuild"):
        Store(tmp_path / "project.db")


def test_a_database_of_another_format_is_not_touched(store):
    with store.transaction() as connection:
        connection.execute("update fact set value = '99' where key = 'format'")
    with pytest.raises(BadProject, match="has format 99, this program writes 1"):
        Store(store.path)


def test_a_snapshot_can_only_be_looked_at_and_names_the_computer(tmp_path, store, monkeypatch):
    store.close()
    monkeypatch.setattr(host, "is_network", lambda folder: True)
    assert not host.database(tmp_path).read_only
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    seen = host.database(tmp_path)
    assert (seen.read_only, seen.revision) == (True, 0)
    with pytest.raises(BadProject, match="belongs to the computer"), seen.transaction():
        pass


def test_a_project_that_was_carried_to_another_computer_is_taken_over(tmp_path, store, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert host.database(tmp_path).fact("host") == "elsewhere"


def test_foreign_keys_hold(store):
    with pytest.raises(sqlite3.IntegrityError), store.transaction() as connection:
        connection.execute("insert into move values (5, 'g')")
