"""Work that is only told: a script says of each command how it ends and when, by the emulator's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from synergyflow.testing.emulators.qubole.model import EmulatedCommand, Ending

Script = Callable[[EmulatedCommand], Ending]
KILLED = 143


def all_succeed(command: EmulatedCommand) -> Ending:
    """The script by which every command succeeds at once."""
    return Ending()


class _Told:
    """Ends by its time, by a kill, or when a test says so."""

    def __init__(self, ending: Ending, now: float) -> None:
        self.ending = ending
        self._began = now
        self._killed = False

    def ended(self, now: float) -> int | None:
        if self._killed:
            return KILLED
        seconds = self.ending.seconds
        return self.ending.exit_code if seconds is not None and now - self._began >= seconds else None

    def kill(self, *, force: bool = False) -> None:
        self._killed = True

    def log(self) -> bytes:
        return self.ending.log

    def results(self) -> bytes:
        return self.ending.results


class ScriptedWorker:
    """Asks the script for the ending of each command as it begins."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def begin(self, command: EmulatedCommand, now: float) -> _Told:
        """See `Worker`."""
        return _Told(self._script(command), now)

    def close(self) -> None:
        """There is nothing to end."""


def finish(command: EmulatedCommand, ending: Ending) -> None:
    """End a running scripted command now."""
    if not isinstance(command.work, _Told):
        raise ValueError(f"command {command.id} is {command.status}; only scripted ones that run can be told to end")
    command.work.ending = replace(ending, seconds=0.0)


def write(command: EmulatedCommand, log: bytes) -> None:
    """Let a running scripted command write to its log."""
    if not isinstance(command.work, _Told):
        raise ValueError(f"command {command.id} is {command.status}; only scripted ones that run can be told to write")
    command.work.ending = replace(command.work.ending, log=command.work.ending.log + log)
