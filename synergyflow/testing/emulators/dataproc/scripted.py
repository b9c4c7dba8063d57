"""Jobs that only seem to run: a script says how each ends, and the clock says when."""

from __future__ import annotations

import threading
from collections.abc import Callable

from google.cloud.dataproc_v1.types import Job

from synergyflow.testing.emulators.dataproc.clock import Clock
from synergyflow.testing.emulators.dataproc.model import Ending, Running, Script

_ENDED_BY_SIGNAL = 143


def all_succeed(job: Job) -> Ending:
    """The script by which every job succeeds at once."""
    return Ending()


class ScriptedRunner:
    """Runs nothing."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock

    def start(self, job: Job, write: Callable[[bytes], None], ended: Callable[[int, str], None]) -> Running:
        """See `Runner`."""
        ending = self._script(job)
        if ending.output:
            write(ending.output)
        running = _ScriptedDriver(ending, self._clock, ended)
        if ending.seconds is not None:
            self._clock.call_later(ending.seconds, lambda: running.finish(ending.exit_code, ending.details))
        return running

    def close(self) -> None:
        """Nothing runs."""


class _ScriptedDriver:
    def __init__(self, ending: Ending, clock: Clock, ended: Callable[[int, str], None]) -> None:
        self._ending = ending
        self._clock = clock
        self._told = ended
        self._lock = threading.Lock()
        self._has_ended = False

    def end(self, *, force: bool) -> None:
        if force or self._ending.minds_cancel:
            self._clock.call_later(0.0, lambda: self.finish(_ENDED_BY_SIGNAL, ""))

    def finish(self, exit_code: int, details: str) -> None:
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
        self._told(exit_code, details)
