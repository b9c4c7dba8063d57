"""Output that a provider delivers when its job is long over: it is logged in the background, and holds up no step.

The adapter bounds how late output may come (`LogChunk.complete`); here it is asked for at the pace of the looks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from synergyflow.clusters.base import Cluster
from synergyflow.errors import ClusterError

_CHUNK = 1 << 20


@dataclass(slots=True, eq=False)
class _Awaited:
    job_id: str
    position: int
    on_output: Callable[[bytes], None]
    last: bytes = b"\n"


class LateOutput:
    """The output still awaited on one cluster. May be used by any thread; `tick` by one at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._awaited: list[_Awaited] = []

    def __len__(self) -> int:
        return len(self._awaited)

    def expect(self, job_id: str, position: int, on_output: Callable[[bytes], None]) -> None:
        """More of this job's output may come from `position` on."""
        with self._lock:
            self._awaited.append(_Awaited(job_id, position, on_output))

    def tick(self) -> None:
        """Pass on what has come; what is complete, or can't be had, is not asked for again."""
        with self._lock:
            awaited = list(self._awaited)
        done = [one for one in awaited if self._take(one)]
        with self._lock:
            self._awaited = [one for one in self._awaited if one not in done]

    def _take(self, one: _Awaited) -> bool:
        try:
            while (chunk := self._cluster.fetch_log(one.job_id, one.position, _CHUNK)).data:
                one.position, one.last = chunk.next_position, chunk.data[-1:]
                one.on_output(chunk.data)
        except ClusterError as error:
            one.on_output(f"\n[the output could not be fetched: {error}]\n".encode())
            return True
        if chunk.complete and one.last != b"\n":
            one.on_output(b"\n")
        return chunk.complete
