"""Cloud Storage, by Google's library over a socket to an emulator: the exam, and what only Cloud Storage has."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.gcs import open_gcs, refusal
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.object_trees import each
from synergyflow.filesystems.objects import Place
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from synergyflow.testing.emulators.gcs import GcsEmulator
from tests.filesystems.stores import Store, gcs_store


class TestGcsFilesystem(FilesystemExam):
    @pytest.fixture(autouse=True)
    def _server(self, gs: Store) -> None:
        self.store = gs

    def make_filesystem(self, folder: Path) -> Filesystem:
        files: Filesystem = self.store.new()
        return files


def test_250_keys_are_deleted_by_three_batches_of_at_most_100(gcs: GcsEmulator) -> None:
    files = gcs_store(gcs.url).new()
    client = files.storage.client
    each(
        lambda number: client.bucket(files.root.bucket).blob(f"some/prefix/tree/{number}").upload_from_string(b""),
        range(250),
    )
    before = len(gcs.calls)
    files.rm("tree")
    assert [path for method, path in gcs.calls[before:] if method == "POST"] == ["/batch/storage/v1"] * 3
    assert not files.exists("tree")


def test_a_part_of_a_batch_that_fails_is_named(gs: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud.storage.batch import Batch

    files = gs.new()
    original = Batch.finish

    def forbidden(self: Any, raise_exception: bool = True) -> Any:
        answers = original(self, raise_exception=raise_exception)
        answers[1].status_code = 403
        return answers

    monkeypatch.setattr(Batch, "finish", forbidden)
    with pytest.raises(FilesystemError, match="second can't be deleted") as caught:
        files.storage.delete(files.root.bucket, ["first", "second"])
    assert "roles" in str(caught.value.hint)


def test_a_source_that_has_become_another_is_not_copied(gs: Store) -> None:
    files = gs.new()
    place = Place(files.root.bucket, "key")
    files.storage.put(place, b"older")
    older = files.storage.head(place)
    files.storage.put(place, b"newer")
    with pytest.raises(FilesystemError, match="412") as caught:
        files.storage.copy(place, older, Place(place.bucket, "copy"), print)
    assert "changed" in str(caught.value.hint)


def test_what_the_service_would_unpack_comes_as_it_is_stored(gs: Store) -> None:
    files = gs.new("")
    packed = gzip.compress(b"content" * 100, mtime=0)
    blob = files.storage.client.bucket(files.root.bucket).blob("packed.gz")
    blob.upload_from_string(packed, content_type="application/gzip")
    with files.open_for_reading("packed.gz") as stream:
        assert stream.read() == packed


@pytest.mark.parametrize(("status", "hint"), [(401, "log in|login"), (403, "roles"), (404, "bucket"), (429, "later")])
def test_refusals_say_what_to_try(status: int, hint: str) -> None:
    error = refusal("gs://bucket/key", status, "no")
    assert "gs://bucket/key" in str(error)
    assert re.search(hint, str(error.hint))


def test_without_credentials_the_error_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    files = open_gcs(Opening(LocalFilesystem(tmp_path), "gs://bucket"))
    with pytest.raises(FilesystemError, match="credentials") as caught:
        files.exists("key")
    assert "login" in str(caught.value.hint)
