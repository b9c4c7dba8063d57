"""What an engine takes it gives back, and what belongs to the caller stays the caller's."""

from __future__ import annotations

import os
from pathlib import Path

from synergyflow import ExecutionEngine, FlowGraph, ShellCommandAction
from synergyflow.core.modes import Mode
from synergyflow.core.states import FlowState
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import upgrade
from synergyflow.testing import FakeCluster
from tests.engine.workshop import TIMEPERIOD, Workshop


def one_step() -> FlowGraph:
    return FlowGraph("one").append("a", [], ShellCommandAction("a"))


def open_files(folder: Path) -> list[str]:
    """What this process holds open below a folder."""
    found = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except FileNotFoundError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


def test_a_run_leaves_no_file_open(workshop: Workshop) -> None:
    flow, engine = one_step(), None
    for _ in range(3):
        engine = ExecutionEngine(flow, clusters=[FakeCluster()])
        assert engine.run(workshop.context(flow)).state is FlowState.PROCESSED
        engine.plan(workshop.context(flow), Mode.RUN)
    assert open_files(workshop.folder) == []
    del engine


def test_one_engine_runs_as_often_as_it_is_asked_to(workshop: Workshop) -> None:
    flow = one_step()
    engine = ExecutionEngine(flow, clusters=[FakeCluster()])
    for _ in range(3):
        assert engine.run(workshop.context(flow)).state is FlowState.PROCESSED
    assert engine.run_one(workshop.context(flow), "a").state is FlowState.PROCESSED
    assert len(workshop.attempts(flow, "a")) == 4


def test_two_timeperiods_of_a_flow_run_at_once_on_one_store(workshop: Workshop) -> None:
    upgrade(workshop.url)
    flow, store = one_step(), SqlStore(workshop.url)
    for timeperiod in (TIMEPERIOD, "2013010200"):
        engine = ExecutionEngine(flow, store=store, clusters=[FakeCluster()])
        assert engine.run(workshop.context(flow, timeperiod)).state is FlowState.PROCESSED
    assert store.load(flow.flow_name, TIMEPERIOD) is not None, "the store is the caller's, and stays open"
    store.close()


def test_a_plan_made_before_is_carried_out_as_it_was_shown(workshop: Workshop) -> None:
    flow = one_step()
    engine = ExecutionEngine(flow, clusters=[FakeCluster()])
    plan = engine.plan(workshop.context(flow), "run")
    result = engine.execute(workshop.context(flow), plan)
    assert result.plan is plan
    assert result.state is FlowState.PROCESSED
