"""A flow whose files are in the clouds: plain paths in the context's bucket, copies to others, an export to each."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph
from synergyflow.actions import (
    CopyFromLocalAction,
    CpAction,
    ExportAction,
    MkdirAction,
    MvAction,
    PythonAction,
    RmAction,
)
from synergyflow.bootstrap import filesystem_of, site_of
from synergyflow.filesystems import progress
from synergyflow.filesystems.base import Filesystem
from tests.filesystems.azurite import KEY
from tests.filesystems.stores import Store

CONTEXT = """
bucket = "{bucket}"
cluster = "local"

[settings]
export_database_url = "sqlite:///{database}"

[settings.filesystems.s3]
endpoint_url = "{s3}"
addressing = "path"

[settings.filesystems.gcs]
endpoint_url = "{gcs}"

[settings.filesystems.azure]
endpoint_url = "{azure}"
credential_secret = "azure"

[secrets]
azure = {{ env = "KEY_OF_AZURE" }}
"""


@pytest.fixture
def context(
    tmp_path: Path, store: Store, s3: Store, gs: Store, azure: Store, monkeypatch: pytest.MonkeyPatch
) -> ExecutionContext:
    """A context whose bucket is of each technology in turn."""
    monkeypatch.setenv("KEY_OF_AZURE", KEY)
    (tmp_path / "contexts").mkdir()
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "local.toml").write_text('type = "local"\n')
    (tmp_path / "contexts" / "cloud.toml").write_text(
        CONTEXT.format(
            bucket=f"{store.new_bucket()}/warehouse",
            database=_database(tmp_path),
            s3=s3.options["endpoint_url"],
            gcs=gs.options["endpoint_url"],
            azure=azure.options["endpoint_url"],
        )
    )
    return ExecutionContext.load(str(tmp_path / "contexts" / "cloud.toml"), "files_flow", "2013010100")


def _database(folder: Path) -> Path:
    import sqlite3

    with sqlite3.connect(folder / "source.db") as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER, name TEXT)")
        connection.executemany("INSERT INTO numbers VALUES (?, ?)", [(1, "one"), (2, "two")])
    connection.close()
    return folder / "source.db"


def count_lines(filesystem: Filesystem, timeperiod: str) -> None:
    """Runs in a process of its own, to which the filesystem goes along."""
    with filesystem.open_for_reading(f"{timeperiod}/numbers.csv") as stream:
        lines = len(stream.readlines())
    with filesystem.open_for_writing(f"{timeperiod}/lines.txt") as stream:
        stream.write(str(lines).encode())


def test_a_flow_keeps_its_files_in_any_cloud(
    context: ExecutionContext, s3: Store, gs: Store, azure: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LARGE", 4 << 20)
    (tmp_path / "large.bin").write_bytes(bytes(17 << 20))
    copies = [f"{other.new_bucket()}/copies" for other in (s3, gs, azure)]
    flow = FlowGraph("files_flow")
    flow.append("export", [], ExportAction("numbers"), pre_actions=[MkdirAction("{timeperiod}")])
    flow.append("count", ["export"], PythonAction(count_lines, isolated=True))
    flow.append("bring", [], CopyFromLocalAction(str(tmp_path / "large.bin"), "large/file.bin"))
    for number, place in enumerate(copies):
        flow.append(f"copy_{number}", ["count"], CpAction("{timeperiod}", f"{place}/{{timeperiod}}"))
    flow.append("move", ["bring"], MvAction("large", "moved"))
    flow.append("remove", ["move"], RmAction("moved"))

    result = ExecutionEngine(flow).run(context)

    assert result.state == "processed", result.failed
    files = filesystem_of(site_of(context))
    assert list(files.ls("")) == ["2013010100/"]
    for place in copies:
        with files.open_for_reading(f"{place}/2013010100/numbers.csv") as stream:
            assert stream.read() == b"n,name\n1,one\n2,two\n"
        with files.open_for_reading(f"{place}/2013010100/lines.txt") as stream:
            assert stream.read() == b"3"
    told = "".join(path.read_text() for path in (tmp_path / "logs").rglob("*bring*") if path.is_file())
    assert "large/file.bin: 8 MiB so far" in told
    everything = "".join(path.read_text(errors="replace") for path in (tmp_path / "logs").rglob("*") if path.is_file())
    assert KEY not in everything
