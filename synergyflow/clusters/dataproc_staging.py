"""Files of the engine's own machine that a job names: found in the job, and given the places where Dataproc reads them.

A flow that passed on the local cluster names its scripts by plain paths. Such a file is copied beside the data of the
context under a name derived from its content, so that a copy is never stale and copying may be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from synergyflow.clusters.dataproc_options import DataprocOptions
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, SparkJob
from synergyflow.errors import JobFailed
from synergyflow.filesystems.base import Filesystem

_FOLDER = ".synergyflow/staged"

_Job = TypeVar("_Job", bound=Job)


def with_places(job: _Job, place_of: Callable[[str], str]) -> _Job:
    """The job with every script, jar and file that it names by a plain path replaced by its place."""

    def placed(uri: str) -> str:
        return uri if ":/" in uri else place_of(uri)

    match job:
        case SparkJob():
            return replace(
                job,
                uri_script=placed(job.uri_script),
                jars=tuple(map(placed, job.jars)),
                py_files=tuple(map(placed, job.py_files)),
                files=tuple(map(placed, job.files)),
            )
        case PigJob() | HiveJob():
            return replace(job, uri_script=placed(job.uri_script))
        case HadoopJob():
            return replace(job, uri_jar=placed(job.uri_jar))
        case _:
            return job


class Staging:
    """Decides where a plain path is, and copies what has to be copied. Safe for threads."""

    def __init__(self, options: DataprocOptions, filesystem: Filesystem, bucket: str | None, folder: Path) -> None:
        """`folder` is what plain paths are relative to on the engine's own machine."""
        self._filesystem = filesystem
        self._bucket = bucket.rstrip("/") if bucket is not None and bucket.startswith("gs://") else None
        self._folder = folder
        self._same_machine = options.server is not None

    def place_of(self, path: str) -> str:
        """A file of this machine as a copy beside the data; any other path as one below the context's bucket.

        Raises:
            JobFailed: the context has no bucket that Dataproc could read.
            FilesystemError: the copy could not be made.
        """
        own = self._folder / path
        if self._bucket is None:
            if self._same_machine and own.is_file():
                return str(own.absolute())
            raise JobFailed(
                f"Dataproc can't read {path}: it is no URI, and the context has no bucket of Google's storage",
                hint='give the context a bucket = "gs://…", or name the file by a gs:// URI',
            )
        if not own.is_file():
            return f"{self._bucket}/{path.lstrip('/')}"
        digest = hashlib.sha256(own.read_bytes()).hexdigest()[:16]
        staged = f"{self._bucket}/{_FOLDER}/{digest}/{own.name}"
        if not self._filesystem.exists(staged):
            self._filesystem.copy_from_local(str(own.absolute()), staged)
        return staged
