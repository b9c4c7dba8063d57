"""Values of the emulator: how long things take, how scripted jobs end, and what runs a job.

Clusters and jobs themselves are kept as the API's own messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from google.cloud.dataproc_v1.types import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Seconds of the emulator's clock.

    Attributes:
        create, delete, stop, start, update: a cluster on its way to the state asked for.
        queue: a job from PENDING to SETUP_DONE.
        setup: from there to RUNNING.
        cancel: from CANCEL_PENDING to CANCEL_STARTED, when the driver is told.
        kill: from there until the driver is ended by force.
        silence: from the end of its cluster until a job is in ERROR.
    """

    create: float = 0.0
    delete: float = 0.0
    stop: float = 0.0
    start: float = 0.0
    update: float = 0.0
    queue: float = 0.0
    setup: float = 0.0
    cancel: float = 0.0
    kill: float = 2.0
    silence: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a scripted job ends.

    Attributes:
        exit_code: of its driver; anything but 0 makes the job's state ERROR.
        output: what the driver writes, at once when it begins.
        seconds: how long it runs; None if it never ends by itself.
        details: what Dataproc says of a failure; its usual words if empty.
        minds_cancel: False if the driver runs on until it is killed.
    """

    exit_code: int = 0
    output: bytes = b""
    seconds: float | None = 0.0
    details: str = ""
    minds_cancel: bool = True


Script = Callable[[Job], Ending]


class Running(Protocol):
    """A driver that runs."""

    def end(self, *, force: bool) -> None:
        """Have it end, politely or by force. May be repeated."""


class Runner(Protocol):
    """What makes jobs run."""

    def start(self, job: Job, write: Callable[[bytes], None], ended: Callable[[int, str], None]) -> Running:
        """Run the driver of the job: `write` takes its output, `ended` its exit code and what is to be said of it.

        `ended` is called once, from any thread, but never before `start` has returned.
        """

    def close(self) -> None:
        """End whatever runs."""
