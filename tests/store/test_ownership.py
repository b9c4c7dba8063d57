"""Who holds a flow run: a living process is told from a dead one, and from another with the same number."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from synergyflow.core.records import Owner
from synergyflow.errors import RunOwned
from synergyflow.store import ownership
from synergyflow.store.connecting import open_engine, parsed, writing
from synergyflow.store.ownership import can_see, current_owner, is_alive, is_process_alive, is_same_boot, process_of
from synergyflow.store.sql import LEASE_SECONDS, SqlStore
from tests.store.story import DEAD, Story, a_plan


def owner_of(pid: int) -> Owner:
    return replace(current_owner(), pid=pid, process=process_of(pid))


def test_this_process_is_alive_and_of_this_boot() -> None:
    me = current_owner()
    assert is_alive(me) is True
    assert is_same_boot(me.process)
    assert me.since.utcoffset() == timedelta(0)
    assert str(me.pid) in str(me)


def test_a_process_is_dead_once_it_has_ended_even_before_it_is_collected() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    owner = owner_of(child.pid)
    assert is_process_alive(owner)
    child.kill()
    assert child.stdout is not None
    assert child.stdout.read() == b""
    child.wait()
    assert not is_process_alive(owner)
    child.stdout.close()
    assert child.stdin is not None
    child.stdin.close()


def test_another_process_with_the_same_number_is_not_the_owner() -> None:
    me = current_owner()
    boot, start, namespace = me.process.split(":")
    assert not is_process_alive(replace(me, process=f"{boot}:{int(start) + 1}:{namespace}"))


def test_an_owner_of_before_the_last_boot_is_dead() -> None:
    me = current_owner()
    before = replace(me, process="another-boot:" + me.process.partition(":")[2])
    assert is_alive(before) is False
    assert not is_same_boot(before.process)


def test_an_owner_that_cannot_be_seen_is_neither_dead_nor_alive() -> None:
    me = current_owner()
    elsewhere = replace(me, host="elsewhere")
    in_a_container = replace(me, process=me.process.rpartition(":")[0] + ":another-namespace")
    for owner in (elsewhere, in_a_container):
        assert not can_see(owner)
        assert is_alive(owner) is None


def test_where_the_system_tells_little_a_number_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, nothing in (("_boot", ""), ("_namespace", "")):
        monkeypatch.setattr(ownership, name, lambda nothing=nothing: nothing)
    monkeypatch.setattr(ownership, "_state_and_start", lambda pid: None)
    me = current_owner()
    assert me.process == "::"
    assert is_alive(me) is True
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert is_alive(replace(me, pid=child.pid)) is False
    assert not is_same_boot(me.process)


class TestAnEngineOnAnotherHost:
    """Only its lease tells whether it lives."""

    def test_keeps_its_run_while_its_lease_lasts_and_loses_it_then(self, database_url: str) -> None:
        story = Story(SqlStore(database_url), database_url)
        story.begins(owner=DEAD)
        assert story.record.is_held
        with pytest.raises(RunOwned, match="ada@elsewhere, pid 4242"):
            story.begins()
        self.let_a_lease_pass(database_url)
        assert not story.record.is_held
        story.begins(a_plan())
        assert story.record.is_held

    def test_keeps_its_run_by_renewing_its_lease(self, database_url: str) -> None:
        story = Story(SqlStore(database_url), database_url)
        lease = story.begins(owner=DEAD)
        self.let_a_lease_pass(database_url)
        story.store.renew(lease)
        assert story.record.is_held

    @staticmethod
    def let_a_lease_pass(url: str) -> None:
        from sqlalchemy import update

        from synergyflow.store.schema import flow

        engine = open_engine(parsed(url))
        with writing(engine) as connection:
            connection.execute(update(flow).values(lease_expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        engine.dispose()

    def test_has_a_lease_by_the_clock_of_the_store(self, sqlite_url: str) -> None:
        clock = [datetime(2013, 1, 1, tzinfo=UTC)]
        story = Story(SqlStore(sqlite_url, now=lambda: clock[0]), sqlite_url)
        story.begins(owner=DEAD)
        clock[0] += timedelta(seconds=LEASE_SECONDS - 1)
        assert story.record.is_held
        clock[0] += timedelta(seconds=1)
        assert not story.record.is_held
