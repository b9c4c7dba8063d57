"""Beginning an execution: the lease, the execution's row, and what each mode resets."""

from __future__ import annotations

import pytest

from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision
from synergyflow.core.states import FailureClass, FlowState, GroupState, StepState
from synergyflow.errors import PlanOutdated, RunOwned, SchemaError
from synergyflow.store.ownership import current_owner
from synergyflow.store.sql import SqlStore
from synergyflow.store.views import Views
from tests.store.story import (
    COMPLETE,
    DAY,
    DEAD,
    FLOW,
    NOON,
    STEPS,
    Story,
    a_plan,
    a_step,
    ended,
    failed,
    over,
    started,
)


def test_a_flow_run_that_was_never_begun_is_not_there(store: SqlStore) -> None:
    assert store.load(FLOW, DAY) is None


def test_run_makes_the_flow_run_with_every_step_in_embryo(story: Story) -> None:
    lease = story.begins(parameters={"carrier": "UA"})
    record = story.record
    assert record.state is FlowState.IN_PROGRESS
    assert list(record.steps) == list(STEPS)
    assert {step.state for step in record.steps.values()} == {StepState.EMBRYO}
    assert record.parameters == {"carrier": "UA"}
    assert record.revision == lease.revision
    assert record.owner == lease.owner
    assert record.is_held


def test_an_execution_is_recorded_with_its_plan_and_who_asked(story: Story, database_url: str) -> None:
    lease = story.begins()
    last = story.record.last_execution
    assert last is not None
    assert (last.execution_id, last.mode, last.state) == (lease.execution_id, Mode.RUN, "in_progress")
    assert (last.host, last.pid, last.process) == (lease.owner.host, lease.owner.pid, lease.owner.process)
    began = Views(database_url).events_after(0)
    assert [(event.kind, event.payload["mode"]) for event in began] == [("run_began", "run")]


def test_a_second_engine_is_refused_with_who_holds_the_run_since_when(story: Story) -> None:
    lease = story.begins()
    with pytest.raises(RunOwned) as refused:
        story.begins()
    assert str(lease.owner) in refused.value.message
    assert refused.value.hint
    assert len(Views(story.url).executions(FLOW, DAY)) == 1


def test_a_plan_on_an_older_record_is_refused_and_changes_nothing(story: Story) -> None:
    story.begins()
    story.all_processed()
    before = story.record
    for outdated in (None, before.revision - 1, before.revision + 1):
        with pytest.raises(PlanOutdated):
            story.store.begin(a_plan(revision=outdated), current_owner(), parameters={}, fingerprints={})
    assert story.record == before


def test_a_plan_on_a_record_that_is_gone_is_refused_and_makes_none(store: SqlStore) -> None:
    with pytest.raises(PlanOutdated):
        store.begin(a_plan(revision=7), current_owner(), parameters={}, fingerprints={})
    assert store.load(FLOW, DAY) is None


def test_nothing_begins_without_tables(empty_database_url: str) -> None:
    store = SqlStore(empty_database_url)
    with pytest.raises(SchemaError, match=r"(?i)tables|exist") as refused:
        store.begin(a_plan(), current_owner(), parameters={}, fingerprints={})
    assert "engine db upgrade" in str(refused.value.hint)
    store.close()


def test_run_again_purges_the_current_state_and_keeps_history(story: Story) -> None:
    story.begins(a_plan(a_step("load"), a_step("old")))
    story.happens(started("load"), ended("load"), started("old"), failed("old"), over(FlowState.INVALID))
    story.begins(a_plan(a_step("load", attempt=2), a_step("new")))
    record = story.record
    assert {name: (step.state, step.attempt) for name, step in record.steps.items()} == {
        "load": (StepState.EMBRYO, 1),
        "new": (StepState.EMBRYO, 0),
    }
    assert record.last_attempts == {"load": 1, "old": 1}
    assert (record.error, record.finished_at) == (None, None)
    assert len(Views(story.url).executions(FLOW, DAY)) == 2
    assert len(Views(story.url).attempts(FLOW, DAY)) == 2


def test_recover_resets_the_failed_step_and_keeps_the_processed_one(story: Story) -> None:
    story.begins(a_plan(a_step("load"), a_step("clean")), parameters={"carrier": "UA"})
    story.happens(started("load"), ended("load"), started("clean"), failed("clean"), over(FlowState.INVALID))
    kept = story.step("load")
    story.begins(a_plan(a_step("load", Decision.KEEP), a_step("clean", attempt=2), mode=Mode.RECOVER))
    clean = story.step("clean")
    assert story.step("load") == kept
    assert (clean.state, clean.attempt, clean.error, clean.failure_class) == (StepState.EMBRYO, 1, None, None)
    assert story.record.parameters == {"carrier": "UA"}
    assert story.record.state is FlowState.IN_PROGRESS


def test_a_reset_step_that_resumes_by_group_keeps_its_complete_groups(story: Story) -> None:
    groups = (GroupState.COMPLETE, GroupState.FAILED, GroupState.PENDING)
    story.begins(a_plan(a_step("load")))
    story.happens(started("load"), failed("load", groups=groups, actions_done=2), over(FlowState.INVALID))
    story.begins(a_plan(a_step("load", attempt=2, first_action=1), mode=Mode.RECOVER))
    assert story.step("load").groups == (GroupState.COMPLETE, GroupState.PENDING, GroupState.PENDING)
    story.happens(started("load", 2, first_action=1))
    assert story.step("load").groups == (GroupState.COMPLETE, GroupState.PENDING, GroupState.PENDING)
    assert story.step("load").actions_done == 1


def test_a_freerun_leaves_the_state_of_the_flow_run_alone_from_begin_to_end(story: Story) -> None:
    story.begins(parameters={"carrier": "UA"})
    story.all_processed()
    before = story.record
    story.begins(a_plan(a_step("clean", attempt=2), mode=Mode.RUN_ONE, requested_step="clean"), parameters={"x": 1})
    assert story.record.state is FlowState.PROCESSED
    story.happens(started("clean", 2), failed("clean", 2), over(FlowState.INVALID, error="step clean"))
    after = story.record
    assert (after.state, after.error, after.started_at, after.finished_at, after.parameters) == (
        before.state,
        before.error,
        before.started_at,
        before.finished_at,
        before.parameters,
    )
    assert after.owner is None
    assert after.last_execution is not None
    assert (after.last_execution.state, after.last_execution.requested_step) == ("invalid", "clean")
    assert after.steps["clean"].state is StepState.INVALID


class TestAfterADeadEngine:
    """An engine died in the middle of the step `clean`."""

    @pytest.fixture
    def story(self, store: SqlStore, database_url: str) -> Story:
        told = Story(SqlStore(database_url, is_alive=lambda owner: owner != DEAD), database_url)
        told.begins(owner=DEAD)
        told.happens(started("load"), ended("load"), started("clean"), started("report"))
        return told

    def test_its_owner_is_known_to_be_gone(self, story: Story) -> None:
        assert story.record.owner == DEAD
        assert not story.record.is_held

    def test_its_execution_is_canceled_and_its_attempts_are_invalid(self, story: Story) -> None:
        first = story.record.last_execution
        assert first is not None
        recover = a_plan(a_step("load", Decision.KEEP), a_step("clean", attempt=2), mode=Mode.RECOVER)
        story.begins(recover)
        canceled = Views(story.url).executions(FLOW, DAY)[0]
        assert (canceled.execution_id, canceled.state, canceled.error) == (
            first.execution_id,
            "canceled",
            "its engine is gone",
        )
        assert canceled.finished_at is not None
        lost = Views(story.url).attempts(FLOW, DAY, "clean")[0]
        assert (lost.state, lost.failure_class, lost.error) == (
            StepState.INVALID,
            FailureClass.ENGINE_LOST,
            "its engine is gone",
        )
        kinds = [(event.kind, event.step_name) for event in Views(story.url).events_after(0)][-4:]
        assert kinds == [
            ("run_ended", None),
            ("step_ended", "clean"),
            ("step_ended", "report"),
            ("run_began", None),
        ]

    def test_a_step_that_is_left_alone_does_not_stay_in_progress(self, story: Story) -> None:
        story.begins(a_plan(a_step("load", attempt=2), mode=Mode.RUN_ONE))
        assert (story.step("clean").state, story.step("clean").failure_class) == (
            StepState.INVALID,
            FailureClass.ENGINE_LOST,
        )

    def test_an_attempt_that_goes_on_stays_as_it_is_and_can_end(self, story: Story) -> None:
        before = story.step("clean")
        going_on = a_step("clean", Decision.CONTINUE, attempt=1, state=StepState.IN_PROGRESS)
        story.begins(a_plan(a_step("load", Decision.KEEP), going_on, mode=Mode.RECOVER))
        assert story.step("clean") == before
        story.happens(started("clean", 1, cluster="local-2", continued=True))
        assert story.step("clean").cluster == "local-2"
        story.happens(ended("clean", 1))
        attempt = Views(story.url).attempts(FLOW, DAY, "clean")[0]
        assert (attempt.state, attempt.cluster, attempt.started_at) == (StepState.PROCESSED, "local-2", NOON)
        assert story.step("clean").groups == COMPLETE

    def test_what_it_still_writes_is_refused(self, story: Story) -> None:
        from synergyflow.errors import LeaseLost

        paused = Story(story.store, story.url)
        paused.lease, paused.revision = story.lease, story.revision
        story.begins(a_plan(mode=Mode.RECOVER))
        before = story.record
        with pytest.raises(LeaseLost, match=str(before.owner.pid if before.owner else "")):
            paused.happens(ended("clean"))
        assert story.record == before
