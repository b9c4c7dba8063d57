"""A cluster of Qubole, known by its label: shared, started and stopped by us, made and deleted by others.

Only the verbs are here. Requests are made by `qubole_commands`, answers understood by `qubole_states` and `qubole_log`,
calls made by `qubole_client`. Nothing waits here but a submission that Qubole told to come again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.clusters.qubole_client import Pause, QuboleClient, QuboleError, pause_after, segment
from synergyflow.clusters.qubole_commands import command
from synergyflow.clusters.qubole_listing import at_work, look, named
from synergyflow.clusters.qubole_log import CommandLog
from synergyflow.clusters.qubole_options import QuboleOptions, api_token, options_of, place_of
from synergyflow.clusters.qubole_states import Start, cluster_state, come_up, job_status, lost, reason_of
from synergyflow.config.profile import Profile
from synergyflow.config.suggest import did_you_mean
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus
from synergyflow.errors import ClusterError, ClusterLaunchError, ClusterLost, JobFailed
from synergyflow.filesystems.base import Filesystem

SUBMISSIONS = 7
MOST_LOOKS_FOR_AN_ENDING = 10


@dataclass(slots=True)
class _Job:
    """What is remembered of a command between two looks."""

    log: CommandLog
    lock: threading.Lock
    final: JobStatus | None = None
    looks_for_ending: int = 0
    next_log: float = 0.0


class QuboleCluster(Cluster):
    """One label of a Qubole account.

    Its id is the provider's, followed by `@` and the launch's token if that launch found it down and started it. Only
    such a cluster is ever stopped, and only while nobody else's commands are at work on it.
    """

    options_type = QuboleOptions
    type = "qubole"
    job_kinds = frozenset({JobKind.SPARK, JobKind.PIG, JobKind.HIVE, JobKind.HADOOP, JobKind.SHELL})

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        filesystem: Filesystem,
        clock: Callable[[], float] = time.monotonic,
        pause: Pause | None = None,
    ) -> None:
        """`filesystem` is what plain paths refer to; `pause` waits before a call is repeated.

        Raises:
            ConfigurationError: the profile says what a Qubole cluster does not know.
        """
        options = options_of(profile)
        self.name = name
        self.profile = profile.name
        self.slots = profile.slots
        self.labels = frozenset(profile.labels)
        self.keep_alive = profile.keep_alive
        self.keep_failed = profile.keep_failed
        self.poll_bounds = PollBounds(minimum=options.poll_minimum, maximum=options.poll_maximum)
        self._options = options
        self._place = place_of(profile)
        self._filesystem = filesystem
        self._clock = clock
        self._pause = pause or _wait
        self._client = QuboleClient(
            options.endpoint_url,
            lambda: api_token(options, self._place),
            timeout=options.request_timeout,
            pause=self._pause,
            direct=options.is_on_loopback,
        )
        self._lock = threading.RLock()
        self._jobs: dict[str, _Job] = {}
        self._cluster_id: str | None = None
        self._launch: str | None = None
        self._start: Start | None = None
        self._released = ""

    @property
    def cluster_id(self) -> str | None:
        """`ID` of a cluster that was up already, `ID@TOKEN` of one that the launch of that token started."""
        if self._cluster_id is None or self._launch is None:
            return self._cluster_id
        return f"{self._cluster_id}@{self._launch}"

    @property
    def filesystem(self) -> Filesystem:
        """The one that the context's bucket names."""
        return self._filesystem

    def check(self) -> None:
        """See that there is an API token where the profile says."""
        api_token(self._options, self._place)

    # -- the cluster ----------------------------------------------------------------------------------------------

    def launch(self, token: str) -> str:
        """Start the cluster if it is down; one that is up is used as it is.

        A start whose answer is lost or that was told to come again is asked for anew by `poll`: it may be repeated.
        """
        with self._lock:
            if self._cluster_id is None:
                answer = self._state_at_launch()
                self._cluster_id = str(answer.get("cluster_id") or self._options.label)
                if answer.get("state") in ("DOWN", "TERMINATING"):
                    self._launch = token
                    self._start, _, ask = come_up(Start(), answer)
                    if ask:
                        self._ask_for_start()
            assert self.cluster_id is not None
            return self.cluster_id

    def _state_at_launch(self) -> dict[str, Any]:
        label = self._options.label
        try:
            answer: dict[str, Any] = self._client.get(f"clusters/{segment(label)}/state")
        except QuboleError as error:
            if error.is_temporary:
                raise
            hint = error.hint
            if error.status == 404:
                hint = did_you_mean(label, self._known_labels(), what="labels") or "make the cluster at Qubole first"
            raise ClusterLaunchError(f"cluster {label!r} can't be used: {error}", hint=hint) from None
        return answer

    def _known_labels(self) -> list[str]:
        try:
            clusters = self._client.get("clusters", attempts=1)
        except QuboleError:
            return []
        rows = [row.get("cluster", row) for row in clusters if isinstance(row, dict)]
        return sorted({str(label) for row in rows for label in row.get("label") or ()})

    def _ask_for_start(self) -> None:
        """Raises `ClusterLaunchError` if Qubole refuses for good."""
        assert self._start is not None
        try:
            self._put_state("start", attempts=1)
        except QuboleError as error:
            if not error.is_temporary:
                raise ClusterLaunchError(f"Qubole does not start {self._options.label!r}: {error}") from None
            return
        self._start = replace(self._start, accepted=True)

    def attach(self, cluster_id: str) -> None:
        """Take the id, and with it whether this cluster is ours to stop."""
        with self._lock:
            provider_id, _, launch = cluster_id.partition("@")
            self._cluster_id, self._launch = provider_id, launch or None

    def terminate(self) -> None:
        """Kill the jobs known here, then stop the cluster if this launch started it; one that was up is left so.

        Raises:
            ClusterError: it was not stopped, because commands of others are at work on it. Qubole stops it when it has
                been idle for as long as its own settings say.
        """
        with self._lock:
            if self._cluster_id is None or self._released == "stopped":
                return
            self._released = self._released or "released"
            unfinished = [job_id for job_id, job in self._jobs.items() if job.final is None]
        for job_id in unfinished:
            self.cancel(job_id)
        if self._launch is None:
            return
        others = self._others()
        if others:
            raise ClusterError(
                f"cluster {self._options.label!r} is left running: {others} commands of others are at work on it",
                hint="Qubole stops it when it is idle; see the cluster's settings there",
            )
        self._stop()

    def _stop(self) -> None:
        try:
            self._put_state("terminate")
        except QuboleError as error:
            if error.status != 404:
                raise
        with self._lock:
            self._released = "stopped"

    def _others(self) -> int:
        """How many commands at work were not handed over by this launch."""
        return sum(
            str(found.get("id")) not in self._jobs and self._launch not in (found.get("tags") or ())
            for found in at_work(self._client, self._options.label)
        )

    def _put_state(self, wanted: str, **attempts: int) -> None:
        self._client.put(f"clusters/{segment(self._cluster_id or '')}/state", {"state": wanted}, **attempts)

    # -- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, job: Job, token: str) -> str:
        """Make the command, once. Told to come again, it looks first whether there is one of this name after all."""
        if self._released:
            raise ClusterLost(f"cluster {self.name} has been terminated")
        if self._cluster_id is None:
            raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")
        request = command(job, token, self._options, profile=self.profile, launch=self._launch)
        for attempt in range(1, SUBMISSIONS):
            try:
                return self._submit(request)
            except QuboleError as error:
                if not error.is_throttle:
                    raise
                self._pause(pause_after(attempt, error))
            found = self.find(token)
            if found is not None:
                return found
        return self._submit(request)

    def _submit(self, request: dict[str, Any]) -> str:
        try:
            answer = self._client.post("commands", request)
        except QuboleError as error:
            if error.is_temporary or error.is_denied or error.status == 404:
                raise
            raise JobFailed(f"Qubole refused the job: {error}", hint=error.hint) from None
        if not isinstance(answer, dict) or not answer.get("id"):
            raise ClusterError("Qubole's answer to a new command has no id; it may run")
        return self._known(str(answer["id"]))

    def _known(self, job_id: str) -> str:
        with self._lock:
            if job_id not in self._jobs:
                self._jobs[job_id] = _Job(CommandLog(self._client, job_id), threading.Lock())
        return job_id

    def poll(self, job_ids: Sequence[str]) -> Observation:
        """The cluster's state and one listing. A job that Qubole does not know is `LOST`."""
        found = look(self._client, self._options.label, job_ids)
        jobs = {
            job_id: lost(job_id) if answer is None else self._status(job_status(answer))
            for job_id, answer in found.items()
        }
        state, reason = self._look_at_cluster()
        if state is ClusterState.GONE and not self._released and _one_waits(jobs):
            state, reason = ClusterState.STARTING, "Qubole starts it for a command that waits"
        return Observation(state=state, reason=reason, jobs=jobs)

    def _look_at_cluster(self) -> tuple[ClusterState, str]:
        if self._cluster_id is None:
            return ClusterState.STARTING, "it has not been launched"
        if self._released == "released" and self._launch is None:
            return ClusterState.GONE, "it was up before, and is used no more"
        try:
            answer = self._client.get(f"clusters/{segment(self._cluster_id)}/state", attempts=1)
        except QuboleError as error:
            if error.status != 404:
                raise
            return ClusterState.GONE, "it was deleted from outside"
        if self._released:
            gone = answer.get("state") == "DOWN"
            return (ClusterState.GONE if gone else ClusterState.TERMINATING), reason_of(answer)
        if self._start is None:
            return cluster_state(answer), reason_of(answer)
        with self._lock:
            self._start, state, ask = come_up(self._start, answer)
            if ask:
                try:
                    self._ask_for_start()
                except ClusterLaunchError as error:
                    return ClusterState.FAILED, str(error)
        return state, reason_of(answer)

    def _status(self, status: JobStatus) -> JobStatus:
        """The status, with what the log says of a failure. An outcome stays as it was first seen."""
        job = self._jobs[self._known(status.job_id)]
        with job.lock:
            if job.final is None and status.state.is_final:
                if status.state is JobState.FAILED:
                    explained = self._explained(status, job)
                    if explained is None:
                        return replace(status, state=JobState.RUNNING, message="it has failed; its log is awaited")
                    status = explained
                job.final = status
            return job.final or status

    def _explained(self, status: JobStatus, job: _Job) -> JobStatus | None:
        """The failure with its exit code and cause; None if the log can't be had at the moment."""
        job.looks_for_ending += 1
        try:
            code, last_line = job.log.ending()
        except QuboleError as error:
            if error.is_temporary and job.looks_for_ending < MOST_LOOKS_FOR_AN_ENDING:
                return None
            return replace(status, message=f"the command failed, and its log can't be read: {error}")
        message = last_line if code is None else f"exit code {code}"
        return replace(status, exit_code=code, message=message or "the command failed and left no log")

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """Kill the command. Qubole knows one way to do so; `force` is the same again."""
        try:
            self._client.put(f"commands/{segment(job_id)}", {"status": "kill"})
        except QuboleError as error:
            if error.status not in (404, 409, 422):
                raise

    def find(self, token: str) -> str | None:
        """The command of that name; of several the first that was made."""
        found = named(self._client, token)
        return self._known(found[0]) if found else None

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """The log as it grows; after the end, the results. Asks Qubole no more often than `log_interval` says."""
        job = self._jobs[self._known(job_id)]
        with job.lock:
            ended, now = job.final is not None, self._clock()
            if not ended and now < job.next_log:
                return LogChunk(b"", position)
            data = job.log.read(position, limit, ended=ended)
            if len(data) < limit:
                job.next_log = now + self._options.log_interval
        return LogChunk(data, position + len(data))

    def forget(self, job_id: str) -> None:
        """Remember nothing of it any more; Qubole keeps its history."""
        with self._lock:
            self._jobs.pop(job_id, None)


def _one_waits(jobs: dict[str, JobStatus]) -> bool:
    return any(status.state is JobState.PENDING for status in jobs.values())


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)
