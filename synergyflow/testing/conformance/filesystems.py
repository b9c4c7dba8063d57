"""The exam of a filesystem: what `filesystems.base` promises, asked of whatever `make_filesystem` returns.

Abilities are declared by attributes; no test knows a technology. Paths are plain ones, below the root.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import ClassVar

import pytest

from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Filesystem

ODD_NAMES = [
    "with space",
    "über-東京-🚀",
    "100%.txt",
    "a%20b",
    "#1?x=y&z",
    "a+b",
    "q'uo\"te",
    "[brackets]{braces}",
    "back\\slash",
    "co:lon",
    "semi;colon,comma",
    "~tilde~",
    "-dash",
    ".hidden",
    "trailing space ",
    "n" * 200,
]
BYTES = bytes(range(256)) * 41 + "Grüße, 東京\r\n".encode()


class FilesystemExam:
    """Subclass it as `Test…`.

    Attributes:
        keeps_empty_folders: a folder that `mkdir` made is there before anything is in it.
        foreign_uri: a path of a technology that this one is not.
        many: files of a tree that is more than a page of a listing, and more than one batch.
        unusable: characters that it refuses in names, since it could not keep them.
        large: bytes of a file that is more than one part.
    """

    keeps_empty_folders: ClassVar[bool] = True
    many: ClassVar[int] = 1050
    unusable: ClassVar[str] = ""
    large: ClassVar[int] = 20 << 20
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

    def write_half(self, files: Filesystem, path: str, half: bytes = b"half") -> None:
        """Begin a file and fail in the midst of it."""
        with files.open_for_writing(path) as stream:
            stream.write(half)
            raise RuntimeError("torn")

    def read(self, files: Filesystem, path: str) -> bytes:
        """The whole file."""
        with files.open_for_reading(path) as stream:
            return stream.read()

    def is_refused(self, files: Filesystem, path: str) -> bool:
        """Whether the path has a character that can't be kept; then every verb must say so."""
        if not set(path) & set(self.unusable):
            return False
        for verb in (files.mkdir, files.rm, files.exists, files.ls):
            with pytest.raises(FilesystemError, match="keep"):
                verb(path)
        return True

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

    def test_a_stream_takes_text_and_gives_lines(self, files: Filesystem) -> None:
        with files.open_for_writing("text") as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
            text.write("Grüße\n")
            text.write("東京\n")
        with files.open_for_reading("text") as stream:
            assert [line.decode() for line in stream] == ["Grüße\n", "東京\n"]

    def test_a_stream_may_be_read_in_pieces(self, files: Filesystem) -> None:
        self.write(files, "file")
        with files.open_for_reading("file") as stream:
            pieces = list(iter(lambda: stream.read(1000), b""))
        assert b"".join(pieces) == BYTES

    def test_a_large_file_is_read_as_it_was_written(self, files: Filesystem) -> None:
        written, read = hashlib.sha256(), hashlib.sha256()
        block = bytes(range(251)) * 4177
        with files.open_for_writing("large") as stream:
            for start in range(0, self.large, len(block)):
                piece = block[: self.large - start]
                stream.write(piece)
                written.update(piece)
        with files.open_for_reading("large") as stream:
            while piece := stream.read(1 << 20):
                read.update(piece)
        assert files.facts("large").size == self.large
        assert read.digest() == written.digest()

    def test_a_large_file_that_could_not_be_completed_does_not_appear(self, files: Filesystem) -> None:
        with pytest.raises(RuntimeError, match="torn"):
            self.write_half(files, "folder/large", bytes(self.large))
        assert not files.exists("folder/large")

    def test_a_large_file_is_copied_and_moved(self, files: Filesystem) -> None:
        with files.open_for_writing("large") as stream:
            stream.write(bytes(self.large))
        files.cp("large", "copied")
        files.mv("large", "moved")
        assert files.facts("copied").size == files.facts("moved").size == self.large
        assert not files.exists("large")

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

    def test_a_folder_is_not_made_where_a_file_is(self, files: Filesystem) -> None:
        self.write(files, "name", b"x")
        with pytest.raises(FilesystemError, match="name"):
            files.mkdir("name")
        assert self.read(files, "name") == b"x"

    def test_a_file_does_not_take_the_place_of_a_folder(self, files: Filesystem) -> None:
        self.write(files, "folder/file", b"x")
        self.write(files, "other", b"y")
        with pytest.raises(FilesystemError, match="folder"):
            self.write(files, "folder", b"y")
        for verb in (files.cp, files.mv):
            with pytest.raises(FilesystemError, match="folder"):
                verb("other", "folder")
        assert self.read(files, "folder/file") == b"x"
        assert self.read(files, "other") == b"y"

    def test_a_folder_does_not_take_the_place_of_a_file(self, files: Filesystem) -> None:
        self.write(files, "folder/file", b"x")
        self.write(files, "name", b"y")
        for verb in (files.cp, files.mv):
            with pytest.raises(FilesystemError, match="name"):
                verb("folder", "name")
        assert self.read(files, "folder/file") == b"x"
        assert self.read(files, "name") == b"y"

    def test_a_folder_is_not_read_as_a_file(self, files: Filesystem) -> None:
        self.write(files, "folder/file", b"x")
        with pytest.raises(FilesystemError, match="folder"), files.open_for_reading("folder"):
            pytest.fail("it was opened")

    def test_a_tree_is_walked_by_names_below_it(self, files: Filesystem) -> None:
        for path in ("top/b", "top/a/deep", "top/a/c", "topper"):
            self.write(files, path, b"x")
        assert sorted(files.walk("top")) == ["a/c", "a/deep", "b"]
        assert list(files.walk("top/b")) == [""]
        with pytest.raises(FilesystemError, match="absent"):
            list(files.walk("absent"))

    def test_the_facts_of_a_file_are_its_size_and_perhaps_its_checksum(self, files: Filesystem) -> None:
        self.write(files, "file")
        facts = files.facts("file")
        assert facts.size == len(BYTES)
        assert facts.md5 in (None, hashlib.md5(BYTES).hexdigest())

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

    @pytest.mark.parametrize("name", ["bc", "b c", "b.", "b-", "b0", "B", "b%2F", "b\\c"])
    def test_nothing_touches_what_only_begins_alike(self, files: Filesystem, name: str) -> None:
        self.write(files, "a/b/file", b"x")
        if self.is_refused(files, f"a/{name}/file"):
            return
        self.write(files, f"a/{name}/file", b"y")
        self.write(files, f"a/{name}.txt", b"z")
        files.cp("a/b", "copied")
        files.mv("a/b", "moved")
        files.mkdir("a/b")
        files.rmdir("a/b")
        files.rm("a/b")
        assert list(files.ls("copied")) == list(files.ls("moved")) == ["file"]
        assert list(files.ls("a")) == sorted([f"{name}.txt", f"{name}/"])
        assert self.read(files, f"a/{name}/file") == b"y"

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_are_kept_by_every_verb(self, files: Filesystem, name: str, tmp_path: Path) -> None:
        if self.is_refused(files, f"tree/{name}"):
            return
        self.write(files, f"tree/{name}", b"x")
        files.cp("tree", "copied")
        files.mv(f"copied/{name}", f"moved/{name}")
        files.copy_to_local("moved", str(tmp_path / "here"))
        files.copy_from_local(str(tmp_path / "here"), "back")
        assert [path.name for path in (tmp_path / "here").iterdir()] == [name]
        assert list(files.ls("tree")) == list(files.ls("moved")) == list(files.ls("back")) == [name]
        assert self.read(files, f"back/{name}") == b"x"
        files.rm(f"back/{name}")
        assert not files.exists(f"back/{name}")

    def test_a_tree_of_more_than_a_page_is_copied_moved_listed_and_removed_whole(
        self, files: Filesystem, tmp_path: Path
    ) -> None:
        names = [f"file-{number:05d}" for number in range(self.many)]
        (tmp_path / "many").mkdir()
        for name in names:
            (tmp_path / "many" / name).write_text(name)
        files.copy_from_local(str(tmp_path / "many"), "many")
        files.mv("many", "moved")
        assert list(files.ls("moved")) == names
        assert not files.exists("many")
        assert self.read(files, f"moved/{names[-1]}") == names[-1].encode()
        files.rm("moved")
        assert not files.exists("moved")

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

    def test_an_empty_folder_comes_along(self, files: Filesystem, tmp_path: Path) -> None:
        (tmp_path / "here" / "empty").mkdir(parents=True)
        (tmp_path / "here" / "file").write_bytes(b"x")
        files.copy_from_local(str(tmp_path / "here"), "there")
        files.copy_to_local("there", str(tmp_path / "back"))
        if self.keeps_empty_folders:
            assert list(files.ls("there")) == ["empty/", "file"]
            assert (tmp_path / "back" / "empty").is_dir()
        assert (tmp_path / "back" / "file").read_bytes() == b"x"

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
