"""A project in a temporary folder: contexts for hand-made flows, and a look into what the engine recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from synergyflow import ExecutionContext, FlowGraph
from synergyflow.core.records import RunRecord
from synergyflow.store.sql import SqlStore
from tests.acceptance.commands import end_all

TIMEPERIOD = "2013010100"


class Project:
    """Runs flows in one folder with one SQLite database, as one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "ledger.txt"

    def context(
        self, flow: FlowGraph | str, timeperiod: str = TIMEPERIOD, *, clusters: int = 2, **parameters: Any
    ) -> ExecutionContext:
        name = flow if isinstance(flow, str) else flow.flow_name
        return ExecutionContext(
            name,
            timeperiod,
            settings={"log_directory": str(self.folder / "logs"), "bucket": str(self.folder / "data")},
            number_of_clusters=clusters,
            parameters=parameters,
        )

    def record(self, flow: FlowGraph, timeperiod: str = TIMEPERIOD) -> RunRecord:
        store = SqlStore(self.context(flow, timeperiod).database_url)
        try:
            record = store.load(flow.flow_name, timeperiod)
        finally:
            store.close()
        assert record is not None
        return record

    def states(self, flow: FlowGraph, timeperiod: str = TIMEPERIOD) -> Mapping[str, str]:
        return {name: step.state.value for name, step in self.record(flow, timeperiod).steps.items()}

    def log(self, flow: FlowGraph, name: str) -> str:
        return (self.folder / "logs" / flow.flow_name / f"{name}.log").read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        """Append a line to the ledger that steps write; one call, so lines of several threads don't mix."""
        with self.ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(text + "\n")

    def lines(self) -> list[str]:
        return self.ledger.read_text(encoding="utf-8").splitlines() if self.ledger.exists() else []


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Engines that a test has started end with it."""
    yield
    end_all()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def switch(tmp_path: Path) -> Callable[[], None]:
    """What a flow waits for: `mend` makes `broken(...)` steps succeed."""
    return lambda: (tmp_path / "mended").touch()
