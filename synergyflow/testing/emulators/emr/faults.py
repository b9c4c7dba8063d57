"""What goes wrong on demand: faults are put in a queue for an operation and used up by its next calls."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from enum import StrEnum

ANY = "*"


class FaultKind(StrEnum):
    """What a call can meet.

    `LOST_REQUEST`: no effect and no answer. `LOST_RESPONSE`: effect, but no answer. `THROTTLE_AFTER_EFFECT`: effect,
    and the answer is that of a throttled call. `STALE`: a read that does not know what the latest call made. `SLOW`:
    an answer that comes when `Faults.release` is called, or after two minutes.
    """

    THROTTLE = "throttle"
    THROTTLE_AFTER_EFFECT = "throttle_after_effect"
    SERVER_ERROR = "server_error"
    SLOW = "slow"
    LOST_REQUEST = "lost_request"
    LOST_RESPONSE = "lost_response"
    STALE = "stale"
    QUOTA = "quota"


class Faults:
    """Faults that are still to come. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: dict[str, deque[FaultKind]] = defaultdict(deque)
        self._released = threading.Event()

    def add(self, operation: str, kind: FaultKind | str, times: int = 1) -> None:
        """The next `times` calls of the operation (`*`: of any) meet this fault."""
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

    def hold(self, seconds: float) -> None:
        """Stay until released, or for the given time."""
        self._released.wait(seconds)
