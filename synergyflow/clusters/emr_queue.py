"""Jobs on their way to EMR: those it has no room for, and those of which it is not clear whether it has them.

EMR takes 256 unfinished steps. What comes on top waits here, in order, under its token, and is handed over by a look at
the cluster that finds room. Nothing in this file calls anything; a queue that dies with its engine loses nothing, since
jobs that never reached EMR are not found there and are submitted again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synergyflow.core.jobs import JobState, JobStatus

MOST_ACTIVE_STEPS = 256
MOST_STEPS_A_CALL = 50
MOST_CALLS_AT_ONCE = 4
LOOKS_UNTIL_ABSENT = 2


@dataclass(slots=True, eq=False)
class Waiting:
    """A job that was submitted here and has no step id yet.

    `unclear`: a call for it was made whose outcome is not known; after `LOOKS_UNTIL_ABSENT` full listings without it,
    it is known not to have had any effect. `canceled`: to be ended as soon as it is found.
    """

    token: str
    step: Mapping[str, Any]
    unclear: bool = False
    absences: int = 0
    in_call: bool = False
    canceled: bool = False

    @property
    def is_next(self) -> bool:
        """Whether it is to be handed over as soon as there is room."""
        return not self.in_call and not self.unclear


@dataclass(slots=True)
class SubmitQueue:
    """What waits, what is known to be active, and what has ended without EMR ever knowing of it. Safe for threads."""

    _lock: threading.RLock = field(default_factory=threading.RLock)
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _step_ids: dict[str, str] = field(default_factory=dict)
    _active: set[str] = field(default_factory=set)
    _ended: dict[str, JobStatus] = field(default_factory=dict)
    _full: bool = False
    _one_by_one: bool = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, token: str) -> bool:
        return token in self._waiting

    def unclear(self) -> set[str]:
        """Tokens of jobs that wait to be found in a listing."""
        with self._lock:
            return {job.token for job in self._waiting.values() if job.unclear and not job.in_call}

    def claim(self, token: str, step: Mapping[str, Any]) -> Waiting | None:
        """Take a job in; the job if it may be handed over at once, by the caller, and is then in that call.

        Beyond a few calls at a time jobs wait, so that a look hands over many of them in one.
        """
        with self._lock:
            if token in self._waiting or token in self._step_ids:
                return None
            calls = sum(job.in_call for job in self._waiting.values())
            room = calls < MOST_CALLS_AT_ONCE and len(self._active) + calls < MOST_ACTIVE_STEPS
            may = room and not self._full and not any(job.is_next for job in self._waiting.values())
            job = self._waiting[token] = Waiting(token, step, in_call=may)
            return job if may else None

    def batch(self) -> list[Waiting]:
        """The next jobs to hand over in one call, as many as EMR has room for; they are then in that call."""
        with self._lock:
            room = MOST_ACTIVE_STEPS - len(self._active) - sum(job.in_call for job in self._waiting.values())
            most = 1 if self._one_by_one or self._full else MOST_STEPS_A_CALL
            ready = [job for job in self._waiting.values() if job.is_next]
            taken = ready[: max(0, min(room, most))]
            for job in taken:
                job.in_call = True
            return taken

    def accepted(self, jobs: Sequence[Waiting], step_ids: Sequence[str]) -> list[str]:
        """EMR has them under these ids; returns the ids of those that were canceled meanwhile."""
        with self._lock:
            self._full = False
            self._one_by_one = self._one_by_one and len(self._waiting) > len(jobs)
            for job, step_id in zip(jobs, step_ids, strict=True):
                self._found(job, step_id)
            return [step_id for job, step_id in zip(jobs, step_ids, strict=True) if job.canceled]

    def no_room(self, jobs: Iterable[Waiting]) -> None:
        """EMR is full, with steps of others too; these wait on."""
        with self._lock:
            self._full = True
            self._back(jobs)

    def doubtful(self, jobs: Iterable[Waiting]) -> None:
        """It is not clear whether EMR has them."""
        with self._lock:
            for job in jobs:
                job.unclear, job.in_call, job.absences = True, False, 0

    def refused(self, jobs: Sequence[Waiting], message: str) -> None:
        """EMR does not want one of them: a single one has failed, several are tried one by one."""
        with self._lock:
            if len(jobs) > 1:
                self._one_by_one = True
                self._back(jobs)
                return
            for job in jobs:
                self._end(job, JobState.FAILED, message)

    def drop(self, token: str) -> None:
        """Take the job out again, as if it had never been submitted."""
        with self._lock:
            self._waiting.pop(token, None)

    def listed(self, steps: Mapping[str, str], *, whole: bool) -> list[str]:
        """A listing has these steps (token to id), `whole` if it had all. Returns ids of canceled ones found by it."""
        with self._lock:
            canceled = []
            for job in list(self._waiting.values()):
                if job.in_call or not job.unclear:
                    continue
                step_id = steps.get(job.token)
                if step_id is not None:
                    self._found(job, step_id)
                    canceled += [step_id] if job.canceled else []
                elif whole:
                    self._absent(job)
            return canceled

    def step_id(self, job_id: str) -> str | None:
        """EMR's id of a job that is known here by a token or an id; None while it has none."""
        with self._lock:
            if job_id in self._waiting or job_id in self._ended:
                return None
            return self._step_ids.get(job_id, job_id)

    def job_id(self, token: str) -> str | None:
        """The id that a job submitted here goes by: EMR's, or else its token. None if it was not submitted here."""
        with self._lock:
            known = token in self._waiting or token in self._ended
            return self._step_ids.get(token) or (token if known else None)

    def status(self, job_id: str) -> JobStatus | None:
        """The status of a job that EMR does not know of (yet); None if it is EMR's to tell."""
        with self._lock:
            if job_id in self._waiting:
                unclear = self._waiting[job_id].unclear
                message = "EMR has not confirmed it yet" if unclear else "waits here until EMR has room for it"
                return JobStatus(job_id=job_id, state=JobState.PENDING, native_state="QUEUED_HERE", message=message)
            return self._ended.get(job_id)

    def cancel(self, token: str) -> bool:
        """End a job that waits here; False if it does not."""
        with self._lock:
            job = self._waiting.get(token)
            if job is None:
                return token in self._ended
            job.canceled = True
            if not job.unclear and not job.in_call:
                self._end(job, JobState.CANCELED, "canceled before EMR had it")
            return True

    def end_all(self, state: JobState, message: str) -> None:
        """The cluster is gone, and so is what waited for it."""
        with self._lock:
            for job in list(self._waiting.values()):
                self._end(job, state, message)

    def active(self, step_id: str) -> None:
        """EMR has the step and it has not ended."""
        with self._lock:
            self._active.add(step_id)

    def over(self, step_id: str) -> None:
        """The step has ended, so there is room again."""
        with self._lock:
            self._active.discard(step_id)

    def _found(self, job: Waiting, step_id: str) -> None:
        self._waiting.pop(job.token, None)
        self._step_ids[job.token] = step_id
        self._active.add(step_id)

    def _absent(self, job: Waiting) -> None:
        job.absences += 1
        if job.absences < LOOKS_UNTIL_ABSENT:
            return
        job.unclear = False
        if job.canceled:
            self._end(job, JobState.CANCELED, "canceled before EMR had it")

    def _back(self, jobs: Iterable[Waiting]) -> None:
        for job in jobs:
            job.in_call = False
            if job.canceled:
                self._end(job, JobState.CANCELED, "canceled before EMR had it")

    def _end(self, job: Waiting, state: JobState, message: str) -> None:
        self._waiting.pop(job.token, None)
        self._ended[job.token] = JobStatus(job_id=job.token, state=state, message=message)
