"""A place in a log file that stays right while the file is written and rotated. Reading only.

No file is kept open between two reads, so thousands of logs can be read side by side, and a file that is rotated away
meanwhile is found again by its generation.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from synergyflow.observers.log_file import generation_path, rotated

_LONGEST_READ = 1 << 20


class LogCursor:
    """Reads the generations of one file, oldest first, from a position on, to another one or to the end.

    Args:
        path: the file as it is called without a generation.
        begin, end: positions "G:offset" as the writer gave them; a generation that is gone is skipped.
        block: bytes to read at a time.
    """

    def __init__(self, path: Path, *, begin: str | None = None, end: str | None = None, block: int = 1 << 18) -> None:
        self.path = path
        self._generation, self._offset = parse_position(begin)
        self._end = last if (last := parse_position(end))[0] else None
        self._block = block
        self._inode: int | None = None

    def extend(self, end: tuple[int, int]) -> None:
        """Let further reads go up to this generation and offset."""
        self._end = end

    def read(self) -> list[bytes]:
        """The next whole lines, without their newlines. Empty if there are none for now (or any more)."""
        while self._end is None or (self._generation, self._offset) < self._end:
            file = self._open()
            if file is None:
                if not self._skip_to_what_is_left():
                    return []
                continue
            with file:
                is_over = generation_path(self.path, self._generation).exists() and not self._is_last()
                lines = self._read_from(file, is_over=is_over)
            if lines:
                return lines
            if not is_over:
                return []
            self._generation, self._offset = self._generation + 1, 0
        return []

    def _open(self) -> BinaryIO | None:
        """The file of this generation under whichever name it has; None if it is gone or not yet there."""
        old = generation_path(self.path, self._generation)
        while True:
            if old.exists():
                with suppress(FileNotFoundError):  # dropped since: looked for again below
                    return old.open("rb", buffering=0)
            file = self._open_current()
            if file is None or not old.exists():
                return file
            file.close()

    def _open_current(self) -> BinaryIO | None:
        """The file of the plain name, if its generation is the one to be read."""
        try:
            file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            return None
        inode = os.fstat(file.fileno()).st_ino
        if inode != self._inode and max(rotated(self.path), default=0) + 1 != self._generation:
            file.close()
            return None
        self._inode = inode
        return file

    def _skip_to_what_is_left(self) -> bool:
        """Go to the oldest generation that is there after the one that is gone; False if there is none."""
        known = rotated(self.path)
        if self.path.exists():
            known.append(max(known, default=0) + 1)
        later = next((generation for generation in known if generation > self._generation), None)
        if later is None:
            return False
        self._generation, self._offset = later, 0
        return True

    def _read_from(self, file: BinaryIO, *, is_over: bool) -> list[bytes]:
        """Whole lines from the offset on. The last line of a file that is over counts even without a newline."""
        file.seek(self._offset)
        data = b""
        while b"\n" not in data and len(data) < _LONGEST_READ:
            more = file.read(self._limit(max(self._block, len(data)), len(data)))
            if not more:
                break
            data += more
        whole = data.rfind(b"\n") + 1
        if not whole and (is_over or len(data) >= _LONGEST_READ):
            whole = len(data)
        self._offset += whole
        return data[:whole].removesuffix(b"\n").split(b"\n") if whole else []

    def _is_last(self) -> bool:
        return self._end is not None and self._generation == self._end[0]

    def _limit(self, wanted: int, held: int) -> int:
        if self._end is None or self._generation != self._end[0]:
            return wanted
        return max(0, min(wanted, self._end[1] - self._offset - held))


def current_generation(path: Path, inode: int) -> int | None:
    """The generation of the current file; None if that is no longer the one of that inode."""
    generation = max(rotated(path), default=0) + 1
    return generation if inode_and_size(path)[0] == inode else None


def inode_and_size(path: Path) -> tuple[int, int]:
    """What changes whenever the current file does; zeros while there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_size


def parse_position(text: str | None) -> tuple[int, int]:
    """Generation and offset; (0, 0), which is before everything, where there is none."""
    if not text:
        return 0, 0
    generation, _, offset = text.partition(":")
    return int(generation), int(offset)


def log_names(folder: Path) -> list[str]:
    """Names of the flow and of the steps that have a log in the folder, sorted."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = set()
    for name in names:
        stem, _, number = name.rpartition(".")
        base = stem if number.isdigit() else name
        if base.endswith(".log") and base != ".log":
            found.add(base.removesuffix(".log"))
    return sorted(found)
