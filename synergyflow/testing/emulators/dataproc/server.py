"""The wire: gRPC on loopback, since that is what Google's client speaks. Faults and the ledger are here too.

The client library has no server side for Dataproc, so the methods are registered by name with the library's own
messages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.dataproc_v1 import types
from google.longrunning import operations_pb2

from synergyflow.testing.emulators.dataproc.clusters_api import ClustersApi
from synergyflow.testing.emulators.dataproc.faults import Fault, FaultKind, Faults
from synergyflow.testing.emulators.dataproc.jobs_api import JobsApi
from synergyflow.testing.emulators.dataproc.ledger import Call, Ledger
from synergyflow.testing.emulators.dataproc.refusals import CallRefused
from synergyflow.testing.emulators.dataproc.world import World

_WORKERS = 32
_INSTEAD: dict[FaultKind, tuple[str, str]] = {
    FaultKind.THROTTLE: ("RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Requests' and limit 'per minute'"),
    FaultKind.UNAVAILABLE: ("UNAVAILABLE", "The service is currently unavailable."),
    FaultKind.INTERNAL: ("INTERNAL", "Internal server error"),
    FaultKind.DENIED: ("PERMISSION_DENIED", "Permission 'dataproc.clusters.use' denied"),
    FaultKind.QUOTA: ("INVALID_ARGUMENT", "Insufficient 'CPUS' quota. Requested 12.0, available 2.0."),
}

Act = Callable[[Any, Fault | None], tuple[Any, bool]]


class DataprocServer:
    """Answers calls until it is closed."""

    def __init__(
        self, world: World, clusters: ClustersApi, jobs: JobsApi, faults: Faults, ledger: Ledger, port: int = 0
    ) -> None:
        """Port 0 is any that is free."""
        self._world = world
        self._faults = faults
        self._ledger = ledger
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="dataproc emulator")
        self._server = grpc.server(self._pool)
        self._register("google.cloud.dataproc.v1.ClusterController", self._of_clusters(clusters))
        self._register("google.cloud.dataproc.v1.JobController", self._of_jobs(jobs))
        self._register("google.longrunning.Operations", self._of_operations(clusters))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.stop(0.2).wait()
        self._pool.shutdown(wait=False)

    def _register(self, service: str, methods: dict[str, Any]) -> None:
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))

    def _of_clusters(self, api: ClustersApi) -> dict[str, Any]:
        name = "cluster_name"
        return {
            "CreateCluster": self._method(
                "CreateCluster", types.CreateClusterRequest, "cluster.cluster_name", api.create
            ),
            "GetCluster": self._read("GetCluster", types.GetClusterRequest, name, api.get),
            "ListClusters": self._read("ListClusters", types.ListClustersRequest, "filter", api.list),
            "DeleteCluster": self._change("DeleteCluster", types.DeleteClusterRequest, name, api.delete),
            "StopCluster": self._change("StopCluster", types.StopClusterRequest, name, api.stop),
            "StartCluster": self._change("StartCluster", types.StartClusterRequest, name, api.start),
            "UpdateCluster": self._change("UpdateCluster", types.UpdateClusterRequest, name, api.update),
        }

    def _of_jobs(self, api: JobsApi) -> dict[str, Any]:
        return {
            "SubmitJob": self._change("SubmitJob", types.SubmitJobRequest, "job.reference.job_id", api.submit),
            "GetJob": self._read("GetJob", types.GetJobRequest, "job_id", api.get),
            "ListJobs": self._read("ListJobs", types.ListJobsRequest, "cluster_name", api.list),
            "CancelJob": self._change("CancelJob", types.CancelJobRequest, "job_id", api.cancel),
            "DeleteJob": self._change("DeleteJob", types.DeleteJobRequest, "job_id", api.delete),
        }

    def _of_operations(self, api: ClustersApi) -> dict[str, Any]:
        return {
            "GetOperation": grpc.unary_unary_rpc_method_handler(
                self._handler("GetOperation", "name", lambda request, _: (api.operation(request.name), False)),
                operations_pb2.GetOperationRequest.FromString,
                _serialized,
            )
        }

    def _read(self, method: str, request: Any, subject: str, act: Callable[[Any], Any]) -> Any:
        return self._method(method, request, subject, lambda asked, _: (act(asked), False))

    def _change(self, method: str, request: Any, subject: str, act: Callable[[Any], tuple[Any, bool]]) -> Any:
        return self._method(method, request, subject, lambda asked, _: act(asked))

    def _method(self, method: str, request: Any, subject: str, act: Act) -> Any:
        handler = self._handler(method, subject, act)
        return grpc.unary_unary_rpc_method_handler(handler, request.deserialize, _serialized)

    def _handler(self, method: str, subject: str, act: Act) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: Any) -> Any:
            about = _field(request, subject)
            fault = self._faults.take(method)
            if fault is not None and fault.kind in _INSTEAD:
                return self._refuse(context, method, about, CallRefused(*_INSTEAD[fault.kind]))
            try:
                with self._world.lock:
                    result, changed = act(request, fault)
                    data = _serialized(result)
            except CallRefused as refused:
                return self._refuse(context, method, about, refused)
            if fault is not None and fault.kind is FaultKind.RESPONSE_LOST:
                lost = CallRefused("UNAVAILABLE", "Socket closed")
                return self._refuse(context, method, about, lost, took_effect=changed)
            if fault is not None and fault.kind is FaultKind.SLOW:
                self._wait(fault.seconds)
            self._ledger.add(Call(method, about, changed, "OK"))
            return data

        return answer

    def _refuse(
        self, context: Any, method: str, about: str, refused: CallRefused, *, took_effect: bool = False
    ) -> None:
        self._ledger.add(Call(method, about, took_effect, refused.code))
        context.abort(grpc.StatusCode[refused.code], str(refused))

    def _wait(self, seconds: float) -> None:
        over = threading.Event()
        self._world.clock.call_later(seconds, over.set)
        over.wait()


def _field(request: Any, path: str) -> str:
    for name in path.split("."):
        request = getattr(request, name)
    return str(request)


def _serialized(message: Any) -> bytes:
    if isinstance(message, bytes):
        return message
    data: bytes = type(message).serialize(message) if hasattr(type(message), "pb") else message.SerializeToString()
    return data
