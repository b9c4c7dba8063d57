"""Jobs as data: what an action hands to a cluster, and what a cluster says of it.

A job names no cluster and no vendor. Adapters translate it; the engine derives its identity (`token`)
and the digest of its request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar


class JobKind(StrEnum):
    """What a cluster must be able to run."""

    SPARK = "spark"
    PIG = "pig"
    HIVE = "hive"
    HADOOP = "hadoop"
    SHELL = "shell"
    PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all jobs share.

    `environment` is added to the job's environment variables where the cluster has any.
    `nothing_to_do_exit_code`, if given, is the exit code by which the job says that it found nothing to process.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    nothing_to_do_exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkJob(_Job):
    """A Spark application. `language` is `python`, `scala`, `java`, `r` or `sql`."""

    kind: ClassVar[JobKind] = JobKind.SPARK
    uri_script: str
    language: str = "python"
    arguments: tuple[str, ...] = ()
    main_class: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    jars: tuple[str, ...] = ()
    py_files: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    deploy_mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PigJob(_Job):
    """A Pig script; each of `parameters` is handed over as `-param NAME=VALUE`."""

    kind: ClassVar[JobKind] = JobKind.PIG
    uri_script: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HiveJob(_Job):
    """A Hive script; each of `parameters` is handed over as `--hivevar NAME=VALUE`."""

    kind: ClassVar[JobKind] = JobKind.HIVE
    uri_script: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HadoopJob(_Job):
    """A Hadoop jar; each of `properties` is handed over as `-D NAME=VALUE` after the main class."""

    kind: ClassVar[JobKind] = JobKind.HADOOP
    uri_jar: str
    main_class: str | None = None
    arguments: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellJob(_Job):
    """A command line for `bash -c` (`sh -c` where there is no bash), in the cluster's directory unless one is given."""

    kind: ClassVar[JobKind] = JobKind.SHELL
    command: str
    working_directory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonJob(_Job):
    """A pickled call, run in a child process on the engine's own host (never on a remote cluster)."""

    kind: ClassVar[JobKind] = JobKind.PYTHON
    payload: bytes
    description: str = "python"


Job = SparkJob | PigJob | HiveJob | HadoopJob | ShellJob | PythonJob


class JobState(StrEnum):
    """States of a job as the engine knows them; each adapter maps its native ones onto these."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether the job is known to have ended (`lost` included); `unknown` is to be watched further."""
        return self in _FINAL


_FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """One observation of a job. `native_state` is the provider's own word; times are the provider's, in UTC."""

    job_id: str
    state: JobState
    native_state: str = ""
    exit_code: int | None = None
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """Where a job comes from. Same attempt, same ordinal: same token; a new attempt has new tokens.

    `action` is the position of the action in its step (pre, main and post counted through), `ordinal` the
    number of the call within the action, both from 0.
    """

    installation: str
    flow_name: str
    timeperiod: str
    step_name: str
    attempt: int
    action: int
    ordinal: int

    @property
    def token(self) -> str:
        """The derived name: `sf-` and 32 hexadecimal digits, within every provider's limits."""
        parts = (
            self.installation,
            self.flow_name,
            self.timeperiod,
            self.step_name,
            str(self.attempt),
            str(self.action),
            str(self.ordinal),
        )
        return "sf-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def digest_of(job: Job) -> str:
    """Sixteen hexadecimal digits that change when what is asked of the cluster changes.

    A pickle is left out: its bytes differ from process to process, and its code is in the fingerprint of the step.
    """
    fields = ((name, _canonical(value)) for name, value in sorted(asdict(job).items()) if name != "payload")
    return hashlib.sha256(repr((job.kind.value, tuple(fields))).encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _canonical(item)) for key, item in value.items()))
    return tuple(value) if isinstance(value, list) else value
