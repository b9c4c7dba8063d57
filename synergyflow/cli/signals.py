"""Signals while the engine works: the first one asks it to stop, the second ends the program at once.

SIGINT ends what runs; SIGTERM leaves jobs running that can be adopted later. Either way the run can be recovered.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from synergyflow.errors import EXIT_INTERRUPTED, EXIT_TERMINATED

_EXIT_CODES = {signal.SIGINT: EXIT_INTERRUPTED, signal.SIGTERM: EXIT_TERMINATED}
_REASONS = {signal.SIGINT: "interrupted (SIGINT)", signal.SIGTERM: "terminated (SIGTERM)"}


class Stop(Protocol):
    """Asks the engine to stop."""

    def __call__(self, reason: str, *, cancel: bool) -> None: ...


@dataclass(slots=True)
class Signals:
    """What has come. `exit_code`: the program's, by the first signal; None as long as there was none."""

    exit_code: int | None = None


@contextmanager
def stopping_on_signals(stop: Stop, leave: Callable[[], object]) -> Iterator[Signals]:
    """While this lasts, SIGINT and SIGTERM stop the engine; `leave` is called before the program ends at once.

    Does nothing in a thread that can't have handlers.
    """
    signals = Signals()

    def handle(number: int, frame: FrameType | None) -> None:
        came = signal.Signals(number)
        if signals.exit_code is not None:
            leave()
            os._exit(_EXIT_CODES[came])
        signals.exit_code = _EXIT_CODES[came]
        stop(_REASONS[came], cancel=came is signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, handle) for number in _EXIT_CODES}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
