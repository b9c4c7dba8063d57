"""A clock that moves when it is told to, so that hours of retries pass in no time and always alike."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2016, 6, 1, tzinfo=UTC)


class ManualClock:
    """Stands in wherever a clock is an argument: `now` for `datetime`, `monotonic` for seconds. Safe for threads."""

    def __init__(self, beginning: datetime = BEGINNING) -> None:
        """`beginning` must know its time zone; times are given in UTC."""
        if beginning.tzinfo is None:
            raise ValueError("the beginning needs a time zone, for example datetime(2016, 6, 1, tzinfo=UTC)")
        self._beginning = beginning.astimezone(UTC)
        self._seconds = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._lock = threading.RLock()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        with self._lock:
            return self._beginning + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        with self._lock:
            return self._seconds

    def call_later(self, delay: float, act: Callable[[], None]) -> None:
        """Call `act` when the clock has moved on by `delay` seconds, in the thread that moves it."""
        with self._lock:
            self._count += 1
            heapq.heappush(self._due, (self._seconds + delay, self._count, act))

    def advance(self, seconds: float) -> None:
        """Move on, calling what falls due in the order of time, each at its time."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            end = self._seconds + seconds
        while (act := self._next_due(end)) is not None:
            act()
        with self._lock:
            self._seconds = max(self._seconds, end)

    def _next_due(self, end: float) -> Callable[[], None] | None:
        with self._lock:
            if not self._due or self._due[0][0] > end:
                return None
            at, _, act = heapq.heappop(self._due)
            self._seconds = max(self._seconds, at)
            return act
