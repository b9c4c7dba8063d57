"""Streams from and to objects: reading in ranges of one version, writing in parts that appear whole or not at all.

No more than a part of a file is in memory, whatever its size.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Report
from synergyflow.filesystems.objects import PART, ObjectStorage, Place, Stored, Upload, part_size, uri_of
from synergyflow.filesystems.progress import Progress


def reader(storage: ObjectStorage, place: Place, stored: Stored) -> BinaryIO:
    """A seekable stream from the object as it was when it was looked up; refused later if it has become another."""
    return cast(BinaryIO, io.BufferedReader(_Ranges(storage, place, stored), PART))


class _Ranges(io.RawIOBase):
    """An object as a raw file, each read of which is one call."""

    def __init__(self, storage: ObjectStorage, place: Place, stored: Stored) -> None:
        self._storage = storage
        self._place = place
        self._stored = stored
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._range(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        pieces = []
        while piece := self._range(PART):
            pieces.append(piece)
        return b"".join(pieces)

    def _range(self, wanted: int) -> bytes:
        length = min(wanted, PART, self._stored.size - self._position)
        if length <= 0:
            return b""
        data = self._storage.read(self._place, self._stored, self._position, length)
        if len(data) != length:
            raise FilesystemError(
                f"{uri_of(self._storage, self._place)} gave {len(data)} bytes where {length} were due",
                hint="try again",
            )
        self._position += length
        return data


@contextmanager
def writing(storage: ObjectStorage, place: Place, report: Report, total: int | None = None) -> Iterator[BinaryIO]:
    """A stream to an object that appears when the block ends, verified, and not at all when the block raises."""
    stream = _Parts(storage, place, Progress(f"writing {uri_of(storage, place)}", total, report))
    try:
        yield cast(BinaryIO, stream)
        stream.complete()
    except BaseException:
        stream.abort()
        raise


class _Parts(io.RawIOBase):
    """Collects what is written; from the first full part on it goes up in parts. Only `complete` makes an object."""

    def __init__(self, storage: ObjectStorage, place: Place, progress: Progress) -> None:
        self._storage = storage
        self._place = place
        self._progress = progress
        self._buffer = bytearray()
        self._upload: Upload | None = None
        self._sent = 0
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to a closed file")
        view = memoryview(data).cast("B")
        self._md5.update(view)
        self._size += len(view)
        self._buffer += view
        while len(self._buffer) > (size := part_size(self._sent)):
            self._send(size)
        return len(view)

    def _send(self, size: int) -> None:
        if self._upload is None:
            self._upload = self._storage.begin(self._place)
        self._upload.part(bytes(memoryview(self._buffer)[:size]))
        del self._buffer[:size]
        self._sent += 1
        self._progress.add(size)

    def complete(self) -> None:
        """Let the object appear, and see that it is what was written."""
        if self._upload is None:
            self._storage.put(self._place, bytes(self._buffer))
        else:
            self._send(len(self._buffer))
            self._upload.complete(self._md5.digest())
        self._upload = None
        written = Stored(self._place.key, self._size, "", {"md5": self._md5.hexdigest()})
        there = self._storage.head(self._place)
        if there is None or not there.agrees(written):
            raise FilesystemError(
                f"{uri_of(self._storage, self._place)} is not what was written: another writer may have been there",
                hint="try again",
            )

    def abort(self) -> None:
        """Throw away what went up."""
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.abort()
