"""One log file with its rotated generations, written by any number of threads and processes at once.

Whole lines are appended in one write, under a lock on the file itself. A file that would grow too large is renamed to
`<file>.G`, where G only ever grows, and the file that bears the plain name has the generation after the highest one.
So "G:offset" stays the same place for ever. What a line looks like is not known here.

A file that can't be written (a full disk) must not stop a flow: the lines go to stderr once, and a marker tells in the
file how many are missing as soon as it can be written again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FILE_MODE = 0o640
_FOLDER_MODE = 0o750
_LOCK_UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_SHOWN_ON_STDERR = 2000


def rotated(path: Path) -> list[int]:
    """The generations of the file that were rotated and are still there, oldest first."""
    pattern = re.compile(re.escape(path.name) + r"\.([1-9][0-9]*)")
    try:
        names = os.listdir(path.parent)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(match[1]) for name in names if (match := pattern.fullmatch(name)))


def generation_path(path: Path, generation: int) -> Path:
    """Where a rotated generation of the file lies."""
    return path.with_name(f"{path.name}.{generation}")


class Generations:
    """The highest rotated generation of each log of a folder, from one listing of it instead of one for each file.

    Generations only grow, by one: as long as the next one is not there, what was listed still holds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[Path, dict[str, int]] = {}

    def highest(self, path: Path) -> int:
        """The highest generation that was rotated, 0 if there is none."""
        with self._lock:
            known = self._folders.get(path.parent)
            if known is None or os.path.lexists(generation_path(path, known.get(path.name, 0) + 1)):
                known = self._folders[path.parent] = _highest_in(path.parent)
            return known.get(path.name, 0)


def _highest_in(folder: Path) -> dict[str, int]:
    highest: dict[str, int] = {}
    for name in os.listdir(folder):
        stem, _, generation = name.rpartition(".")
        if stem and generation.isascii() and generation.isdigit() and not generation.startswith("0"):
            highest[stem] = max(highest.get(stem, 0), int(generation))
    return highest


class LogFile:
    """A writer of one log file. Safe to be used from several threads."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int, generations: Generations | None = None) -> None:
        self.path = path
        self._generations = Generations() if generations is None else generations
        self._max_bytes = max_bytes
        self._keep = max(keep, 1)
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._generation = 0
        self._missing = 0
        self._closed = False

    def create(self) -> None:
        """Make the file and its folder now instead of at the first line.

        Raises:
            OSError: it can't be made.
        """
        with self._lock:
            self._open()

    def write(self, lines: bytes, head: bytes) -> None:
        """Append whole lines. Never raises for a file that can't be written. `head` is the prefix of a marker."""
        with self._lock:
            try:
                self._append(self._marker(head) + lines)
                self._missing = 0
            except OSError as error:
                self._lose(lines, error)
            finally:
                if self._closed:
                    self._release()

    def position(self) -> str:
        """Where the next line will stand, as "G:offset"; "0:0" if the file can't be opened."""
        with self._lock:
            try:
                with self._current() as (_, size):
                    return f"{self._generation}:{size}"
            except OSError:
                return "0:0"
            finally:
                if self._closed:
                    self._release()

    def close(self) -> None:
        """Give the file back. A line that comes late is still written. May be repeated."""
        with self._lock:
            self._closed = True
            self._release()

    def _append(self, data: bytes) -> None:
        while True:
            with self._current() as (descriptor, size):
                if not size or size + len(data) <= self._max_bytes:
                    _write_whole(descriptor, data, size)
                    return
                self._rotate()

    def _rotate(self) -> None:
        """Rename the current file, which is locked, and drop the oldest ones."""
        os.rename(self.path, generation_path(self.path, self._generation))
        for generation in rotated(self.path):
            if generation <= self._generation - self._keep:
                generation_path(self.path, generation).unlink(missing_ok=True)

    @contextmanager
    def _current(self) -> Iterator[tuple[int, int]]:
        """The file that bears the plain name now, locked against all other writers, and its size."""
        descriptor = self._open()
        _lock(descriptor)
        while not self._bears_the_name(descriptor):
            self._release()
            descriptor = self._open()
            _lock(descriptor)
        try:
            yield descriptor, os.fstat(descriptor).st_size
        finally:
            _unlock(descriptor)

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = self._open_file()
            self._generation = self._generations.highest(self.path) + 1
        return self._descriptor

    def _open_file(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self.path, flags, _FILE_MODE)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            return os.open(self.path, flags, _FILE_MODE)

    def _bears_the_name(self, descriptor: int) -> bool:
        """False when somebody else has rotated or removed the file since it was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _unlock(descriptor)
            os.close(descriptor)

    def _marker(self, head: bytes) -> bytes:
        if not self._missing:
            return b""
        return head + f"[{self._missing} lines are missing here: the file could not be written]\n".encode()

    def _lose(self, lines: bytes, error: OSError) -> None:
        if not self._missing:
            shown = lines[:_SHOWN_ON_STDERR].decode("utf-8", "replace").rstrip("\n")
            why = error.strerror or error
            sys.stderr.write(f"[log file {self.path} can't be written: {why}; the flow goes on]\n{shown}\n")
        self._missing += lines.count(b"\n")


def _write_whole(descriptor: int, data: bytes, size: int) -> None:
    """Write all of it or, as far as the disk allows, nothing."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        with suppress(OSError):  # the error that counts is the first one
            os.ftruncate(descriptor, size)
        raise


def _lock(descriptor: int) -> None:
    """Hold the file against other processes, where its filesystem knows locks; appending is atomic enough elsewhere."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _LOCK_UNKNOWN:
            raise


def _unlock(descriptor: int) -> None:
    """Said outright and not left to closing, since a forked child may hold a copy of the descriptor."""
    with suppress(OSError):  # a filesystem without locks has none to give back
        fcntl.flock(descriptor, fcntl.LOCK_UN)
