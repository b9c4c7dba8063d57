"""Azure Blob Storage, by Microsoft's library over a socket to Azurite: the exam, and what only Azure has."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from synergyflow.filesystems.azure import open_azure
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from tests.filesystems.azurite import ACCOUNT, KEY


class TestAzureFilesystem(FilesystemExam):
    unusable = "\\"
    many = 300

    @pytest.fixture(autouse=True)
    def _server(self, azure_url: str) -> None:
        self.url = azure_url

    def make_filesystem(self, folder: Path) -> Filesystem:
        bucket = f"exam-{uuid4().hex}@{ACCOUNT}"
        options = {"endpoint_url": self.url, "credential_secret": "azure"}
        files = open_azure(
            Opening(LocalFilesystem(Path("/")), f"wasbs://{bucket}/some/prefix", options, {"azure": KEY})
        )
        files.storage.container(files.root.bucket).create_container()
        return files
