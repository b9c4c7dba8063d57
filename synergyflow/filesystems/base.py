"""The contract of a filesystem: whole files and trees, by plain path or full URI.

A plain path is relative to the root that the context names (its `bucket`); a full URI (`file://`, `s3://`, …) stands
for itself. A plain path that climbs out of the root is refused. Trees are prefix-safe: `rm a/b` never touches `a/bc`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO


class Filesystem(ABC):
    """Verbs that actions use. All may be called from any thread and, unless said, may be repeated.

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
