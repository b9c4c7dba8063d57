"""Azure Blob Storage, by Microsoft's library over a socket to Azurite: the exam, and what only Azure has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synergyflow.errors import ConfigurationError, FilesystemError
from synergyflow.filesystems import opening as opening_module
from synergyflow.filesystems.azure import container_at, open_azure
from synergyflow.filesystems.azure_credentials import credential_for
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.object_trees import each
from synergyflow.filesystems.objects import Place, Stored
from synergyflow.filesystems.opening import Opening
from synergyflow.testing.conformance.filesystems import FilesystemExam
from tests.filesystems.stores import Store


class TestAzureFilesystem(FilesystemExam):
    unusable = "\\"
    many = 300

    @pytest.fixture(autouse=True)
    def _server(self, azure: Store) -> None:
        self.store = azure

    def make_filesystem(self, folder: Path) -> Filesystem:
        files: Filesystem = self.store.new()
        return files


def test_300_blobs_are_deleted_by_two_batches_of_at_most_256(azure: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import ContainerClient

    files = azure.new()
    each(lambda number: files.storage.put(Place(files.root.bucket, f"some/prefix/tree/{number}"), b""), range(300))
    counts: list[int] = []
    original = ContainerClient.delete_blobs

    def counted(self: Any, *names: str, **keywords: Any) -> Any:
        counts.append(len(names))
        return original(self, *names, **keywords)

    monkeypatch.setattr(ContainerClient, "delete_blobs", counted)
    files.rm("tree")
    assert counts == [256, 44]
    assert not files.exists("tree")


def test_a_folder_is_marked_as_hadoop_marks_it(azure: Store) -> None:
    files = azure.new("")
    files.mkdir("folder")
    blob = files.storage.container(files.root.bucket).get_blob_client("folder").get_blob_properties()
    assert (blob.size, blob.metadata) == (0, {"hdi_isfolder": "true"})
    assert list(files.ls()) == ["folder/"]
    files.rm("folder")
    assert list(files.ls()) == []


def test_a_copy_that_the_service_finishes_later_is_waited_for(azure: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = azure.new()
    states = [_state("pending", "3/7"), _state("pending", "5/7"), _state("success", "7/7")]
    pauses = _late_copies(files, states, monkeypatch)
    files.storage.copy(Place(files.root.bucket, "a"), Stored("a", 7, "tag"), Place(files.root.bucket, "b"), print)
    assert len(pauses) == 2


@pytest.mark.parametrize("status", ["failed", "aborted", "other"])
def test_a_copy_that_the_service_does_not_finish_is_an_error(
    azure: Store, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    files = azure.new()
    _late_copies(files, [_state(status, None)], monkeypatch)
    with pytest.raises(FilesystemError, match="was not copied"):
        files.storage.copy(Place(files.root.bucket, "a"), Stored("a", 7, "tag"), Place(files.root.bucket, "b"), print)


def _state(status: str, progress: str | None) -> Any:
    identity = "another" if status == "other" else "copy-1"
    state = SimpleNamespace(
        id=identity, status="success" if status == "other" else status, progress=progress, status_description=None
    )
    return SimpleNamespace(copy=state)


def _late_copies(files: Any, states: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the service answer a copy with `pending`, and then one state after the other; the pauses made between."""
    pauses: list[float] = []
    blob = SimpleNamespace(
        url="http://source",
        start_copy_from_url=lambda url, **_: {"copy_status": "pending", "copy_id": "copy-1"},
        get_blob_properties=lambda: states.pop(0),
    )
    monkeypatch.setattr(files.storage, "_blob", lambda place: blob)
    monkeypatch.setattr(files.storage, "_pause", pauses.append)
    return pauses


@pytest.mark.parametrize(
    ("authority", "bucket"),
    [
        ("box@name.blob.core.windows.net", "box@name.blob.core.windows.net"),
        ("box@name.dfs.core.windows.net", "box@name.blob.core.windows.net"),
        ("box@NAME.blob.core.chinacloudapi.cn", "box@name.blob.core.chinacloudapi.cn"),
        ("box@name", "box@name.blob.core.windows.net"),
    ],
)
def test_a_container_has_one_spelling(authority: str, bucket: str) -> None:
    assert container_at(authority, "uri") == bucket


@pytest.mark.parametrize("authority", ["box", "@name", "box@"])
def test_a_uri_without_container_or_account_is_refused_with_an_example(authority: str) -> None:
    with pytest.raises(FilesystemError, match="container and account") as caught:
        container_at(authority, f"wasbs://{authority}/key")
    assert "wasbs://container@account" in str(caught.value.hint)


def test_bytes_go_by_this_machine_between_accounts(azure: Store) -> None:
    storage = azure.open(None).storage
    assert storage.can_copy("a@one.blob.core.windows.net", "b@one.blob.core.windows.net")
    assert not storage.can_copy("a@one.blob.core.windows.net", "a@two.blob.core.windows.net")


def test_a_wrong_key_is_an_error_that_says_so(azure: Store, tmp_path: Path) -> None:
    opening = Opening(LocalFilesystem(tmp_path), f"{azure.new_bucket()}", azure.options, {"azure": "d3Jvbmc="})
    with pytest.raises(FilesystemError, match="403") as caught:
        open_azure(opening).exists("key")
    assert "d3Jvbmc=" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "environment", "credential"),
    [
        ("key", {"AZURE_STORAGE_KEY": "other"}, {"account_name": "name", "account_key": "key"}),
        (None, {"AZURE_STORAGE_KEY": "key"}, {"account_name": "name", "account_key": "key"}),
        (
            None,
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=name;AccountKey=a==", "AZURE_STORAGE_KEY": "other"},
            {"account_name": "name", "account_key": "a=="},
        ),
        (
            None,
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=another;AccountKey=a==", "AZURE_STORAGE_KEY": "key"},
            {"account_name": "name", "account_key": "key"},
        ),
    ],
)
def test_a_key_is_found_where_the_azure_command_line_finds_it(
    given: str | None, environment: dict[str, str], credential: dict[str, str]
) -> None:
    assert credential_for("name", given, environment) == credential


def test_a_shared_access_signature_is_told_from_a_key() -> None:
    found = credential_for("name", None, {"AZURE_STORAGE_SAS_TOKEN": "?sv=2025&sig=abc"})
    assert found.signature == "sv=2025&sig=abc"


def test_without_a_key_the_default_identity_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_module, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"azure\.identity"):
        credential_for("name", None, {})
