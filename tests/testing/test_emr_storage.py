"""The emulator's part of S3 is enough for the filesystem of S3: it sits that exam."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from synergyflow.testing.emulators.emr import EmrEmulator

pytest.importorskip("boto3")


@pytest.fixture(scope="module")
def storage() -> Iterator[EmrEmulator]:
    with EmrEmulator() as emulator:
        yield emulator


class TestStorageOfTheEmulator(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _storage(self, storage: EmrEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-a-key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        self.url = storage.url

    def make_filesystem(self, folder: Path) -> Filesystem:
        from synergyflow.filesystems.s3 import open_s3

        bucket = f"s3://bucket-{secrets.token_hex(8)}/some/prefix"
        return open_s3(Opening(LocalFilesystem(folder), bucket, {"endpoint_url": self.url, "addressing": "path"}))


def test_what_a_program_of_this_machine_writes_into_the_folder_is_an_object(storage: EmrEmulator) -> None:
    path = storage.objects.path("data", "out/part-0")
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1,2\n")
    assert storage.objects.get("data", "out/part-0") == b"1,2\n"
    assert list(storage.objects.keys("data", "out/")) == ["out/part-0"]


@pytest.mark.parametrize(("bucket", "key"), [("code", "a/../../x"), ("..", "x"), ("code", "a//b"), ("a/b", "x")])
def test_a_key_that_is_no_path_below_its_bucket_is_not_kept(storage: EmrEmulator, bucket: str, key: str) -> None:
    assert storage.objects.path(bucket, key) is None
    assert storage.objects.put(bucket, key, b"") is None
