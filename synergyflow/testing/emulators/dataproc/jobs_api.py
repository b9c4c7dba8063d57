"""`JobController`: what each of its methods answers, given the request."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from google.cloud.dataproc_v1.types import Cluster, ClusterStatus, Job, ListJobsRequest, ListJobsResponse
from google.protobuf.empty_pb2 import Empty

from synergyflow.testing.emulators.dataproc.filters import parsed
from synergyflow.testing.emulators.dataproc.job_life import JobLife
from synergyflow.testing.emulators.dataproc.refusals import (
    CallRefused,
    check_job,
    check_job_id,
    check_request_id,
    invalid,
)
from synergyflow.testing.emulators.dataproc.world import Submitted, World, has_ended

_TAKES_JOBS = frozenset(
    {ClusterStatus.State.RUNNING, ClusterStatus.State.UPDATING, ClusterStatus.State.ERROR_DUE_TO_UPDATE}
)
_MATCH = ListJobsRequest.JobStateMatcher
_PAGE = 100


class JobsApi:
    """Answers under the lock of the world. Each method returns the answer, and of a change whether there was one."""

    def __init__(self, world: World, life: JobLife) -> None:
        self._world = world
        self._life = life

    def submit(self, request: Any) -> tuple[Job, bool]:
        """SubmitJob. A known request id gives back the first job, whatever has become of it."""
        check_request_id(request.request_id)
        world, project = self._world, request.project_id
        before = world.answered.get(("SubmitJob", project, request.request_id)) if request.request_id else None
        if before is not None:
            return world.jobs[project, before].job, False
        check_job(request.job)
        job = Job(request.job)
        job.reference.project_id = project
        job.reference.job_id = job.reference.job_id or str(uuid4())
        if (project, job.reference.job_id) in world.jobs:
            raise CallRefused("ALREADY_EXISTS", f"Already exists: Job projects/{project}/jobs/{job.reference.job_id}")
        cluster = self._cluster_of(request)
        job.placement.cluster_uuid, job.job_uuid = cluster.cluster_uuid, str(uuid4())
        submitted = Submitted((project, request.region), world.next_number(), job)
        world.jobs[project, job.reference.job_id] = submitted
        world.answered["SubmitJob", project, request.request_id] = job.reference.job_id
        self._life.begin(submitted, cluster)
        return job, True

    def get(self, request: Any) -> Job:
        """GetJob."""
        check_job_id(request.job_id)
        _, jobs = self._world.seen()
        found = jobs.get((request.project_id, request.job_id))
        if found is None:
            raise _not_found(request)
        return found.job

    def list(self, request: Any) -> ListJobsResponse:
        """ListJobs, newest first."""
        fits, place = parsed(request.filter), (request.project_id, request.region)
        before = int(request.page_token) if request.page_token else None
        _, jobs = self._world.seen()
        found = [
            submitted
            for submitted in sorted(jobs.values(), key=lambda submitted: -submitted.number)
            if submitted.place == place
            and (before is None or submitted.number < before)
            and request.cluster_name in ("", submitted.job.placement.cluster_name)
            and _matches(request.job_state_matcher, submitted.job)
            and fits(_fields(submitted.job))
        ]
        size = min(request.page_size or _PAGE, 1000)
        token = str(found[size - 1].number) if len(found) > size else ""
        return ListJobsResponse(jobs=[submitted.job for submitted in found[:size]], next_page_token=token)

    def cancel(self, request: Any) -> tuple[Job, bool]:
        """CancelJob. A job that has ended can't be canceled."""
        submitted = self._submitted(request)
        if has_ended(submitted.job):
            state = submitted.job.status.state.name
            raise CallRefused("FAILED_PRECONDITION", f"Job '{request.job_id}' is in terminal state {state}")
        asked_before = submitted.cancel_asked
        self._life.cancel(submitted)
        return submitted.job, not asked_before

    def delete(self, request: Any) -> tuple[Empty, bool]:
        """DeleteJob: its id is free again."""
        submitted = self._submitted(request)
        if not has_ended(submitted.job):
            raise CallRefused("FAILED_PRECONDITION", f"Job '{request.job_id}' is active")
        del self._world.jobs[request.project_id, request.job_id]
        return Empty(), True

    def _submitted(self, request: Any) -> Submitted:
        check_job_id(request.job_id)
        found = self._world.jobs.get((request.project_id, request.job_id))
        if found is None:
            raise _not_found(request)
        return found

    def _cluster_of(self, request: Any) -> Cluster:
        name = request.job.placement.cluster_name
        found = self._world.clusters.get(((request.project_id, request.region), name))
        if found is None:
            where = f"projects/{request.project_id}/regions/{request.region}/clusters/{name}"
            raise CallRefused("NOT_FOUND", f"Not found: Cluster {where}")
        if Cluster.pb(found).status.state not in _TAKES_JOBS:
            raise CallRefused(
                "FAILED_PRECONDITION", f"Cluster '{name}' is in state {found.status.state.name} and cannot accept jobs"
            )
        return found


def _matches(wanted: Any, job: Job) -> bool:
    match wanted:
        case _MATCH.ALL:
            return True
        case _MATCH.ACTIVE:
            return not has_ended(job)
        case _MATCH.NON_ACTIVE:
            return has_ended(job)
        case other:
            raise invalid(f"job_state_matcher {other} is not known")


def _fields(job: Job) -> dict[str, str]:
    return {
        "status.state": "NON_ACTIVE" if has_ended(job) else "ACTIVE",
        "clusterName": job.placement.cluster_name,
        **{f"labels.{key}": value for key, value in job.labels.items()},
    }


def _not_found(request: Any) -> CallRefused:
    return CallRefused("NOT_FOUND", f"Not found: Job projects/{request.project_id}/jobs/{request.job_id}")
