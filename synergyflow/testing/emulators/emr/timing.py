"""The clock of an emulator that lives in real time. `testing.clock.ManualClock` stands in for it where tests decide."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the emulator needs of a clock."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def call_later(self, delay: float, act: Callable[[], None]) -> None:
        """Call `act` in `delay` seconds, from a thread of the clock's choice."""


class WallClock:
    """Real time: what was asked for later is called by one thread, in the order of time."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="emulator clock", daemon=True)
        self._thread.start()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def call_later(self, delay: float, act: Callable[[], None]) -> None:
        """See `Clock`."""
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + delay, self._count, act))
            self._changed.notify()

    def stop(self) -> None:
        """Nothing is called any more once this returns."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (act := self._next()) is not None:
            act()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None
