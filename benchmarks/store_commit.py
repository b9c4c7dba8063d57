"""How long a commit of three events takes (an action completed, a step ended, the next one started), and a load.

Usage: python benchmarks/store_commit.py [DATABASE_URL]     default: a fresh SQLite file, removed afterwards
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median

from synergyflow.core.events import ActionCompleted, Event, StepEnded, StepStarted
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedStep
from synergyflow.core.states import GroupState, StepState
from synergyflow.store.ownership import current_owner
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import upgrade

STEPS = 500
COMPLETE = (GroupState.COMPLETE, GroupState.COMPLETE, GroupState.COMPLETE)


def a_plan(timeperiod: str, revision: int | None, attempt: int) -> Plan:
    steps = tuple(
        PlannedStep(name=f"step {n}", decision=Decision.RUN, why="asked", state=StepState.EMBRYO, attempt=attempt)
        for n in range(STEPS)
    )
    return Plan(
        flow_name="benchmark",
        timeperiod=timeperiod,
        mode=Mode.RUN,
        requested_step=None,
        revision=revision,
        steps=steps,
        clusters=(),
    )


def events(number: int, attempt: int) -> Sequence[Event]:
    """The end of one step and the start of the next."""
    now, step = datetime.now(UTC), f"step {number}"
    return (
        ActionCompleted(at=now, step=step, attempt=attempt, action=0, name="main"),
        StepEnded(at=now, step=step, attempt=attempt, state=StepState.PROCESSED, groups=COMPLETE, actions_done=1),
        StepStarted(at=now, step=f"step {number + 1}", attempt=attempt, cluster="local-1", fingerprint="f"),
    )


def measure(url: str) -> None:
    upgrade(url)
    store = SqlStore(url)
    timeperiod = "2013010100"
    before = store.load("benchmark", timeperiod)
    attempt = 1 + max(before.last_attempts.values(), default=0) if before else 1
    plan = a_plan(timeperiod, before.revision if before else None, attempt)
    lease = store.begin(plan, current_owner(), parameters={}, fingerprints={})
    revision = lease.revision + 1
    first = StepStarted(at=datetime.now(UTC), step="step 0", attempt=attempt, cluster="local-1", fingerprint="f")
    store.commit(lease, revision, [first])
    walls, processors = [], []
    for number in range(STEPS - 1):
        batch = events(number, attempt)
        revision += 1
        wall, processor = time.perf_counter(), time.process_time()
        store.commit(lease, revision, batch)
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    began = time.perf_counter()
    store.load("benchmark", timeperiod)
    loaded = time.perf_counter() - began
    print(f"commit of 3 events: {median(walls) * 1e6:.0f} µs, of these {median(processors) * 1e6:.0f} µs of processor")
    print(f"load of {STEPS} steps: {loaded * 1e3:.1f} ms")
    store.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(f"sqlite:///{folder}/state.db")
