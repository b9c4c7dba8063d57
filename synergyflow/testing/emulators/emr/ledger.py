"""What was asked of the emulator, call by call, for tests to count."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in, and what it met: `ok`, a fault, or the code of the error."""

    operation: str
    request: Mapping[str, Any]
    outcome: str


class Ledger:
    """Calls in the order of their answers. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def write(self, call: Call) -> None:
        """Add a line."""
        with self._lock:
            self._calls.append(call)

    def calls(self, operation: str | None = None) -> list[Call]:
        """All calls, or those of one operation."""
        with self._lock:
            return [call for call in self._calls if operation in (None, call.operation)]

    def counts(self) -> Counter[str]:
        """How often each operation was called."""
        return Counter(call.operation for call in self.calls())

    def clear(self) -> None:
        """Begin a new page."""
        with self._lock:
            self._calls.clear()
