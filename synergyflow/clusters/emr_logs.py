"""Logs of steps as EMR keeps them in S3: which files, whether they are there yet, and one bounded text out of them.

EMR copies them there minutes after a step has ended. The output of a step is its stdout followed by its stderr, and for
a Spark driver that ran inside the cluster the driver's own; what lies in the middle of a very long one is left out.
"""

from __future__ import annotations

import re
import tempfile
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit

from synergyflow.clusters.emr_client import EmrClient
from synergyflow.errors import ClusterError

_KEPT_TEXTS = 8
_IN_MEMORY = 1 << 20
_FILES = ("stdout.gz", "stderr.gz")
_EXIT_CODE = re.compile(rb"exit ?code:? (\d{1,3})", re.IGNORECASE)
_APPLICATION = re.compile(rb"application_\d+_\d+")
_LEFT_OUT = b"\n[%d bytes are left out here: the log is longer than the profile's log_limit_mb]\n"


@dataclass(frozen=True, slots=True)
class LogFolder:
    """Where a cluster's logs are: `bucket`, and the `prefix` of the cluster with a `/` at its end."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, log_uri: str | None, cluster_id: str) -> LogFolder | None:
        """The folder of a cluster below its log URI; None if it has none."""
        parts = urlsplit(log_uri or "")
        if not parts.netloc:
            return None
        above = parts.path.strip("/")
        return cls(parts.netloc, f"{above}/{cluster_id}/" if above else f"{cluster_id}/")

    def step(self, step_id: str) -> str:
        """Prefix of the keys of one step."""
        return f"{self.prefix}steps/{step_id}/"


class StepLogs:
    """Reads the logs of steps; keeps the last few texts, since they are asked for piece by piece."""

    def __init__(self, client: EmrClient, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._lock = threading.Lock()
        self._texts: OrderedDict[str, IO[bytes]] = OrderedDict()

    def exit_code(self, folder: LogFolder, step_id: str) -> int | None:
        """The exit code of a step that failed, from its controller's log; None if that is not there or doesn't tell."""
        try:
            found = _EXIT_CODE.findall(b"".join(self._unpacked(folder, folder.step(step_id) + "controller.gz")))
        except ClusterError:
            return None
        return int(found[-1]) if found else None

    def read(self, folder: LogFolder, step_id: str, position: int, limit: int) -> bytes | None:
        """Up to `limit` bytes of the step's output from `position` on; None if there is no log of it yet."""
        with self._lock:
            text = self._texts.get(step_id)
            if text is None:
                text = self._load(folder, step_id)
                if text is None:
                    return None
                self._keep(step_id, text)
            self._texts.move_to_end(step_id)
            text.seek(position)
            return text.read(limit)

    def forget(self, step_id: str) -> None:
        """The text of this step need not be kept any longer."""
        with self._lock:
            text = self._texts.pop(step_id, None)
            if text is not None:
                text.close()

    def _keep(self, step_id: str, text: IO[bytes]) -> None:
        self._texts[step_id] = text
        while len(self._texts) > _KEPT_TEXTS:
            self._texts.popitem(last=False)[1].close()

    def _load(self, folder: LogFolder, step_id: str) -> IO[bytes] | None:
        """The whole text in a temporary file; None until the controller's log is there, which every step has."""
        if self._client.object_pieces(folder.bucket, folder.step(step_id) + "controller.gz") is None:
            return None
        text: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - kept until forgotten
        try:
            keep = _Bounded(text, self._limit)
            for name in _FILES:
                for piece in self._unpacked(folder, folder.step(step_id) + name):
                    keep.write(piece)
            for key in self._driver_keys(folder, keep.application):
                for piece in self._unpacked(folder, key):
                    keep.write(piece)
            keep.finish()
        except BaseException:
            text.close()
            raise
        return text

    def _driver_keys(self, folder: LogFolder, application: str | None) -> list[str]:
        """Logs of the first container of a Spark application: the driver, where it ran inside the cluster."""
        if application is None:
            return []
        names = self._client.object_names(folder.bucket, f"{folder.prefix}containers/{application}/")
        drivers = [name for name in names if re.search(r"_000001/(stdout|stderr)(\.gz)?$", name)]
        return sorted(drivers, key=lambda name: ("stderr" in name, name))

    def _unpacked(self, folder: LogFolder, key: str) -> Iterator[bytes]:
        pieces = self._client.object_pieces(folder.bucket, key)
        if pieces is not None:
            yield from unpacked(pieces) if key.endswith(".gz") else pieces


def unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The text of gzip files that follow each other.

    Raises:
        ClusterError: it is no gzip.
    """
    inflate = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                text = inflate.decompress(rest, _IN_MEMORY)
                if text:
                    yield text
                rest = inflate.unconsumed_tail
                if inflate.eof:
                    rest, inflate = inflate.unused_data, zlib.decompressobj(wbits=31)
        yield inflate.flush()
    except zlib.error as error:
        raise ClusterError(f"a log in S3 is damaged: {error}") from None


class _Bounded:
    """Writes the first half of a limit at once, and keeps the last half of it until the end is known."""

    def __init__(self, text: IO[bytes], limit: int) -> None:
        self._text = text
        self._room = limit // 2
        self._half = limit // 2
        self._tail = bytearray()
        self._left_out = 0
        self.application: str | None = None

    def write(self, piece: bytes) -> None:
        if self.application is None and (found := _APPLICATION.search(piece)):
            self.application = found[0].decode()
        head, rest = piece[: self._room], piece[self._room :]
        self._text.write(head)
        self._room -= len(head)
        self._tail += rest
        if len(self._tail) > 2 * self._half:
            self._cut()

    def finish(self) -> None:
        self._cut()
        if self._left_out:
            self._text.write(_LEFT_OUT % self._left_out)
        self._text.write(self._tail)

    def _cut(self) -> None:
        surplus = len(self._tail) - self._half
        if surplus > 0:
            del self._tail[:surplus]
            self._left_out += surplus
