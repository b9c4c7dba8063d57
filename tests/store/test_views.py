"""What people are shown of flow runs, and that it stays quick when there are many."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, text

from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision
from synergyflow.core.states import FlowState, StepState
from synergyflow.store.connecting import open_engine, parsed, reading, writing
from synergyflow.store.ownership import current_owner
from synergyflow.store.schema import attempt, metadata
from synergyflow.store.sql import SqlStore
from synergyflow.store.views import Views
from tests.store.story import DAY, FLOW, NOON, Story, a_plan, a_step, ended, failed, over, started


@pytest.fixture
def recovered(story: Story) -> Story:
    """A flow run that failed in its second step and was recovered."""
    story.begins(a_plan(a_step("load"), a_step("clean")))
    story.happens(started("load"), ended("load"), started("clean"), failed("clean"))
    story.happens(over(FlowState.INVALID, error="step clean"))
    story.begins(a_plan(a_step("load", Decision.KEEP), a_step("clean", attempt=2), mode=Mode.RECOVER))
    story.happens(started("clean", 2), ended("clean", 2), over())
    return story


def test_recent_runs_are_those_begun_last(database_url: str) -> None:
    clock = [NOON]
    store = SqlStore(database_url, now=lambda: clock[0])
    for timeperiod in ("2013010200", "2013010100", "2013010300"):
        clock[0] += timedelta(minutes=1)
        plan = replace(a_plan(), timeperiod=timeperiod)
        store.begin(plan, current_owner(), parameters={}, fingerprints={})
    runs = Views(database_url).recent_runs(FLOW, limit=2)
    assert [(run.timeperiod, run.state) for run in runs] == [
        ("2013010300", FlowState.IN_PROGRESS),
        ("2013010100", FlowState.IN_PROGRESS),
    ]
    assert runs[0].started_at == NOON + timedelta(minutes=3)
    assert Views(database_url).recent_runs("another") == ()


def test_history_has_every_execution_oldest_first(recovered: Story) -> None:
    executions = Views(recovered.url).executions(FLOW, DAY)
    assert [(execution.mode, execution.state, execution.error) for execution in executions] == [
        (Mode.RUN, "invalid", "step clean"),
        (Mode.RECOVER, "processed", None),
    ]
    assert recovered.record.last_execution == executions[1]


def test_history_has_every_attempt_with_the_execution_that_made_it(recovered: Story) -> None:
    views = Views(recovered.url)
    first, second = (execution.execution_id for execution in views.executions(FLOW, DAY))
    assert [(a.step_name, a.number, a.state, a.execution_id, a.mode) for a in views.attempts(FLOW, DAY)] == [
        ("load", 1, StepState.PROCESSED, first, Mode.RUN),
        ("clean", 1, StepState.INVALID, first, Mode.RUN),
        ("clean", 2, StepState.PROCESSED, second, Mode.RECOVER),
    ]
    assert [a.number for a in views.attempts(FLOW, DAY, "clean")] == [1, 2]


def test_events_can_be_followed_run_by_run(recovered: Story, store: SqlStore) -> None:
    other = replace(a_plan(), timeperiod="2013010200")
    store.begin(other, current_owner(), parameters={}, fingerprints={})
    views = Views(recovered.url)
    everything = views.events_after(0)
    assert [event.number for event in everything] == list(range(1, len(everything) + 1))
    assert {event.timeperiod for event in views.events_after(0, flow_name=FLOW, timeperiod=DAY)} == {DAY}
    assert views.events_after(len(everything) - 1) == everything[-1:]
    assert views.events_after(2, limit=3) == everything[2:5]
    assert views.events_after(len(everything)) == ()


def test_what_was_never_run_has_no_history(recovered: Story) -> None:
    views = Views(recovered.url)
    assert (views.executions(FLOW, "2014010100"), views.attempts("another", DAY), views.clusters(FLOW, DAY)) == (
        (),
        (),
        (),
    )


def test_every_question_about_one_run_is_answered_from_an_index(sqlite_url: str) -> None:
    engine = open_engine(parsed(sqlite_url))
    with reading(engine) as connection:
        for table, condition in (
            ("flow", "flow_name = 'f' AND timeperiod = '2013010100'"),
            ("flow", "flow_name = 'f' ORDER BY started_at DESC"),
            ("step", "flow_id = 1"),
            ("execution", "flow_id = 1 ORDER BY id DESC"),
            ("attempt", "flow_id = 1"),
            ("attempt", "flow_id = 1 AND step_name = 's'"),
            ("job", "flow_id = 1"),
            ("job", "token = 't'"),
            ("cluster", "execution_id = 1"),
            ("cluster", "flow_id = 1"),
            ("event", "flow_id = 1 AND number > 5 ORDER BY number"),
        ):
            steps = connection.execute(text(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {condition}")).all()
            assert all("USING" in step[-1] and "INDEX" in step[-1] for step in steps), (table, condition, steps)
            assert not any("TEMP B-TREE" in step[-1] for step in steps), (table, condition, steps)
    engine.dispose()


def test_the_tables_know_no_naive_moments() -> None:
    from synergyflow.store.column_types import UtcDateTime

    moments = [column for table in metadata.tables.values() for column in table.c if column.name.endswith("_at")]
    assert moments
    assert all(isinstance(column.type, UtcDateTime) for column in moments)


def test_rows_written_by_hand_must_have_a_zone_too(story: Story) -> None:
    from synergyflow.errors import StoreError

    lease = story.begins()
    engine = open_engine(parsed(story.url))
    row = {"flow_id": lease.flow_id, "execution_id": lease.execution_id, "step_name": "load", "number": 9}
    row |= {"state": "invalid", "first_action": 0, "actions_done": 0, "started_at": datetime(2013, 1, 1)}  # noqa: DTZ001
    with pytest.raises(StoreError, match="without time zone"), writing(engine) as connection:
        connection.execute(insert(attempt), row)
    engine.dispose()
