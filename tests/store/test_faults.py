"""What is wrong with a database is said in words of ours, with what to try, and never with its password."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from synergyflow.errors import StoreError, StoreUnavailable
from synergyflow.store.connecting import open_engine, parsed, writing
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import prepare
from tests.store.story import DAY, FLOW, Story, started

PASSWORD = "s3cret-w0rd"


def refusal(url: str) -> StoreError:
    """What both a mode and a reader are told of a database that can't be used."""
    with pytest.raises(StoreError) as prepared:
        prepare(url)
    with pytest.raises(StoreError):
        SqlStore(url).load(FLOW, DAY)
    error = prepared.value
    assert error.hint
    assert "\n" not in error.message
    assert PASSWORD not in error.message + error.hint
    return error


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite//x", f"://ada:{PASSWORD}@host", "postgresql://host:port/x"])
def test_what_is_no_address_is_named_without_repeating_it(url: str) -> None:
    error = refusal(url)
    assert "database_url" in error.message
    assert "sqlite:///" in str(error.hint)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_an_sqlite_database_needs_a_file(url: str) -> None:
    assert "not a plain file" in refusal(url).message


def test_an_unknown_kind_of_database_is_named() -> None:
    assert "mongo" in refusal(f"mongo://ada:{PASSWORD}@host/x").message


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refusal(f"postgresql://ada:{PASSWORD}@host/x")
    assert "psycopg" in error.message
    assert error.hint == 'pip install "synergyflow[postgresql]"'


def test_a_server_that_does_not_answer_is_named() -> None:
    error = refusal(f"postgresql://ada:{PASSWORD}@127.0.0.1:1/flows")
    assert "postgresql://ada:***@127.0.0.1:1/flows" in error.message
    assert "host and port" in str(error.hint)


def test_a_database_that_the_server_does_not_have_is_named(empty_postgresql_url: str) -> None:
    url = empty_postgresql_url.replace("/test_", "/not_there_")
    error = refusal(url)
    assert "does not exist" in error.message
    assert "create it" in str(error.hint)


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database at all " * 100)
    before = path.read_bytes()
    error = refusal(f"sqlite:///{path}")
    assert "file is not a database" in error.message
    assert str(path) in error.message
    assert path.read_bytes() == before


def test_a_damaged_file_is_named_with_where_its_copies_are(sqlite_url: str) -> None:
    path = Path(str(parsed(sqlite_url).database))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreError, match="malformed") as refused:
        SqlStore(sqlite_url).load(FLOW, DAY)
    assert "backup" in str(refused.value.hint)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(f"sqlite:///{tmp_path}").message


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as refused:
        prepare(f"sqlite:///{tmp_path / 'file' / 'state.db'}")
    assert str(tmp_path / "file") in refused.value.message
    assert "folder" in str(refused.value.hint)


def test_a_file_that_may_not_be_written_is_named(sqlite_url: str) -> None:
    path = Path(str(parsed(sqlite_url).database))
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write to every file")
    with pytest.raises(StoreError, match="readonly") as refused:
        Story(SqlStore(sqlite_url), sqlite_url).begins()
    assert "writable" in str(refused.value.hint)


def test_a_full_disk_is_named_and_what_was_committed_before_stays(sqlite_url: str) -> None:
    store = SqlStore(sqlite_url)
    story = Story(store, sqlite_url)
    story.begins()
    before = story.record
    with writing(store._engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full") as refused:
        story.happens(started("load", fingerprint="x" * 1_000_000))
    assert "free some space" in str(refused.value.hint)
    assert story.record == before
    store.close()
    story.happens(started("load"))


def test_a_connection_lost_in_a_commit_is_told_and_the_next_commit_connects_again(postgresql_url: str) -> None:
    store = SqlStore(postgresql_url)
    story = Story(store, postgresql_url)
    story.begins()
    with pytest.raises(StoreUnavailable, match=r"terminat|connection is lost"):
        write_while_the_connection_ends(store, postgresql_url)
    story.happens(started("load"))
    assert story.step("load").cluster == "local-1"
    store.close()


def test_connections_lost_between_commits_are_not_noticed(postgresql_url: str) -> None:
    store = SqlStore(postgresql_url)
    story = Story(store, postgresql_url)
    story.begins()
    end_other_connections(postgresql_url)
    story.happens(started("load"))
    store.close()


def write_while_the_connection_ends(store: SqlStore, url: str) -> None:
    with writing(store._engine) as connection:
        connection.exec_driver_sql("SELECT 1")
        end_other_connections(url)
        store._journal.move_on(connection, flow_id=1, epoch=1, revision=2)


def end_other_connections(url: str) -> None:
    engine = open_engine(parsed(url))
    with writing(engine) as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    engine.dispose()


def test_a_locked_file_is_told_after_the_patience_is_over(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from synergyflow.store import connecting

    monkeypatch.setattr(connecting, "BUSY_SECONDS", 0)
    monkeypatch.setattr(connecting, "_PRAGMAS", ("PRAGMA foreign_keys=ON",))
    with closing(sqlite3.connect(str(parsed(sqlite_url).database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked") as refused:
            Story(SqlStore(sqlite_url), sqlite_url).begins()
        other.execute("ROLLBACK")
    assert "another process" in str(refused.value.hint)


def test_what_the_database_refuses_for_good_is_not_taken_for_a_passing_fault(database_url: str) -> None:
    store = SqlStore(database_url)
    with pytest.raises(StoreError) as refused, writing(store._engine) as connection:
        connection.exec_driver_sql("INSERT INTO step (flow_id, step_name) VALUES (NULL, NULL)")
    assert not isinstance(refused.value, StoreUnavailable)
    store.close()
