"""Objects of S3 as files in a folder, one folder for each bucket, which programs on this machine can use as files.

Keys are paths: one with an empty part, `.` or `..` in it can't be kept, nor one that goes on below another. A key that
ends with `/` is a file of a name of its own in that folder. Buckets need not be made.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_FOLDER_KEY = ".folder-key"
_PARTIAL = ".partial-object"


class Objects:
    """All methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._uploads = folder.with_name(folder.name + "-uploads")
        self._lock = threading.Lock()
        self._etags: dict[Path, tuple[int, int, str]] = {}

    def path(self, bucket: str, key: str) -> Path | None:
        """The file of a key, whether or not it is there; None if the key can't be kept here."""
        parts = [*key.removesuffix("/").split("/"), *([_FOLDER_KEY] if key.endswith("/") else [])]
        if any(part in ("", ".", "..") or len(os.fsencode(part)) > 255 or "\0" in part for part in (bucket, *parts)):
            return None
        return None if "/" in bucket else self.folder.joinpath(bucket, *parts)

    def find(self, bucket: str, key: str) -> Path | None:
        """The file of an object that is there."""
        path = self.path(bucket, key)
        return path if path is not None and path.is_file() else None

    def get(self, bucket: str, key: str) -> bytes | None:
        """The object, None if there is none."""
        path = self.find(bucket, key)
        return path.read_bytes() if path is not None else None

    def put(self, bucket: str, key: str, data: bytes) -> Path | None:
        """Write the object, whole or not at all; None if the key can't be kept here."""
        return self._write(bucket, key, [data], None)

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object; one that is not there is fine. Folders that it leaves empty go too."""
        path = self.find(bucket, key)
        if path is None:
            return
        with self._lock:
            path.unlink(missing_ok=True)
            for folder in path.relative_to(self.folder / bucket).parents[:-1]:
                try:
                    (self.folder / bucket / folder).rmdir()
                except OSError:
                    return

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys of the bucket that begin with the prefix, in the order of their UTF-8."""
        top = self.folder / bucket
        if bucket in ("", ".", "..") or "/" in bucket or not top.is_dir():
            return
        names = (path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
        found = (name.removesuffix(_FOLDER_KEY) for name in names if not name.endswith(_PARTIAL))
        yield from sorted((name for name in found if name.startswith(prefix)), key=os.fsencode)

    def etag(self, path: Path) -> str:
        """The MD5 of the file, or what an upload in parts gave it, for as long as the file is as it was."""
        seen = path.stat()
        known = self._etags.get(path)
        if known is not None and known[:2] == (seen.st_mtime_ns, seen.st_size):
            return known[2]
        with path.open("rb") as file:
            return self._remember(path, hashlib.file_digest(file, "md5").hexdigest())

    # -- uploads in parts ---------------------------------------------------------------------------------------------

    def begin_upload(self) -> str:
        """A new upload."""
        upload_id = secrets.token_hex(16)
        (self._uploads / upload_id).mkdir(parents=True)
        return upload_id

    def part(self, upload_id: str, number: int, data: bytes) -> str | None:
        """Keep a part; its ETag, None if there is no such upload."""
        folder = self._upload(upload_id)
        if folder is None:
            return None
        (folder / str(number)).write_bytes(data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()

    def complete_upload(self, upload_id: str, bucket: str, key: str, numbers: Sequence[int]) -> Path | None:
        """Make the object of its parts; None if there is no such upload, or no such part."""
        folder = self._upload(upload_id)
        if folder is None or not all((folder / str(number)).is_file() for number in numbers):
            return None
        parts = [(folder / str(number)).read_bytes() for number in numbers]
        digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        path = self._write(bucket, key, parts, etag)
        shutil.rmtree(folder)
        return path

    def abort_upload(self, upload_id: str) -> None:
        """Drop the upload. May be repeated."""
        folder = self._upload(upload_id)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _upload(self, upload_id: str) -> Path | None:
        folder = self._uploads / upload_id
        return folder if upload_id.isalnum() and folder.is_dir() else None

    def _write(self, bucket: str, key: str, pieces: Sequence[bytes], etag: str | None) -> Path | None:
        path = self.path(bucket, key)
        if path is None or path.is_dir():
            return None
        with self._lock:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                return None
            partial = path.with_name(secrets.token_hex(4) + _PARTIAL)
            partial.write_bytes(b"".join(pieces))
            os.replace(partial, path)
        if etag is not None:
            self._remember(path, etag)
        return path

    def _remember(self, path: Path, etag: str) -> str:
        seen = path.stat()
        self._etags[path] = (seen.st_mtime_ns, seen.st_size, etag)
        return etag
