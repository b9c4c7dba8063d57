"""A plan is only a thought: files stay as they are, byte for byte, on a fresh project and on a used one."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow import FlowGraph, ShellCommandAction
from synergyflow.core.jobs import JobState
from synergyflow.core.modes import Mode
from synergyflow.errors import PlanRefused
from synergyflow.testing import Ending, FakeCluster
from tests.engine.workshop import Workshop, by_command

MODES = [(Mode.RUN, None), (Mode.RECOVER, None), (Mode.RUN_ONE, "a"), (Mode.RUN_FROM, "a")]


def flow_of_two() -> FlowGraph:
    return FlowGraph("thought").append("a", [], ShellCommandAction("a")).append("b", ["a"], ShellCommandAction("b"))


def everything(folder: Path) -> dict[str, tuple[bytes | None, int, int]]:
    """Each file: its content, when it was changed, and its mode; each folder: that it is there.

    A database that is read may have files beside it meanwhile.
    """
    return {
        str(path.relative_to(folder)): (
            path.read_bytes() if path.is_file() else None,
            path.stat().st_mtime_ns if path.is_file() else 0,
            path.stat().st_mode,
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


@pytest.mark.parametrize(("mode", "step"), MODES)
def test_on_a_fresh_project_nothing_is_made(workshop: Workshop, mode: Mode, step: str | None) -> None:
    flow, cluster = flow_of_two(), FakeCluster()
    before = everything(workshop.folder)
    engine = workshop.engine(flow, cluster)
    if mode is Mode.RUN:
        assert [planned.name for planned in engine.plan(workshop.context(flow), mode).to_run] == ["a", "b"]
    else:
        with pytest.raises(PlanRefused):
            engine.plan(workshop.context(flow), mode, step)
    assert everything(workshop.folder) == before
    assert cluster.ledger == []


@pytest.mark.parametrize(("mode", "step"), MODES)
def test_on_a_used_project_nothing_is_touched(workshop: Workshop, mode: Mode, step: str | None) -> None:
    flow = flow_of_two()
    workshop.run(flow, FakeCluster(script=by_command(b=Ending(state=JobState.FAILED, exit_code=1))))
    cluster = FakeCluster()
    before = everything(workshop.folder)
    plan = workshop.engine(flow, cluster).plan(workshop.context(flow), mode, step)
    assert plan.to_run
    assert everything(workshop.folder) == before
    assert cluster.ledger == []
