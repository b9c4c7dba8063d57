"""Who is loading flow definitions right now, so that a faulty one is noted instead of ending the import of its file.

Outside of discovery there is no collector, and a mistake raises where it is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Collector:
    """What gathers while one module is loaded.

    Attributes:
        root: the folder that shown paths are relative to.
        home: the file being loaded.
        registered: pairs put into the mapping `synergyflow.flow.flows`, in order.
        made: every graph that was made, in order.
    """

    root: Path
    home: str
    registered: list[tuple[str, object]] = field(default_factory=list)
    made: list[object] = field(default_factory=list)


_collector: ContextVar[Collector | None] = ContextVar("synergyflow_collector", default=None)


def current_collector() -> Collector | None:
    """The collector of the module that is being loaded, None outside of discovery."""
    return _collector.get()


@contextmanager
def collecting(collector: Collector) -> Iterator[Collector]:
    """Make `collector` the current one within the block."""
    token = _collector.set(collector)
    try:
        yield collector
    finally:
        _collector.reset(token)
