"""Dataproc: the exam over a socket, by Google's own client, with jobs that really run."""

from pathlib import Path

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

from synergyflow.clusters.base import Cluster
from synergyflow.testing.conformance.clusters import ClusterExam
from synergyflow.testing.emulators.dataproc import DataprocEmulator

from .dataproc_clusters import make_dataproc


class TestDataprocCluster(ClusterExam):
    emulator: DataprocEmulator

    @pytest.fixture(autouse=True)
    def _emulator(self, emulator: DataprocEmulator) -> None:
        self.emulator = emulator

    def make_cluster(self, folder: Path) -> Cluster:
        return make_dataproc(self.emulator, folder)
