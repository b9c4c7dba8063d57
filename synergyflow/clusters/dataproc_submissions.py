"""Jobs that were handed over by this engine and that Dataproc does not show: not yet, not any more, or never.

The id of a job is derived, so it is known before Dataproc has answered. A submission without a clear answer, or one
that was throttled, waits here and is sent again with the engine's next look; Dataproc knows a repeated one by its id,
so there is never a second job. After a crash the engine finds no such job, and submits it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from synergyflow.clusters.dataproc_client import OVERLOADED, DataprocClient, Refused, Unclear
from synergyflow.clusters.dataproc_states import NativeJob
from synergyflow.core.jobs import JobState, JobStatus
from synergyflow.errors import ClusterError, ClusterLost, JobFailed

SETTLING_LOOKS = 3
"""Looks at something just made that may miss it before it counts as missing: reads may lag behind writes."""

WAITS_HERE = "QUEUED_HERE"


@dataclass(frozen=True, slots=True)
class Submission:
    """What is asked of Dataproc, under which request id, and for which kind of job."""

    request: Mapping[str, Any]
    request_id: str
    kind: str

    @property
    def job_id(self) -> str:
        """The id that the job will have."""
        return str(self.request["reference"]["job_id"])


Explain = Callable[[Refused, str], ClusterError]


class Submissions:
    """Hands jobs over. `explain` says what a refusal of a job of some kind means. Safe for threads."""

    def __init__(self, client: DataprocClient, explain: Explain) -> None:
        self._client = client
        self._explain = explain
        self._lock = threading.Lock()
        self._waiting: dict[str, Submission] = {}
        self._withdrawn: set[str] = set()
        self._ended: dict[str, JobStatus] = {}
        self._looks: dict[str, int] = {}

    def hand_over(self, submission: Submission) -> NativeJob | None:
        """The job as Dataproc took it, or as it was there already; None if the submission waits.

        Raises:
            JobFailed, ClusterLost: what the refusal means.
        """
        try:
            native = self._sent(submission)
        except (JobFailed, ClusterLost):
            raise
        except ClusterError:
            with self._lock:
                self._waiting[submission.job_id] = submission
            return None
        self._looks[native.job_id] = 0
        return native

    def send_waiting(self) -> None:
        """Send what waits, in order, until Dataproc is overloaded again. Raises nothing."""
        for submission in list(self._waiting.values()):
            job_id = submission.job_id
            try:
                self._sent(submission)
            except (JobFailed, ClusterLost) as error:
                state = JobState.FAILED if isinstance(error, JobFailed) else JobState.LOST
                self._ended[job_id] = JobStatus(job_id=job_id, state=state, message=str(error))
            except ClusterError:
                return
            else:
                self._looks[job_id] = 0
            with self._lock:
                self._waiting.pop(job_id, None)
                is_late = job_id in self._withdrawn
            if is_late and job_id not in self._ended:
                with suppress(ClusterError):  # who wanted its end looks whether it has come, and asks again
                    self._client.cancel_job(job_id)

    def withdraw(self, job_id: str) -> None:
        """Send the job no more. One that may have arrived is to be canceled as well."""
        with self._lock:
            if self._waiting.pop(job_id, None) is not None:
                self._withdrawn.add(job_id)

    def withdraw_all(self) -> None:
        """Send nothing any more: the cluster is to end."""
        with self._lock:
            self._waiting.clear()

    def has(self, job_id: str) -> bool:
        """Whether the job waits here."""
        return job_id in self._waiting

    def shown(self, job_id: str) -> None:
        """Dataproc shows the job: from now on it counts as lost when it is missing."""
        self._looks.pop(job_id, None)

    def status(self, job_id: str) -> JobStatus:
        """What is to be said of a job that Dataproc does not show."""
        if job_id in self._waiting:
            message = "Dataproc has not taken it yet"
            return JobStatus(job_id=job_id, state=JobState.PENDING, native_state=WAITS_HERE, message=message)
        if job_id in self._ended:
            return self._ended[job_id]
        if job_id in self._withdrawn:
            message = "it was canceled before Dataproc had taken it"
            return JobStatus(job_id=job_id, state=JobState.CANCELED, native_state=WAITS_HERE, message=message)
        looks = self._looks.get(job_id, SETTLING_LOOKS)
        if looks < SETTLING_LOOKS:
            self._looks[job_id] = looks + 1
            return JobStatus(job_id=job_id, state=JobState.UNKNOWN, message="it is not to be seen yet")
        return JobStatus(job_id=job_id, state=JobState.LOST, message="Dataproc knows of no such job")

    def forget(self, job_id: str) -> None:
        """Nobody will ask for the job any more."""
        with self._lock:
            self._withdrawn.discard(job_id)
        self._ended.pop(job_id, None)
        self._looks.pop(job_id, None)

    def _sent(self, submission: Submission) -> NativeJob:
        """Dataproc's answer to one try; a job of that id that is there already is the one."""
        try:
            return self._client.submit_job(submission.request, submission.request_id)
        except Unclear:
            found = self._client.get_job(submission.job_id, again=False)
            if found is None:
                raise
            return found
        except Refused as refusal:
            found = self._client.get_job(submission.job_id) if refusal.code == "ALREADY_EXISTS" else None
            if found is not None:
                return found
            if refusal.code == OVERLOADED:
                raise
            raise self._explain(refusal, submission.kind) from refusal
