"""The Qubole cluster against the emulator, over a socket: the exam first, then what only Qubole has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.base import Cluster
from synergyflow.testing.conformance.clusters import ClusterExam
from synergyflow.testing.emulators.qubole import QuboleEmulator

from .qubole_clusters import LABEL, TOKEN, TOKEN_VARIABLE, make_qubole


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


class TestQuboleCluster(ClusterExam):
    @pytest.fixture(autouse=True)
    def _emulator(self, tmp_path: Path) -> Iterator[None]:
        with QuboleEmulator(LABEL, folder=tmp_path / "qubole", aside_bytes=5) as self.emulator:
            yield

    def make_cluster(self, folder: Path) -> Cluster:
        return make_qubole(self.emulator, folder)
