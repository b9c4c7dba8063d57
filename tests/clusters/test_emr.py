"""EMR, over a socket, with the vendor's own client: the exam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.base import Cluster
from synergyflow.testing.conformance.clusters import ClusterExam
from synergyflow.testing.emulators.emr import EmrEmulator

from .emr_clusters import make_emr

pytest.importorskip("boto3")


class TestEmrCluster(ClusterExam):
    @pytest.fixture(autouse=True)
    def _emulator(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-a-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        with EmrEmulator() as self.emulator:
            yield

    def make_cluster(self, folder: Path) -> Cluster:
        return make_emr(self.emulator.url, folder)
