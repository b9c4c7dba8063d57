"""A cluster that writes down what it is asked for, and actions bound to a context."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synergyflow.config.context import ExecutionContext
from synergyflow.core.jobs import Job, JobState, JobStatus, PythonJob
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.flow.action import Action, ActionRuntime


class RecordingCluster:
    """Keeps its jobs; calls of Python it makes, as any cluster does, in a child process."""

    name, profile, type = "local-1", "local", "local"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.filesystem = LocalFilesystem(folder / "bucket")
        self.jobs: list[Job] = []
        self.exit_code = 0
        self.output = ""
        self.errors = ""

    def run_job(self, job: Job) -> JobStatus:
        self.jobs.append(job)
        if isinstance(job, PythonJob):
            self._call(job)
        return JobStatus(job_id="1", state=JobState.SUCCEEDED)

    def _call(self, job: PythonJob) -> None:
        payload = self.folder / "payload"
        payload.write_bytes(job.payload)
        command = [sys.executable, "-m", "synergyflow.actions.isolated", str(payload)]
        environment = {**os.environ, **job.environment}
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        self.exit_code, self.output, self.errors = done.returncode, done.stdout, done.stderr


Bind = Callable[..., ActionRuntime]


@pytest.fixture
def cluster(tmp_path: Path) -> RecordingCluster:
    """A cluster with a filesystem of its own."""
    return RecordingCluster(tmp_path)


@pytest.fixture
def bind(caplog: pytest.LogCaptureFixture) -> Bind:
    """Binds an action to the step `the_step` of `the_flow` at 2013010100."""
    caplog.set_level(logging.INFO)

    def bound(action: Action, **given: Any) -> ActionRuntime:
        given.setdefault("settings", {})
        context = ExecutionContext("the_flow", "2013010100", **given)
        runtime = ActionRuntime(context, "the_step", logging.getLogger("the_step"), threading.Event())
        action.bind(runtime)
        return runtime

    return bound
