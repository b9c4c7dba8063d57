"""Clusters of Google Cloud Dataproc.

Names of clusters and ids of jobs are derived from the engine's tokens, so that what was asked for is found again by
name alone. What Dataproc's words mean is in `dataproc_states`, what it is asked in `dataproc_requests`; its library is
known to `dataproc_client` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synergyflow.clusters.base import Cluster, ClusterState, LogChunk, Observation, PollBounds
from synergyflow.clusters.dataproc_client import OVERLOADED, DataprocClient, Refused, Unclear
from synergyflow.clusters.dataproc_options import DataprocOptions, options_of
from synergyflow.clusters.dataproc_output import DriverOutput
from synergyflow.clusters.dataproc_requests import (
    JOB_KINDS,
    KIND_LABEL,
    TOKEN_LABEL,
    cluster_name_of,
    cluster_request,
    job_id_of,
    job_request,
    label_of,
    request_id_of,
)
from synergyflow.clusters.dataproc_staging import Staging, with_places
from synergyflow.clusters.dataproc_states import (
    NativeCluster,
    NativeJob,
    cluster_reason,
    cluster_state,
    exit_code_in,
    job_status,
)
from synergyflow.clusters.dataproc_submissions import SETTLING_LOOKS, Submission, Submissions
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus
from synergyflow.errors import (
    ClusterError,
    ClusterLaunchError,
    ClusterLost,
    ConfigurationError,
    FilesystemError,
    JobFailed,
)
from synergyflow.filesystems.base import Filesystem

_TAIL = 1 << 16
_BROKEN, _STOPPED = "ERROR", "STOPPED"
_ENDING = frozenset({ClusterState.TERMINATING, ClusterState.GONE})


class DataprocCluster(Cluster):
    """A cluster of Dataproc. Its id is `NAME/UUID`: a later cluster of the same name is never taken for it."""

    options_type = DataprocOptions
    type = "dataproc"
    job_kinds = JOB_KINDS

    def __init__(
        self,
        name: str,
        profile: Profile,
        *,
        filesystem: Filesystem,
        bucket: str | None = None,
        working_directory: Path | None = None,
    ) -> None:
        """`bucket` is the context's; `working_directory` is what plain paths of scripts are relative to.

        Raises:
            ConfigurationError: the profile says what Dataproc does not know.
        """
        options = options_of(profile)
        self.name = name
        self.profile = profile.name
        self.slots = profile.slots
        self.labels = frozenset(profile.labels)
        self.keep_alive = profile.keep_alive
        self.keep_failed = profile.keep_failed
        self.poll_bounds = PollBounds(minimum=options.poll_minimum, maximum=options.poll_maximum)
        self.settling_seconds = options.settling_seconds
        self._options = options
        self._filesystem = filesystem
        self._staging = Staging(options, filesystem, bucket, working_directory or Path.cwd())
        self._client = DataprocClient(options)
        self._submissions = Submissions(self._client, self._refusal)
        self._output = DriverOutput(options.project, options.storage_endpoint)
        self._native_name: str | None = None
        self._uuid = ""
        self._looks_without_cluster: int | None = None
        self._output_uris: dict[str, str] = {}
        self._exit_codes: dict[str, int | None] = {}

    @property
    def cluster_id(self) -> str | None:
        """`NAME/UUID`, None before `launch` or `attach`."""
        return f"{self._native_name}/{self._uuid}" if self._native_name and self._uuid else None

    @property
    def filesystem(self) -> Filesystem:
        """The filesystem of the context's bucket."""
        return self._filesystem

    def check(self) -> None:
        """See that Dataproc could be called: library, credentials."""
        self._client.check()

    # -- life of the cluster --------------------------------------------------------------------------------------

    def launch(self, token: str) -> str:
        """Ask once, and read back what there is then: an answer may be lost, and an operation may have failed.

        Raises:
            ClusterLaunchError: Dataproc refused it, or it came up broken and was deleted.
            ClusterError: Dataproc is overloaded, or it is not clear whether there is a cluster; ask again.
        """
        name = self._options.cluster_name or cluster_name_of(token)
        self._native_name, self._uuid = name, ""
        try:
            return self._use(name, self._launched(name, token))
        except (Refused, ConfigurationError, ClusterLaunchError) as error:
            if isinstance(error, Refused) and error.code == OVERLOADED:
                raise
            self._native_name = None  # nothing of ours is there, so nothing is to be ended
            raise ClusterLaunchError(f"cluster {self.name} ({name}): {error}", hint=error.hint) from error

    def _launched(self, name: str, token: str) -> str:
        """The uuid of the cluster that was asked for, or was there already."""
        if self._options.cluster_name and self._client.get_cluster(name) is not None:
            return self._read_back(name, token, "")
        uuid = ""
        try:
            request = cluster_request(self._options, name, token)
            uuid = self._client.create_cluster(request, request_id_of("create", token))
        except Refused as refusal:
            if refusal.code != "ALREADY_EXISTS":
                raise
        except Unclear:
            if self._client.get_cluster(name) is None:
                raise
        return self._read_back(name, token, uuid)

    def _read_back(self, name: str, token: str, uuid: str) -> str:
        """The uuid of the cluster of that name, seen to be ours and on its way up."""
        found = self._client.get_cluster(name)
        if found is None:
            if uuid:
                return uuid  # asked for, and not to be seen yet: a look will tell
            raise ClusterError(f"Dataproc has a cluster {name}, and then has none", hint="try again")
        if not self._options.cluster_name and found.labels.get(TOKEN_LABEL) != label_of(token):
            raise ClusterLaunchError("there is one of that name already that synergyflow did not launch")
        if found.state == _BROKEN and TOKEN_LABEL in found.labels:
            self._client.delete_cluster(name, found.uuid)
        if cluster_state(found.state) in (*_ENDING, ClusterState.FAILED):
            raise ClusterLaunchError(f"it did not come up: {cluster_reason(found)}")
        return found.uuid

    def _use(self, name: str, uuid: str) -> str:
        self._native_name, self._uuid, self._looks_without_cluster = name, uuid, 0
        return f"{name}/{uuid}"

    def attach(self, cluster_id: str) -> None:
        """Use the cluster of that id; nothing is asked yet."""
        self._native_name, _, self._uuid = cluster_id.partition("/")
        self._looks_without_cluster = None

    def terminate(self) -> None:
        """Delete the cluster if it is the one that was launched. One that synergyflow did not launch is left alone.

        Raises:
            ClusterError: the cluster is not ours, or Dataproc did not accept it.
        """
        if self._native_name is None:
            return
        self._submissions.withdraw_all()
        self._looks_without_cluster = None
        found = self._client.get_cluster(self._native_name)
        if found is None or not self._is_it(found) or cluster_state(found.state) in _ENDING:
            return
        if self._options.cluster_name and found.state == _STOPPED:
            return  # somebody put it to rest, to be used again
        if TOKEN_LABEL not in found.labels:
            raise ClusterError(
                f"cluster {found.name} was not launched by synergyflow and is left as it is",
                hint=f"gcloud dataproc clusters delete {found.name}",
            )
        try:
            self._client.delete_cluster(found.name, found.uuid)
        except Refused:
            after = self._client.get_cluster(found.name)
            if after is not None and self._is_it(after) and cluster_state(after.state) not in _ENDING:
                raise

    def _is_it(self, found: NativeCluster) -> bool:
        """Whether it is this cluster and not a later one of the same name."""
        return not self._uuid or found.uuid == self._uuid

    # -- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, job: Job, token: str) -> str:
        """Ask once, or adopt the job of that token that is there. `poll` asks again where the answer was not clear."""
        name = self._launched_name()
        if job.kind not in self.job_kinds:
            raise JobFailed(f"Dataproc can't run {job.kind} jobs", hint="give the step a cluster that can")
        try:
            request = job_request(with_places(job, self._staging.place_of), token, self._options, name)
        except FilesystemError as error:
            raise JobFailed(f"a file of the job could not be handed over: {error}", hint=error.hint) from error
        native = self._submissions.hand_over(Submission(request, request_id_of("submit", token), job.kind.value))
        if native is not None:
            self._remember(native)
        return job_id_of(token)

    def _launched_name(self) -> str:
        if self._native_name is None:
            raise ClusterError(f"cluster {self.name} has not been launched", hint="call launch first")
        return self._native_name

    def _refusal(self, refusal: Refused, kind: str) -> ClusterError:
        """What a refused job means: the cluster is gone, it is not ready yet, or the job is bad."""
        seen = self._look()
        if seen.state in (*_ENDING, ClusterState.FAILED):
            return ClusterLost(f"cluster {self.name} takes no jobs any more: {seen.reason or refusal.message}")
        if seen.state is not ClusterState.READY:
            return ClusterError(f"cluster {self.name} takes no jobs yet: {refusal.message}")
        return JobFailed(f"Dataproc refused the {kind} job: {refusal.message}", hint=refusal.hint)

    def poll(self, job_ids: Sequence[str]) -> Observation:
        """One listing of the cluster's jobs, as many pages as it takes to see those asked for, and one look at it.

        The jobs come first: one that failed because the cluster was deleted is then seen with its cluster gone.
        """
        self._submissions.send_waiting()
        natives = self._natives(job_ids) if job_ids else {}
        seen = self._look()
        jobs = {job_id: self._status(job_id, natives.get(job_id), seen.state) for job_id in job_ids}
        return replace(seen, jobs=jobs)

    def _look(self) -> Observation:
        if self._native_name is None:
            return Observation(state=ClusterState.UNKNOWN, reason="it was never launched")
        found = self._client.get_cluster(self._native_name, again=False)
        if found is not None and self._is_it(found):
            self._looks_without_cluster = None
            return Observation(state=cluster_state(found.state), reason=cluster_reason(found))
        if self._looks_without_cluster is not None and self._looks_without_cluster < SETTLING_LOOKS:
            self._looks_without_cluster += 1
            return Observation(state=ClusterState.STARTING, reason="it is not to be seen yet")
        return Observation(
            state=ClusterState.GONE, reason="it is not there any more: deleted from outside, or at its own limit"
        )

    def _natives(self, job_ids: Sequence[str]) -> dict[str, NativeJob]:
        wanted = {job_id for job_id in job_ids if not self._submissions.has(job_id)}
        found: dict[str, NativeJob] = {}
        for native in self._client.list_jobs(self._native_name) if wanted and self._native_name else ():
            if native.job_id in wanted:
                wanted.remove(native.job_id)
                found[native.job_id] = native
                if not wanted:
                    break
        for job_id in wanted:
            native_or_none = self._found(job_id, again=False)
            if native_or_none is not None:
                found[job_id] = native_or_none
        for native in found.values():
            self._remember(native)
        return found

    def _found(self, job_id: str, *, again: bool = True) -> NativeJob | None:
        """The job itself, however the listing lags behind; None too for what can't be the id of a job."""
        try:
            return self._client.get_job(job_id, again=again)
        except Refused as refusal:
            if refusal.code == "INVALID_ARGUMENT":
                return None
            raise

    def _remember(self, native: NativeJob) -> None:
        if native.output_uri:
            self._output_uris[native.job_id] = native.output_uri

    def _status(self, job_id: str, native: NativeJob | None, cluster: ClusterState) -> JobStatus:
        if native is None:
            return self._submissions.status(job_id)
        self._submissions.shown(job_id)
        status = job_status(native, exit_code=self._exit_code(native))
        if cluster in _ENDING and not status.state.is_final:
            return replace(status, state=JobState.LOST, message=f"its cluster {self.name} is gone")
        return status

    def _exit_code(self, native: NativeJob) -> int | None:
        """Of a failed shell command, from the end of its output; Dataproc keeps none of any job."""
        if native.state != "ERROR" or native.labels.get(KIND_LABEL) != JobKind.SHELL.value:
            return None
        if native.job_id not in self._exit_codes:
            try:
                self._exit_codes[native.job_id] = exit_code_in(self._output.tail(native.output_uri, _TAIL))
            except ClusterError:
                self._exit_codes[native.job_id] = None
        return self._exit_codes[native.job_id]

    def cancel(self, job_id: str, *, force: bool = False) -> None:
        """Ask Dataproc to cancel; it knows only one way, so `force` asks again."""
        self._submissions.withdraw(job_id)
        try:
            self._client.cancel_job(job_id)
        except Refused as refusal:
            if refusal.code != "INVALID_ARGUMENT":
                raise

    def find(self, token: str) -> str | None:
        """By the id that is derived from the token, and by its label where that look may lag behind."""
        if self._submissions.has(job_id_of(token)):
            return job_id_of(token)
        native = self._found(job_id_of(token))
        if native is None:
            native = next(self._client.list_jobs_labeled(TOKEN_LABEL, label_of(token)), None)
        if native is None:
            return None
        self._remember(native)
        return native.job_id

    def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
        """The driver's output, from where Dataproc keeps it."""
        if job_id not in self._output_uris:
            native = self._found(job_id)
            self._output_uris[job_id] = native.output_uri if native is not None else ""
        uri = self._output_uris[job_id]
        data = self._output.read(uri, position, limit) if uri else b""
        return LogChunk(data, position + len(data))

    def forget(self, job_id: str) -> None:
        """Forget where its output is; Dataproc keeps the job."""
        self._submissions.forget(job_id)
        self._output_uris.pop(job_id, None)
        self._exit_codes.pop(job_id, None)
