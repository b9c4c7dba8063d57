"""Objects of buckets as files of a folder: `gs://BUCKET/a/b` is the file `BUCKET/a/b` below it.

So a program that runs on this machine reads and writes the same data by path. A bucket is there as soon as it is named.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import google_crc32c

_URI = re.compile(r"gs://([a-z0-9][a-z0-9._-]*)/?")
_FOLDER_MARK = ".folder-object"


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What is known of an object."""

    bucket: str
    name: str
    size: int
    generation: int


class Objects:
    """The folder. Writes appear whole. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()

    def path(self, bucket: str, name: str) -> Path:
        """Where the object is, whether or not there is one.

        Raises:
            ValueError: the name would leave the folder of the bucket.
        """
        parts = f"{name}{_FOLDER_MARK}" if name.endswith("/") else name
        place = (self.folder / bucket / parts).resolve()
        if bucket in ("", ".", "..") or "/" in bucket or not place.is_relative_to((self.folder / bucket).resolve()):
            raise ValueError(f"gs://{bucket}/{name} can't be kept as a file")
        return place

    def localized(self, text: str) -> str:
        """The text with every `gs://` URI in it replaced by the path of the file."""
        return _URI.sub(lambda found: f"{self.folder / found[1]}/", text)

    def put(self, bucket: str, name: str, data: bytes) -> ObjectFacts:
        """Make the object, in the place of an older one."""
        place = self.path(bucket, name)
        with self._lock:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_name(f".{place.name}.{threading.get_ident()}.draft")
            draft.write_bytes(data)
            os.replace(draft, place)
            return self._facts(bucket, name, place)

    def append(self, bucket: str, name: str, data: bytes) -> int:
        """Make the object longer; its size then."""
        place = self.path(bucket, name)
        with self._lock:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("ab") as file:
                file.write(data)
            return place.stat().st_size

    def get(self, bucket: str, name: str) -> ObjectFacts | None:
        """What is known of the object, None if there is none."""
        place = self.path(bucket, name)
        with self._lock:
            return self._facts(bucket, name, place) if place.is_file() else None

    def read(self, bucket: str, name: str, begin: int = 0, end: int | None = None) -> bytes:
        """Bytes of an object that is there, from `begin` to before `end`."""
        with self.path(bucket, name).open("rb") as file:
            file.seek(begin)
            return file.read(-1 if end is None else max(end - begin, 0))

    def delete(self, bucket: str, name: str) -> bool:
        """Remove the object; whether there was one."""
        place = self.path(bucket, name)
        with self._lock:
            if not place.is_file():
                return False
            place.unlink()
            self._remove_empty(place.parent, self.folder / bucket)
            return True

    def list(self, bucket: str, prefix: str = "") -> list[ObjectFacts]:
        """The objects whose names begin so, in the order of their names."""
        with self._lock:
            return sorted(self._below(bucket, prefix), key=lambda facts: facts.name)

    def checksums(self, bucket: str, name: str) -> dict[str, str]:
        """MD5 and CRC32C of the object, named and written as Google does."""
        data = self.read(bucket, name)
        digests = {
            "md5Hash": hashlib.md5(data, usedforsecurity=False).digest(),
            "crc32c": google_crc32c.value(data).to_bytes(4, "big"),
        }
        return {kind: base64.b64encode(digest).decode() for kind, digest in digests.items()}

    def _below(self, bucket: str, prefix: str) -> Iterator[ObjectFacts]:
        root = self.folder / bucket
        start = root / prefix.rpartition("/")[0] if "/" in prefix else root
        for folder, _, files in os.walk(start):
            for file in files:
                place = Path(folder) / file
                name = str(place.relative_to(root)).removesuffix(_FOLDER_MARK)
                if name.startswith(prefix) and not file.endswith(".draft"):
                    yield self._facts(bucket, name, place)

    @staticmethod
    def _facts(bucket: str, name: str, place: Path) -> ObjectFacts:
        stat = place.stat()
        return ObjectFacts(bucket, name, stat.st_size, stat.st_mtime_ns // 1000)

    @staticmethod
    def _remove_empty(folder: Path, root: Path) -> None:
        while folder != root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def quoted(name: str) -> str:
    """The name of an object within a URL."""
    return quote(name, safe="")
