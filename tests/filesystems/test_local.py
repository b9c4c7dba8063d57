"""The filesystem of this machine: the exam, and what only a machine has: absolute paths, links, modes."""

import os
import stat
from pathlib import Path

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing.conformance.filesystems import FilesystemExam


class TestLocalFilesystem(FilesystemExam):
    foreign_uri = "s3://bucket/name"

    def make_filesystem(self, folder: Path) -> Filesystem:
        return LocalFilesystem(folder)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def files(root: Path) -> LocalFilesystem:
    return LocalFilesystem(root)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "treasure").write_text("gold")
    return folder


def test_an_absolute_path_is_the_machines_own(files: LocalFilesystem, outside: Path) -> None:
    assert files.exists(str(outside / "treasure"))
    files.rm(str(outside / "treasure"))
    assert not (outside / "treasure").exists()


@pytest.mark.parametrize("prefix", ["file://", "file://localhost", "file:", "FILE://"])
def test_a_file_uri_is_an_absolute_path(files: LocalFilesystem, outside: Path, prefix: str) -> None:
    files.cp(f"{prefix}{outside}/treasure", "here")
    with files.open_for_reading("here") as stream:
        assert stream.read() == b"gold"


def test_a_file_uri_is_percent_decoded(files: LocalFilesystem, outside: Path) -> None:
    (outside / "a b").write_text("x")
    assert files.exists(f"file://{outside}/a%20b")


def test_a_file_uri_of_another_host_is_refused(files: LocalFilesystem) -> None:
    with pytest.raises(FilesystemError, match="elsewhere"):
        files.exists("file://elsewhere/etc/passwd")


def test_a_name_with_a_colon_is_no_uri(files: LocalFilesystem, root: Path) -> None:
    files.mkdir("12:30")
    assert (root / "12:30").is_dir()


@pytest.mark.parametrize("verb", ["mkdir", "exists", "ls"])
def test_a_link_that_leads_out_of_the_root_is_not_followed(
    files: LocalFilesystem, root: Path, outside: Path, verb: str
) -> None:
    (root / "door").symlink_to(outside)
    with pytest.raises(FilesystemError, match="link"):
        getattr(files, verb)("door/treasure")


def test_nothing_is_removed_or_written_through_a_link_that_leads_out(
    files: LocalFilesystem, root: Path, outside: Path
) -> None:
    (root / "door").symlink_to(outside)
    with pytest.raises(FilesystemError, match="link"):
        files.rm("door/treasure")
    with pytest.raises(FilesystemError, match="link"), files.open_for_writing("door/new"):
        pytest.fail("it was opened")
    with pytest.raises(FilesystemError, match="link"):
        files.cp("door/treasure", "mine")
    assert os.listdir(outside) == ["treasure"]


def test_a_link_within_the_root_is_followed(files: LocalFilesystem, root: Path) -> None:
    files.mkdir("real")
    (root / "alias").symlink_to("real")
    with files.open_for_writing("alias/file") as stream:
        stream.write(b"x")
    assert (root / "real" / "file").read_bytes() == b"x"


def test_a_root_that_is_a_link_itself_works(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    LocalFilesystem(tmp_path / "alias").mkdir("folder")
    assert (root / "folder").is_dir()


def test_removing_a_link_leaves_what_it_leads_to(files: LocalFilesystem, root: Path, outside: Path) -> None:
    (root / "door").symlink_to(outside)
    files.rm("door")
    assert not os.path.lexists(root / "door")
    assert (outside / "treasure").read_text() == "gold"


def test_removing_a_tree_leaves_what_links_in_it_lead_to(files: LocalFilesystem, root: Path, outside: Path) -> None:
    files.mkdir("tree")
    (root / "tree" / "door").symlink_to(outside)
    files.rmdir("tree")
    assert (outside / "treasure").read_text() == "gold"


def test_a_link_to_a_folder_is_not_removed_as_a_folder(files: LocalFilesystem, root: Path, outside: Path) -> None:
    (root / "door").symlink_to(outside)
    with pytest.raises(FilesystemError, match="not a folder"):
        files.rmdir("door")


def test_links_in_a_copied_tree_stay_links(files: LocalFilesystem, root: Path, outside: Path) -> None:
    files.mkdir("tree")
    (root / "tree" / "door").symlink_to(outside)
    files.cp("tree", "copy")
    assert os.readlink(root / "copy" / "door") == str(outside)


@pytest.mark.parametrize("verb", ["rm", "rmdir"])
def test_neither_the_root_nor_a_folder_above_it_is_removed(files: LocalFilesystem, root: Path, verb: str) -> None:
    (root / "file").write_text("x")
    for path in ("/", str(root), str(root.parent), f"file://{root}", f"{root}/../root"):
        with pytest.raises(FilesystemError, match="root"):
            getattr(files, verb)(path)
    assert (root / "file").exists()


def test_the_root_is_not_moved_away(files: LocalFilesystem, root: Path, tmp_path: Path) -> None:
    with pytest.raises(FilesystemError, match="root"):
        files.mv("", str(tmp_path / "elsewhere"))
    assert root.is_dir()


def test_a_folder_is_not_moved_over_the_one_that_holds_it(files: LocalFilesystem, root: Path) -> None:
    (root / "a" / "b" / "b").mkdir(parents=True)
    (root / "a" / "b" / "b" / "file").write_text("x")
    with pytest.raises(FilesystemError, match="within"):
        files.mv("a/b", "a")
    assert (root / "a" / "b" / "b" / "file").exists()


def test_one_of_two_names_of_a_file_can_be_moved_onto_the_other(files: LocalFilesystem, root: Path) -> None:
    (root / "one").write_text("x")
    os.link(root / "one", root / "two")
    files.mv("one", "two")
    assert os.listdir(root) == ["two"]


def test_a_copy_keeps_the_mode(files: LocalFilesystem, root: Path) -> None:
    (root / "tree").mkdir()
    (root / "tree" / "script").write_text("x")
    (root / "tree" / "script").chmod(0o750)
    files.cp("tree", "copy")
    assert stat.S_IMODE((root / "copy" / "script").stat().st_mode) == 0o750


def test_a_new_file_has_the_mode_of_any_new_file(files: LocalFilesystem, root: Path) -> None:
    (root / "plain").write_text("x")
    with files.open_for_writing("written") as stream:
        stream.write(b"x")
    assert (root / "written").stat().st_mode == (root / "plain").stat().st_mode


@pytest.mark.parametrize("verb", ["cp", "mv"])
def test_a_file_does_not_take_the_place_of_a_folder(files: LocalFilesystem, root: Path, verb: str) -> None:
    (root / "file").write_text("x")
    (root / "folder").mkdir()
    with pytest.raises(FilesystemError, match="folder"):
        getattr(files, verb)("file", "folder")
    assert sorted(os.listdir(root)) == ["file", "folder"]


def test_a_folder_does_not_take_the_place_of_a_file(files: LocalFilesystem, root: Path) -> None:
    (root / "file").write_text("x")
    (root / "folder").mkdir()
    with pytest.raises(FilesystemError, match="file"):
        files.mv("folder", "file")
    with pytest.raises(FilesystemError, match="file"):
        files.mkdir("file")


def test_a_pipe_is_not_copied(files: LocalFilesystem, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(FilesystemError, match="neither"):
        files.cp("pipe", "copy")


def test_a_file_half_written_by_a_killed_process_is_not_listed_nor_copied(files: LocalFilesystem, root: Path) -> None:
    with files.open_for_writing("tree/file") as stream:
        stream.write(b"half")
        assert len(os.listdir(root / "tree")) == 1
        assert list(files.ls("tree")) == []
        files.cp("tree", "copy")
    assert os.listdir(root / "copy") == []


def test_a_full_disk_is_an_error_that_names_the_file(files: LocalFilesystem) -> None:
    with pytest.raises(FilesystemError, match="report"), files.open_for_writing("report"):
        raise OSError(28, "No space left on device")
    assert not files.exists("report")


def test_a_nul_in_a_path_is_refused(files: LocalFilesystem) -> None:
    with pytest.raises(FilesystemError, match="NUL"):
        files.exists("a\0b")
