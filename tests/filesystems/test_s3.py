"""S3, by boto3 over a socket to moto's server: the exam, and what only S3 has."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems import progress
from synergyflow.filesystems import s3 as s3_module
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.object_trees import each
from synergyflow.filesystems.opening import Opening
from synergyflow.filesystems.s3 import digests_of, open_s3, refusal
from synergyflow.testing.conformance.filesystems import FilesystemExam
from tests.filesystems.stores import Store


class TestS3Filesystem(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _server(self, s3: Store) -> None:
        self.store = s3

    def make_filesystem(self, folder: Path) -> Filesystem:
        files: Filesystem = self.store.new()
        return files


def write(files: Any, path: str, content: bytes) -> None:
    with files.open_for_writing(path) as stream:
        stream.write(content)


def test_1500_keys_are_deleted_by_two_calls_of_at_most_1000(s3: Store) -> None:
    files = s3.new()
    client = files.storage.client
    each(
        lambda number: client.put_object(Bucket=files.root.bucket, Key=f"some/prefix/tree/{number}", Body=b""),
        range(1500),
    )
    counts: list[int] = []
    client.meta.events.register(
        "provide-client-params.s3.DeleteObjects",
        lambda params, **_: counts.append(len(params["Delete"]["Objects"])),
        unique_id="count",
    )
    try:
        files.rm("tree")
    finally:
        client.meta.events.unregister("provide-client-params.s3.DeleteObjects", unique_id="count")
    assert counts == [1000, 500]
    assert not files.exists("tree")


def test_an_upload_that_breaks_off_leaves_no_parts_that_cost_money(s3: Store) -> None:
    files = s3.new()
    with pytest.raises(RuntimeError, match="torn"):
        _write_and_tear(files)
    assert "Uploads" not in files.storage.client.list_multipart_uploads(Bucket=files.root.bucket)


def _write_and_tear(files: Any) -> None:
    with files.open_for_writing("large") as stream:
        stream.write(bytes(9 << 20))
        raise RuntimeError("torn")


def test_a_copy_of_more_than_one_call_takes_goes_in_parts_with_progress(
    s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = s3.new()
    content = bytes(range(256)) * (12 << 12)
    files.storage.client.put_object(
        Bucket=files.root.bucket, Key="some/prefix/large", Body=content, ContentType="text/x-mine", Metadata={"a": "b"}
    )
    monkeypatch.setattr(files.storage, "single_copy_limit", 6 << 20)
    monkeypatch.setattr(s3_module, "COPY_PART", 6 << 20)
    monkeypatch.setattr(progress, "LARGE", 8 << 20)
    told: list[str] = []
    files.reporting_to(told.append).mv("large", "moved")
    copied = files.storage.client.get_object(Bucket=files.root.bucket, Key="some/prefix/moved")
    assert copied["Body"].read() == content
    assert (copied["ContentType"], copied["Metadata"]) == ("text/x-mine", {"a": "b"})
    assert [line.rpartition(": ")[2] for line in told] == ["6 of 12 MiB, 50 %", "12 of 12 MiB, 100 %"]


def test_an_answer_that_is_lost_when_an_upload_completes_is_no_failure(
    s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = s3.new()
    client = files.storage.client
    original = client.complete_multipart_upload

    def twice(**request: Any) -> Any:
        original(**request)
        return original(**request)

    monkeypatch.setattr(client, "complete_multipart_upload", twice)
    write(files, "large", bytes(9 << 20))
    assert files.facts("large").size == 9 << 20


def test_a_body_that_breaks_off_is_asked_for_again(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import IncompleteReadError

    files = s3.new()
    write(files, "file", b"content")
    client = files.storage.client
    original, asked = client.get_object, []

    class Broken:
        def read(self) -> bytes:
            raise IncompleteReadError(actual_bytes=3, expected_bytes=7)

    def broken_at_first(**request: Any) -> Any:
        asked.append(request["Range"])
        return {"Body": Broken()} if len(asked) == 1 else original(**request)

    monkeypatch.setattr(client, "get_object", broken_at_first)
    with files.open_for_reading("file") as stream:
        assert stream.read() == b"content"
    assert asked == ["bytes=0-6"] * 2


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_the_schemes_of_hadoop_are_understood(s3: Store, scheme: str) -> None:
    bucket = s3.new_bucket()
    files = s3.open(f"{scheme}://{bucket.removeprefix('s3://')}")
    write(files, "file", b"x")
    assert s3.open(None).exists(f"{bucket}/file")


@pytest.mark.parametrize(
    ("answer", "digests"),
    [
        ({"ETag": f'"{"0a" * 16}"'}, {"md5": "0a" * 16}),
        ({"ETag": f'"{"0a" * 16}-3"'}, {}),
        ({"ETag": f'"{"0a" * 16}"', "ServerSideEncryption": "AES256"}, {"md5": "0a" * 16}),
        ({"ETag": f'"{"0a" * 16}"', "ServerSideEncryption": "aws:kms"}, {}),
        ({"ETag": f'"{"0a" * 16}"', "SSECustomerAlgorithm": "AES256"}, {}),
        ({"ETag": '"x-2"', "ChecksumCRC64NVME": "abc=", "ChecksumType": "FULL_OBJECT"}, {"crc64nvme": "abc="}),
        ({"ETag": '"x-2"', "ChecksumCRC32": "abc=-2", "ChecksumType": "COMPOSITE"}, {}),
    ],
)
def test_only_checksums_of_the_whole_content_count(answer: dict[str, str], digests: dict[str, str]) -> None:
    assert digests_of(answer) == digests


@pytest.mark.parametrize(
    ("code", "hint"),
    [("AccessDenied", "policies"), ("NoSuchBucket", "bucket"), ("SlowDown", "later"), ("ExpiredToken", "log in")],
)
def test_refusals_say_what_to_try(code: str, hint: str) -> None:
    error = refusal("s3://bucket/key", {"Code": code, "Message": "no"})
    assert "s3://bucket/key" in str(error)
    assert code in str(error)
    assert hint in str(error.hint)


def test_without_credentials_the_error_says_how_to_give_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s3: Store
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    files = open_s3(Opening(LocalFilesystem(tmp_path), "s3://bucket", s3.options))
    with pytest.raises(FilesystemError, match="credentials") as caught:
        files.exists("key")
    assert "AWS_PROFILE" in str(caught.value.hint)


def test_a_profile_that_is_not_there_is_an_error_in_our_words(tmp_path: Path) -> None:
    files = open_s3(Opening(LocalFilesystem(tmp_path), "s3://bucket", {"profile": "nobody"}))
    with pytest.raises(FilesystemError, match="nobody"):
        files.exists("key")


def test_a_server_that_is_not_there_is_an_error_in_our_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    options = {"endpoint_url": f"http://127.0.0.1:{port}", "addressing": "path"}
    files = open_s3(Opening(LocalFilesystem(tmp_path), "s3://bucket", options))
    monkeypatch.setattr(s3_module, "ATTEMPTS", 1)
    with pytest.raises(FilesystemError, match="connect") as caught:
        files.exists("key")
    assert "reached" in str(caught.value.hint)
