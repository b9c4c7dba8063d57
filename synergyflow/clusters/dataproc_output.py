"""Driver output as Dataproc keeps it in Google's storage: the one file of the clusters that imports its library.

Dataproc writes a job's output to a series of objects, `…driveroutput.000000000` and so on, the last of which grows. A
position counts bytes through the whole series.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from synergyflow.errors import ClusterError

_SECONDS = 30.0
_AGAIN_SECONDS = 20.0
_URI = re.compile(r"gs://([^/]+)/(.+)")


class DriverOutput:
    """Reads driver output. Nothing is connected before the first read; safe for threads.

    Attributes:
        patience: seconds for which a read that fails is tried again.
    """

    def __init__(self, project: str, endpoint: str | None = None) -> None:
        """`endpoint` is the URL of another server than Google's; the variable STORAGE_EMULATOR_HOST names one too."""
        self.patience = _AGAIN_SECONDS
        self._project = project
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._client: Any = None

    def read(self, uri: str, position: int, limit: int) -> bytes:
        """Up to `limit` bytes from `position` on; fewer at the end of an object, none if there are no more yet.

        Raises:
            ClusterError: the storage can't be read now.
        """
        found = _URI.fullmatch(uri)
        if found is None:
            raise ClusterError(f"driver output at {uri!r} is not in Google's storage")
        bucket, prefix = found.groups()
        begin = 0
        for name, size in self._objects(bucket, prefix):
            if position < begin + size:
                offset = position - begin
                return self._part(bucket, name, offset, min(limit, size - offset))
            begin += size
        return b""

    def tail(self, uri: str, limit: int) -> bytes:
        """The last bytes, at most `limit`."""
        found = _URI.fullmatch(uri)
        size = sum(size for _, size in self._objects(*found.groups())) if found else 0
        position, pieces = max(size - limit, 0), []
        while data := self.read(uri, position, limit) if size else b"":
            pieces.append(data)
            position += len(data)
        return b"".join(pieces)[-limit:]

    def _objects(self, bucket: str, prefix: str) -> list[tuple[str, int]]:
        """Names and sizes of the series, in order."""
        blobs = self._call(
            lambda client: list(client.list_blobs(bucket, prefix=f"{prefix}.", timeout=_SECONDS, retry=self._patient()))
        )
        return sorted((blob.name, int(blob.size or 0)) for blob in blobs)

    def _part(self, bucket: str, name: str, offset: int, length: int) -> bytes:
        def download(client: Any) -> bytes:
            blob = client.bucket(bucket).blob(name)
            data: bytes = blob.download_as_bytes(
                start=offset,
                end=offset + length - 1,
                raw_download=True,
                timeout=_SECONDS,
                checksum=None,
                retry=self._patient(),
            )
            return data

        data: bytes = self._call(download)
        return data

    def _call(self, act: Any) -> Any:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        try:
            return act(self._connected())
        except (GoogleAPIError, GoogleAuthError, RequestException) as error:
            raise ClusterError(f"driver output can't be read: {error}") from error

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        if self._endpoint is None:
            return storage.Client(project=self._project)
        where = ClientOptions(api_endpoint=self._endpoint)
        return storage.Client(project=self._project, credentials=AnonymousCredentials(), client_options=where)

    def _patient(self) -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self.patience)
