"""What was asked of the emulator and what came of it: the facts that a test checks an engine's word against."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One call that reached the emulator.

    Attributes:
        method: for example `SubmitJob`.
        subject: name of the cluster or id of the job; of a listing the filter.
        took_effect: it changed something: a cluster or job was made, ended or begun to end.
        answer: `OK`, or gRPC's word for the error that the caller was told.
    """

    method: str
    subject: str
    took_effect: bool
    answer: str


class Ledger:
    """Every call in the order in which it was answered. Safe for threads."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Write a line."""
        with self._lock:
            self._calls.append(call)

    @property
    def calls(self) -> tuple[Call, ...]:
        """All lines so far."""
        with self._lock:
            return tuple(self._calls)

    def of(self, method: str, subject: str | None = None) -> tuple[Call, ...]:
        """The calls of a method, about one subject if it is given."""
        return tuple(call for call in self.calls if call.method == method and subject in (None, call.subject))

    def effects(self, method: str) -> list[str]:
        """Subjects of the calls of a method that changed something, in order."""
        return [call.subject for call in self.of(method) if call.took_effect]
