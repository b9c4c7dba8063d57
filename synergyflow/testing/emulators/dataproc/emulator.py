"""`DataprocEmulator`: the parts put together, and what a test may do to them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from google.cloud.dataproc_v1.types import Cluster, ClusterStatus, Job

from synergyflow.testing.emulators.dataproc.clock import Clock, WallClock
from synergyflow.testing.emulators.dataproc.cluster_life import ClusterLife
from synergyflow.testing.emulators.dataproc.clusters_api import ClustersApi
from synergyflow.testing.emulators.dataproc.executing import ProcessRunner
from synergyflow.testing.emulators.dataproc.faults import FaultKind, Faults
from synergyflow.testing.emulators.dataproc.job_life import JobLife
from synergyflow.testing.emulators.dataproc.jobs_api import JobsApi
from synergyflow.testing.emulators.dataproc.ledger import Ledger
from synergyflow.testing.emulators.dataproc.model import Delays, Runner, Script
from synergyflow.testing.emulators.dataproc.objects import Objects
from synergyflow.testing.emulators.dataproc.objects_server import ObjectsServer
from synergyflow.testing.emulators.dataproc.scripted import ScriptedRunner
from synergyflow.testing.emulators.dataproc.server import DataprocServer
from synergyflow.testing.emulators.dataproc.world import Place, Submitted, World

DEFAULT_BUCKET = "dataproc-staging-emulated"
_PIECE = 1 << 20


class DataprocEmulator:
    """Dataproc, and storage for its output, on loopback. To be closed, or used in a `with` block.

    Attributes:
        endpoint: `host:port` of Dataproc, for the option `endpoint` of a profile.
        storage_url: URL of the storage, for `storage_endpoint` or STORAGE_EMULATOR_HOST.
        ledger: what was asked, and what came of it.
        faults: what is to go wrong.
        objects: the content of all buckets.
    """

    def __init__(
        self,
        *,
        script: Script | None = None,
        clock: Clock | None = None,
        delays: Delays | None = None,
        folder: Path | None = None,
        port: int = 0,
        storage_port: int = 0,
        piece_bytes: int = _PIECE,
    ) -> None:
        """With a `script` jobs end as it says, without one they really run on this machine.

        `folder` keeps buckets and working directories, and stays; by default a temporary one that goes with the
        emulator. A `clock` that is given is not closed.
        """
        self._own_folder = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="dataproc-emulator-")) if folder is None else folder.absolute()
        self._own_clock: WallClock | None = None
        if clock is None:
            clock = self._own_clock = WallClock()
        self._world = World(clock, delays or Delays())
        self.ledger = Ledger()
        self.faults = Faults()
        self.objects = Objects(self._folder / "buckets")
        self._runner: Runner = (
            ProcessRunner(self._folder / "jobs", self.objects) if script is None else ScriptedRunner(script, clock)
        )
        self._jobs = JobLife(self._world, self._runner, self.objects, piece_bytes)
        self._clusters = ClusterLife(self._world, self._jobs)
        clusters_api = ClustersApi(self._world, self._clusters, DEFAULT_BUCKET)
        jobs_api = JobsApi(self._world, self._jobs)
        self._storage = ObjectsServer(self.objects, storage_port)
        self._server = DataprocServer(self._world, clusters_api, jobs_api, self.faults, self.ledger, port)

    def __enter__(self) -> DataprocEmulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Answer no more, end every job that runs, leave nothing behind."""
        self._server.close()
        self._storage.close()
        self._runner.close()
        if self._own_clock is not None:
            self._own_clock.close()
        if self._own_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def endpoint(self) -> str:
        """`host:port` of Dataproc."""
        return f"127.0.0.1:{self._server.port}"

    @property
    def storage_url(self) -> str:
        """URL of the storage."""
        return self._storage.url

    # -- looking --------------------------------------------------------------------------------------------------

    def clusters(self) -> list[Cluster]:
        """Copies of all clusters that cost something, in ERROR too."""
        with self._world.lock:
            return [Cluster(cluster) for cluster in self._world.clusters.values()]

    def jobs(self) -> list[Job]:
        """Copies of all jobs, in the order in which they were submitted."""
        with self._world.lock:
            return [Job(submitted.job) for submitted in self._world.jobs.values()]

    # -- doing ----------------------------------------------------------------------------------------------------

    def allow_clusters(self, most: int | None) -> None:
        """Refuse further clusters for want of quota while there are that many."""
        with self._world.lock:
            self._world.most_clusters = most

    def lag(self, reads: int) -> None:
        """Answer that many reads from how things are now, whatever happens meanwhile."""
        self._world.freeze(reads)

    def vanish(self, cluster_name: str) -> None:
        """The cluster is gone at once, with its jobs; nobody is told."""
        self._on_cluster(cluster_name, self._clusters.vanish)

    def break_cluster(self, cluster_name: str, detail: str) -> None:
        """The cluster is in ERROR; it goes on costing until it is deleted."""

        def act(place: Place, cluster: Cluster) -> None:
            self._world.to_cluster_state(cluster, ClusterStatus.State.ERROR, detail)

        self._on_cluster(cluster_name, act)

    def lose_spot_workers(self, cluster_name: str, *, jobs_fail: bool = False) -> None:
        """Google takes the secondary workers back; with `jobs_fail` what ran on them was too much for its jobs."""

        def act(place: Place, cluster: Cluster) -> None:
            cluster.config.secondary_worker_config.instance_names = []
            cluster.status.substate = ClusterStatus.Substate.UNHEALTHY
            for submitted in self._world.active_jobs(cluster) if jobs_fail else ():
                self._jobs.fail(submitted, "Job aborted: executors were lost with preempted workers")

        self._on_cluster(cluster_name, act)

    def set_cluster_state(self, cluster_name: str, number: int) -> None:
        """Put the cluster into a state by its number, which may be one that nobody knows yet."""

        def act(place: Place, cluster: Cluster) -> None:
            Cluster.pb(cluster).status.state = number

        self._on_cluster(cluster_name, act)

    def set_job_state(self, job_id: str, number: int) -> None:
        """Put the job into a state by its number, which may be one that nobody knows yet."""
        with self._world.lock:
            Job.pb(self._job(job_id).job).status.state = number

    def finish(self, job_id: str, exit_code: int = 0, details: str = "", output: bytes = b"") -> None:
        """End a job that runs by script."""
        with self._world.lock:
            submitted = self._job(job_id)
            if output:
                self._jobs.write(submitted, output)
            self._jobs.ended(submitted, exit_code, details)

    def _on_cluster(self, cluster_name: str, act: Callable[[Place, Cluster], None]) -> None:
        with self._world.lock:
            for (place, name), cluster in list(self._world.clusters.items()):
                if name == cluster_name:
                    act(place, cluster)
                    return
        raise KeyError(cluster_name)

    def _job(self, job_id: str) -> Submitted:
        return next(found for (_, known), found in self._world.jobs.items() if known == job_id)


def settings(emulator: DataprocEmulator) -> Sequence[str]:
    """Lines of a profile that make a cluster of this emulator."""
    return (
        'type = "dataproc"',
        'project = "emulated"',
        'region = "us-central1"',
        'image_version = "2.2-debian12"',
        f'endpoint = "{emulator.endpoint}"',
        f'storage_endpoint = "{emulator.storage_url}"',
    )


__all__ = ["DEFAULT_BUCKET", "DataprocEmulator", "FaultKind", "settings"]
