"""Time for the emulator: whatever moves on there is called by a clock, so that a test may be the clock."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What `synergyflow.testing.ManualClock` and `WallClock` share."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def call_later(self, delay: float, act: Callable[[], None]) -> None:
        """Call `act` once, `delay` seconds from now, in the clock's own thread."""


class WallClock:
    """Real time. One thread calls what is due; `close` ends it with whatever is still to come."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="emulator clock", daemon=True)
        self._thread.start()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def call_later(self, delay: float, act: Callable[[], None]) -> None:
        """Call `act` in `delay` seconds."""
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + delay, self._count, act))
            self._changed.notify()

    def close(self) -> None:
        """Call nothing any more. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (act := self._next()) is not None:
            act()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
            return None
