"""What the engine needs from the rooms above and beside it, as protocols; `bootstrap` brings the real ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from synergyflow.clusters.base import Cluster
from synergyflow.core.events import Event
from synergyflow.core.plan import Plan


class StepLog(Protocol):
    """The log file of one attempt at a step. All methods may be called from any thread."""

    def position(self) -> str:
        """Where the next line will stand, in the notation that the log reader understands."""

    def logger(self, action: str | None) -> logging.Logger:
        """A logger whose lines bear the name of the step, or `<step>.<action>`."""

    def output(self, action: str, chunk: bytes) -> None:
        """A piece of a job's output, of any size, in order."""

    def end_output(self, action: str) -> None:
        """The output is at its end; what was held back as an unfinished line is written."""

    def last_lines(self, count: int) -> list[str]:
        """The last lines of job output, masked, oldest first."""

    def close(self) -> None:
        """No line follows. May be repeated."""


class LogBook(Protocol):
    """The log folder of an environment."""

    def open_step(self, flow_name: str, step_name: str, timeperiod: str, attempt: int) -> StepLog:
        """The log of one attempt."""

    def flow_logger(self, flow_name: str, timeperiod: str, execution: int) -> logging.Logger:
        """A logger for the engine and the clusters of one execution."""

    def close(self) -> None:
        """Close every log that is still open. May be repeated; a line that comes late is not lost."""


class Observer(Protocol):
    """Is told what has been committed. One that raises is reported once and not told again."""

    def begin(self, plan: Plan) -> None:
        """The plan that is about to be carried out."""

    def on(self, events: Sequence[Event]) -> None:
        """These events are durable."""


class ClusterMaker(Protocol):
    """Makes clusters of a context's profiles. Nothing is launched by making one."""

    def make(self, name: str, profile: str) -> Cluster:
        """A cluster of that profile under that name."""

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        """A cluster that an earlier engine launched, to look for its jobs. Takes none away from `make`."""

    def host(self) -> Cluster:
        """A cluster for child processes of the engine on its own host."""

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        """Whether an interrupted attempt can go on where it was: its cluster lives and can be reached from here.

        `process` identifies the life of the engine that launched it (see `Owner`).
        """
