"""Amazon EMR: a cluster of machines that is launched from a profile and works on steps.

Names and tags carry our tokens, since EMR has no other way to tell a repeated call from a new one. Requests are made by
`emr_requests`, answers read by `emr_states`, calls made by `emr_client`; jobs that EMR has no room for wait in
`emr_queue`, and its logs are read by `emr_logs`. This file puts them together and waits for nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from synergyflow.clusters import emr_requests as requests
from synergyflow.clusters import emr_states as states
from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.clusters.emr_client import EmrClient, Refused, Unclear
from synergyflow.clusters.emr_life import ClusterLife
from synergyflow.clusters.emr_listing import Listing, look
from synergyflow.clusters.emr_logs import LogFolder, StepLogs
from synergyflow.clusters.emr_options import EmrOptions, options_of
from synergyflow.clusters.emr_queue import SubmitQueue, Waiting
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus
from synergyflow.errors import (
    ClusterError,
    ClusterLaunchError,
    ClusterLost,
    ConfigurationError,
    JobFailed,
)
from synergyflow.filesystems.base import Filesystem

_LOOKS_UNTIL_LOST = 5
_FULL = "active steps"


class EmrCluster(Cluster):
    """A cluster of EMR; jobs are its steps and go by their step ids, or by their tokens while EMR has no room."""

    options_type = EmrOptions
    type = "emr"

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        filesystem: Filesystem,
        installation: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`filesystem` is what plain paths refer to. Nothing is connected yet.

        Raises:
            ConfigurationError: the profile says what an EMR cluster does not know, or contradicts itself.
        """
        options = options_of(profile)
        self.name = name
        self.profile = profile.name
        self.slots = profile.slots
        self.labels = frozenset(profile.labels)
        self.keep_alive = profile.keep_alive
        self.keep_failed = profile.keep_failed
        self.poll_bounds = PollBounds(options.poll_minimum, options.poll_maximum)
        self.settling_seconds = options.settling_seconds
        self.job_kinds = _kinds(options)
        self._options = options
        self._now = now
        self._filesystem = filesystem
        self._client = EmrClient(
            region=options.region, endpoint_url=options.endpoint_url, s3_endpoint_url=options.s3_endpoint
        )
        self._life = ClusterLife(self._client, name, profile, options, installation)
        self._logs = StepLogs(self._client, options.log_limit_mb << 20)
        self._queue = SubmitQueue()
        self._sending = threading.Lock()
        self._token: str | None = None
        self._cluster_id: str | None = None
        self._terminated = False
        self._log_folder: LogFolder | None = None
        self._unseen: dict[str, int] = {}
        self._finals: dict[str, JobStatus] = {}
        self._ended_at: dict[str, datetime] = {}

    @property
    def cluster_id(self) -> str | None:
        """`j-…`, AWS's own."""
        return self._cluster_id

    @property
    def filesystem(self) -> Filesystem:
        """What plain paths refer to: the context's bucket."""
        return self._filesystem

    def check(self) -> None:
        """See that AWS could be called: library, region, credentials."""
        self._client.check()

    # -- life of the cluster ------------------------------------------------------------------------------------------

    def launch(self, token: str) -> str:
        """Use the living cluster of this token or of the profile's `cluster_name`; else ask AWS for one, once.

        Where the answer is unclear the cluster is looked for. Not found at once, it may still appear, so this raises
        `ClusterError` and asks AWS for another one only after a second call has not found it either.
        """
        self._token = token
        try:
            self.check()
        except ConfigurationError as error:
            raise ClusterLaunchError(f"cluster {self.name}: {error}", hint=error.hint) from None
        found = self._life.living(token) or self._life.ask_for_one(token)
        self.attach(found)
        return found

    def attach(self, cluster_id: str) -> None:
        """Use the cluster of this id."""
        self._cluster_id = cluster_id

    def terminate(self) -> None:
        """End the cluster if it is ours, lifting its protection if need be. One that we did not launch is left.

        After a launch whose outcome is unclear, whatever bears its token is ended.
        """
        self._terminated = True
        self._queue.end_all(JobState.CANCELED, "the cluster was terminated")
        if self._cluster_id is not None:
            self._life.end(self._cluster_id)
        elif self._token is not None:
            self._life.end_all_of(self._token)

    # -- jobs -------------------------------------------------------------------------------------------------------

    def submit(self, job: Job, token: str) -> str:
        """Hand the job over in one call, or keep it until EMR has room; then it goes by its token."""
        step = requests.step_config(job, token)
        self._require_launched()
        waiting = self._queue.claim(token, step)
        if waiting is not None:
            self._hand_over([waiting])
            if token in self._queue.unclear():
                self._look_for(token)
        failed = self._queue.status(token)
        if failed is not None and failed.state is JobState.FAILED:
            raise JobFailed(f"cluster {self.name} refused the {job.kind} job: {failed.message}")
        return self._queue.job_id(token) or token

    def poll(self, job_ids: Sequence[str]) -> Observation:
        """One listing of steps, then one look at the cluster, in this order: a step that its dying cluster failed is
        then seen together with the death."""
        cluster_id = self._require_id()
        listing = self._listing(cluster_id, job_ids)
        cluster = self._client.describe_cluster(cluster_id)
        state = states.cluster_state(cluster) if cluster is not None else ClusterState.GONE
        reason = states.cluster_reason(cluster) if cluster is not None else "AWS does not know it any more"
        if cluster is not None and self._log_folder is None:
            self._log_folder = LogFolder.of(cluster.get("LogUri"), cluster_id)
        if state in (ClusterState.TERMINATING, ClusterState.GONE, ClusterState.FAILED):
            self._unseen.clear()
            self._queue.end_all(JobState.LOST, f"the cluster is {state}")
        elif len(self._queue):
            self._send_waiting()
        return Observation(state=state, reason=reason, jobs={id_: self._status(id_, listing) for id_ in job_ids})

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """Interrupt the step, or with `force` end its process. One that waits here is dropped."""
        if self._cluster_id is None or self._queue.cancel(job_id):
            return
        step_id = self._step_id(job_id)
        if step_id is None or job_id in self._finals:
            return
        try:
            self._client.cancel_steps(self._cluster_id, [step_id], force=force)
        except Refused as refusal:
            if refusal.is_about_credentials:
                raise

    def find(self, token: str) -> str | None:
        """Look through all steps that EMR lists. Of several under one token the oldest counts, the others are ended."""
        if self._cluster_id is None:
            return None
        known = self._queue.job_id(token)
        if known is not None:
            return known
        same = [step["Id"] for step in self._client.steps(self._cluster_id) if requests.token_of(step) == token]
        for extra in same[:-1]:
            self.cancel(extra, force=True)
        return same[-1] if same else None

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """The step's output once it has ended and EMR has copied it to S3, which takes minutes."""
        step_id = self._step_id(job_id)
        if step_id is None or self._log_folder is None or step_id not in self._ended_at:
            return LogChunk(b"", position)
        data = self._logs.read(self._log_folder, step_id, position, limit)
        if data is None:
            return LogChunk(b"", position, complete=not self._may_come(step_id))
        return LogChunk(data, position + len(data))

    def forget(self, job_id: str) -> None:
        """Drop what is kept of the job here; at EMR it stays listed as long as EMR pleases."""
        self._finals.pop(job_id, None)
        step_id = self._step_id(job_id)
        if step_id is not None:
            self._logs.forget(step_id)

    # -- handing over -----------------------------------------------------------------------------------------------

    def _hand_over(self, jobs: Sequence[Waiting]) -> None:
        cluster_id = self._require_id()
        try:
            step_ids = self._client.add_steps(cluster_id, [job.step for job in jobs])
        except Unclear:
            self._queue.doubtful(jobs)
        except Refused as refusal:
            self._refused(cluster_id, jobs, refusal)
        else:
            self._unseen.update(dict.fromkeys(step_ids, 0))
            canceled = self._queue.accepted(jobs, step_ids)
            if canceled:
                self._client.cancel_steps(cluster_id, canceled, force=False)

    def _refused(self, cluster_id: str, jobs: Sequence[Waiting], refusal: Refused) -> None:
        if _FULL in str(refusal).lower() or refusal.is_about_credentials:
            self._queue.no_room(jobs)
            return
        cluster = self._client.describe_cluster(cluster_id)
        if cluster is None or states.native_state(cluster) in states.ENDING_CLUSTER_STATES:
            for job in jobs:
                self._queue.drop(job.token)
            raise ClusterLost(f"cluster {self.name} ({cluster_id}) is gone: {refusal}")
        self._queue.refused(jobs, str(refusal))

    def _send_waiting(self) -> None:
        """Hand over what there is room for, in one call; another thread that does so already is left to it."""
        if not self._sending.acquire(blocking=False):
            return
        try:
            batch = self._queue.batch()
            if batch:
                self._hand_over(batch)
        finally:
            self._sending.release()

    def _look_for(self, token: str) -> None:
        """Whether EMR has the job of an unclear call after all. What can't be learned now is for the next look."""
        try:
            listing = look(self._client, self._require_id(), [], [token])
        except ClusterError:
            return
        self._take_in(listing)

    # -- looking ----------------------------------------------------------------------------------------------------

    def _listing(self, cluster_id: str, job_ids: Sequence[str]) -> Listing:
        step_ids = [self._step_id(job_id) for job_id in job_ids if job_id not in self._finals]
        known = {step_id for step_id in step_ids if step_id is not None and step_id.startswith("s-")}
        tokens = {step_id for step_id in step_ids if step_id is not None and not step_id.startswith("s-")}
        try:
            listing = look(self._client, cluster_id, known, tokens | self._queue.unclear())
        except Refused:
            if self._client.describe_cluster(cluster_id) is None:
                return Listing()
            raise
        self._take_in(listing)
        return listing

    def _take_in(self, listing: Listing) -> None:
        for step_id, step in listing.steps.items():
            self._unseen.pop(step_id, None)
            if states.STEP_STATES.get(states.native_state(step), JobState.UNKNOWN).is_final:
                self._queue.over(step_id)
        canceled = self._queue.listed(listing.by_token(), whole=listing.whole)
        if canceled:
            self._client.cancel_steps(self._require_id(), canceled, force=False)

    def _status(self, job_id: str, listing: Listing) -> JobStatus:
        known = self._finals.get(job_id) or self._queue.status(job_id)
        if known is not None:
            return known
        step_id = self._step_id(job_id) or job_id
        step = listing.steps.get(step_id) or listing.steps.get(listing.by_token().get(step_id, ""))
        if step is None:
            return self._not_listed(job_id, step_id)
        status = self._with_exit_code(states.step_status(step, job_id), step["Id"])
        if status.state.is_final:
            self._finals[job_id] = status
        return status

    def _not_listed(self, job_id: str, step_id: str) -> JobStatus:
        """A listing may be behind, so a step that EMR has just taken is missed a few times before it is lost."""
        looks = self._unseen.get(step_id)
        if looks is not None and looks < _LOOKS_UNTIL_LOST:
            self._unseen[step_id] = looks + 1
            return JobStatus(job_id=job_id, state=JobState.PENDING, message="EMR does not list it yet")
        return JobStatus(job_id=job_id, state=JobState.LOST, message="EMR knows of no such step")

    def _with_exit_code(self, status: JobStatus, step_id: str) -> JobStatus:
        """The exit code of a failed step is in its log alone: as long as that may come, the job is not over here."""
        if not status.state.is_final:
            return status
        self._ended_at.setdefault(step_id, status.finished_at or self._now())
        if status.state is not JobState.FAILED or self._log_folder is None:
            return status
        code = self._logs.exit_code(self._log_folder, step_id)
        if code is None and self._may_come(step_id):
            return replace(status, state=JobState.RUNNING, message="it failed; its log is awaited")
        return replace(status, exit_code=code)

    def _may_come(self, step_id: str) -> bool:
        waited = self._now() - self._ended_at[step_id]
        return waited < timedelta(seconds=self._options.log_wait)

    def _step_id(self, job_id: str) -> str | None:
        return self._queue.step_id(job_id)

    def _require_id(self) -> str:
        if self._cluster_id is None:
            raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")
        return self._cluster_id

    def _require_launched(self) -> None:
        self._require_id()
        if self._terminated:
            raise ClusterLost(f"cluster {self.name} has been terminated")


def _kinds(options: EmrOptions) -> frozenset[JobKind]:
    """What the installed applications can run; Hadoop and a shell are always there."""
    installed = {name.lower() for name in options.applications}
    kinds = {JobKind.SPARK, JobKind.PIG, JobKind.HIVE}
    return frozenset({JobKind.SHELL, JobKind.HADOOP, *(kind for kind in kinds if kind.value in installed)})
