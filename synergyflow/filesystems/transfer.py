"""Copies between filesystems of different technologies, in streams, by nothing but what every filesystem can do.

A file appears at the target whole or not at all, and is compared with what was written. A source goes only when all of
it has been copied and compared, and is the same set of files as before.
"""

from __future__ import annotations

from collections.abc import Iterator

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem, joined, refuse_unsafe
from synergyflow.filesystems.object_trees import each


def copy_across(source: Filesystem, path: str, target: Filesystem, target_path: str) -> None:
    """Copy the file or tree to exactly `target_path`, over what is there.

    Raises:
        FilesystemError: what a filesystem raises, or a copy that is not what was read.
    """
    _copy(source, path, target, target_path)


def move_across(source: Filesystem, path: str, target: Filesystem, target_path: str) -> None:
    """Copy, and remove the source if it is still the same set of files.

    Raises:
        FilesystemError: as `copy_across`; then, or when files came or went meanwhile, the source stays.
    """
    copied = _copy(source, path, target, target_path)
    if sorted(source.walk(path)) != sorted(copied):
        raise FilesystemError(
            f"{path} changed while it was copied to {target_path}, and therefore stays", hint="try again"
        )
    source.rm(path)


def _copy(source: Filesystem, path: str, target: Filesystem, target_path: str) -> list[str]:
    def copied(name: str) -> str:
        place = joined(target_path, name)
        if name.endswith("/"):
            target.mkdir(place)
        else:
            _copy_file(source, joined(path, name), target, place, within_tree=bool(name))
        return name

    return each(copied, _safe(source.walk(path), path))


def _safe(names: Iterator[str], path: str) -> Iterator[str]:
    for name in names:
        refuse_unsafe(name, path)
        yield name


def _copy_file(source: Filesystem, path: str, target: Filesystem, place: str, *, within_tree: bool) -> None:
    with source.open_for_reading(path) as origin:
        target.write_from(place, origin, within_tree=within_tree)
