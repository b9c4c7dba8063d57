"""Dataproc clusters of an emulator, and a way to have one that takes jobs."""

from pathlib import Path
from typing import Any

from synergyflow.clusters.base import ClusterState
from synergyflow.clusters.dataproc import DataprocCluster
from synergyflow.config.profile import Profile
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing.emulators.dataproc import DataprocEmulator

from ..local_clusters import wait_until

TOKEN = "sf-00000000000000000000000000000001"
PROJECT, REGION = "emulated", "us-central1"


def options(emulator: DataprocEmulator, **more: Any) -> dict[str, Any]:
    """The options of a profile for the emulator."""
    return {
        "project": PROJECT,
        "region": REGION,
        "image_version": "2.2-debian12",
        "endpoint": emulator.endpoint,
        "storage_endpoint": emulator.storage_url,
        "poll_minimum": 0.0,
        "poll_maximum": 0.02,
        "settling_seconds": 0.0,
        **more,
    }


def make_dataproc(
    emulator: DataprocEmulator, folder: Path, *, keep_alive: bool = False, **more: Any
) -> DataprocCluster:
    """A cluster of the emulator, not launched."""
    return DataprocCluster(
        "dataproc-1",
        Profile(name="dataproc", type="dataproc", slots=2, keep_alive=keep_alive, options=options(emulator, **more)),
        filesystem=LocalFilesystem(folder / "data"),
        working_directory=folder,
    )


def launched(cluster: DataprocCluster, token: str) -> DataprocCluster:
    """The cluster when it takes jobs."""
    cluster.launch(token)
    wait_until(lambda: cluster.poll([]).state is ClusterState.READY)
    return cluster
