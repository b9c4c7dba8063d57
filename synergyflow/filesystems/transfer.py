"""Copies between filesystems of different technologies, in streams, by nothing but what every filesystem can do.

A file appears at the target whole or not at all, and is compared with what was read. A source goes only when all of it
has been copied and compared, and is the same set of files as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem, Report, joined, refuse_unsafe
from synergyflow.filesystems.object_trees import each

_CHUNK = 1 << 20


def copy_across(source: Filesystem, path: str, target: Filesystem, target_path: str, report: Report) -> None:
    """Copy the file or tree to exactly `target_path`, over what is there.

    Raises:
        FilesystemError: what a filesystem raises, or a copy that is not what was read.
    """
    _copy(source, path, target, target_path, report)


def move_across(source: Filesystem, path: str, target: Filesystem, target_path: str, report: Report) -> None:
    """Copy, and remove the source if it is still the same set of files.

    Raises:
        FilesystemError: as `copy_across`; then, or when files came or went meanwhile, the source stays.
    """
    copied = _copy(source, path, target, target_path, report)
    if sorted(source.walk(path)) != sorted(copied):
        raise FilesystemError(
            f"{path} changed while it was copied to {target_path}, and therefore stays", hint="try again"
        )
    source.rm(path)


def _copy(source: Filesystem, path: str, target: Filesystem, target_path: str, report: Report) -> list[str]:
    def copied(name: str) -> str:
        place = joined(target_path, name)
        if name.endswith("/"):
            target.mkdir(place)
        else:
            _copy_file(source, joined(path, name), target, place, report)
        return name

    return each(copied, _safe(source.walk(path), path))


def _safe(names: Iterator[str], path: str) -> Iterator[str]:
    for name in names:
        refuse_unsafe(name, path)
        yield name


def _copy_file(source: Filesystem, path: str, target: Filesystem, place: str, report: Report) -> None:
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    with source.open_for_reading(path) as origin, target.open_for_writing(place) as stream:
        while chunk := origin.read(_CHUNK):
            stream.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    facts = target.facts(place)
    if facts.size != size or facts.md5 not in (None, digest.hexdigest()):
        raise FilesystemError(f"{place} is not what was read from {path}", hint="try again")
