"""Work that is only told: a script says of each step how it ends and when, by the emulator's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable

from synergyflow.testing.emulators.emr.model import Ending, Running, Step
from synergyflow.testing.emulators.emr.timing import Clock

Script = Callable[[Step], Ending]


def all_succeed(step: Step) -> Ending:
    """The script by which every step succeeds at once."""
    return Ending()


class _ScriptedWork:
    """Ends once: by its time, by an interrupt, or when a test says so."""

    def __init__(self, ending: Ending, ended: Callable[[Ending], None], clock: Clock) -> None:
        self._ending = ending
        self._ended = ended
        self._clock = clock
        self._lock = threading.Lock()
        self._is_over = False

    def finish(self, ending: Ending) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        self._clock.call_later(0.0, lambda: self._ended(ending))

    def due(self) -> None:
        self.finish(self._ending)

    def interrupt(self, *, force: bool) -> None:
        if force or self._ending.heeds_interrupt:
            self.finish(Ending(exit_code=137 if force else 143, stdout=self._ending.stdout, stderr=self._ending.stderr))


class ScriptedRunner:
    """Asks the script for the ending of each step as it starts."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self._script = script
        self._clock = clock
        self._works: dict[str, _ScriptedWork] = {}

    def start(self, step: Step, ended: Callable[[Ending], None]) -> Running:
        """See `Runner`."""
        ending = self._script(step)
        work = self._works[step.id] = _ScriptedWork(ending, ended, self._clock)
        if ending.seconds is not None:
            self._clock.call_later(ending.seconds, work.due)
        return work

    def finish(self, step_id: str, ending: Ending) -> None:
        """End the work of a step now, for tests that decide when."""
        self._works[step_id].finish(ending)

    def close(self) -> None:
        """There is nothing to end."""
