"""Several engines and readers on one database, and engines that die at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from synergyflow.core import events as facts
from synergyflow.core.states import FlowState, StepState
from synergyflow.errors import PlanOutdated, RunOwned
from synergyflow.store.ownership import current_owner
from synergyflow.store.sql import SqlStore
from synergyflow.store.views import Views
from tests.store.story import DAY, FLOW, NOON, a_plan, a_step

ROOT = Path(__file__).parents[2]
ENGINE = """
import sys
from synergyflow.core.events import StopRequested
from synergyflow.store.sql import SqlStore
from tests.store.story import NOON, Story, a_plan, a_step, ended, started

story = Story(SqlStore(sys.argv[1]), sys.argv[1])
names = [f"step {number}" for number in range(4_000)]
attempt = int(sys.argv[2])
story.begins(a_plan(*(a_step(name, attempt=attempt) for name in names)))
print("begun", flush=True)
for name in names:
    story.happens(started(name, attempt), ended(name, attempt))
    print(name, flush=True)
"""


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do all of them at the same instant; what each returned, or the refusal that it met."""
    start = threading.Barrier(len(acts))

    def perform(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except (PlanOutdated, RunOwned) as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(perform, acts))


def test_of_two_engines_that_begin_one_run_at_the_same_instant_one_wins(database_url: str) -> None:
    stores = [SqlStore(database_url), SqlStore(database_url)]
    for hour in range(20):
        plan = replace(a_plan(a_step("load")), timeperiod=f"20130101{hour:02}")

        def begin(store: SqlStore, plan=plan) -> object:  # type: ignore[no-untyped-def]
            return store.begin(plan, current_owner(), parameters={}, fingerprints={})

        came_of_it = at_once(lambda: begin(stores[0]), lambda: begin(stores[1]))
        refused = [outcome for outcome in came_of_it if isinstance(outcome, Exception)]
        assert len(refused) == 1
        assert isinstance(refused[0], RunOwned)
        assert len(Views(database_url).executions(FLOW, plan.timeperiod)) == 1
    for store in stores:
        store.close()


def test_a_reader_who_goes_by_number_misses_no_event_of_two_writers(database_url: str) -> None:
    commits, seen, views = 150, [], Views(database_url)
    done = threading.Event()

    def write(timeperiod: str) -> None:
        store = SqlStore(database_url)
        plan = replace(a_plan(a_step("load")), timeperiod=timeperiod)
        lease = store.begin(plan, current_owner(), parameters={}, fingerprints={})
        for number in range(1, commits + 1):
            due = facts.RetryDue(at=NOON, step=f"{number}")
            store.commit(lease, lease.revision + number, [due] * (1 + number % 3))
        store.close()

    def read() -> None:
        last, finished = 0, False
        while not finished:
            finished = done.is_set()
            while found := views.events_after(last, limit=50):
                seen.extend((event.number, event.timeperiod, event.step_name) for event in found)
                last = found[-1].number

    with ThreadPoolExecutor(3) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write, timeperiod) for timeperiod in ("2013010100", "2013010200")]
        for writer in writers:
            writer.result()
        done.set()
        reader.result()
    assert [number for number, _, _ in seen] == list(range(1, 2 * (1 + 2 * commits) + 1))
    for timeperiod in ("2013010100", "2013010200"):
        steps = [int(step) for _, of, step in seen if of == timeperiod and step is not None]
        assert steps == sorted(steps)
        assert set(steps) == set(range(1, commits + 1))


def test_what_was_acknowledged_outlives_a_killed_engine(database_url: str) -> None:
    for round_ in range(2):
        command = [sys.executable, "-c", ENGINE, database_url, str(round_ + 1)]
        engine = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert engine.stdout is not None
        acknowledged = [engine.stdout.readline().strip() for _ in range(5 + 20 * round_)]
        store = SqlStore(database_url)
        held = store.load(FLOW, DAY)
        assert held is not None
        assert held.is_held
        engine.kill()
        acknowledged += [line.strip() for line in engine.stdout if line.endswith("\n")]
        engine.wait()
        engine.stdout.close()
        record = store.load(FLOW, DAY)
        assert record is not None
        assert not record.is_held
        assert record.state is FlowState.IN_PROGRESS
        assert acknowledged[0] == "begun"
        assert {record.steps[name].state for name in acknowledged[1:]} == {StepState.PROCESSED}
        processed = [step for step in record.steps.values() if step.state is StepState.PROCESSED]
        assert len(processed) - len(acknowledged[1:]) in (0, 1)
        attempts = Views(database_url).attempts(FLOW, DAY)
        assert len(attempts) == sum(1 for event in _all_events(database_url) if event == "step_started")
        store.close()


def test_two_threads_of_one_engine_can_write_at_once(database_url: str) -> None:
    store = SqlStore(database_url)
    lease = store.begin(a_plan(a_step("load")), current_owner(), parameters={}, fingerprints={})

    def commit() -> None:
        for number in range(1, 51):
            store.commit(lease, lease.revision + number, [facts.RetryDue(at=NOON, step="load")])

    def renew() -> None:
        for _ in range(50):
            store.renew(lease)

    assert at_once(commit, renew) == [None, None]
    assert len(_all_events(database_url)) == 51
    store.close()


def _all_events(url: str) -> list[str]:
    return [event.kind for event in Views(url).events_after(0, limit=1_000_000)]
