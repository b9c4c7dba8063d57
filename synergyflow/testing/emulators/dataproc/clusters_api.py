"""`ClusterController`: what each of its methods answers, given the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from google.cloud.dataproc_v1.types import (
    Cluster,
    ClusterOperationMetadata,
    ClusterOperationStatus,
    ClusterStatus,
    ListClustersResponse,
)
from google.longrunning.operations_pb2 import Operation
from google.protobuf.empty_pb2 import Empty

from synergyflow.testing.emulators.dataproc.cluster_life import ClusterLife
from synergyflow.testing.emulators.dataproc.faults import Fault, FaultKind
from synergyflow.testing.emulators.dataproc.filters import parsed
from synergyflow.testing.emulators.dataproc.refusals import CallRefused, check_cluster, check_request_id, invalid
from synergyflow.testing.emulators.dataproc.world import Place, World

_STATE = ClusterStatus.State
_INACTIVE = frozenset({_STATE.ERROR, _STATE.DELETING, _STATE.STOPPED})


class ClustersApi:
    """Answers under the lock of the world. Each method returns the answer and whether anything changed."""

    def __init__(self, world: World, life: ClusterLife, default_bucket: str) -> None:
        self._world = world
        self._life = life
        self._default_bucket = default_bucket

    def create(self, request: Any, fault: Fault | None) -> tuple[Operation, bool]:
        """CreateCluster."""
        check_request_id(request.request_id)
        place, name = _place(request), request.cluster.cluster_name
        before = self._world.answered.get(("CreateCluster", name, request.request_id)) if request.request_id else None
        if before is not None:
            return self._world.operations[before], False
        check_cluster(request.cluster)
        if (place, name) in self._world.clusters:
            raise CallRefused(
                "ALREADY_EXISTS", f"Already exists: Failed to create cluster: Cluster {'/'.join(place)}/{name}"
            )
        living = len(self._world.clusters)
        if self._world.most_clusters is not None and living >= self._world.most_clusters:
            raise invalid(f"Insufficient 'CPUS' quota. Requested 12.0, available 0.0. ({living} clusters live)")
        cluster = Cluster(request.cluster)
        cluster.project_id, cluster.cluster_uuid = place[0], str(uuid4())
        self._fill_in(cluster, place)
        operation = self._operation(place, cluster, "CREATE")
        error = "Initialization action failed" if fault and fault.kind is FaultKind.ENDS_IN_ERROR else ""
        self._life.begin(place, cluster, error, self._finisher(operation, cluster))
        if fault and fault.kind is FaultKind.IS_BEING_DELETED:
            self._life.delete(place, cluster)
        self._world.answered["CreateCluster", name, request.request_id] = operation.name
        return operation, True

    def get(self, request: Any) -> Cluster:
        """GetCluster."""
        clusters, _ = self._world.seen()
        found = clusters.get((_place(request), request.cluster_name))
        if found is None:
            raise _not_found(request)
        return found

    def list(self, request: Any) -> ListClustersResponse:
        """ListClusters, in the order of names."""
        fits = parsed(request.filter)
        clusters, _ = self._world.seen()
        found = [
            cluster
            for (place, name), cluster in sorted(clusters.items())
            if place == _place(request) and name > request.page_token and fits(_fields(cluster))
        ]
        size = request.page_size or 200
        token = found[size - 1].cluster_name if len(found) > size else ""
        return ListClustersResponse(clusters=found[:size], next_page_token=token)

    def delete(self, request: Any) -> tuple[Operation, bool]:
        """DeleteCluster."""
        cluster = self._named(request)
        if request.cluster_uuid and request.cluster_uuid != cluster.cluster_uuid:
            raise _not_found(request)
        if cluster.status.state == _STATE.DELETING:
            raise CallRefused("FAILED_PRECONDITION", f"Cluster '{cluster.cluster_name}' is already being deleted")
        operation = self._operation(_place(request), cluster, "DELETE")
        self._life.delete(_place(request), cluster, self._finisher(operation, Empty()))
        return operation, True

    def stop(self, request: Any) -> tuple[Operation, bool]:
        """StopCluster."""
        return self._change(request, {_STATE.RUNNING}, _STATE.STOPPING, _STATE.STOPPED, self._world.delays.stop)

    def start(self, request: Any) -> tuple[Operation, bool]:
        """StartCluster."""
        return self._change(request, {_STATE.STOPPED}, _STATE.STARTING, _STATE.RUNNING, self._world.delays.start)

    def update(self, request: Any) -> tuple[Operation, bool]:
        """UpdateCluster: the state's way is gone; of the fields only the numbers of workers are taken over."""
        cluster = self._named(request)
        for group in ("worker_config", "secondary_worker_config"):
            if f"config.{group}.num_instances" in request.update_mask.paths:
                number = getattr(request.cluster.config, group).num_instances
                getattr(cluster.config, group).num_instances = number
        return self._change(request, {_STATE.RUNNING}, _STATE.UPDATING, _STATE.RUNNING, self._world.delays.update)

    def operation(self, name: str) -> Operation:
        """GetOperation."""
        found = self._world.operations.get(name)
        if found is None:
            raise CallRefused("NOT_FOUND", f"Not found: Operation {name}")
        return found

    def _change(self, request: Any, allowed: set[Any], by: Any, to: Any, delay: float) -> tuple[Operation, bool]:
        cluster = self._named(request)
        if cluster.status.state not in allowed:
            state = cluster.status.state.name
            raise CallRefused("FAILED_PRECONDITION", f"Cluster '{cluster.cluster_name}' is in state {state}")
        operation = self._operation(_place(request), cluster, by.name)
        self._life.through(_place(request), cluster, by, to, delay, self._finisher(operation, cluster))
        return operation, True

    def _named(self, request: Any) -> Cluster:
        found = self._world.clusters.get((_place(request), request.cluster_name))
        if found is None:
            raise _not_found(request)
        return found

    def _fill_in(self, cluster: Cluster, place: Place) -> None:
        """What Dataproc adds: its own labels, a bucket, names of machines."""
        name, config = cluster.cluster_name, cluster.config
        cluster.labels["goog-dataproc-cluster-name"] = name
        cluster.labels["goog-dataproc-cluster-uuid"] = cluster.cluster_uuid
        cluster.labels["goog-dataproc-location"] = place[1]
        config.config_bucket = config.config_bucket or self._default_bucket
        for group, letter in ((config.master_config, "m"), (config.worker_config, "w")):
            group.instance_names = [f"{name}-{letter}-{number}" for number in range(group.num_instances)]
        spot = config.secondary_worker_config
        spot.instance_names = [f"{name}-sw-{number:04d}" for number in range(spot.num_instances)]

    def _operation(self, place: Place, cluster: Cluster, kind: str) -> Operation:
        operation = Operation(name=f"projects/{place[0]}/regions/{place[1]}/operations/{uuid4()}")
        state = ClusterOperationStatus(state=ClusterOperationStatus.State.RUNNING)
        operation.metadata.Pack(_metadata(cluster, kind, state))
        self._world.operations[operation.name] = operation
        return operation

    def _finisher(self, operation: Operation, response: Any) -> Callable[[str], None]:
        def finish(error: str) -> None:
            operation.done = True
            if error:
                operation.error.code, operation.error.message = 13, error
            else:
                operation.response.Pack(Cluster.pb(response) if isinstance(response, Cluster) else response)

        return finish


def _metadata(cluster: Cluster, kind: str, status: ClusterOperationStatus) -> Any:
    return ClusterOperationMetadata.pb(
        ClusterOperationMetadata(
            cluster_name=cluster.cluster_name, cluster_uuid=cluster.cluster_uuid, operation_type=kind, status=status
        )
    )


def _place(request: Any) -> Place:
    return request.project_id, request.region


def _not_found(request: Any) -> CallRefused:
    where = f"projects/{request.project_id}/regions/{request.region}/clusters/{request.cluster_name}"
    return CallRefused("NOT_FOUND", f"Not found: Cluster {where}")


def _fields(cluster: Cluster) -> dict[str, str]:
    state = Cluster.pb(cluster).status.state
    return {
        "status.state": "INACTIVE" if state in _INACTIVE else "ACTIVE",
        "clusterName": cluster.cluster_name,
        **{f"labels.{key}": value for key, value in cluster.labels.items()},
    }
