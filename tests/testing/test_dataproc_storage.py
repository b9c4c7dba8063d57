"""The storage beside the emulator of Dataproc sits the exam of filesystems, by the adapter for Google's storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.gcs import open_gcs
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from synergyflow.testing.emulators.dataproc.objects import Objects
from synergyflow.testing.emulators.dataproc.objects_server import ObjectsServer


class TestStorageOfTheEmulator(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _server(self, tmp_path: Path) -> Iterator[None]:
        self.server = ObjectsServer(Objects(tmp_path / "buckets"))
        yield
        self.server.close()

    def make_filesystem(self, folder: Path) -> Filesystem:
        return open_gcs(Opening(LocalFilesystem(folder), "gs://flights/prefix", {"endpoint_url": self.server.url}))
