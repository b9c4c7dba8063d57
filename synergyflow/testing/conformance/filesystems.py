"""The exam of a filesystem: what `filesystems.base` promises, asked of whatever `make_filesystem` returns.

Abilities are declared by attributes; no test knows a technology. Paths are plain ones, below the root.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem

BYTES = bytes(range(256)) * 41 + "Grüße, 東京\r\n".encode()


class FilesystemExam:
    """Subclass it as `Test…`.

    Attributes:
        keeps_empty_folders: a folder that `mkdir` made is there before anything is in it.
        foreign_uri: a path of a technology that this one is not.
    """

    keeps_empty_folders: ClassVar[bool] = True
    foreign_uri: ClassVar[str] = "nosuch://bucket/name"

    # -- hooks and tools ------------------------------------------------------------------------------------------

    def make_filesystem(self, folder: Path) -> Filesystem:
        """A filesystem with nothing in it; `folder` is empty and its own."""
        raise NotImplementedError("an exam needs make_filesystem")

    @pytest.fixture
    def files(self, tmp_path: Path) -> Filesystem:
        """The filesystem under examination."""
        folder = tmp_path / "examined"
        folder.mkdir()
        return self.make_filesystem(folder)

    def write(self, files: Filesystem, path: str, content: bytes = BYTES) -> None:
        """Put a file there."""
        with files.open_for_writing(path) as stream:
            stream.write(content)

    def write_half(self, files: Filesystem, path: str) -> None:
        """Begin a file and fail in the midst of it."""
        with files.open_for_writing(path) as stream:
            stream.write(b"half")
            raise RuntimeError("torn")

    def read(self, files: Filesystem, path: str) -> bytes:
        """The whole file."""
        with files.open_for_reading(path) as stream:
            return stream.read()

    # -- streams --------------------------------------------------------------------------------------------------

    def test_a_file_is_read_as_it_was_written(self, files: Filesystem) -> None:
        self.write(files, "folder/file.bin")
        assert self.read(files, "folder/file.bin") == BYTES

    def test_an_empty_file_is_a_file(self, files: Filesystem) -> None:
        self.write(files, "empty", b"")
        assert files.exists("empty")
        assert self.read(files, "empty") == b""

    def test_names_may_have_spaces_and_letters_of_any_language(self, files: Filesystem) -> None:
        self.write(files, "über uns/東京 #1 100%.txt", b"x")
        assert list(files.ls("über uns")) == ["東京 #1 100%.txt"]
        assert self.read(files, "über uns/東京 #1 100%.txt") == b"x"

    def test_a_file_appears_only_when_it_is_complete(self, files: Filesystem) -> None:
        with files.open_for_writing("folder/file") as stream:
            stream.write(b"half")
            assert not files.exists("folder/file")
        assert files.exists("folder/file")

    def test_a_file_that_could_not_be_completed_does_not_appear(self, files: Filesystem) -> None:
        self.write(files, "folder/other", b"x")
        with pytest.raises(RuntimeError, match="torn"):
            self.write_half(files, "folder/file")
        assert list(files.ls("folder")) == ["other"]

    def test_a_failed_write_leaves_the_older_file_as_it_was(self, files: Filesystem) -> None:
        self.write(files, "file", b"older")
        with pytest.raises(RuntimeError, match="torn"):
            self.write_half(files, "file")
        assert self.read(files, "file") == b"older"

    def test_reading_what_is_not_there_is_an_error_that_names_it(self, files: Filesystem) -> None:
        with pytest.raises(FilesystemError, match="absent"), files.open_for_reading("absent"):
            pytest.fail("it was opened")

    # -- folders --------------------------------------------------------------------------------------------------

    def test_a_folder_is_made_with_those_above_it_and_may_be_made_again(self, files: Filesystem) -> None:
        files.mkdir("a/b/c")
        files.mkdir("a/b/c")
        if self.keeps_empty_folders:
            assert files.exists("a/b/c")
            assert list(files.ls("a")) == ["b/"]

    def test_a_list_is_sorted_and_tells_folders_from_files(self, files: Filesystem) -> None:
        for path in ("top/b.txt", "top/a.txt", "top/deeper/c.txt"):
            self.write(files, path, b"x")
        assert list(files.ls("top")) == ["a.txt", "b.txt", "deeper/"]

    def test_the_root_is_listed_without_a_path(self, files: Filesystem) -> None:
        self.write(files, "file", b"x")
        assert "file" in list(files.ls())

    def test_a_file_lists_itself(self, files: Filesystem) -> None:
        self.write(files, "folder/file", b"x")
        assert list(files.ls("folder/file")) == ["file"]

    def test_listing_what_is_not_there_is_an_error_at_once(self, files: Filesystem) -> None:
        with pytest.raises(FilesystemError, match="absent"):
            files.ls("absent")

    def test_a_folder_is_removed_with_all_that_is_in_it(self, files: Filesystem) -> None:
        self.write(files, "folder/deep/file", b"x")
        files.rmdir("folder")
        assert not files.exists("folder")
        files.rmdir("folder")

    def test_a_file_is_not_removed_as_a_folder(self, files: Filesystem) -> None:
        self.write(files, "file", b"x")
        with pytest.raises(FilesystemError, match="file"):
            files.rmdir("file")
        assert files.exists("file")

    # -- removing -------------------------------------------------------------------------------------------------

    def test_a_file_or_tree_is_removed_and_may_be_removed_again(self, files: Filesystem) -> None:
        self.write(files, "file", b"x")
        self.write(files, "tree/deep/file", b"x")
        for path in ("file", "tree"):
            files.rm(path)
            assert not files.exists(path)
            files.rm(path)

    def test_removing_a_tree_leaves_one_alone_whose_name_begins_alike(self, files: Filesystem) -> None:
        self.write(files, "a/b/file", b"x")
        self.write(files, "a/bc/file", b"y")
        files.rm("a/b")
        assert not files.exists("a/b")
        assert self.read(files, "a/bc/file") == b"y"

    @pytest.mark.parametrize("path", ["", ".", "a/.."])
    def test_the_root_itself_is_never_removed(self, files: Filesystem, path: str) -> None:
        self.write(files, "file", b"x")
        for verb in (files.rm, files.rmdir):
            with pytest.raises(FilesystemError):
                verb(path)
        assert self.read(files, "file") == b"x"

    # -- copying and moving ---------------------------------------------------------------------------------------

    def test_a_file_is_copied_to_exactly_the_target(self, files: Filesystem) -> None:
        self.write(files, "source")
        files.cp("source", "folder/target")
        assert self.read(files, "folder/target") == self.read(files, "source") == BYTES

    def test_a_copy_takes_the_place_of_a_file_that_is_there(self, files: Filesystem) -> None:
        self.write(files, "source", b"newer")
        self.write(files, "target", b"older, and longer")
        files.cp("source", "target")
        assert self.read(files, "target") == b"newer"

    def test_a_tree_is_copied_with_all_that_is_in_it(self, files: Filesystem) -> None:
        self.write(files, "tree/a", b"1")
        self.write(files, "tree/deep/b", b"2")
        files.cp("tree", "copy")
        assert list(files.ls("copy")) == ["a", "deep/"]
        assert self.read(files, "copy/deep/b") == self.read(files, "tree/deep/b") == b"2"

    def test_copying_a_tree_leaves_one_alone_whose_name_begins_alike(self, files: Filesystem) -> None:
        self.write(files, "a/b/file", b"x")
        self.write(files, "a/bc/file", b"y")
        files.cp("a/b", "copy")
        assert list(files.ls("copy")) == ["file"]

    def test_a_moved_file_is_no_longer_where_it_was(self, files: Filesystem) -> None:
        self.write(files, "source")
        self.write(files, "folder/target", b"older")
        files.mv("source", "folder/target")
        assert not files.exists("source")
        assert self.read(files, "folder/target") == BYTES

    def test_a_moved_tree_is_no_longer_where_it_was(self, files: Filesystem) -> None:
        self.write(files, "tree/deep/file")
        files.mv("tree", "far/away")
        assert not files.exists("tree")
        assert self.read(files, "far/away/deep/file") == BYTES

    def test_a_tree_moved_over_another_leaves_nothing_behind(self, files: Filesystem) -> None:
        self.write(files, "tree/file", b"newer")
        self.write(files, "there/file", b"older")
        files.mv("tree", "there")
        assert not files.exists("tree")
        assert self.read(files, "there/file") == b"newer"

    @pytest.mark.parametrize("verb", ["cp", "mv"])
    @pytest.mark.parametrize("target", ["tree", "tree/", "tree/inside", "x/../tree/deeper/still"])
    def test_a_tree_goes_neither_onto_nor_into_itself(self, files: Filesystem, verb: str, target: str) -> None:
        self.write(files, "tree/file", b"x")
        with pytest.raises(FilesystemError):
            getattr(files, verb)("tree", target)
        assert list(files.ls("tree")) == ["file"]

    @pytest.mark.parametrize("verb", ["cp", "mv"])
    def test_what_is_not_there_is_neither_copied_nor_moved(self, files: Filesystem, verb: str) -> None:
        with pytest.raises(FilesystemError, match="absent"):
            getattr(files, verb)("absent", "target")
        assert not files.exists("target")

    # -- the engine's own machine ---------------------------------------------------------------------------------

    def test_a_file_goes_to_the_own_machine_and_back(self, files: Filesystem, tmp_path: Path) -> None:
        (tmp_path / "here.bin").write_bytes(BYTES)
        files.copy_from_local(str(tmp_path / "here.bin"), "folder/there.bin")
        files.copy_to_local("folder/there.bin", str(tmp_path / "new" / "back.bin"))
        assert (tmp_path / "new" / "back.bin").read_bytes() == BYTES

    def test_a_tree_goes_to_the_own_machine_and_back(self, files: Filesystem, tmp_path: Path) -> None:
        (tmp_path / "here" / "deep").mkdir(parents=True)
        (tmp_path / "here" / "deep" / "file").write_bytes(BYTES)
        files.copy_from_local(str(tmp_path / "here"), "there")
        files.copy_to_local("there", str(tmp_path / "back"))
        assert (tmp_path / "back" / "deep" / "file").read_bytes() == BYTES

    def test_what_the_own_machine_does_not_have_is_an_error(self, files: Filesystem, tmp_path: Path) -> None:
        with pytest.raises(FilesystemError, match="absent"):
            files.copy_from_local(str(tmp_path / "absent"), "there")

    def test_what_is_not_there_does_not_come_to_the_own_machine(self, files: Filesystem, tmp_path: Path) -> None:
        with pytest.raises(FilesystemError, match="absent"):
            files.copy_to_local("absent", str(tmp_path / "back"))
        assert not (tmp_path / "back").exists()

    # -- refused paths --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("path", ["..", "../x", "a/../../x"])
    def test_a_path_that_climbs_out_of_the_root_is_refused(self, files: Filesystem, path: str) -> None:
        for verb in (files.mkdir, files.rm, files.rmdir, files.exists, files.ls):
            with pytest.raises(FilesystemError):
                verb(path)

    def test_a_path_of_a_foreign_technology_is_refused_by_its_scheme(self, files: Filesystem) -> None:
        scheme = self.foreign_uri.partition(":")[0]
        for verb in (files.mkdir, files.rm, files.exists, files.ls):
            with pytest.raises(FilesystemError, match=scheme):
                verb(self.foreign_uri)
