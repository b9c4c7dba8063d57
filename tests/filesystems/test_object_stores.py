"""What holds for every object store, and a filesystem of folders does not show: pages, batches, parts, versions."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems import progress
from synergyflow.filesystems.objects import Place, Stored
from tests.filesystems.stores import Store

LARGE = 9 << 20


def write(files: Any, path: str, content: bytes = b"x") -> None:
    with files.open_for_writing(path) as stream:
        stream.write(content)


def read(files: Any, path: str) -> bytes:
    with files.open_for_reading(path) as stream:
        return bytes(stream.read())


def place(files: Any, path: str) -> Place:
    return Place(files.root.bucket, f"{files.root.key}/{path}")


class Counted:
    """Notes the arguments of every call of one method of an object, and passes it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> None:
        self.calls: list[tuple[Any, ...]] = []
        original = getattr(target, name)

        def noted(*arguments: Any, **keywords: Any) -> Any:
            self.calls.append(arguments)
            return original(*arguments, **keywords)

        monkeypatch.setattr(target, name, noted)


def test_a_listing_goes_on_through_all_pages(store: Store) -> None:
    files = store.new()
    names = [f"tree/{number:02d}" for number in range(20)]
    for name in names:
        write(files, name)
    pages = list(files.storage.pages(files.root.bucket, "some/prefix/tree/", limit=7))
    assert [len(page.objects) for page in pages if page.objects] == [7, 7, 6]
    assert [found.key for page in pages for found in page.objects] == [f"some/prefix/{name}" for name in names]


def test_a_listing_of_folders_goes_on_through_all_pages(store: Store) -> None:
    files = store.new()
    for number in range(9):
        write(files, f"tree/folder-{number}/file")
    pages = list(files.storage.pages(files.root.bucket, "some/prefix/tree/", level=True, limit=4))
    assert [name[-2:] for page in pages for name in page.folders] == [f"{number}/" for number in range(9)]


def test_deletes_go_in_batches_no_larger_than_the_provider_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = store.new()
    for number in range(25):
        write(files, f"tree/{number:02d}")
    write(files, "treehouse")
    monkeypatch.setattr(files.storage, "delete_limit", 10)
    deleted = Counted(monkeypatch, files.storage, "delete")
    files.rm("tree")
    assert [len(keys) for _, keys in deleted.calls] == [10, 10, 5]
    assert list(files.ls()) == ["treehouse"]


def test_what_is_gone_already_is_no_error_in_a_batch(store: Store) -> None:
    files = store.new()
    write(files, "there")
    files.storage.delete(files.root.bucket, ["some/prefix/absent", "some/prefix/there"])
    assert not files.exists("there")


def test_a_copy_within_a_provider_does_not_come_by_this_machine(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files, elsewhere = store.new(), store.new_bucket()
    write(files, "tree/file", b"content")
    received = Counted(monkeypatch, files.storage, "read")
    files.cp("tree", f"{elsewhere}/copied")
    files.mv("tree", f"{elsewhere}/moved")
    assert received.calls == []
    assert read(files, f"{elsewhere}/copied/file") == read(files, f"{elsewhere}/moved/file") == b"content"


def test_a_moved_source_stays_when_its_copy_is_not_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = store.new()
    write(files, "tree/good", b"1234")
    write(files, "tree/spoiled", b"5678")
    original = files.storage.copy

    def spoil(source: Place, stored: Stored, target: Place, report: Any) -> None:
        original(source, stored, target, report)
        if target.key.endswith("spoiled"):
            files.storage.put(target, b"567?")

    monkeypatch.setattr(files.storage, "copy", spoil)
    with pytest.raises(FilesystemError, match="spoiled"):
        files.mv("tree", "moved")
    assert list(files.ls("tree")) == ["good", "spoiled"]


def test_what_arrives_while_a_tree_is_moved_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = store.new()
    write(files, "tree/file")
    original = files.storage.copy

    def arrive(*arguments: Any) -> None:
        original(*arguments)
        files.storage.put(place(files, "tree/a-late-one"), b"late")

    monkeypatch.setattr(files.storage, "copy", arrive)
    files.mv("tree", "moved")
    assert list(files.ls("tree")) == ["a-late-one"]
    assert list(files.ls("moved")) == ["file"]


def test_a_file_that_is_written_anew_while_it_is_read_is_an_error_not_a_mixture(store: Store) -> None:
    files = store.new()
    write(files, "file", bytes(LARGE))
    with files.open_for_reading("file") as stream:
        stream.read(10)
        write(files, "file", b"x" * LARGE)
        with pytest.raises(FilesystemError, match="file"):
            stream.read()


def test_a_stream_may_go_back_and_forth(store: Store) -> None:
    files = store.new()
    write(files, "file", bytes(range(256)) * 100)
    with files.open_for_reading("file") as stream:
        stream.seek(-3, 2)
        assert stream.read() == b"\xfd\xfe\xff"
        stream.seek(256)
        assert stream.read(2) == b"\x00\x01"


def test_a_large_file_tells_of_its_progress(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LARGE", 8 << 20)
    told: list[str] = []
    files = store.new()
    write(files.reporting_to(told.append), "folder/large", bytes(17 << 20))
    assert [line.rpartition(": ")[2] for line in told] == ["8 MiB so far", "16 MiB so far"]
    assert all("folder/large" in line for line in told)


def test_a_file_that_another_overwrites_in_the_act_is_not_taken_for_ours(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = store.new()
    original = files.storage.put

    def overwritten(target: Place, data: bytes) -> None:
        original(target, data)
        original(target, b"another")

    monkeypatch.setattr(files.storage, "put", overwritten)
    with pytest.raises(FilesystemError, match="not what was written"):
        write(files, "file", b"content")


@pytest.mark.parametrize("key", ["tree/../../escaped", "tree//escaped", "tree/./escaped"])
def test_a_key_that_would_lead_out_of_a_folder_does_not_come_to_this_machine(
    store: Store, key: str, tmp_path: Path
) -> None:
    files = store.new("")
    if store.technology == "azure" and "//" not in key:
        pytest.skip("addresses of Azure are brought into normal form before such a key could be made")
    files.storage.put(Place(files.root.bucket, key), b"x")
    with pytest.raises(FilesystemError, match="can't be copied"):
        files.copy_to_local("tree", str(tmp_path / "a" / "b"))
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == []


@pytest.mark.parametrize("verb", ["rm", "rmdir"])
def test_neither_the_root_nor_a_bucket_is_removed(store: Store, verb: str) -> None:
    files, elsewhere = store.new(), store.new_bucket()
    write(files, "file")
    root = f"{files.scheme}://{files.root.bucket}"
    for path in (f"{root}/some/prefix", f"{root}/some", root, elsewhere):
        with pytest.raises(FilesystemError, match="root"):
            getattr(files, verb)(path)
    assert files.exists("file")


def test_a_root_is_never_moved(store: Store) -> None:
    files, elsewhere = store.new(), store.new_bucket()
    write(files, "file")
    with pytest.raises(FilesystemError, match="root"):
        files.mv("", f"{elsewhere}/there")
    files.cp("", f"{elsewhere}/there")
    assert read(files, f"{elsewhere}/there/file") == b"x"


def test_a_uri_that_climbs_out_of_its_bucket_is_refused(store: Store) -> None:
    files = store.new()
    with pytest.raises(FilesystemError, match="climbs"):
        files.exists(f"{store.new_bucket()}/../other/key")


def test_a_path_with_a_slash_in_front_is_below_the_root(store: Store) -> None:
    files = store.new()
    write(files, "/folder/file")
    assert list(files.ls("folder")) == ["file"]


def test_a_bucket_that_is_not_there_is_an_error_that_names_it(store: Store) -> None:
    bucket = store.new_bucket()
    missing = bucket.replace("bucket-", "missing-")
    files = store.open(missing)
    for verb in (files.ls, files.exists, files.mkdir):
        with pytest.raises(FilesystemError, match="missing-"):
            verb("folder")
    with pytest.raises(FilesystemError, match="missing-"):
        write(files, "file")


def test_plain_paths_need_a_root(store: Store) -> None:
    with pytest.raises(FilesystemError, match="no full URI"):
        store.open(None).exists("plain")


def test_a_filesystem_goes_to_another_process(store: Store) -> None:
    files = store.new()
    write(files, "file", b"content")
    assert read(pickle.loads(pickle.dumps(files)), "file") == b"content"


def test_an_upload_that_breaks_off_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    files = store.new()
    begun: list[Any] = []
    original = files.storage.begin

    def begin(target: Place) -> Any:
        upload = original(target)
        begun.append(upload)
        return upload

    monkeypatch.setattr(files.storage, "begin", begin)
    with pytest.raises(RuntimeError, match="torn"):
        _write_and_tear(files)
    assert len(begun) == 1
    begun.clear()
    assert not files.exists("large")
    assert list(files.ls()) == []


def _write_and_tear(files: Any) -> None:
    with files.open_for_writing("large") as stream:
        stream.write(bytes(LARGE))
        raise RuntimeError("torn")
