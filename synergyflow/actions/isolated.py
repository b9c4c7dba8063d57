"""The child process of an isolated `PythonAction`: `python -m synergyflow.actions.isolated PAYLOAD_FILE`.

It unpickles the call, makes it and ends with an exit code: 0 done, 99 nothing to do, 1 an exception (its traceback is
on stderr). What is printed or logged goes to stdout line by line. It imports nothing that the call does not need.
"""

from __future__ import annotations

import logging
import pickle
import sys
import traceback
from typing import TextIO, cast

from synergyflow.actions.payload import NOTHING_TO_DO, Payload
from synergyflow.errors import NothingToDo

LOGGER_NAME = "synergyflow.step"


def perform(payload: Payload) -> int:
    """Make the call and return the exit code."""
    sys.path[:] = [*payload.sys_path, *(entry for entry in sys.path if entry not in payload.sys_path)]
    try:
        function, args, kwargs, supplied = pickle.loads(payload.call)
        if payload.logger:
            supplied = {**supplied, "logger": _logger()}
        function(*args, **kwargs, **supplied)
    except NothingToDo as nothing:
        print(nothing, flush=True)  # noqa: T201 - the parent logs what the child prints
        return NOTHING_TO_DO
    except BaseException:  # noqa: BLE001 - whatever the call raises, SystemExit included, is the outcome
        traceback.print_exc()
        return 1
    return 0


def _logger() -> logging.Logger:
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Plain())
    logger.handlers = [handler]
    return logger


class _Plain(logging.Formatter):
    """The message, with its level before it where that is not the level of all output."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno == logging.INFO else f"{record.levelname} {text}"


def main(arguments: list[str]) -> int:
    """Read the payload from the file that is named, and perform it."""
    for stream in (sys.stdout, sys.stderr):
        cast("TextIO", stream).reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[attr-defined]
    with open(arguments[0], "rb") as file:
        payload = Payload.unpack(file.read())
    return perform(payload)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
