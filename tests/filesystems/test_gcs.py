"""Cloud Storage, by Google's library over a socket to an emulator: the exam, and what only Cloud Storage has."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.gcs import open_gcs
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from synergyflow.testing.emulators.gcs import GcsEmulator


class TestGcsFilesystem(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _server(self, gcs: GcsEmulator) -> None:
        self.url = gcs.url

    def make_filesystem(self, folder: Path) -> Filesystem:
        bucket = f"exam-{uuid4().hex}"
        files = open_gcs(Opening(LocalFilesystem(Path("/")), f"gs://{bucket}/some/prefix", {"endpoint_url": self.url}))
        files.storage.client.create_bucket(bucket)
        return files
