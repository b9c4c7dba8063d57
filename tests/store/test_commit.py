"""Commits: what each kind of event changes, in which order, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from synergyflow.core import events as facts
from synergyflow.core.plan import Decision
from synergyflow.core.states import FailureClass, FlowState, Group, GroupState, IllegalMove, StepState
from synergyflow.errors import LeaseLost
from synergyflow.store.sql import SqlStore
from synergyflow.store.views import ClusterView, Views
from tests.store.story import (
    COMPLETE,
    DAY,
    FLOW,
    NOON,
    Story,
    a_plan,
    a_step,
    ended,
    failed,
    intended,
    over,
    started,
)

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def story(store: SqlStore, database_url: str) -> Story:
    """An engine that has begun."""
    told = Story(store, database_url)
    told.begins()
    return told


def the_cluster(story: Story) -> ClusterView:
    (cluster,) = Views(story.url).clusters(FLOW, DAY)
    return cluster


def requested(**changed: str) -> facts.ClusterRequested:
    values = {"cluster": "local-1", "profile": "local", "type": "local", "token": "sf-1"}
    return facts.ClusterRequested(at=NOON, **(values | changed))


def test_a_started_step_is_in_progress_with_its_attempt(story: Story) -> None:
    story.happens(started("load"))
    step = story.step("load")
    assert (step.state, step.attempt, step.cluster, step.started_at) == (StepState.IN_PROGRESS, 1, "local-1", NOON)
    assert step.fingerprint == "load as written"
    (attempt,) = Views(story.url).attempts(FLOW, DAY)
    assert (attempt.step_name, attempt.number, attempt.state) == ("load", 1, StepState.IN_PROGRESS)
    assert story.record.last_attempts == {"load": 1}


def test_groups_and_actions_move_with_the_attempt(story: Story) -> None:
    story.happens(
        started("load"), facts.GroupMoved(at=NOON, step="load", attempt=1, group=Group.PRE, state=GroupState.RUNNING)
    )
    story.happens(facts.ActionCompleted(at=NOON, step="load", attempt=1, action=0, name="make folder"))
    story.happens(
        facts.GroupMoved(at=NOON, step="load", attempt=1, group=Group.PRE, state=GroupState.COMPLETE),
        facts.GroupMoved(at=NOON, step="load", attempt=1, group=Group.MAIN, state=GroupState.RUNNING),
    )
    step = story.step("load")
    assert step.groups == (GroupState.COMPLETE, GroupState.RUNNING, GroupState.PENDING)
    assert step.actions_done == 1
    assert Views(story.url).attempts(FLOW, DAY)[0].actions_done == 1


def test_an_ended_step_has_its_outcome_and_so_has_its_attempt(story: Story) -> None:
    groups = (GroupState.COMPLETE, GroupState.FAILED, GroupState.PENDING)
    story.happens(started("load"))
    story.happens(failed("load", groups=groups, actions_done=1, rolled_back=True, log_begin="0:10", log_end="0:99"))
    step = story.step("load")
    assert (step.state, step.error, step.failure_class) == (StepState.INVALID, "no such column", FailureClass.USER_CODE)
    assert (step.groups, step.rolled_back, step.actions_done) == (groups, True, 1)
    (attempt,) = Views(story.url).attempts(FLOW, DAY)
    assert (attempt.state, attempt.error, attempt.failure_class) == (step.state, step.error, step.failure_class)
    assert (attempt.log_begin, attempt.log_end, attempt.finished_at) == ("0:10", "0:99", step.finished_at)


def test_a_skipped_step_is_noop_without_an_attempt(store: SqlStore, database_url: str) -> None:
    story = Story(store, database_url)
    story.begins(a_plan(a_step("load", Decision.SKIP)))
    story.happens(facts.StepSkipped(at=NOON, step="load"))
    assert (story.step("load").state, story.step("load").attempt) == (StepState.NOOP, 0)
    assert Views(story.url).attempts(FLOW, DAY) == ()


def test_a_retry_is_scheduled_and_a_whole_life_fits_into_one_commit(story: Story) -> None:
    scheduled = facts.RetryScheduled(at=NOON, step="load", attempt=2, retry_at=LATER, spends_retry=True)
    story.happens(started("load"), failed("load"), scheduled)
    assert story.step("load").retry_at == LATER
    story.happens(
        facts.RetryDue(at=NOON, step="load"),
        started("load", 2),
        failed("load", 2),
        started("load", 3),
        facts.ActionCompleted(at=NOON, step="load", attempt=3, action=0, name="copy"),
        ended("load", 3),
        started("clean"),
    )
    step = story.step("load")
    assert (step.state, step.attempt, step.retry_at, step.error) == (StepState.PROCESSED, 3, None, None)
    assert (step.groups, step.actions_done) == (COMPLETE, 1)
    attempts = Views(story.url).attempts(FLOW, DAY, "load")
    assert [(a.number, a.state) for a in attempts] == [
        (1, StepState.INVALID),
        (2, StepState.INVALID),
        (3, StepState.PROCESSED),
    ]


def test_steps_that_end_and_start_together_are_written_together(store: SqlStore, database_url: str) -> None:
    names = [f"step {number}" for number in range(60)]
    story = Story(store, database_url)
    story.begins(a_plan(*(a_step(name) for name in names)))
    story.happens(*(started(name) for name in names[:30]))
    story.happens(
        *(fact for old, new in zip(names[:30], names[30:], strict=True) for fact in (ended(old), started(new)))
    )
    steps = story.record.steps
    assert {steps[name].state for name in names[:30]} == {StepState.PROCESSED}
    assert {steps[name].state for name in names[30:]} == {StepState.IN_PROGRESS}


def test_a_job_is_open_from_its_intent_until_its_attempt_is_over(story: Story) -> None:
    story.happens(started("load"), intended("load", "sf-job"))
    (job,) = story.record.open_jobs
    assert (job.token, job.job_id, job.state, job.step_name, job.attempt) == ("sf-job", None, "pending", "load", 1)
    story.happens(facts.JobSubmitted(at=NOON, token="sf-job", job_id="17", step="load", attempt=1))
    assert story.record.open_jobs[0].job_id == "17"
    story.happens(
        facts.JobEnded(
            at=NOON, token="sf-job", state="succeeded", exit_code=0, finished_at=LATER, step="load", attempt=1
        )
    )
    assert [job.state for job in story.record.open_jobs] == ["succeeded"]
    story.happens(ended("load"))
    assert story.record.open_jobs == ()


def test_a_job_that_outlived_its_attempt_stays_open_until_it_has_ended(story: Story) -> None:
    story.happens(started("load"), intended("load", "sf-job"), failed("load"))
    assert [job.token for job in story.record.open_jobs] == ["sf-job"]
    story.happens(facts.JobEnded(at=NOON, token="sf-job", state="canceled", step="load", attempt=1))
    assert story.record.open_jobs == ()


def test_a_job_ends_once(story: Story) -> None:
    story.happens(started("load"), intended("load", "sf-job"))
    story.happens(facts.JobEnded(at=NOON, token="sf-job", state="failed", exit_code=3, step="load", attempt=1))
    story.happens(facts.JobEnded(at=NOON, token="sf-job", state="succeeded", exit_code=0, step="load", attempt=1))
    assert [job.state for job in story.record.open_jobs] == ["failed"]


def test_a_cluster_is_in_the_ledger_before_it_is_launched_and_after_it_ended(story: Story) -> None:
    story.happens(requested())
    assert (the_cluster(story).state, the_cluster(story).cluster_id, the_cluster(story).token) == (
        "requested",
        None,
        "sf-1",
    )
    story.happens(facts.ClusterLaunched(at=NOON, cluster="local-1", cluster_id="c-1"))
    assert (the_cluster(story).state, the_cluster(story).cluster_id) == ("starting", "c-1")
    assert story.record.clusters["local-1"].cluster_id == "c-1"
    story.happens(facts.ClusterReady(at=LATER, cluster="local-1"))
    assert (the_cluster(story).state, the_cluster(story).ready_at) == ("ready", LATER)
    story.happens(facts.ClusterEnded(at=LATER, cluster="local-1"))
    assert (the_cluster(story).state, the_cluster(story).ended_at, the_cluster(story).kept) == ("ended", LATER, False)


@pytest.mark.parametrize(
    ("event", "state", "has_ended"),
    [
        (facts.ClusterFailed(at=LATER, cluster="local-1", reason="quota"), "failed", True),
        (facts.ClusterLost(at=LATER, cluster="local-1", reason="quota"), "lost", True),
        (facts.ClusterEnded(at=LATER, cluster="local-1", kept=True, reason="quota"), "kept", False),
        (facts.ClusterEnded(at=LATER, cluster="local-1", reason="quota"), "unconfirmed", True),
    ],
)
def test_a_cluster_that_did_not_simply_end_says_why(
    story: Story, event: facts.Event, state: str, has_ended: bool
) -> None:
    story.happens(requested(), event)
    cluster = the_cluster(story)
    assert (cluster.state, cluster.reason) == (state, "quota")
    assert (cluster.ended_at is not None) is has_ended
    assert cluster.kept is (state == "kept")


def test_the_end_of_a_run_gives_the_lease_back(story: Story) -> None:
    story.all_processed()
    record = story.record
    assert (record.state, record.owner, record.is_held) == (FlowState.PROCESSED, None, False)
    assert record.finished_at == NOON + timedelta(hours=1)
    assert record.last_execution is not None
    assert (record.last_execution.state, record.last_execution.finished_at) == ("processed", record.finished_at)


def test_an_interrupted_run_is_invalid_and_its_execution_canceled(story: Story) -> None:
    story.happens(
        facts.StopRequested(at=NOON, reason="ctrl-c"), over(FlowState.INVALID, error="ctrl-c", interrupted=True)
    )
    assert (story.record.state, story.record.error) == (FlowState.INVALID, "ctrl-c")
    assert story.record.last_execution is not None
    assert story.record.last_execution.state == "canceled"


def test_every_event_is_in_the_journal_with_all_that_it_says(story: Story) -> None:
    told: list[facts.Event] = [
        requested(),
        facts.ClusterReady(at=NOON, cluster="local-1"),
        started("load"),
        intended("load", "sf-job"),
        ended("load"),
        facts.StopRequested(at=NOON, reason="enough", cancel=False),
        facts.RetryDue(at=LATER, step="clean"),
        over(FlowState.INVALID, failed=("clean",)),
    ]
    story.happens(*told)
    events = Views(story.url).events_after(1)
    assert [event.kind for event in events] == [
        "cluster_requested",
        "cluster_ready",
        "step_started",
        "job_intended",
        "step_ended",
        "stop_requested",
        "retry_due",
        "run_ended",
    ]
    assert [event.number for event in events] == list(range(2, 10))
    assert (events[2].step_name, events[2].attempt, events[2].at) == ("load", 1, NOON)
    assert events[3].payload["token"] == "sf-job"
    assert events[4].payload["groups"] == ["complete", "complete", "complete"]
    assert events[7].payload == {"state": "invalid", "error": None, "interrupted": False, "failed": ["clean"]}


class TestTheFence:
    """Only the owner writes, each revision once."""

    def test_a_repeated_commit_is_written_once(self, story: Story) -> None:
        assert story.lease is not None
        story.happens(started("load"))
        before, events = story.record, Views(story.url).events_after(0)
        story.store.commit(story.lease, story.revision, [started("load")])
        assert story.record == before
        assert Views(story.url).events_after(0) == events

    def test_a_repeated_end_of_the_run_is_written_once(self, story: Story) -> None:
        assert story.lease is not None
        story.happens(over(FlowState.INVALID))
        before = story.record
        story.store.commit(story.lease, story.revision, [over(FlowState.INVALID)])
        assert story.record == before

    def test_a_revision_that_is_not_the_next_is_refused(self, story: Story) -> None:
        assert story.lease is not None
        for wrong in (story.revision - 1, story.revision + 2):
            with pytest.raises(LeaseLost):
                story.store.commit(story.lease, wrong, [started("load")])
        assert story.step("load").state is StepState.EMBRYO

    def test_after_the_end_nothing_more_is_written(self, story: Story) -> None:
        story.happens(over(FlowState.INVALID))
        with pytest.raises(LeaseLost, match="given the flow run back"):
            story.happens(started("load"))
        assert story.lease is not None
        with pytest.raises(LeaseLost):
            story.store.renew(story.lease)

    def test_an_epoch_of_another_owner_is_refused(self, story: Story) -> None:
        assert story.lease is not None
        stale = replace(story.lease, epoch=story.lease.epoch - 1)
        with pytest.raises(LeaseLost, match=str(story.lease.owner.pid)):
            story.store.commit(stale, story.revision + 1, [started("load")])
        with pytest.raises(LeaseLost):
            story.store.renew(stale)

    def test_renewing_does_not_move_the_record_on(self, story: Story) -> None:
        assert story.lease is not None
        story.store.renew(story.lease)
        assert story.record.revision == story.lease.revision
        story.happens(started("load"))


class TestIllegalMoves:
    """A step never moves silently as it must not, and nothing else of that commit is written."""

    @pytest.mark.parametrize(
        "events",
        [
            [ended("load")],
            [started("load"), started("load", 2)],
            [started("load"), ended("load", 2)],
            [started("load"), ended("load"), started("load", 2)],
            [started("load"), ended("load"), ended("load")],
            [started("load"), ended("load", 1, StepState.EMBRYO)],
            [started("load"), facts.StepSkipped(at=NOON, step="load")],
            [started("load", continued=True)],
            [started("nowhere")],
        ],
    )
    def test_is_refused(self, story: Story, events: list[facts.Event]) -> None:
        before = story.record
        with pytest.raises(IllegalMove):
            story.happens(started("report"), *events)
        assert story.record == before
        assert len(Views(story.url).events_after(0)) == 1

    def test_an_attempt_never_changes_after_it_ended(self, story: Story) -> None:
        story.happens(started("load"), failed("load", actions_done=1))
        before = story.step("load"), Views(story.url).attempts(FLOW, DAY)
        story.happens(
            facts.ActionCompleted(at=LATER, step="load", attempt=1, action=4, name="late"),
            facts.GroupMoved(at=LATER, step="load", attempt=1, group=Group.PRE, state=GroupState.RUNNING),
        )
        assert (story.step("load"), Views(story.url).attempts(FLOW, DAY)) == before
        assert Views(story.url).events_after(0)[-1].kind == "group_moved"


def test_moments_come_back_in_utc_whatever_zone_they_were_written_in(story: Story) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    story.happens(started("load", at=NOON.astimezone(east)))
    written = story.step("load").started_at
    assert written == NOON
    assert written is not None
    assert written.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_refused_and_nothing_is_written(story: Story) -> None:
    before = story.record
    with pytest.raises(ValueError, match="without time zone"):
        story.happens(started("load", at=NOON.replace(tzinfo=None)))
    assert story.record == before


@pytest.mark.parametrize(
    "error",
    ["a\0b", "half \ud83d a pair", "grüße 中 🙂", "100 % of :these {are} %(fine)s", "x" * 100_000],
    ids=lambda error: ascii(error)[:30],
)
def test_any_text_of_an_error_can_be_recorded(story: Story, error: str) -> None:
    story.happens(started("load"), failed("load", error=error))
    seen = story.step("load").error
    assert seen == error.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    assert Views(story.url).events_after(0)[-1].payload["error"] == seen
