"""What the actions of one attempt see of their cluster: its verbs, with identity, journal and log behind them.

Every job goes the same way, whether an action named it (`job()`) or its code asked for it (`run_…`): intent in the
journal, then the call, then the answer. A job that an interrupted attempt had already submitted is found again, never
submitted twice.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from synergyflow.clusters.base import Cluster, JobRunner, succeeded
from synergyflow.core.events import JobEnded, JobIntended, JobSubmitted
from synergyflow.core.jobs import Job, JobIdentity, JobKind, JobState, JobStatus, digest_of
from synergyflow.core.records import JobRecord
from synergyflow.engine.agent import ClusterAgent
from synergyflow.engine.gate import Gate
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.job_watch import Outcome, WatchedJob
from synergyflow.engine.leftovers import end_and_confirm, look_up
from synergyflow.engine.ports import StepLog
from synergyflow.errors import ClusterError, ClusterLost, JobCanceled, JobFailed, JobLost, StepTimeout
from synergyflow.filesystems.base import Filesystem

LOOK_UP_PAUSES = (0.0, 1.0, 5.0)
"""Seconds before each look for a job that a cluster may have taken."""

NO_VARIABLES: Mapping[str, str] = {}
RAISED = 1
"""Exit code of a child process whose callable raised: the exception is the last line of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKey:
    """Which attempt of which step of which flow run, in which installation."""

    installation: str
    flow_name: str
    timeperiod: str
    step: str
    attempt: int


class StepCluster(JobRunner):
    """The cluster as the actions of one attempt use it. Used by one thread at a time; `end_by` by any."""

    def __init__(
        self,
        key: AttemptKey,
        agent: ClusterAgent,
        host: Callable[[], ClusterAgent],
        inbox: Inbox,
        gate: Gate,
        log: StepLog,
        known: Mapping[str, JobRecord],
        now: Callable[[], datetime],
        mask: Callable[[str], str],
    ) -> None:
        self._key = key
        self._agent = agent
        self._host = host
        self._inbox = inbox
        self._log = log
        self._known = known
        self._now = now
        self._mask = mask
        self._gate = gate
        self._action = 0
        self._ordinal = 0
        self._log_name = ""
        self._environment = NO_VARIABLES
        self._in_flight: tuple[ClusterAgent, WatchedJob] | None = None
        self._ended_by: str | None = None
        self.settled: list[tuple[Cluster, str]] = []

    @property
    def name(self) -> str:
        """The cluster's name in this execution, for example `local-1`."""
        return self._agent.cluster.name

    @property
    def profile(self) -> str:
        """The profile that the cluster was made from."""
        return self._agent.cluster.profile

    @property
    def type(self) -> str:
        """The cluster's type. Flows should not need it."""
        return self._agent.cluster.type

    @property
    def filesystem(self) -> Filesystem:
        """The filesystem that plain paths refer to; news of long transfers go to the step's log."""
        return self._agent.cluster.filesystem.reporting_to(self._log.logger(self._log_name or None).info)

    def at(self, action: int, log_name: str, environment: Mapping[str, str] = NO_VARIABLES) -> None:
        """The jobs that follow are of this action; its calls are counted from 0, and get these variables too."""
        self._action, self._log_name, self._ordinal, self._environment = action, log_name, 0, environment

    def end_by(self, reason: str) -> None:
        """End the job in flight and refuse further ones; `reason` is `timeout` or `canceled`."""
        self._ended_by = self._ended_by or reason
        in_flight = self._in_flight
        if in_flight is not None:
            in_flight[0].cancel(in_flight[1])

    def reopen(self) -> None:
        """Take jobs again after `end_by`: what is undone may need some."""
        self._ended_by = None

    def run_job(self, job: Job) -> JobStatus:
        """Submit, and block this thread until the job has ended."""
        answer: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        job = replace(job, environment={**self._environment, **job.environment})
        self.start(job, answer.put)
        return self.conclude(job, answer.get())

    def start(self, job: Job, on_end: Callable[[Outcome], None]) -> None:
        """Submit or adopt the job; `on_end` is told, from another thread, when it has ended and its output is logged.

        Raises:
            what `Cluster.submit` raises, or `JobCanceled`, `StepTimeout` if the step is being ended.
        """
        self._refuse_if_ended()
        agent = self._agent if job.kind in self._agent.cluster.job_kinds or job.kind is not JobKind.PYTHON else None
        agent = agent or self._host()
        if job.kind not in agent.cluster.job_kinds:
            raise JobFailed(
                f"cluster {agent.cluster.name} can't run {job.kind} jobs",
                hint="give the step a cluster that can (policy `cluster`)",
            )
        token, log_name = self._identity().token, self._log_name
        job_id, adopted = self._submit_or_adopt(agent, job, token)
        watched = WatchedJob(
            job_id,
            on_output=lambda chunk: self._log.output(log_name, chunk),
            on_end=lambda outcome: on_end(self._ended(agent, token, log_name, outcome, adopted=adopted)),
            since=time.monotonic(),
        )
        self._in_flight = (agent, watched)
        self._ordinal += 1  # before it is watched: its end may be told, and the attempt go on, at once
        agent.watch(watched)
        if self._ended_by is not None:
            agent.cancel(watched)

    def conclude(self, job: Job, outcome: Outcome) -> JobStatus:
        """The status of a job that succeeded, or the exception that says why it did not."""
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.state.value in ("failed", "canceled"):
            self._refuse_if_ended()
        try:
            return succeeded(outcome, job)
        except JobFailed as error:
            last = [line for line in self._log.last_lines(3) if line.strip()]
            if last and job.kind is JobKind.PYTHON and outcome.exit_code == RAISED:
                raise JobFailed(last[-1]) from None
            if last:
                raise JobFailed(f"{error}; its last output: {' / '.join(last)}", hint=error.hint) from None
            raise

    def _refuse_if_ended(self) -> None:
        if self._ended_by == "timeout":
            raise StepTimeout("the step's time-out is over")
        if self._ended_by is not None:
            raise JobCanceled("the step was canceled")

    def _identity(self) -> JobIdentity:
        return JobIdentity(
            installation=self._key.installation,
            flow_name=self._key.flow_name,
            timeperiod=self._key.timeperiod,
            step_name=self._key.step,
            attempt=self._key.attempt,
            action=self._action,
            ordinal=self._ordinal,
        )

    def _submit_or_adopt(self, agent: ClusterAgent, job: Job, token: str) -> tuple[str, bool]:
        """The job's id, and whether it was there already."""
        digest = digest_of(job)
        before = self._known.get(token)
        if before is None:
            self._intend(agent, job, token, digest)
        else:
            found = look_up(agent.cluster, token)
            if before.digest != digest:
                self._end_other(agent, token, found)
                raise JobLost("the interrupted attempt had asked for another job here; it was canceled")
            if found is not None:
                self._log.logger(self._log_name).info("job %s is found again and goes on", found)
                self._submitted(token, found, adopted=True)
                return found, True
        job_id = self._submit(agent, job, token)
        self._submitted(token, job_id, adopted=False)
        return job_id, False

    def _end_other(self, agent: ClusterAgent, token: str, found: str | None) -> None:
        """End what an interrupted attempt had submitted in this place.

        Raises:
            JobFailed: it may still run, so nothing may take its place.
        """
        if found is not None:
            try:
                end_and_confirm(agent.cluster, found, time.monotonic)
            except ClusterLost:
                raise
            except ClusterError as error:
                raise JobFailed(
                    f"the interrupted attempt had asked for another job here, and that does not end: {error}",
                    hint=f"end job {found} on cluster {self.name}, then engine recover",
                ) from error
        self._end_of(token, "canceled", message="the interrupted attempt had asked for another job here")

    def _submit(self, agent: ClusterAgent, job: Job, token: str) -> str:
        """Submit once; where the answer is unclear, the cluster is asked whether it has the job."""
        with self._gate:
            try:
                return agent.submit(job, token)
            except (JobFailed, ClusterLost) as error:
                state = "failed" if isinstance(error, JobFailed) else "lost"
                self._end_of(token, state, message=str(error))
                raise
            except ClusterError as error:
                found = self._sought(agent, token, error)
                if found is None:
                    self._end_of(token, "lost", message=str(error))
                    raise
                return found

    def _sought(self, agent: ClusterAgent, token: str, unclear: ClusterError) -> str | None:
        """The job after an unclear answer; None if it is clear that the cluster has none.

        Raises:
            JobFailed: the cluster does not tell, so the job may run, and no other may take its place.
        """
        for pause in LOOK_UP_PAUSES:
            threading.Event().wait(pause)
            try:
                return look_up(agent.cluster, token)
            except ClusterLost:
                raise
            except ClusterError as error:
                self._log.logger(self._log_name).warning("looking for the job on %s: %s", self.name, error)
        raise JobFailed(
            f"whether cluster {self.name} has taken the job can't be told: {unclear}",
            hint="when the cluster answers again, engine recover ends the job if there is one",
        ) from unclear

    def _intend(self, agent: ClusterAgent, job: Job, token: str, digest: str) -> None:
        self._inbox.post_and_wait(
            JobIntended(
                at=self._now(),
                step=self._key.step,
                attempt=self._key.attempt,
                action=self._action,
                ordinal=self._ordinal,
                token=token,
                digest=digest,
                kind=job.kind.value,
                cluster=agent.cluster.name,
                profile=agent.cluster.profile,
                cluster_id=agent.cluster.cluster_id,
            )
        )

    def _submitted(self, token: str, job_id: str, *, adopted: bool) -> None:
        key = self._key
        self._inbox.post_lazily(
            JobSubmitted(
                at=self._now(), token=token, job_id=job_id, adopted=adopted, step=key.step, attempt=key.attempt
            )
        )

    def _ended(self, agent: ClusterAgent, token: str, log_name: str, outcome: Outcome, *, adopted: bool) -> Outcome:
        """Note the end of a job; what the attempt is told of it."""
        try:
            self._log.end_output(log_name)
        except OSError as error:
            self._log.logger(log_name).warning("the end of the output could not be written: %s", error)
        self._in_flight = None
        if not isinstance(outcome, JobStatus):
            self._end_of(token, "lost", message=str(outcome))
            return outcome
        self._end_of(token, outcome.state.value, message=outcome.message, status=outcome)
        self.settled.append((agent.cluster, outcome.job_id))
        if adopted and outcome.state is JobState.CANCELED and self._ended_by is None:
            return JobLost(f"job {outcome.job_id} was canceled while no engine watched it")
        return outcome

    def _end_of(self, token: str, state: str, *, message: str, status: JobStatus | None = None) -> None:
        self._inbox.post_lazily(
            JobEnded(
                at=self._now(),
                token=token,
                state=state,
                exit_code=status.exit_code if status else None,
                message=self._mask(message),
                started_at=status.started_at if status else None,
                finished_at=status.finished_at if status else None,
                step=self._key.step,
                attempt=self._key.attempt,
            )
        )
