"""Qubole as a user has it: a context and a profile in files, and the engine by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from synergyflow import ExecutionContext, ExecutionEngine
from synergyflow.bootstrap import Site, make_cluster
from synergyflow.clusters.qubole_options import QuboleOptions, options_of
from synergyflow.config.environment import load_environment
from synergyflow.config.profile import load_profile
from synergyflow.core.states import FlowState
from synergyflow.errors import ConfigurationError
from synergyflow.testing.emulators.qubole import QuboleEmulator

ROOT = Path(__file__).parents[2]

FLOW = """
from synergyflow import FlowGraph, ShellCommandAction

both = (
    FlowGraph("both")
    .append("remote", [], ShellCommandAction("echo on $QBOL_COMMAND_ID for $SYNERGYFLOW_TIMEPERIOD"), cluster="qubole")
    .append("here", ["remote"], ShellCommandAction("echo here: ${QBOL_COMMAND_ID:-no command}"), cluster="local")
)
"""


@pytest.fixture
def emulator() -> Iterator[QuboleEmulator]:
    with QuboleEmulator("etl") as emulator:
        yield emulator


@pytest.fixture
def context(tmp_path: Path, emulator: QuboleEmulator) -> ExecutionContext:
    for folder in ("contexts", "clusters", "flows"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flows" / "both.py").write_text(FLOW)
    (tmp_path / "clusters" / "local.toml").write_text('type = "local"\n')
    (tmp_path / "clusters" / "qubole.toml").write_text(
        f'type = "qubole"\nlabel = "etl"\nendpoint_url = "{emulator.url}"\npoll_minimum = 0.01\npoll_maximum = 0.05\n'
    )
    (tmp_path / "contexts" / "mixed.toml").write_text('flows = ["flows"]\npool = { qubole = 1, local = 1 }\n')
    return ExecutionContext.load(str(tmp_path / "contexts" / "mixed.toml"), "both", "2013010100")


def test_one_flow_runs_at_qubole_and_here_at_the_wish_of_its_steps(
    context: ExecutionContext, emulator: QuboleEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUBOLE_API_TOKEN", "token-of-a-test")
    assert ExecutionEngine("both").run(context).state is FlowState.PROCESSED
    command = emulator.commands()[0]
    assert emulator.live_clusters() == []
    logs = tmp_path / "logs" / "both"
    assert f"INFO on {command.id} for 2013010100\n" in (logs / "remote.log").read_text()
    assert "INFO here: no command\n" in (logs / "here.log").read_text()


def test_without_a_token_nothing_is_begun(
    context: ExecutionContext, emulator: QuboleEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUBOLE_API_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="QUBOLE_API_TOKEN holds no Qubole API token"):
        ExecutionEngine("both").run(context)
    assert not (tmp_path / "logs" / "synergyflow.db").exists()
    assert emulator.ledger.calls() == []


def test_the_profile_and_the_context_that_are_shipped_are_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QUBOLE_API_TOKEN", raising=False)
    profile = load_environment(str(ROOT / "contexts" / "qubole.toml")).pool[0][0]
    assert make_cluster("qubole-1", profile, Site(tmp_path, tmp_path / "logs", None)).slots == 1


def test_every_option_is_in_the_shipped_profile(tmp_path: Path) -> None:
    text = (ROOT / "clusters" / "qubole.toml").read_text()
    without_marks = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE).splitlines()
    keys = {line.split(" = ")[0]: line for line in without_marks if " = " in line and not line.startswith("#")}
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "full.toml").write_text("\n".join(keys.values()))
    assert options_of(load_profile("full", tmp_path, where="a test")).label == "default"
    assert {field.name for field in msgspec.structs.fields(QuboleOptions)} <= keys.keys()
