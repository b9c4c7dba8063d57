"""S3, by boto3 over a socket to moto's server: the exam, and what only S3 has."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.filesystems.s3 import open_s3
from synergyflow.testing.conformance.filesystems import FilesystemExam


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class TestS3Filesystem(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _server(self, s3_url: str) -> None:
        self.url = s3_url

    def make_filesystem(self, folder: Path) -> Filesystem:
        bucket = f"exam-{uuid4().hex}"
        options = {"endpoint_url": self.url, "addressing": "path"}
        files = open_s3(Opening(LocalFilesystem(Path("/")), f"s3://{bucket}/some/prefix", options))
        files.storage.client.create_bucket(Bucket=bucket)
        return files
