"""Changes to files of this machine that are whole or not at all, and that never follow a link out of a tree.

A file is written beside its place under a name that nobody lists, made durable, and renamed. Paths come here resolved;
which of them may be touched is decided by `local.py`.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from synergyflow.errors import FilesystemError

_PARTIAL = ".synergyflow-partial"
_STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Errors of the system as `FilesystemError` that name `path`."""
    try:
        yield
    except shutil.Error as error:
        raise FilesystemError(f"{path}: {error}") from error
    except OSError as error:
        raise FilesystemError(f"{path}: {error.strerror or error}") from error


def is_partial(name: str) -> bool:
    """Whether the name is of a file still being written (or left behind by a killed process)."""
    return name.endswith(_PARTIAL)


@contextmanager
def whole_file(place: Path, path: str) -> Iterator[BinaryIO]:
    """A stream to a file that appears at `place` when the block ends, and not at all when it raises."""
    with translated(path):
        if place.is_dir():
            raise FilesystemError(f"{path} is a folder, so no file can be written there")
        place.parent.mkdir(parents=True, exist_ok=True)
        partial, file = _open_partial(place)
    try:
        with file:
            yield file
        with translated(path):
            _make_durable(partial)
            os.replace(partial, place)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.errno in _STORAGE_ERRORS:
            raise FilesystemError(f"{path}: {error.strerror}") from error
        raise


def _open_partial(place: Path) -> tuple[Path, BinaryIO]:
    """A new file with the mode that any new file would get."""
    partial = place.parent / f".{secrets.token_hex(8)}{_PARTIAL}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    return partial, open(descriptor, "wb")


def _make_durable(partial: Path) -> None:
    """By a descriptor of its own: the block may have closed the stream, as wrappers of text do."""
    descriptor = os.open(partial, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_over(origin: Path, place: Path) -> None:
    """Copy a file to exactly `place`, or lay a tree over what is there. Links within a tree are copied as links."""
    mode = origin.stat().st_mode
    if stat.S_ISDIR(mode):
        _copy_tree(origin, place)
    elif stat.S_ISREG(mode):
        _copy_file(origin, place)
    else:
        raise FilesystemError(f"{origin} is neither a file nor a folder")


def _copy_tree(origin: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with os.scandir(origin) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_symlink():
                _copy_link(Path(entry.path), place / entry.name)
            elif not is_partial(entry.name):
                copy_over(Path(entry.path), place / entry.name)
    shutil.copymode(origin, place)


def _copy_file(origin: Path, place: Path) -> None:
    with open(origin, "rb") as source, whole_file(place, str(place)) as target:
        shutil.copyfileobj(source, target, 1 << 20)
        os.fchmod(target.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))


def _copy_link(origin: Path, place: Path) -> None:
    """The link itself, in place of a file or link that is there."""
    partial = place.parent / f".{secrets.token_hex(8)}{_PARTIAL}"
    os.symlink(os.readlink(origin), partial)
    try:
        os.replace(partial, place)
    except OSError:
        partial.unlink()
        raise


def move_over(origin: Path, place: Path) -> None:
    """Rename where that does what is asked; else copy all of it and only then remove the source."""
    is_tree = origin.is_dir() and not origin.is_symlink()
    if not is_tree and place.is_dir():
        raise FilesystemError(f"{place} is a folder, so no file can take its place")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not (is_tree and place.exists()) and _renamed(origin, place):
        return
    if origin.is_symlink():
        _copy_link(origin, place)
    else:
        copy_over(origin, place)
    remove(origin)


def _renamed(origin: Path, place: Path) -> bool:
    try:
        os.replace(origin, place)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return False
        raise
    if os.path.lexists(origin):  # two names of one file: the system does nothing then
        origin.unlink()
    return True


def remove(place: Path) -> None:
    """Remove a file, a link or a tree; never what a link leads to."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def refuse_overlap(origin: Path, place: Path, source: str, target: str) -> None:
    """Refuse to copy or move something onto itself, into itself, or onto a folder that holds it."""
    real, there = os.path.realpath(origin), os.path.realpath(place)
    if real == there:
        raise FilesystemError(f"{source} and {target} are the same place")
    if Path(there).is_relative_to(real):
        raise FilesystemError(f"{target} is within {source}, which can't go into itself")
    if origin.is_dir() and Path(real).is_relative_to(there):
        raise FilesystemError(f"{source} is within {target}, which it can't take the place of")


def walk_files(folder: Path, path: str) -> Iterator[str]:
    """See `Filesystem.walk`; raises `FilesystemError` at a link to a folder that holds it."""
    yield from _walk(folder, "", (os.path.realpath(folder),), path)


def _walk(folder: Path, name: str, above: tuple[str, ...], path: str) -> Iterator[str]:
    with translated(path), os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not is_partial(entry.name)), key=lambda entry: entry.name)
    if not entries:
        yield name or "/"
    for entry in entries:
        if not entry.is_dir():
            yield name + entry.name
            continue
        real = os.path.realpath(entry.path)
        if real in above:
            raise FilesystemError(f"{entry.path} is a link to a folder that holds it", hint="remove the link")
        yield from _walk(Path(entry.path), f"{name}{entry.name}/", (*above, real), path)
