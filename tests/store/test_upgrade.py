"""The tables come into being and are kept up to date, without losing anything and without disturbing anybody."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from synergyflow.errors import NotFoundError, SchemaError
from synergyflow.store import migrating, revisions, upgrade
from synergyflow.store.connecting import open_engine, parsed, reading, writing
from synergyflow.store.schema import REVISION, metadata
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import prepare
from synergyflow.store.views import Views
from tests.store.story import DAY, DEAD, FLOW, Story

NEXT = '''
"""A later version: flows have a colour."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("flow", sa.Column("colour", sa.Text()))
    {more}
'''

CREATE = """
import sys
from synergyflow.store.upgrade import prepare
print("ready", flush=True)
for url in sys.stdin:
    prepare(url.strip())
    print("done", flush=True)
"""


def file_of(url: str) -> Path:
    return Path(str(parsed(url).database))


def backups_of(url: str) -> list[Path]:
    return sorted(file_of(url).parent.glob("*.backup-*"))


def revision_of(url: str) -> str | None:
    engine = open_engine(parsed(url))
    with reading(engine) as connection:
        found = revisions.revision_of(connection)
    engine.dispose()
    return found


def become(monkeypatch: pytest.MonkeyPatch, scripts: Path, more: str = "pass") -> None:
    """From here on the program is a later version, with one more migration."""
    shutil.copytree(migrating.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "0002_colour.py").write_text(NEXT.format(more=more))
    monkeypatch.setattr(migrating, "SCRIPTS", scripts)
    monkeypatch.setattr(revisions, "REVISION", "0002")
    monkeypatch.setattr(upgrade, "REVISION", "0002")


@pytest.fixture
def later_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asked for after a database was made: that database is older than the program."""
    become(monkeypatch, tmp_path / "scripts")


def test_the_migrations_lead_to_the_tables_that_the_program_works_on(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = open_engine(parsed(database_url))
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert migrating.known_revisions()[0] == REVISION


def test_upgrade_tells_where_it_came_from_and_where_it_is(empty_database_url: str) -> None:
    assert upgrade.upgrade(empty_database_url) == (None, REVISION)
    assert upgrade.upgrade(empty_database_url) == (REVISION, REVISION)


def test_an_installation_has_an_id_of_its_own_that_stays(sqlite_url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other' / 'state.db'}"
    prepare(other)
    first, again, second = (SqlStore(url).installation() for url in (sqlite_url, sqlite_url, other))
    assert first == again != second
    assert len(first) == 10


class TestSQLite:
    """It looks after itself."""

    def test_a_missing_file_is_made_with_its_folder_when_a_mode_begins(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'deep' / 'down' / 'state.db'}"
        prepare(url)
        assert revision_of(url) == REVISION
        assert backups_of(url) == []

    @pytest.mark.parametrize("content", [None, b""])
    def test_nobody_who_only_reads_makes_or_changes_the_file(
        self, empty_sqlite_url: str, content: bytes | None
    ) -> None:
        path = file_of(empty_sqlite_url)
        if content is not None:
            path.write_bytes(content)
        assert SqlStore(empty_sqlite_url).load(FLOW, DAY) is None
        with pytest.raises(NotFoundError, match="nothing was run yet"):
            Views(empty_sqlite_url).recent_runs(FLOW)
        assert [entry.name for entry in path.parent.iterdir()] == ([] if content is None else [path.name])
        assert content is None or path.stat().st_size == 0

    def test_writes_ahead_durably_and_checks_references(self, sqlite_url: str) -> None:
        engine = open_engine(parsed(sqlite_url))
        with reading(engine) as connection:
            values = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        engine.dispose()
        assert values == ["wal", 2, 1, 30_000]

    def test_a_current_database_is_left_as_it_is(self, sqlite_url: str) -> None:
        before = file_of(sqlite_url).read_bytes()
        prepare(sqlite_url)
        assert file_of(sqlite_url).read_bytes() == before

    def test_looking_at_a_current_database_does_not_cost_an_import_of_alembic(self, sqlite_url: str) -> None:
        code = f"import sys; from synergyflow.store.upgrade import prepare; prepare({sqlite_url!r});"
        subprocess.run([sys.executable, "-c", code + "sys.exit('alembic' in sys.modules)"], check=True)

    def test_an_older_database_is_copied_and_then_upgraded_by_a_mode(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        story = Story(SqlStore(sqlite_url), sqlite_url)
        story.begins()
        story.all_processed()
        before = story.record
        become(monkeypatch, tmp_path / "scripts")
        file_of(sqlite_url).chmod(0o640)
        prepare(sqlite_url)
        assert revision_of(sqlite_url) == "0002"
        assert SqlStore(sqlite_url).load(FLOW, DAY) == before
        (backup,) = backups_of(sqlite_url)
        assert backup.name.startswith("state.db.backup-0001-20")
        assert backup.stat().st_mode & 0o777 == 0o640
        with closing(sqlite3.connect(backup)) as copy:
            assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
            assert copy.execute("SELECT flow_name, state FROM flow").fetchall() == [(FLOW, "processed")]

    def test_an_older_database_without_data_is_upgraded_without_a_copy(
        self, sqlite_url: str, later_version: None
    ) -> None:
        prepare(sqlite_url)
        assert revision_of(sqlite_url) == "0002"
        assert backups_of(sqlite_url) == []

    def test_a_migration_that_fails_changes_nothing(
        self, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        become(monkeypatch, tmp_path / "scripts", more='raise RuntimeError("half-way")')
        with pytest.raises(RuntimeError, match="half-way"):
            prepare(sqlite_url)
        assert revision_of(sqlite_url) == "0001"
        with closing(sqlite3.connect(file_of(sqlite_url))) as connection:
            columns = [row[1] for row in connection.execute("PRAGMA table_info(flow)")]
        assert "colour" not in columns

    def test_two_processes_that_make_one_fresh_file_at_once_both_succeed(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", CREATE]
        processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for number in range(6):
            url = f"sqlite:///{tmp_path / str(number) / 'state.db'}"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(f"{url}\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes if process.stdout] == ["done\n", "done\n"]
            assert revision_of(url) == REVISION
            assert not [name for name in os.listdir(tmp_path / str(number)) if "state.db" not in name]
        for process in processes:
            process.communicate()
            assert process.returncode == 0

    def test_a_file_of_something_else_is_not_touched(self, empty_sqlite_url: str) -> None:
        with closing(sqlite3.connect(file_of(empty_sqlite_url))) as connection:
            connection.execute("CREATE TABLE photos (name TEXT)")
            connection.commit()
        with pytest.raises(SchemaError, match="'photos'"):
            prepare(empty_sqlite_url)
        with closing(sqlite3.connect(file_of(empty_sqlite_url))) as connection:
            assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)]


class TestPostgreSQL:
    """It is upgraded on demand."""

    def test_a_mode_does_not_make_the_tables_but_says_who_does(self, empty_postgresql_url: str) -> None:
        with pytest.raises(SchemaError, match="no tables") as refused:
            prepare(empty_postgresql_url)
        assert "engine db upgrade" in str(refused.value.hint)
        engine = open_engine(parsed(empty_postgresql_url))
        with reading(engine) as connection:
            assert inspect(connection).get_table_names() == []
        engine.dispose()

    def test_a_mode_does_not_upgrade_older_tables_but_says_who_does(
        self, postgresql_url: str, later_version: None
    ) -> None:
        with pytest.raises(SchemaError, match="older") as refused:
            prepare(postgresql_url)
        assert "engine db upgrade" in str(refused.value.hint)
        assert upgrade.upgrade(postgresql_url) == ("0001", "0002")
        prepare(postgresql_url)

    def test_a_mode_begins_on_current_tables(self, postgresql_url: str) -> None:
        prepare(postgresql_url)


class TestWhileAnEngineLives:
    """The tables are not changed under it."""

    def test_nothing_is_upgraded_and_the_engine_is_named(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        story = Story(SqlStore(database_url), database_url)
        lease = story.begins()
        become(monkeypatch, tmp_path / "scripts")
        with pytest.raises(SchemaError) as refused:
            upgrade.upgrade(database_url)
        assert str(lease.owner) in refused.value.message
        assert revision_of(database_url) == "0001"

    def test_one_that_cannot_be_seen_lives_as_long_as_its_lease(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        Story(SqlStore(database_url), database_url).begins(owner=DEAD)
        become(monkeypatch, tmp_path / "scripts")
        with pytest.raises(SchemaError, match="elsewhere"):
            upgrade.upgrade(database_url)
        expire_leases(database_url)
        assert upgrade.upgrade(database_url) == ("0001", "0002")


def expire_leases(url: str) -> None:
    engine = open_engine(parsed(url))
    with writing(engine) as connection:
        connection.execute(text("UPDATE flow SET lease_expires_at = '2013-01-01 00:00:00.000000'"))
    engine.dispose()


class TestANewerDatabase:
    """It is left to a newer program."""

    @pytest.fixture
    def url(self, database_url: str) -> str:
        engine = open_engine(parsed(database_url))
        with writing(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        engine.dispose()
        return database_url

    def test_is_refused_by_modes_by_readers_and_by_upgrade(self, url: str) -> None:
        for act in (
            lambda: prepare(url),
            lambda: upgrade.upgrade(url),
            lambda: SqlStore(url).load(FLOW, DAY),
            lambda: SqlStore(url).installation(),
            lambda: Story(SqlStore(url), url).begins(),
            lambda: Views(url).recent_runs(FLOW),
        ):
            with pytest.raises(SchemaError, match=r"newer \(9999\)") as refused:
                act()
            assert refused.value.exit_code == 2
        assert revision_of(url) == "9999"


def test_readers_refuse_an_older_database_and_leave_it_alone(database_url: str, later_version: None) -> None:
    with pytest.raises(SchemaError, match="older"):
        SqlStore(database_url).load(FLOW, DAY)
    with pytest.raises(SchemaError, match="older"):
        Views(database_url).recent_runs(FLOW)
    assert revision_of(database_url) == "0001"
