"""The log lines of one flow run, from rotated and current files, in bounded memory.

A file holds the lines of many runs; the prefix of each line tells whose it is. Lines of several files are merged by
time. Nothing is locked, so that a reader never holds up a flow.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from synergyflow.observers.log_book import log_path
from synergyflow.observers.log_cursor import LogCursor, current_generation, inode_and_size, log_names
from synergyflow.observers.log_line import TIME_WIDTH, belongs_to

_MEMORY = 16 << 20
_SMALLEST_BLOCK = 1 << 12
_LARGEST_BLOCK = 1 << 18
_INTERVAL = 0.2
_TAIL = 1 << 13
_COLUMNS = 4


def read_run(
    directory: Path,
    flow_name: str,
    timeperiod: str,
    step: str | None = None,
    begin: str | None = None,
    end: str | None = None,
) -> Iterator[str]:
    """The lines of the run that are there now, without newlines, in order.

    Args:
        step: whose log; the flow's own name gives that of engine and clusters; None merges all of them by time.
        begin, end: positions as an attempt recorded them, to save reading the rest. Only with a step.

    Nothing is yielded where there is no log.
    """
    wanted = timeperiod.encode()
    if step is not None:
        cursor = LogCursor(log_path(directory, flow_name, step), begin=begin, end=end, block=_LARGEST_BLOCK)
        return (_text(line) for line in _lines(cursor, wanted))
    names = _all_names(directory, flow_name)
    block = _block(len(names))
    logs = [_lines(LogCursor(log_path(directory, flow_name, name), block=block), wanted) for name in names]
    return (_text(line) for line in heapq.merge(*logs, key=_time))


def follow(
    directory: Path,
    flow_name: str,
    timeperiod: str,
    step: str | None = None,
    begin: str | None = None,
    *,
    stop: Callable[[], bool],
    wait: Callable[[float], object] | None = None,
) -> Iterator[str]:
    """The lines of the run that are there, then new ones as they come, through rotations and for logs yet to be made.

    Args:
        stop: asked before each look; once it says yes, what is there is yielded and the iteration ends.
        wait: called with seconds between two looks that found nothing; returns earlier if it likes.
    """
    pause = wait or threading.Event().wait
    following = _Following(directory, flow_name, timeperiod, step, begin)
    while True:
        is_last = stop()
        found = False
        for line in following.look():
            found = True
            yield _text(line)
        if is_last:
            return
        if not found:
            pause(_INTERVAL)


def last_line(directory: Path, flow_name: str, timeperiod: str, step: str) -> str:
    """The message of the run's latest line, for a live view; empty if it has none near the end of the file."""
    path = log_path(directory, flow_name, step)
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read(_TAIL).split(b"\n")
    except OSError:
        return ""
    wanted = timeperiod.encode()
    mine = next((line for line in reversed(lines) if belongs_to(line, wanted)), b"")
    return _text(mine).split(" ", _COLUMNS)[_COLUMNS] if mine.count(b" ") >= _COLUMNS else ""


class _Following:
    """One cursor for each log, and what each log was like when it was last looked at."""

    def __init__(self, directory: Path, flow_name: str, timeperiod: str, step: str | None, begin: str | None) -> None:
        self._directory = directory
        self._flow_name = flow_name
        self._step = step
        self._begin = begin
        self._wanted = timeperiod.encode()
        self._cursors: dict[str, LogCursor] = {}
        self._seen: dict[str, tuple[int, int]] = {}

    def look(self) -> Iterator[bytes]:
        """What has come since the last look, by time: up to where each log ends now, so that a look has an end."""
        names = [self._step] if self._step is not None else _all_names(self._directory, self._flow_name)
        moved = [cursor for name in names if (cursor := self._moved(name, _block(len(names)))) is not None]
        return heapq.merge(*(_lines(cursor, self._wanted) for cursor in moved), key=_time)

    def _moved(self, name: str, block: int) -> LogCursor | None:
        """The cursor of a log that has grown or was rotated since it was last looked at."""
        path = log_path(self._directory, self._flow_name, name)
        generation = None
        while generation is None:  # again where it is rotated this very moment
            inode, size = inode_and_size(path)
            if self._seen.get(name) == (inode, size):
                return None
            generation = current_generation(path, inode)
        self._seen[name] = inode, size
        if name not in self._cursors:
            self._cursors[name] = LogCursor(path, begin=self._begin if self._step else None, block=block)
        self._cursors[name].extend((generation, size))
        return self._cursors[name]


def _block(logs: int) -> int:
    """Bytes to read at a time of each of so many logs."""
    return max(_SMALLEST_BLOCK, min(_LARGEST_BLOCK, _MEMORY // max(logs, 1)))


def _lines(cursor: LogCursor, wanted: bytes) -> Iterator[bytes]:
    while lines := cursor.read():
        yield from (line for line in lines if belongs_to(line, wanted))


def _all_names(directory: Path, flow_name: str) -> list[str]:
    """The flow first, so that of two lines of one moment the engine's comes first."""
    return sorted(log_names(directory / flow_name), key=lambda name: (name != flow_name, name))


def _time(line: bytes) -> bytes:
    return line[:TIME_WIDTH]


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
