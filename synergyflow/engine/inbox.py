"""The one queue of an execution: every thread posts, only the driver takes.

What needs a decision wakes the driver at once; what is only to be recorded (an action's completion) rides along with
the next batch, and never waits longer than `LAZY_SECONDS`. With nothing to take the driver sleeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from synergyflow.core.events import Event
from synergyflow.errors import LeaseLost

LAZY_SECONDS = 0.1


@dataclass(slots=True, eq=False)
class Posted:
    """An event under way to the journal; `durable` is set once it is committed, `refused` if it never will be."""

    event: Event
    durable: threading.Event | None = None
    refused: bool = field(default=False)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody goes on as soon as it is durable."""
        return self.durable is not None

    def settle(self) -> None:
        """It is durable: let go who waits."""
        if self.durable is not None:
            self.durable.set()

    def refuse(self) -> None:
        """It never will be durable: who waits must not go on."""
        self.refused = True
        self.settle()


class Inbox:
    """Safe to post to from any thread and from signal handlers (the lock is reentrant)."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._posted: list[Posted] = []
        self._urgent = False
        self._closed = False

    def post(self, event: Event) -> None:
        """Something the driver must decide upon. After `close` it is dropped."""
        self._put(Posted(event), urgent=True)

    def post_lazily(self, event: Event) -> None:
        """Something that is only to be recorded."""
        self._put(Posted(event), urgent=False)

    def post_and_wait(self, event: Event) -> None:
        """Return when the event is durable.

        Raises:
            LeaseLost: it will not be recorded any more; what depends on it must not be done.
        """
        posted = Posted(event, durable=threading.Event())
        self._put(posted, urgent=True)
        assert posted.durable is not None
        posted.durable.wait()
        if posted.refused:
            raise LeaseLost("the engine is not writing any more, so this was not recorded")

    def take(self, timeout: float | None) -> list[Posted]:
        """All that was posted, once something urgent is there, lazy things are due, or `timeout` seconds are over."""
        with self._condition:
            if not self._posted and not self._closed:
                self._condition.wait(timeout)
            if self._posted and not self._urgent:
                self._condition.wait(LAZY_SECONDS if timeout is None else min(timeout, LAZY_SECONDS))
            self._urgent = False  # before the list is taken: a signal handler that posts in between is not missed
            taken, self._posted = self._posted, []
            return taken

    def close(self) -> None:
        """Nobody takes any more: whoever waits, now or later, is refused. May be repeated."""
        with self._condition:
            self._closed = True
            for posted in self._posted:
                posted.refuse()
            self._posted = []
            self._condition.notify_all()

    def _put(self, posted: Posted, *, urgent: bool) -> None:
        with self._condition:
            if self._closed:
                posted.refuse()
                return
            self._posted.append(posted)
            wakes = len(self._posted) == 1 or (urgent and not self._urgent)
            self._urgent |= urgent
            if wakes:
                self._condition.notify()


Post = Callable[[Event], None]
