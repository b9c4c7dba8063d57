"""The log of one attempt at a step: what its logger says and what its jobs print, in one file, masked.

Only text becomes lines here. `log_file` knows how lines reach the disk, `output_lines` how output becomes lines.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

from synergyflow.config.masking import Masker
from synergyflow.observers.log_file import LogFile
from synergyflow.observers.log_line import column, cut, prefix, visible, with_prefix
from synergyflow.observers.output_lines import OutputLines
from synergyflow.observers.run_logger import RunLogger

_LINES_REMEMBERED = 50
_BYTES_REMEMBERED = 2000


class RunLines:
    """Text of one run to masked lines of one file. Safe to be used from several threads.

    Args:
        run: `<timeperiod>#<attempt>`, or `<timeperiod>#<execution>` in the flow's own file.
    """

    def __init__(self, file: LogFile, run: str, masker: Masker, now: Callable[[], datetime]) -> None:
        self._file = file
        self._run = run
        self._masker = masker
        self._now = now
        self._last = b""

    @property
    def last_line(self) -> str:
        """The message of the last line that was written, for a live view; empty before the first."""
        return self._last[:_BYTES_REMEMBERED].decode("utf-8", "replace")

    def say(self, name: str, level: str, text: str) -> None:
        """Write a message, each of its lines with the prefix."""
        lines = self._masker.text(text).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
        self.put(name, level, cut(visible(lines).encode("utf-8", "backslashreplace")))

    def put(self, name: str, level: str, lines: bytes) -> None:
        """Write lines that are masked and fit for a file, separated by newlines."""
        head = prefix(self._now(), self._run, column(self._masker.text(name)), level)
        self._last = lines[lines.rfind(b"\n") + 1 :]
        self._file.write(with_prefix(head, lines), head)


class StepLog:
    """The log of one attempt. All methods may be called from any thread.

    Lines bear the name of the step, or `<step>.<action>` with the action's log name (and tag).
    """

    def __init__(self, file: LogFile, step_name: str, run: str, masker: Masker, *, now: Callable[[], datetime]) -> None:
        self._file = file
        self._step_name = step_name
        self._masker = masker
        self._lines = RunLines(file, run, masker, now)
        self._lock = threading.Lock()
        self._outputs: dict[str, OutputLines] = {}
        self._remembered: deque[bytes] = deque(maxlen=_LINES_REMEMBERED)
        self._remembered_action: str | None = None

    def position(self) -> str:
        """Where the next line will stand, as "G:offset"; valid for as long as the file is kept."""
        return self._file.position()

    def logger(self, action: str | None = None) -> logging.Logger:
        """A logger for the step, or for one of its actions by its log name."""
        return RunLogger(self._name(action), self._lines.say)

    def output(self, action: str, chunk: bytes) -> None:
        """A piece of a job's output, of any size, in order. Lines that it completes are written at once."""
        with self._lock:
            if action not in self._outputs:
                self._outputs[action] = OutputLines(self._masker.stream())
            self._put(action, self._outputs[action].feed(chunk))

    def end_output(self, action: str) -> None:
        """The output is at its end: what was held back as an unfinished line is written. May be repeated."""
        with self._lock:
            output = self._outputs.pop(action, None)
            if output is not None:
                self._put(action, output.flush())

    @property
    def last_line(self) -> str:
        """The message of the last line written, by a logger or a job; empty before the first."""
        return self._lines.last_line

    def last_lines(self, count: int) -> list[str]:
        """Up to `count` last lines (at most 50) that the latest job printed, masked and shortened, oldest first."""
        with self._lock:
            kept = list(self._remembered)[-count:] if count > 0 else []
        return [line.decode("utf-8", "replace") for line in kept]

    def close(self) -> None:
        """Write what is held back and give the file back. May be repeated; a line that comes late is not lost."""
        for action in list(self._outputs):
            self.end_output(action)
        self._file.close()

    def _name(self, action: str | None) -> str:
        return f"{self._step_name}.{action}" if action else self._step_name

    def _put(self, action: str, blocks: Iterable[bytes]) -> None:
        for block in blocks:
            self._lines.put(self._name(action), "INFO", block)
            self._remember(action, block)

    def _remember(self, action: str, block: bytes) -> None:
        if action != self._remembered_action:
            self._remembered.clear()
            self._remembered_action = action
        lines = block.rsplit(b"\n", _LINES_REMEMBERED)[-_LINES_REMEMBERED:]
        self._remembered.extend(line[:_BYTES_REMEMBERED] for line in lines)
