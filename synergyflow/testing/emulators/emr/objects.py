"""The part of S3 that EMR needs: objects as files in a folder, one folder for each bucket. Buckets need not be made."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote


class Objects:
    """Keys are paths below the bucket's folder, so that programs on this machine can read and write them as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, bucket: str, key: str) -> Path | None:
        """The file of a key, whether or not it is there; None if the key would climb out of its bucket."""
        bucket, parts = unquote(bucket), [part for part in key.split("/") if part]
        if bucket in ("", ".", "..") or "/" in bucket or ".." in parts or "." in parts:
            return None
        return self.folder.joinpath(bucket, *parts)

    def get(self, bucket: str, key: str) -> bytes | None:
        """The object, None if there is none."""
        path = self.path(bucket, key)
        return path.read_bytes() if path is not None and path.is_file() else None

    def put(self, bucket: str, key: str, data: bytes) -> bool:
        """Write the object, whole or not at all; False if the key is impossible here."""
        path = self.path(bucket, key)
        if path is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{secrets.token_hex(4)}.partial")
        partial.write_bytes(data)
        os.replace(partial, path)
        return True

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object; one that is not there is fine."""
        path = self.path(bucket, key)
        if path is not None and path.is_file():
            path.unlink()

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys of the bucket that begin with the prefix, sorted."""
        top = self.path(bucket, "")
        if top is None or not top.is_dir():
            return
        names = (path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
        yield from sorted(name for name in names if name.startswith(prefix) and not name.endswith(".partial"))
