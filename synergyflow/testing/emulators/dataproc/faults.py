"""Faults on demand: what goes wrong with the next calls, decided before they come."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong."""

    THROTTLE = "throttle"
    """RESOURCE_EXHAUSTED, nothing done."""
    UNAVAILABLE = "unavailable"
    """UNAVAILABLE, nothing done: the service is down, or the request was lost on its way."""
    INTERNAL = "internal"
    """INTERNAL, nothing done."""
    DENIED = "denied"
    """PERMISSION_DENIED, nothing done."""
    QUOTA = "quota"
    """INVALID_ARGUMENT with the words that Google has for a quota that is used up."""
    RESPONSE_LOST = "response_lost"
    """Done, and then UNAVAILABLE: the caller can't know."""
    SLOW = "slow"
    """Done and answered, but only after `seconds` of the emulator's clock."""
    ENDS_IN_ERROR = "ends_in_error"
    """CreateCluster: accepted, and the cluster ends up in ERROR instead of RUNNING."""
    IS_BEING_DELETED = "is_being_deleted"
    """CreateCluster: accepted, and somebody deletes the cluster at once."""


@dataclass(slots=True)
class Fault:
    """A fault that waits for `times` calls of `method`, which may be `*` for any."""

    method: str
    kind: FaultKind
    times: int = 1
    seconds: float = 0.0


class Faults:
    """The faults that wait. Each call takes at most one, in the order in which they were added. Safe for threads."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, method: str, kind: FaultKind | str, times: int = 1, *, seconds: float = 0.0) -> None:
        """Have the next `times` calls of `method` go wrong."""
        with self._lock:
            self._waiting.append(Fault(method, FaultKind(kind), times, seconds))

    def take(self, method: str) -> Fault | None:
        """The fault of a call that comes now."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in (method, "*"):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
            return None

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._waiting.clear()
