"""The contract of a filesystem: whole files and trees, by plain path or full URI.

A plain path is relative to the root that the context names (its `bucket`); a full URI (`file://`, `s3://`, …) stands
for itself. A plain path that climbs out of the root is refused. Trees are prefix-safe: `rm a/b` never touches `a/bc`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from synergyflow.errors import FilesystemError

Report = Callable[[str], None]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file: its size in bytes, and its MD5 (in hex) unless the storage keeps none."""

    size: int
    md5: str | None = None


class Filesystem(ABC):
    """Verbs that actions use. All may be called from any thread and, unless said, may be repeated.

    An adapter writes the abstract ones; the others rest on these and are written anew only where that is faster.

    Every verb raises:

        FilesystemError: the path is refused, missing where it must exist, or the storage said no.
    """

    scheme: str

    @abstractmethod
    def mkdir(self, path: str) -> None:
        """Make the folder and those above it. One that exists already is a success."""

    @abstractmethod
    def rmdir(self, path: str) -> None:
        """Remove the folder with all that is in it. One that does not exist is a success; a file is refused."""

    @abstractmethod
    def rm(self, path: str) -> None:
        """Remove the file or tree. One that does not exist is a success."""

    @abstractmethod
    def cp(self, source: str, target: str) -> None:
        """Copy a file or tree to exactly `target`, over what is there. A file appears whole or not at all."""

    @abstractmethod
    def mv(self, source: str, target: str) -> None:
        """Move a file or tree to exactly `target`; the source goes only when the copy is complete."""

    @abstractmethod
    def copy_to_local(self, path: str, local_path: str) -> None:
        """Copy a file or tree to the engine's own machine. `local_path` is a path there."""

    @abstractmethod
    def copy_from_local(self, local_path: str, path: str) -> None:
        """Copy a file or tree from the engine's own machine."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether there is a file or folder at the path."""

    @abstractmethod
    def ls(self, path: str = "") -> Iterator[str]:
        """Names directly below the folder, sorted, folders with a `/` at the end. A file lists itself.

        Raises:
            FilesystemError: there is neither folder nor file of that name.
        """

    @abstractmethod
    def open_for_writing(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A stream to a file that appears whole when the block ends, and not at all when it raises."""

    @abstractmethod
    def open_for_reading(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A stream from a file."""

    # -- resting on those above -----------------------------------------------------------------------------------

    def walk(self, path: str) -> Iterator[str]:
        """Names of all files at and below `path`, relative to it: `""` is the file `path` itself, `a/b` one below.

        An empty folder is named with a `/` at the end, `""` excepted: an empty folder at `path` itself is `"/"`.

        Raises:
            FilesystemError: there is neither folder nor file of that name.
        """
        if _is_file(self, path):
            return iter([""])
        return _below(self, path, "")

    def facts(self, path: str) -> FileFacts:
        """Size and checksum of the file as it is stored now; by reading it, where the storage keeps neither."""
        size, digest = 0, hashlib.md5(usedforsecurity=False)
        with self.open_for_reading(path) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                digest.update(chunk)
        return FileFacts(size, digest.hexdigest())

    def write_from(self, path: str, origin: BinaryIO, *, within_tree: bool = False) -> None:
        """Write all that `origin` gives, and see that it is what is stored then.

        `within_tree`: the path is of a tree that is being copied, which was looked at as a whole.

        Raises:
            FilesystemError: the file is there, but it is not what was written.
        """
        size, digest = 0, hashlib.md5(usedforsecurity=False)
        with self.open_for_writing(path) as stream:
            while chunk := origin.read(_CHUNK):
                stream.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        facts = self.facts(path)
        if facts.size != size or facts.md5 not in (None, digest.hexdigest()):
            raise FilesystemError(f"{path} is not what was written", hint="see what else writes there, and try again")

    def reporting_to(self, report: Report) -> Filesystem:
        """This filesystem, with news of long transfers told to `report`, a line at a time and from any thread."""
        return self


def joined(path: str, name: str) -> str:
    """The path of what `walk(path)` called `name`."""
    if not name.strip("/"):
        return path
    return f"{path.rstrip('/')}/{name}" if path.strip("/") or path.startswith("/") else name


def _is_file(filesystem: Filesystem, path: str) -> bool:
    names = list(filesystem.ls(path))
    if len(names) != 1 or names[0].endswith("/") or names[0] != path.rstrip("/").rpartition("/")[2]:
        return False
    return not filesystem.exists(joined(path, names[0]))


def _below(filesystem: Filesystem, path: str, folder: str) -> Iterator[str]:
    names = list(filesystem.ls(joined(path, folder)))
    if not names:
        yield folder or "/"
    for name in names:
        if name.endswith("/"):
            yield from _below(filesystem, path, folder + name)
        else:
            yield folder + name


def refuse_unsafe(name: str, path: str) -> None:
    """Refuse a name of `walk` that could lead out of the folder that it is copied to.

    Raises:
        FilesystemError: a part of it is `..`, `.` or empty, which object stores allow and folders can't hold.
    """
    parts = name.strip("/") and name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in name:
        raise FilesystemError(
            f"{path} holds {name!r}, which can't be copied: a part of it is empty, '.' or '..'",
            hint="rename it where it is stored",
        )
