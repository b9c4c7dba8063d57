"""What goes wrong on demand: faults are queued for an operation and used up by its next calls."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from enum import StrEnum

ANY = "*"


class FaultKind(StrEnum):
    """What a call can meet.

    `THROTTLE`, `UNAVAILABLE`, `SERVER_ERROR`: 429, 503 and 500, without effect. `UNAVAILABLE_AFTER_EFFECT`: 503 though
    it was done. `LOST_REQUEST`: neither effect nor answer. `LOST_RESPONSE`: effect, no answer. `SLOW`: an answer that
    comes when `Faults.release` is called. `STALE`: an answer that knows nothing of what happened since the first such
    fault still to come was added. `QUOTA`: refused for good.
    """

    THROTTLE = "throttle"
    UNAVAILABLE = "unavailable"
    UNAVAILABLE_AFTER_EFFECT = "unavailable_after_effect"
    SERVER_ERROR = "server_error"
    SLOW = "slow"
    LOST_REQUEST = "lost_request"
    LOST_RESPONSE = "lost_response"
    STALE = "stale"
    QUOTA = "quota"


MOST_SECONDS_OF_SLOWNESS = 600.0


class Faults:
    """Faults that are still to come. Safe for threads."""

    def __init__(self, on_stale: Callable[[], None]) -> None:
        """`on_stale` remembers how things are, for answers that know nothing of what follows."""
        self._on_stale = on_stale
        self._lock = threading.Lock()
        self._coming: dict[str, deque[FaultKind]] = defaultdict(deque)
        self._released = threading.Event()

    def add(self, operation: str, kind: FaultKind | str, times: int = 1) -> None:
        """The next `times` calls of the operation (`*`: of any) meet this fault."""
        with self._lock:
            stale = any(FaultKind.STALE in coming for coming in self._coming.values())
        if kind == FaultKind.STALE and not stale:
            self._on_stale()
        with self._lock:
            self._coming[operation].extend([FaultKind(kind)] * times)
            self._released.clear()

    def clear(self) -> None:
        """No more faults; what is slow goes on."""
        with self._lock:
            self._coming.clear()
        self._released.set()

    def release(self) -> None:
        """Calls that are slow get their answers now."""
        self._released.set()

    def left(self) -> int:
        """How many have not been met yet."""
        with self._lock:
            return sum(map(len, self._coming.values()))

    def take(self, operation: str) -> FaultKind | None:
        """The fault that this call meets, if any."""
        with self._lock:
            for name in (operation, ANY):
                if self._coming[name]:
                    return self._coming[name].popleft()
        return None

    def hold(self) -> None:
        """Stay until released."""
        self._released.wait(MOST_SECONDS_OF_SLOWNESS)
