"""The one queue of an execution: who is woken when, and who waits is never left waiting."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime

import pytest

from synergyflow.core.events import ActionCompleted, RetryDue
from synergyflow.engine import inbox as inboxes
from synergyflow.engine.inbox import Inbox, Posted
from synergyflow.errors import LeaseLost

NOW = datetime(2013, 1, 1, tzinfo=UTC)
PATIENCE = 60.0


def due(step: str) -> RetryDue:
    return RetryDue(at=NOW, step=step)


def completed(step: str) -> ActionCompleted:
    return ActionCompleted(at=NOW, step=step, attempt=1, action=0, name="act")


def steps(posted: list[Posted]) -> list[str]:
    return [item.event.step for item in posted if isinstance(item.event, RetryDue | ActionCompleted)]


class Taker:
    """Takes once, in a thread of its own."""

    def __init__(self, inbox: Inbox, timeout: float | None) -> None:
        self._inbox = inbox
        self._timeout = timeout
        self.taken: list[Posted] = []
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        self.taken = self._inbox.take(self._timeout)

    def steps(self) -> list[str]:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "nobody woke the driver"
        return steps(self.taken)

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()


def until_waiting(inbox: Inbox) -> None:
    """Return when somebody waits in `take`: the condition knows its waiters."""
    for _ in range(int(PATIENCE / 0.001)):
        with inbox._condition:
            if inbox._condition._waiters:  # type: ignore[attr-defined]
                return
        threading.Event().wait(0.001)
    pytest.fail("nobody waits")


def test_all_that_was_posted_is_taken_in_its_order() -> None:
    inbox = Inbox()
    inbox.post_lazily(completed("a"))
    inbox.post(due("b"))
    inbox.post_lazily(completed("c"))
    assert steps(inbox.take(PATIENCE)) == ["a", "b", "c"]
    assert inbox.take(0.0) == []


def test_what_needs_a_decision_wakes_the_driver() -> None:
    inbox = Inbox()
    taker = Taker(inbox, None)
    until_waiting(inbox)
    inbox.post(due("a"))
    assert taker.steps() == ["a"]


def test_what_is_only_to_be_recorded_waits_for_company_but_not_for_ever() -> None:
    inbox = Inbox()
    taker = Taker(inbox, None)
    until_waiting(inbox)
    inbox.post_lazily(completed("a"))
    assert taker.steps() == ["a"]


def test_what_needs_a_decision_takes_along_what_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "LAZY_SECONDS", PATIENCE * 10)
    inbox = Inbox()
    inbox.post_lazily(completed("a"))
    taker = Taker(inbox, None)
    until_waiting(inbox)
    assert taker.is_waiting, "there is nothing to decide upon yet"
    inbox.post(due("b"))
    assert taker.steps() == ["a", "b"]


def test_nothing_is_taken_when_the_time_is_over() -> None:
    assert Inbox().take(0.01) == []


def test_who_waits_goes_on_only_after_it_is_durable() -> None:
    inbox, went_on = Inbox(), threading.Event()
    poster = threading.Thread(target=lambda: (inbox.post_and_wait(due("a")), went_on.set()), daemon=True)
    poster.start()
    posted = inbox.take(PATIENCE)
    assert steps(posted) == ["a"]
    assert posted[0].is_awaited
    assert not went_on.is_set()
    posted[0].settle()
    assert went_on.wait(PATIENCE)


def test_who_waits_is_refused_when_the_commit_fails() -> None:
    inbox, refused = Inbox(), threading.Event()

    def post() -> None:
        with pytest.raises(LeaseLost):
            inbox.post_and_wait(due("a"))
        refused.set()

    threading.Thread(target=post, daemon=True).start()
    (posted,) = inbox.take(PATIENCE)
    posted.refuse()
    assert refused.wait(PATIENCE)


def test_who_waits_is_refused_when_nobody_takes_any_more() -> None:
    inbox, refused = Inbox(), threading.Event()

    def post() -> None:
        with pytest.raises(LeaseLost):
            inbox.post_and_wait(due("a"))
        refused.set()

    threading.Thread(target=post, daemon=True).start()
    while not inbox._posted:
        threading.Event().wait(0.001)
    inbox.close()
    assert refused.wait(PATIENCE)
    with pytest.raises(LeaseLost):
        inbox.post_and_wait(due("b"))


def test_what_is_posted_after_the_end_is_dropped() -> None:
    inbox = Inbox()
    inbox.close()
    inbox.post(due("a"))
    inbox.post_lazily(completed("b"))
    assert inbox.take(None) == []


def test_a_signal_handler_may_post_while_its_own_thread_holds_the_lock() -> None:
    inbox = Inbox()
    before = signal.signal(signal.SIGUSR1, lambda *_: inbox.post(due("from a handler")))
    try:
        with inbox._condition:
            os.kill(os.getpid(), signal.SIGUSR1)
            while not inbox._posted:
                threading.Event().wait(0.001)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert steps(inbox.take(PATIENCE)) == ["from a handler"]
