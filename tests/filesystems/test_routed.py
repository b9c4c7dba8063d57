"""All technologies behind one filesystem: plain paths at home, full URIs anywhere, copies from each to each."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synergyflow.bootstrap import Site, filesystem_of
from synergyflow.errors import ConfigurationError, FilesystemError
from synergyflow.filesystems import opening
from synergyflow.filesystems.base import Filesystem
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing.conformance.filesystems import BYTES, FilesystemExam
from tests.filesystems.azurite import KEY
from tests.filesystems.stores import Store

TECHNOLOGIES = ["file", "s3", "gs", "azure"]


@pytest.fixture
def folders(tmp_path: Path, s3: Store, gs: Store, azure: Store) -> dict[str, str]:
    """A folder of each technology, as a URI."""
    return {
        "file": f"file://{tmp_path}/folder%20of%20mine",
        "s3": f"{s3.new_bucket()}/folder",
        "gs": f"{gs.new_bucket()}/folder",
        "azure": f"{azure.new_bucket()}/folder",
    }


@pytest.fixture
def site(tmp_path: Path, s3: Store, gs: Store, azure: Store) -> Site:
    """A place whose bucket is a folder, and which says where the object stores are."""
    options = {"s3": s3.options, "gcs": gs.options, "azure": azure.options}
    return Site(tmp_path, tmp_path / "logs", "data", options, {"azure": KEY, "other": "unrelated"})


@pytest.fixture
def files(site: Site) -> Filesystem:
    return filesystem_of(site)


def write(files: Filesystem, path: str, content: bytes = BYTES) -> None:
    with files.open_for_writing(path) as stream:
        stream.write(content)


def read(files: Filesystem, path: str) -> bytes:
    with files.open_for_reading(path) as stream:
        return stream.read()


class TestRoutedFilesystem(FilesystemExam):
    many = 50
    large = 1 << 20

    def make_filesystem(self, folder: Path) -> Filesystem:
        return filesystem_of(Site(folder, folder / "logs", "bucket"))


@pytest.mark.parametrize("target", TECHNOLOGIES)
@pytest.mark.parametrize("source", TECHNOLOGIES)
def test_a_tree_is_copied_and_moved_from_each_technology_to_each(
    files: Filesystem, folders: dict[str, str], source: str, target: str
) -> None:
    origin, place = f"{folders[source]}/tree", f"{folders[target]}/copies"
    write(files, f"{origin}/file 100%.bin")
    write(files, f"{origin}/deep/other", b"other")
    files.mkdir(f"{origin}/empty")
    write(files, f"{origin}house", b"not of the tree")
    files.cp(origin, f"{place}/copied")
    files.mv(origin, f"{place}/moved")
    for name in ("copied", "moved"):
        assert list(files.ls(f"{place}/{name}")) == ["deep/", "empty/", "file 100%.bin"]
        assert list(files.ls(f"{place}/{name}/deep")) == ["other"]
    assert files.facts(f"{place}/moved/file 100%.bin").size == len(BYTES)
    assert not files.exists(origin)
    assert read(files, f"{origin}house") == b"not of the tree"


@pytest.mark.parametrize("target", ["s3", "gs", "azure"])
def test_a_large_file_streams_from_one_provider_to_another(
    files: Filesystem, folders: dict[str, str], target: str
) -> None:
    source = folders["gs" if target == "s3" else "s3"] + "/large"
    content = bytes(range(256)) * (9 << 12)
    write(files, source, content)
    files.cp(source, f"{folders[target]}/there")
    assert read(files, f"{folders[target]}/there") == content


def test_a_file_goes_to_exactly_the_target_and_not_onto_a_folder(files: Filesystem, folders: dict[str, str]) -> None:
    write(files, f"{folders['s3']}/file", b"x")
    write(files, f"{folders['gs']}/taken/inside", b"y")
    files.cp(f"{folders['s3']}/file", f"{folders['gs']}/exactly")
    assert read(files, f"{folders['gs']}/exactly") == b"x"
    with pytest.raises(FilesystemError, match="taken is a folder"):
        files.cp(f"{folders['s3']}/file", f"{folders['gs']}/taken")


def test_a_source_stays_if_files_came_while_it_was_moved_elsewhere(
    files: Filesystem, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(files, "tree/file", b"x")
    original = LocalFilesystem.open_for_reading

    def arrive(self: LocalFilesystem, path: str) -> Any:
        (tmp_path / "data" / "tree" / "late").write_bytes(b"late")
        return original(self, path)

    monkeypatch.setattr(LocalFilesystem, "open_for_reading", arrive)
    with pytest.raises(FilesystemError, match="changed while"):
        files.mv("tree", f"{folders['s3']}/tree")
    assert list(files.ls("tree")) == ["file", "late"]


def test_what_is_not_there_is_not_copied_elsewhere(files: Filesystem, folders: dict[str, str]) -> None:
    for source in (f"{folders['s3']}/absent", "absent"):
        with pytest.raises(FilesystemError, match="absent"):
            files.cp(source, f"{folders['gs']}/target")
    assert not files.exists(f"{folders['gs']}/target")


def test_neither_the_root_nor_a_bucket_is_moved_elsewhere(
    files: Filesystem, folders: dict[str, str], gs: Store
) -> None:
    bucket = gs.new_bucket()
    write(files, "file", b"x")
    write(files, f"{bucket}/file", b"x")
    for source in ("", ".", bucket, f"{bucket}/"):
        with pytest.raises(FilesystemError, match="not moved"):
            files.mv(source, f"{folders['s3']}/target")
    assert not files.exists(f"{folders['s3']}/target")


def test_a_technology_of_another_package_is_found_by_its_scheme(
    tmp_path: Path, folders: dict[str, str], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[opening.Opening] = []

    def open_shelf(given: opening.Opening) -> Filesystem:
        opened.append(given)
        return Shelf(tmp_path / "shelf")

    def installed(group: str, name: str | None = None) -> list[Any]:
        assert group == "synergyflow.filesystems"
        return [SimpleNamespace(name="shelf", load=lambda: open_shelf)] if name in (None, "shelf") else []

    monkeypatch.setattr(opening, "entry_points", installed)
    files = filesystem_of(Site(site.root, site.log_directory, "data", {"shelf": {"depth": 3}}))
    write(files, "shelf://box/file", b"x")
    assert (tmp_path / "shelf" / "box" / "file").read_bytes() == b"x"
    assert [given.options for given in opened] == [{"depth": 3}]
    files.cp("shelf://box", "copied")
    assert list(files.ls("copied")) == ["file"]


class Shelf(LocalFilesystem):
    """Folders under a scheme of their own."""

    scheme = "shelf"

    def _place(self, path: str) -> tuple[Path, bool]:
        return super()._place(path.removeprefix("shelf://"))


def test_a_bucket_may_be_a_uri_of_any_technology(site: Site, folders: dict[str, str]) -> None:
    for name, folder in folders.items():
        home = filesystem_of(Site(site.root, site.log_directory, folder, site.filesystems, site.secrets))
        write(home, "by/plain/path", name.encode())
        assert read(filesystem_of(site), f"{folder}/by/plain/path") == name.encode()
        with pytest.raises(FilesystemError, match="climbs"):
            home.exists("../elsewhere")


def test_a_filesystem_of_all_technologies_goes_to_another_process_with_no_secret_it_does_not_need(
    files: Filesystem, folders: dict[str, str]
) -> None:
    taken = pickle.dumps(files)
    assert b"unrelated" not in taken
    for folder in folders.values():
        write(pickle.loads(taken), f"{folder}/file", b"x")
        assert read(files, f"{folder}/file") == b"x"


def test_an_unknown_scheme_is_refused_with_the_nearest_known(files: Filesystem) -> None:
    with pytest.raises(FilesystemError, match="s4://") as caught:
        files.exists("s4://bucket/key")
    assert "s3" in str(caught.value.hint)


def test_a_bucket_of_an_unknown_scheme_is_refused_at_the_door(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ftp://"):
        filesystem_of(Site(tmp_path, tmp_path, "ftp://host/folder"))


@pytest.mark.parametrize(
    ("options", "complaint", "hint"),
    [
        ({"s3": {"endpoint": "x"}}, "unknown key 'endpoint'", "endpoint_url"),
        ({"s3": {"region": 1}}, "'region' must be text", None),
        ({"s3x": {}}, "unknown key 's3x'", "s3"),
        ({"gcs": 1}, "must be a table", None),
        ({"azure": {"credential_secret": "absent"}}, "no secret 'absent'", "secrets"),
    ],
)
def test_wrong_options_are_refused_at_the_door(
    tmp_path: Path, options: dict[str, Any], complaint: str, hint: str | None
) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        filesystem_of(Site(tmp_path, tmp_path, "data", options))
    assert hint is None or hint in str(caught.value.hint)


def test_a_missing_library_says_which_extra_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    for bucket, extra in (("s3://b", "aws"), ("gs://b", "gcp"), ("wasbs://c@a", "azure")):
        with pytest.raises(ConfigurationError, match="not installed") as caught:
            filesystem_of(Site(tmp_path, tmp_path, bucket))
        assert f"synergyflow[{extra}]" in str(caught.value.hint)


def test_nothing_of_a_provider_is_loaded_for_local_files(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from synergyflow.bootstrap import *; "
        f"filesystem_of(Site(Path({str(tmp_path)!r}), Path('.'), None)).mkdir('x'); "
        "print([m for m in ('boto3', 'google.cloud.storage', 'azure') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
