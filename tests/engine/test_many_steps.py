"""Many jobs at once cost their cluster, not threads of the engine; and what is over holds nothing."""

from __future__ import annotations

import gc
import threading
import weakref

from synergyflow import FlowGraph, ShellCommandAction
from synergyflow.core.events import JobSubmitted
from synergyflow.core.states import FlowState
from synergyflow.engine.step_run import StepRun
from synergyflow.testing import Ending, FakeCluster
from tests.engine.workshop import NEVER, Workshop

JOBS = 200
PATIENCE = 60.0


def until_at_most(threads: int) -> int:
    """How many threads there are, once those that have nothing to do are gone."""
    for _ in range(int(PATIENCE / 0.01)):
        if threading.active_count() <= threads:
            break
        threading.Event().wait(0.01)
    return threading.active_count()


def test_two_hundred_jobs_in_flight_hold_no_threads(workshop: Workshop) -> None:
    flow = FlowGraph("wide")
    for number in range(JOBS):
        flow.append(f"step_{number}", [], ShellCommandAction("work"), timeout=3600.0)
    cluster = FakeCluster(slots=JOBS, script=lambda job, token: NEVER)
    before = threading.active_count()
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted, JOBS)
    overhead = 8  # the caller, the engine, its heartbeat, the cluster's agent, and four workers that stay
    assert until_at_most(before + overhead) <= before + overhead
    for job_id in list(cluster.provider.jobs):
        cluster.finish(job_id, Ending())
    assert running.result().state is FlowState.PROCESSED
    assert until_at_most(before) <= before, "none is left behind"


def test_attempts_that_are_over_hold_no_memory(workshop: Workshop) -> None:
    alive: weakref.WeakSet[StepRun] = weakref.WeakSet()
    original = StepRun.__init__

    def counted(self: StepRun, *arguments: object) -> None:
        original(self, *arguments)  # type: ignore[arg-type]
        alive.add(self)

    most = [0]

    class Counting(FakeCluster):
        def terminate(self) -> None:
            gc.collect()
            most[0] = len(alive)
            super().terminate()

    flow, before = FlowGraph("long"), list[str]()
    for number in range(100):
        flow.append(f"step_{number}", before, ShellCommandAction("work"), timeout=3600.0)
        before = [f"step_{number}"]
    StepRun.__init__ = counted  # type: ignore[method-assign, assignment]
    try:
        assert workshop.run(flow, Counting()).state is FlowState.PROCESSED
    finally:
        StepRun.__init__ = original  # type: ignore[method-assign]
    assert most[0] < 10
