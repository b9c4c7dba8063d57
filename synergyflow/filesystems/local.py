"""The filesystem of this machine.

A relative path lies below the root and can't leave it, by `..` or by a link. An absolute path and a `file://` URI stand
for themselves, anywhere on the machine: here an absolute path is the machine's own. What changes files without leaving
half of one is in `local_writing.py`; this file decides which path is meant and what is refused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local_writing import (
    copy_over,
    is_partial,
    move_over,
    refuse_overlap,
    translated,
    walk_files,
    whole_file,
)
from synergyflow.filesystems.paths import file_uri_path, foreign, on_this_machine, scheme_of


class LocalFilesystem(Filesystem):
    """Files below `root`, and by absolute path all others. The root need not exist yet."""

    scheme = "file"

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def mkdir(self, path: str) -> None:
        """Make the folder and those above it."""
        place = self._resolve(path)
        with translated(path):
            place.mkdir(parents=True, exist_ok=True)

    def rmdir(self, path: str) -> None:
        """Remove the folder with all that is in it. A link is refused, whatever it leads to."""
        place = self._resolve_entry(path)
        self._refuse_root(place, path)
        if place.is_symlink() or (os.path.lexists(place) and not place.is_dir()):
            raise FilesystemError(f"{path} is not a folder", hint="use rm for files and links")
        with translated(path):
            if os.path.lexists(place):
                shutil.rmtree(place)

    def rm(self, path: str) -> None:
        """Remove the file or tree; of a link the link alone."""
        place = self._resolve_entry(path)
        self._refuse_root(place, path)
        with translated(path):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def cp(self, source: str, target: str) -> None:
        """Copy bytes and modes. Links within a tree stay links; a tree is laid over one that is there."""
        self._copy(source, self._resolve(source), target, self._resolve(target))

    def mv(self, source: str, target: str) -> None:
        """Rename where the file system can, else copy and then remove. A link is moved as a link."""
        origin, place = self._resolve_entry(source), self._resolve(target)
        self._require(origin, source)
        self._refuse_root(origin, source)
        refuse_overlap(origin, place, source, target)
        with translated(f"{source} to {target}"):
            move_over(origin, place)

    def copy_to_local(self, path: str, local_path: str) -> None:
        """Copy from below the root; `local_path` is relative to where the engine runs."""
        self._copy(path, self._resolve(path), local_path, Path(on_this_machine(local_path)))

    def copy_from_local(self, local_path: str, path: str) -> None:
        """Copy to below the root; `local_path` is relative to where the engine runs."""
        self._copy(local_path, Path(on_this_machine(local_path)), path, self._resolve(path))

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder, through links."""
        place = self._resolve(path)
        with translated(path):
            return place.exists()

    def ls(self, path: str = "") -> Iterator[str]:
        """Names in the folder; files that are still being written are not there yet."""
        place = self._resolve(path)
        self._require(place, path)
        with translated(path):
            if not place.is_dir():
                return iter([place.name])
            with os.scandir(place) as entries:
                there = [entry for entry in entries if not is_partial(entry.name)]
                names = [entry.name + ("/" if entry.is_dir() else "") for entry in there]
        return iter(sorted(names))

    def open_for_writing(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A stream to a new file, which takes the place of an older one when the block ends."""
        return whole_file(self._resolve(path), path)

    @contextmanager
    def open_for_reading(self, path: str) -> Iterator[BinaryIO]:
        """A stream from the file as it is now, also when another takes its place meanwhile."""
        place = self._resolve(path)
        with translated(path):
            file = open(place, "rb")  # noqa: SIM115 - closed below; errors of the block are not this file's
        with file:
            yield file

    def walk(self, path: str) -> Iterator[str]:
        """Links are followed, whatever they lead to, unless that is a folder that holds them."""
        place = self._resolve(path)
        self._require(place, path)
        return walk_files(place, path) if place.is_dir() else iter([""])

    def _copy(self, source: str, origin: Path, target: str, place: Path) -> None:
        self._require(origin, source)
        refuse_overlap(origin, place, source, target)
        with translated(f"{source} to {target}"):
            copy_over(origin, place)

    def _resolve(self, path: str) -> Path:
        """The place that `path` means, links followed where they stay inside the root."""
        place, relative = self._place(path)
        if relative:
            self._refuse_escape(place, path)
        return place

    def _resolve_entry(self, path: str) -> Path:
        """Like `_resolve`, for verbs that act on the name itself, which may be a link to anywhere."""
        place, relative = self._place(path)
        if relative and place != self.root:
            self._refuse_escape(place.parent, path)
        return place

    def _place(self, path: str) -> tuple[Path, bool]:
        absolute = _absolute_part(path)
        if absolute is not None:
            return Path(os.path.normpath(absolute)), False
        inside = os.path.normpath(path or ".")
        if inside == ".." or inside.startswith("../"):
            raise FilesystemError(f"{path} climbs out of {self.root}", hint="use a path below it, or a full URI")
        return self.root / inside, True

    def _refuse_escape(self, place: Path, path: str) -> None:
        with translated(path):
            real, root = os.path.realpath(place), os.path.realpath(self.root)
        if os.path.commonpath([real, root]) != root:
            raise FilesystemError(
                f"{path} leads out of {self.root} by a link, to {real}", hint="use that path itself if it is meant"
            )

    def _refuse_root(self, place: Path, path: str) -> None:
        real, root = os.path.realpath(place), os.path.realpath(self.root)
        if not place.is_symlink() and os.path.commonpath([real, root]) == real:
            raise FilesystemError(
                f"{path or '.'} is the root {self.root} or a folder above it, which is not removed or moved",
                hint="name what is in it",
            )

    def _require(self, place: Path, path: str) -> None:
        if not os.path.lexists(place):
            raise FilesystemError(f"there is no {path or '.'}", hint=f"relative paths are below {self.root}")


def _absolute_part(path: str) -> str | None:
    """The machine's own path if `path` is absolute or a `file://` URI; None if it is relative."""
    scheme = scheme_of(path)
    if scheme is None:
        return path if path.startswith("/") else None
    if scheme != "file":
        raise foreign(path, scheme, "a local filesystem")
    return file_uri_path(path)
