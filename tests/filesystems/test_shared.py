"""What filesystems share: sizes of parts, news of progress, paths, and the verbs that rest on the others."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem, joined
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.object_trees import each
from synergyflow.filesystems.objects import Place, Stored, part_size
from synergyflow.filesystems.paths import normalized, on_this_machine
from synergyflow.filesystems.progress import Progress
from synergyflow.testing.conformance.filesystems import FilesystemExam

MEBIBYTE = 1 << 20


class PlainFilesystem(LocalFilesystem):
    """An adapter that has written none of the verbs which rest on others."""

    walk = Filesystem.walk


class TestPlainFilesystem(FilesystemExam):
    many = 20
    large = MEBIBYTE

    def make_filesystem(self, folder: Path) -> Filesystem:
        return PlainFilesystem(folder)


def test_a_file_in_a_folder_of_the_same_name_is_walked_as_what_it_is(tmp_path: Path) -> None:
    files = PlainFilesystem(tmp_path)
    (tmp_path / "same").mkdir()
    (tmp_path / "same" / "same").write_bytes(b"x")
    assert list(files.walk("same")) == ["same"]
    assert list(files.walk("same/same")) == [""]


def test_what_is_stored_otherwise_than_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = LocalFilesystem(tmp_path)
    original = LocalFilesystem.facts

    def spoiled(self: LocalFilesystem, path: str) -> Any:
        (tmp_path / path).write_bytes(b"spoiled")
        return original(self, path)

    monkeypatch.setattr(LocalFilesystem, "facts", spoiled)
    with pytest.raises(FilesystemError, match="not what was written"):
        files.write_from("file", io.BytesIO(b"content"))


def test_parts_begin_small_and_10000_of_them_hold_five_tebibytes() -> None:
    assert part_size(0) == 8 * MEBIBYTE
    assert sum(part_size(number) for number in range(10_000)) > 5 << 40
    assert part_size(9_999) < 5 << 30


@pytest.mark.parametrize(
    ("total", "steps", "told"),
    [
        (None, [32, 32, 32, 32], ["64 MiB so far", "128 MiB so far"]),
        (32, [32], []),
        (100, [15, 10, 50, 25], ["25 of 100 MiB, 25 %", "75 of 100 MiB, 75 %", "100 of 100 MiB, 100 %"]),
    ],
)
def test_progress_is_told_of_large_transfers_now_and_then(total: int | None, steps: list[int], told: list[str]) -> None:
    lines: list[str] = []
    progress = Progress("it", None if total is None else total * MEBIBYTE, lines.append)
    for step in steps:
        progress.add(step * MEBIBYTE)
    assert lines == [f"it: {line}" for line in told]


@pytest.mark.parametrize(
    ("path", "name", "whole"),
    [
        ("a", "b", "a/b"),
        ("a/", "b", "a/b"),
        ("a", "", "a"),
        ("a", "/", "a"),
        ("", "b", "b"),
        ("/", "b", "/b"),
        ("s3://bucket", "b", "s3://bucket/b"),
    ],
)
def test_a_path_and_a_name_below_it_make_a_path(path: str, name: str, whole: str) -> None:
    assert joined(path, name) == whole


@pytest.mark.parametrize(
    ("path", "normal"), [("a//b/./c/", "a/b/c"), ("a/../b", "b"), ("", ""), ("/", ""), ("...", "..."), ("a/b/..", "a")]
)
def test_paths_have_one_form(path: str, normal: str) -> None:
    assert normalized(path, "root", path) == normal


def test_a_place_of_the_own_machine_is_no_uri_of_another_technology() -> None:
    assert on_this_machine("file:///a%20b") == "/a b"
    assert on_this_machine("a") == os.path.abspath("a")
    with pytest.raises(FilesystemError, match="s3://"):
        on_this_machine("s3://bucket/key")


def test_an_object_moves_with_the_tree_that_it_is_in() -> None:
    origin, place = Place("from", "a/b"), Place("to", "c")
    assert place.moved("a/b", origin) == place
    assert place.moved("a/b/d/e", origin) == Place("to", "c/d/e")
    assert place.moved("a/b/", origin) == Place("to", "c/")
    assert Place("to", "").moved("a/b/d", origin) == Place("to", "d")


def test_objects_agree_by_size_and_by_the_checksums_that_both_have() -> None:
    one = Stored("k", 3, "v", {"md5": "1", "crc32c": "2"})
    assert one.agrees(Stored("other", 3, "w", {"md5": "1"}))
    assert one.agrees(Stored("other", 3, "w"))
    assert not one.agrees(Stored("other", 4, "w", {"md5": "1"}))
    assert not one.agrees(Stored("other", 3, "w", {"md5": "1", "crc32c": "3"}))


def test_the_first_error_ends_a_row_of_transfers() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 5:
            raise FilesystemError("the fifth")
        return number

    with pytest.raises(FilesystemError, match="the fifth"):
        each(work, range(100_000), at_a_time=2)
    assert len(begun) < 1000
    assert sorted(each(work, range(5))) == [0, 1, 2, 3, 4]


def test_a_link_to_a_folder_that_holds_it_is_refused_and_others_are_followed(tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "file").write_bytes(b"x")
    (tmp_path / "tree" / "link").symlink_to("file")
    files = LocalFilesystem(tmp_path)
    assert list(files.walk("tree")) == ["deep/", "file", "link"]
    (tmp_path / "tree" / "deep" / "loop").symlink_to("..")
    with pytest.raises(FilesystemError, match="loop"):
        list(files.walk("tree"))
