"""The border to Dataproc: the one file that imports its library, and that knows how its errors look.

Calls that make something (a cluster, a job) are tried exactly once: what became of an unclear one is found out by
looking. Calls for a look by the engine's clock are tried once too, since the engine looks again; other reads and
endings are tried again for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, TypeVar

from synergyflow.clusters.dataproc_options import DataprocOptions
from synergyflow.clusters.dataproc_states import NativeCluster, NativeJob
from synergyflow.errors import ClusterError, ConfigurationError

CALL_SECONDS = 30.0
AGAIN_SECONDS = 20.0
PAGE_SIZE = 100
OVERLOADED = "RESOURCE_EXHAUSTED"
"""The word of a throttle. A quota of machines that is used up is an invalid argument to Dataproc."""

_WITHOUT_EFFECT = frozenset(
    {
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        OVERLOADED,
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
    }
)
_HINTS: Mapping[str, str] = {
    "PERMISSION_DENIED": "see that the account may use Dataproc in the project of the profile",
    "UNAUTHENTICATED": "sign in: gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
    OVERLOADED: "wait, or ask Google for a larger quota of requests",
}

T = TypeVar("T")


class Refused(ClusterError):
    """Dataproc said no: the call had no effect. `code` is its word for why."""

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Unclear(ClusterError):
    """No answer, or one that does not tell: the call may have had its effect."""


class DataprocClient:
    """Dataproc's calls. Nothing is connected before the first of them; safe for threads."""

    def __init__(self, options: DataprocOptions) -> None:
        self._options = options
        self._place = {"project_id": options.project, "region": options.region}
        self._lock = threading.Lock()
        self._made: tuple[Any, Any] | None = None

    def check(self) -> None:
        """See that calls can be made at all: library, credentials. Calls nothing of Dataproc.

        Raises:
            ConfigurationError: something is missing; the hint says how to give it.
        """
        try:
            self._clients()
        except Refused as refusal:
            raise ConfigurationError(refusal.message, hint=refusal.hint) from refusal

    def create_cluster(self, cluster: Mapping[str, Any], request_id: str) -> str:
        """Ask for the cluster, once; its uuid. It is still being created then."""
        request = {**self._place, "cluster": dict(cluster), "request_id": request_id}
        operation = _once(self._clusters.create_cluster, request)
        return str(operation.metadata.cluster_uuid)

    def get_cluster(self, name: str, *, again: bool = True) -> NativeCluster | None:
        """All about the cluster of that name; None if there is none."""
        request = {**self._place, "cluster_name": name}
        found = _unless_missing(lambda: (_again if again else _once)(self._clusters.get_cluster, request))
        return None if found is None else _native_cluster(found)

    def delete_cluster(self, name: str, uuid: str) -> None:
        """Ask for the end of the cluster, if it is still the one with that uuid; one that is gone is a success."""
        request = {**self._place, "cluster_name": name, "cluster_uuid": uuid}
        _unless_missing(lambda: _again(self._clusters.delete_cluster, request))

    def submit_job(self, job: Mapping[str, Any], request_id: str) -> NativeJob:
        """Hand the job over, once."""
        request = {**self._place, "job": dict(job), "request_id": request_id}
        return _native_job(_once(self._jobs.submit_job, request))

    def get_job(self, job_id: str, *, again: bool = True) -> NativeJob | None:
        """All about the job; None if there is none of that id in the project."""
        request = {**self._place, "job_id": job_id}
        found = _unless_missing(lambda: (_again if again else _once)(self._jobs.get_job, request))
        return None if found is None else _native_job(found)

    def list_jobs(self, cluster_name: str) -> Iterator[NativeJob]:
        """Jobs of clusters of that name, newest first; a page is asked for when it is needed."""
        request = {**self._place, "cluster_name": cluster_name, "page_size": PAGE_SIZE}
        return self._pages(request, _once)

    def list_jobs_labeled(self, key: str, value: str) -> Iterator[NativeJob]:
        """Jobs with that label, on whatever cluster."""
        request = {**self._place, "filter": f"labels.{key} = {value}", "page_size": PAGE_SIZE}
        return self._pages(request, _again)

    def cancel_job(self, job_id: str) -> None:
        """Ask for the end of the job; one that has ended or is unknown is a success."""
        try:
            _unless_missing(lambda: _again(self._jobs.cancel_job, {**self._place, "job_id": job_id}))
        except Refused as refusal:
            if refusal.code != "FAILED_PRECONDITION":
                raise

    def _pages(self, request: Mapping[str, Any], call: Callable[..., Any]) -> Iterator[NativeJob]:
        token = ""
        while True:
            page = next(iter(call(self._jobs.list_jobs, {**request, "page_token": token}).pages))
            yield from map(_native_job, page.jobs)
            token = page.next_page_token
            if not token:
                return

    @property
    def _clusters(self) -> Any:
        return self._clients()[0]

    @property
    def _jobs(self) -> Any:
        return self._clients()[1]

    def _clients(self) -> tuple[Any, Any]:
        with self._lock:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self) -> tuple[Any, Any]:
        """Google's clients for the region; for an emulator over a channel of its own, which asks no credentials."""
        if not _is_installed("google.cloud.dataproc_v1"):
            raise ConfigurationError(
                "clusters of type dataproc need Google's library", hint='pip install "synergyflow[gcp]"'
            )
        from google.api_core.client_options import ClientOptions
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import dataproc_v1

        kinds = (dataproc_v1.ClusterControllerClient, dataproc_v1.JobControllerClient)
        server = self._options.server
        if server is not None:
            import grpc

            channel = grpc.insecure_channel(server)
            clusters, jobs = (kind(transport=kind.get_transport_class("grpc")(channel=channel)) for kind in kinds)
            return clusters, jobs
        where = ClientOptions(api_endpoint=f"{self._options.region}-dataproc.googleapis.com:443")
        try:
            clusters, jobs = (kind(client_options=where) for kind in kinds)
        except GoogleAuthError as error:
            raise Refused(
                f"no credentials for Google Cloud: {error}", code="UNAUTHENTICATED", hint=_HINTS["UNAUTHENTICATED"]
            ) from error
        return clusters, jobs


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _once(call: Callable[..., T], request: Mapping[str, Any]) -> T:
    return _translated(lambda: call(request=dict(request), retry=None, timeout=CALL_SECONDS))


def _again(call: Callable[..., T], request: Mapping[str, Any]) -> T:
    """The call, repeated while Dataproc is overloaded or out of reach, for a while."""
    from google.api_core import exceptions, retry

    passing = retry.if_exception_type(
        exceptions.ServiceUnavailable,
        exceptions.TooManyRequests,
        exceptions.InternalServerError,
        exceptions.DeadlineExceeded,
    )
    policy = retry.Retry(predicate=passing, initial=0.1, maximum=5.0, multiplier=2.0, timeout=AGAIN_SECONDS)
    return _translated(lambda: call(request=dict(request), retry=policy, timeout=CALL_SECONDS))


def _unless_missing(call: Callable[[], T]) -> T | None:
    try:
        return call()
    except Refused as refusal:
        if refusal.code == "NOT_FOUND":
            return None
        raise


def _translated(call: Callable[[], T]) -> T:
    """What the call returns; what it raises, as `Refused` or `Unclear`."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError

    try:
        return call()
    except GoogleAPICallError as error:
        code = _code_of(error)
        if code in _WITHOUT_EFFECT:
            raise Refused(f"Dataproc: {error.message}", code=code, hint=_HINTS.get(code)) from error
        raise Unclear(f"Dataproc could not be reached ({code}): {error.message}") from error
    except RetryError as error:
        raise Unclear(f"Dataproc could not be reached: {error.cause or error}") from error
    except GoogleAuthError as error:
        raise Refused(
            f"no access to Google Cloud: {error}", code="UNAUTHENTICATED", hint=_HINTS["UNAUTHENTICATED"]
        ) from error


def _code_of(error: Any) -> str:
    """gRPC's word for the error."""
    code = error.grpc_status_code
    return "UNKNOWN" if code is None else str(code.name)


def _native_cluster(cluster: Any) -> NativeCluster:
    return NativeCluster(
        name=cluster.cluster_name,
        uuid=cluster.cluster_uuid,
        state=_state_of(cluster.status),
        detail=cluster.status.detail,
        labels=dict(cluster.labels),
    )


def _native_job(job: Any) -> NativeJob:
    history = [*job.status_history, job.status]
    running = [status for status in history if _state_of(status) == "RUNNING"]
    return NativeJob(
        job_id=job.reference.job_id,
        state=_state_of(job.status),
        details=job.status.details,
        cluster_name=job.placement.cluster_name,
        cluster_uuid=job.placement.cluster_uuid,
        labels=dict(job.labels),
        output_uri=job.driver_output_resource_uri,
        started_at=_utc((running or history)[0].state_start_time),
        finished_at=_utc(job.status.state_start_time),
    )


def _state_of(status: Any) -> str:
    """The state's name; its number where the library does not know it yet."""
    message = type(status).pb(status)
    known = message.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number
    return str(known[message.state].name if message.state in known else message.state)


def _utc(moment: Any) -> datetime | None:
    """Google's time, finer than ours, as ours."""
    if not moment:
        return None
    return datetime.fromtimestamp(moment.timestamp(), UTC)
