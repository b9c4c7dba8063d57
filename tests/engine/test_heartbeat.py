"""An engine says that it is alive, and learns when it has lost the flow run."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from synergyflow.core.records import Owner
from synergyflow.engine.heartbeat import Heartbeat
from synergyflow.errors import LeaseLost, StoreUnavailable
from synergyflow.store.base import Lease
from tests.engine.conftest import Notes

PATIENCE = 60.0
OWNER = Owner(host="here", pid=1, process="", since=datetime(2013, 1, 1, tzinfo=UTC))
LEASE = Lease(flow_id=1, execution_id=1, epoch=1, revision=1, owner=OWNER)


class Beats:
    """A store of which only renewals are asked; `answers` are what it raises, one after the other."""

    def __init__(self, *answers: Exception | None, enough: int) -> None:
        self._answers = list(answers)
        self._enough = enough
        self.renewed: list[Lease] = []
        self.came = threading.Event()

    def renew(self, lease: Lease) -> None:
        self.renewed.append(lease)
        if len(self.renewed) >= self._enough:
            self.came.set()
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer


def test_the_lease_is_renewed_again_and_again(notes: Notes) -> None:
    store, lost = Beats(enough=3), threading.Event()
    with Heartbeat(store, LEASE, lost.set, lambda: notes, seconds=0.001):
        assert store.came.wait(PATIENCE)
    assert set(map(id, store.renewed)) == {id(LEASE)}
    assert not lost.is_set()


def test_a_renewal_that_fails_is_reported_and_tried_again(notes: Notes) -> None:
    store, lost = Beats(StoreUnavailable("no connection"), ValueError("of all things"), enough=3), threading.Event()
    with Heartbeat(store, LEASE, lost.set, lambda: notes, seconds=0.001):
        assert store.came.wait(PATIENCE)
    assert "no connection" in notes.text
    assert "of all things" in notes.text
    assert not lost.is_set()


def test_a_lost_lease_is_told_once_and_not_renewed_any_more(notes: Notes) -> None:
    told = threading.Semaphore(0)
    store = Beats(LeaseLost("another engine"), LeaseLost("another engine"), enough=1)
    with Heartbeat(store, LEASE, told.release, lambda: notes, seconds=0.001) as heartbeat:
        assert told.acquire(timeout=PATIENCE)
        heartbeat._thread.join(PATIENCE)
        assert not heartbeat._thread.is_alive()
    assert not told.acquire(blocking=False)
    assert len(store.renewed) == 1
