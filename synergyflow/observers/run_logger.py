"""Loggers of the standard library that stand outside its global tree and write lines of one run.

Being no part of the tree they share nothing with other runs of the same flow in the same process, need no name that
is unique, and vanish with the run. Where lines go is the caller's affair.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

Write = Callable[[str, str, str], None]
"""Takes the name column, the level and the text, which may have several lines."""

_TRACEBACKS = logging.Formatter()


class RunLogger(logging.Logger):
    """A logger of its own. Its children are like it."""

    def __init__(self, name: str, write: Write) -> None:
        super().__init__(name, logging.DEBUG)
        self.propagate = False
        self._write = write
        self.addHandler(_LineHandler(write))

    def getChild(self, suffix: str) -> RunLogger:  # noqa: N802 - the name is the standard library's
        """A logger whose name goes on with `suffix`."""
        return RunLogger(f"{self.name}.{suffix}", self._write)

    def __copy__(self) -> RunLogger:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> RunLogger:
        """A copy of an action that is bound to a run goes on writing to that run's log."""
        return self


class _LineHandler(logging.Handler):
    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        self._write(record.name, record.levelname, _text(record))


def _text(record: logging.LogRecord) -> str:
    """The message, then the traceback and the stack if there are any."""
    parts = [_message(record)]
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(_TRACEBACKS.formatException(record.exc_info))
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a user's object that can't be printed must not end the user's step
        return f"{record.msg!r} [its {len(record.args or ())} arguments can't be put in: {type(error).__name__}]"
