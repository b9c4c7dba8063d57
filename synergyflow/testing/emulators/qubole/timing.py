"""The emulator's idea of time. It never waits: what is due is done when somebody asks."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the emulator needs of a clock; `testing.clock.ManualClock` is one."""

    def now(self) -> datetime:
        """The time of day, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some beginning."""


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some beginning."""
        return time.monotonic()
