"""Commits of one execution: numbered, repeated while the database is out of reach, written off when all is lost.

Remote work goes on meanwhile; nothing new starts, since the driver waits here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from synergyflow.core.events import Event, RunEnded
from synergyflow.errors import LeaseLost, StoreUnavailable
from synergyflow.store.base import Lease

PATIENCE_SECONDS = 300.0
HURRIED_SECONDS = 20.0
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)


class Commits(Protocol):
    """What is needed of a store."""

    def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
        """See `Store.commit`."""


class Recorder:
    """Writes what one execution does. Used by one thread; `hurry` by any, and by signal handlers.

    Attributes:
        revision: of the record, after the last commit that is known to be durable.
        unclear: the facts of a commit after it of which that is not known; empty otherwise.
    """

    def __init__(
        self,
        store: Commits,
        lease: Lease,
        *,
        is_lost: Callable[[], bool],
        on_given_up: Callable[[], None],
        logger: Callable[[], logging.Logger],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._lease = lease
        self._is_lost = is_lost
        self._on_given_up = on_given_up
        self._logger = logger
        self._clock = clock
        self._hurried_at: float | None = None
        self._pause = threading.Event()
        self.unclear: Sequence[Event] = ()
        self.revision = lease.revision

    def hurry(self) -> None:
        """Somebody waits for the engine to stop: be less patient with the database."""
        if self._hurried_at is None:
            self._hurried_at = self._clock()
            self._pause.set()

    def write(self, facts: Sequence[Event]) -> None:
        """Return when the facts are durable, after trying again while patience lasts.

        Raises:
            LeaseLost: the flow run is not ours any more; nothing was written.
            StoreUnavailable: patience is over; it is unknown whether they were written.
            StoreError: the database refuses them.
        """
        if not facts:
            return
        began, tries = self._clock(), 0
        while True:
            try:
                self._commit(facts)
                return
            except StoreUnavailable as error:
                if self._is_lost():
                    raise LeaseLost("another engine has taken over the flow run") from error
                if self._clock() >= self._deadline(began):
                    raise
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                tries += 1
                self._logger().warning("the database did not take a commit, trying again in %s s: %s", pause, error)
                self._wait(pause)

    def write_off(self, facts: Sequence[Event], ended: RunEnded) -> None:
        """Record the end of the execution as well as can be: what was unclear, these facts, at least the end."""
        try:
            if self.unclear:
                self._commit(self.unclear)
            try:
                self._commit([*facts, ended])
            except StoreUnavailable:
                raise
            except Exception:  # noqa: BLE001 - the end itself matters more
                self._logger().exception("what happened last can't be recorded")
                self._commit([ended])
        except Exception as error:  # noqa: BLE001 - the error that led here is the one to be raised
            self._logger().error("the end of the execution could not be recorded: %s", error)
            self._on_given_up()

    def _commit(self, facts: Sequence[Event]) -> None:
        """One try. A commit whose answer is unclear is kept: its revision may be taken, so it is to be repeated."""
        try:
            self._store.commit(self._lease, self.revision + 1, facts)
        except StoreUnavailable:
            self.unclear = facts
            raise
        self.unclear = ()
        self.revision += 1

    def _deadline(self, began: float) -> float:
        if self._hurried_at is None:
            return began + PATIENCE_SECONDS
        return min(began + PATIENCE_SECONDS, max(began, self._hurried_at) + HURRIED_SECONDS)

    def _wait(self, seconds: float) -> None:
        if self._hurried_at is None:
            self._pause.wait(seconds)
        else:
            threading.Event().wait(min(seconds, 1.0))
