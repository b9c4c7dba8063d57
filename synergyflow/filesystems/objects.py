"""What an object store must be able to do to be a filesystem, and the values that pass: the port of each adapter.

A store keeps objects under keys in buckets; folders are what keys have in common before a `/`, and an empty folder is
an empty object whose key ends with one. Everything about trees, paths and streams is done once, in the files named
`object_…`; an adapter only translates these few calls. Errors of the vendor's library leave it as `FilesystemError`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from synergyflow.filesystems.base import Report

MEBIBYTE = 1 << 20
PART = 8 * MEBIBYTE
_PARTS_OF_A_SIZE = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A key in a bucket, without a slash at its ends; the empty key is the bucket itself."""

    bucket: str
    key: str

    @property
    def below(self) -> str:
        """What the keys of everything below it begin with."""
        return f"{self.key}/" if self.key else ""

    def moved(self, key: str, origin: Place) -> Place:
        """Where the object `key`, which is `origin` or below it, goes when `origin` comes to be here."""
        if key == origin.key:
            return self
        return Place(self.bucket, self.below + key[len(origin.below) :])


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was when the store was asked.

    Attributes:
        version: stands for exactly this content; reads and copies are refused when the object has become another.
        digests: checksums of the whole content in hex, by algorithm, as far as the store tells them.
    """

    key: str
    size: int
    version: str
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether it only marks a folder."""
        return self.key.endswith("/")

    def agrees(self, other: Stored) -> bool:
        """Whether size and every checksum that both have are the same."""
        common = self.digests.keys() & other.digests.keys()
        return self.size == other.size and all(self.digests[name] == other.digests[name] for name in common)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a listing: objects and, if asked for, folders, which are what keys begin with up to the next `/`."""

    objects: Sequence[Stored]
    folders: Sequence[str] = ()


class Upload(ABC):
    """A large object that is being written part by part, in order, by one thread. It appears when it is completed."""

    @abstractmethod
    def part(self, data: bytes) -> None:
        """Send the next part. Its size is `part_size`, unless it is the last."""

    @abstractmethod
    def complete(self, md5: bytes) -> None:
        """Let the object appear. `md5` is of the whole of it, for stores that keep one only if they are told."""

    @abstractmethod
    def abort(self) -> None:
        """Throw away what was sent. Never raises: it is called when something else went wrong."""


class ObjectStorage(ABC):
    """One account at one provider. All calls may come from any thread.

    Attributes:
        scheme: of URIs as they are shown.
        schemes: all that are understood.
        delete_limit: the most keys in one call of `delete`.
        unusable: characters that the provider would change in a key.
    """

    scheme: ClassVar[str]
    schemes: ClassVar[frozenset[str]]
    delete_limit: ClassVar[int]
    unusable: ClassVar[str] = ""

    def bucket_of(self, authority: str, uri: str) -> str:
        """The bucket that the part of a URI between `//` and `/` names, in one spelling.

        Raises:
            FilesystemError: it names none.
        """
        return authority

    def can_copy(self, source: str, target: str) -> bool:
        """Whether the provider copies by itself from one bucket to the other."""
        return True

    @abstractmethod
    def head(self, place: Place) -> Stored | None:
        """The object with this key; None if there is none, or the bucket isn't there."""

    @abstractmethod
    def pages(self, bucket: str, prefix: str, *, level: bool = False, limit: int | None = None) -> Iterator[Page]:
        """All objects whose keys begin with `prefix`, in order of their keys; page by page, as they are asked for.

        With `level` those with a further `/` are summed up as folders. `limit` is the size of a page.
        """

    @abstractmethod
    def read(self, place: Place, stored: Stored, start: int, length: int) -> bytes:
        """`length` bytes from `start` on, all of which there are."""

    @abstractmethod
    def put(self, place: Place, data: bytes) -> None:
        """Store a small object, or the mark of a folder, whole; over one that is there."""

    @abstractmethod
    def begin(self, place: Place) -> Upload:
        """Begin a large object."""

    @abstractmethod
    def copy(self, source: Place, stored: Stored, target: Place, report: Report) -> None:
        """Copy at the provider's, whatever the size; return when it is complete."""

    @abstractmethod
    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete these objects, in one call; those that aren't there are a success.

        Raises:
            FilesystemError: some could not be deleted; the first is named. The others are.
        """


def part_size(number: int) -> int:
    """Bytes of the part with this number, from 0: 8 MiB at first, and so much growth that 10,000 parts hold 5 TiB."""
    return PART * (1 + number // _PARTS_OF_A_SIZE)


def uri_of(storage: ObjectStorage, place: Place) -> str:
    """The full URI, for messages."""
    return f"{storage.scheme}://{place.bucket}/{place.key}"
