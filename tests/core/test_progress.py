"""A running flow, told as stories: what happens, and what is commanded then."""

from __future__ import annotations

import pytest

from synergyflow.core.commands import (
    CancelStep,
    FinishRun,
    LaunchCluster,
    ScheduleRetry,
    SkipStep,
    StartStep,
    TerminateCluster,
)
from synergyflow.core.events import ClusterReady, RunBegan, StepEnded, StopRequested
from synergyflow.core.graph import Graph
from synergyflow.core.jobs import JobKind
from synergyflow.core.modes import Mode
from synergyflow.core.progress import INFRASTRUCTURE_RETRIES, Progress
from synergyflow.core.states import FlowState, GroupState, StepState
from tests.core.stories import NOON, Run, planned, pool, profile, recorded, spec

COMPLETE, FAILED, PENDING = GroupState.COMPLETE, GroupState.FAILED, GroupState.PENDING
ONE = pool(count=1)


def finished(
    state: str, error: str | None = None, failed: tuple[str, ...] = (), interrupted: bool = False
) -> FinishRun:
    return FinishRun(FlowState(state), error, interrupted, failed)


# -- order ------------------------------------------------------------------------------------------------------------


def test_a_chain_runs_on_one_cluster_from_launch_to_end() -> None:
    run = Run(spec("a"), spec("b", "a"))

    assert run.begin() == [LaunchCluster("local-1", "local")]
    assert run.ready("local-1") == [StartStep("a", 1, "local-1")]
    assert run.done("a") == [StartStep("b", 1, "local-1")]
    assert run.done("b") == [TerminateCluster("local-1")]
    assert not run.progress.is_finished
    assert run.ended("local-1") == [finished("processed")]
    assert run.progress.is_finished


def test_a_fan_spreads_over_all_clusters_before_it_fills_one() -> None:
    run = Run(*(spec(name) for name in "abcd"), capacity=pool(count=2, slots=2))

    assert run.begin() == [LaunchCluster("local-1", "local"), LaunchCluster("local-2", "local")]
    assert run.ready("local-1", "local-2") == [
        StartStep("a", 1, "local-1"),
        StartStep("b", 1, "local-2"),
        StartStep("c", 1, "local-1"),
        StartStep("d", 1, "local-2"),
    ]


def test_a_step_waits_for_all_of_its_parents() -> None:
    run = Run(spec("a"), spec("b"), spec("c", "a b"), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")

    assert run.done("a") == []
    assert run.done("b", "noop") == [StartStep("c", 1, "local-1")]


def test_higher_priorities_start_first_and_equal_ones_in_the_order_of_the_flow() -> None:
    run = Run(spec("low", priority=-1), spec("b"), spec("a"), spec("high", priority=5), capacity=ONE)
    run.begin()

    order = [run.ready("local-1")[0]]
    for name in ("high", "b", "a"):
        order.append(run.done(name)[0])

    assert [command.step for command in order if isinstance(command, StartStep)] == ["high", "b", "a", "low"]


def test_a_step_of_high_priority_that_has_no_cluster_yet_holds_up_no_other() -> None:
    run = Run(spec("a", cluster="x", priority=9), spec("b"), capacity=pool(profile("w"), profile("x")))

    assert run.begin() == [LaunchCluster("w-1", "w"), LaunchCluster("x-1", "x")]
    assert run.ready("w-1") == [StartStep("b", 1, "w-1")]
    assert run.ready("x-1") == [StartStep("a", 1, "x-1")]


def test_events_told_together_are_decided_upon_together() -> None:
    run = Run(spec("a"), spec("b"), spec("c", "a"), spec("d", "b"), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")

    commands = run.progress.on(*(StepEnded(at=NOON, step=name, attempt=1, state=StepState.PROCESSED) for name in "ba"))

    assert commands == [StartStep("c", 1, "local-1"), StartStep("d", 1, "local-1")]


def test_what_is_told_twice_changes_nothing() -> None:
    run = Run(spec("a"), spec("b", "a"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.done("a")

    assert run.done("a") == []
    assert run.ready("local-1") == []
    assert run.due("a") == []


# -- where a step may go ----------------------------------------------------------------------------------------------


def test_a_step_goes_to_the_profile_or_label_that_it_asks_for() -> None:
    capacity = pool(profile("w"), profile("x", labels=frozenset({"memory"})))
    run = Run(spec("a", cluster="x"), spec("b", "a", cluster="memory"), capacity=capacity)

    assert run.begin() == [LaunchCluster("x-1", "x")]
    assert run.ready("x-1") == [StartStep("a", 1, "x-1")]
    assert run.done("a") == [StartStep("b", 1, "x-1")]


def test_a_step_without_a_wish_goes_only_where_its_jobs_can_run() -> None:
    shell = profile("shell", job_kinds=frozenset({JobKind.SHELL}), slots=4)
    run = Run(
        spec("plain"),
        spec("spark", job_kinds=frozenset({JobKind.SPARK})),
        capacity=pool(shell, profile("big", job_kinds=frozenset(JobKind))),
    )

    assert run.begin() == [LaunchCluster("shell-1", "shell"), LaunchCluster("big-1", "big")]
    assert run.ready("shell-1") == [StartStep("plain", 1, "shell-1")]
    assert run.ready("big-1") == [StartStep("spark", 1, "big-1")]


def test_a_cluster_is_ended_as_soon_as_nothing_left_can_use_it() -> None:
    run = Run(spec("a", cluster="x"), spec("b", "a", cluster="w"), capacity=pool(profile("w"), profile("x")))
    run.begin()
    run.ready("x-1")

    assert run.done("a") == [LaunchCluster("w-1", "w"), TerminateCluster("x-1")]
    run.ended("x-1")
    assert run.ready("w-1") == [StartStep("b", 1, "w-1")]


def test_a_cluster_that_is_still_coming_up_is_ended_when_nothing_needs_it_any_more() -> None:
    run = Run(spec("a"), spec("b"), capacity=pool(count=2, slots=2))
    run.begin()
    run.ready("local-1")
    run.done("a")

    assert run.done("b") == [TerminateCluster("local-1"), TerminateCluster("local-2")]
    assert run.ready("local-2") == []
    run.ended("local-1")
    assert run.ended("local-2") == [finished("processed")]


# -- skipped and noop -------------------------------------------------------------------------------------------------


def test_a_skipped_step_is_noop_in_its_turn_and_its_children_run() -> None:
    run = Run(spec("a"), spec("b", "a", skip=True), spec("c", "b", skip=True), spec("d", "c"), capacity=ONE)

    assert run.begin() == [LaunchCluster("local-1", "local")]
    run.ready("local-1")
    assert run.done("a") == [SkipStep("b"), SkipStep("c"), StartStep("d", 1, "local-1")]


def test_a_flow_whose_steps_are_all_skipped_or_noop_ends_noop() -> None:
    assert Run(spec("a", skip=True), spec("b", "a", skip=True)).begin() == [
        SkipStep("a"),
        SkipStep("b"),
        finished("noop"),
    ]
    run = Run(spec("a", skip=True), spec("b", "a"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.done("b", "noop")
    assert run.ended("local-1") == [finished("noop")]


def test_a_flow_without_steps_ends_noop() -> None:
    assert Run().begin() == [finished("noop")]


def test_one_processed_step_makes_the_flow_processed() -> None:
    run = Run(spec("a"), spec("b", "a"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.done("a")
    run.done("b", "noop")

    assert run.ended("local-1") == [finished("processed")]


@pytest.mark.parametrize(("kept", "state"), [("processed", "processed"), ("noop", "noop")])
def test_steps_that_are_kept_count_for_the_outcome(kept: str, state: str) -> None:
    steps = [spec("a"), spec("b", "a")]
    made = planned(steps, recorded("invalid", {"a": kept, "b": kept}), Mode.RECOVER)

    assert Progress(Graph(steps), made).on(RunBegan(at=NOON)) == [finished(state)]


# -- failures and retries ---------------------------------------------------------------------------------------------


def test_a_retry_waits_longer_each_time() -> None:
    run = Run(spec("a", retries=3, retry_delay=1.0, retry_backoff=2.0), capacity=ONE)
    run.begin()
    run.ready("local-1")

    for attempt, delay in [(1, 1.0), (2, 2.0), (3, 4.0)]:
        assert run.failed("a", attempt=attempt) == [ScheduleRetry("a", attempt + 1, delay, spends_retry=True)]
        assert run.due("a") == [StartStep("a", attempt + 1, "local-1")]
    assert run.failed("a", attempt=4) == [TerminateCluster("local-1", step_failed=True)]
    assert run.ended("local-1") == [finished("invalid", "step a: user_code it was", ("a",))]


def test_a_retry_that_goes_well_leaves_no_trace_in_the_outcome() -> None:
    run = Run(spec("a", retries=1), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.failed("a")
    run.due("a")
    run.done("a", attempt=2)

    assert run.ended("local-1") == [finished("processed")]


def test_a_time_out_spends_a_retry_and_infrastructure_does_not() -> None:
    run = Run(spec("a", retries=1, retry_delay=5.0), capacity=ONE)
    run.begin()
    run.ready("local-1")

    assert run.failed("a", "job_lost") == [ScheduleRetry("a", 2, 0.0, spends_retry=False)]
    run.due("a")
    assert run.failed("a", "timeout", attempt=2) == [ScheduleRetry("a", 3, 5.0, spends_retry=True)]
    run.due("a")
    assert run.failed("a", "user_code", attempt=3) == [TerminateCluster("local-1", step_failed=True)]


def test_infrastructure_has_a_budget_of_its_own() -> None:
    run = Run(spec("a", retries=9), capacity=ONE)
    run.begin()
    run.ready("local-1")

    for attempt in range(1, INFRASTRUCTURE_RETRIES + 1):
        assert run.failed("a", "job_lost", attempt)[0] == ScheduleRetry("a", attempt + 1, 0.0, spends_retry=False)
        run.due("a")
    assert run.failed("a", "job_lost", INFRASTRUCTURE_RETRIES + 1) == [TerminateCluster("local-1", step_failed=True)]


def test_a_cluster_is_kept_while_a_step_waits_for_its_retry() -> None:
    run = Run(spec("a", retries=1, retry_delay=60.0), capacity=ONE)
    run.begin()
    run.ready("local-1")

    assert run.failed("a") == [ScheduleRetry("a", 2, 60.0, spends_retry=True)]
    assert not run.progress.is_finished


def test_a_retry_of_a_step_that_resumes_by_group_begins_at_the_group_that_failed() -> None:
    run = Run(spec("a", retries=2, resume_by_group=True, group_sizes=(2, 1, 1)), capacity=ONE)
    run.begin()
    run.ready("local-1")

    run.failed("a", groups=(COMPLETE, FAILED, PENDING))
    assert run.due("a") == [StartStep("a", 2, "local-1", first_action=2)]
    run.failed("a", attempt=2, groups=(COMPLETE, FAILED, PENDING), rolled_back=True)
    assert run.due("a") == [StartStep("a", 3, "local-1", first_action=0)]


# -- stop or continue -------------------------------------------------------------------------------------------------


def test_after_a_failed_step_nothing_new_starts_and_what_runs_finishes() -> None:
    run = Run(spec("a"), spec("b"), spec("c", "b"), spec("d"), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")

    assert run.failed("a") == []
    assert run.done("b") == [TerminateCluster("local-1", step_failed=True)]
    assert run.ended("local-1") == [finished("invalid", "step a: user_code it was", ("a",))]


def test_a_step_that_waits_for_its_retry_is_given_up_when_another_fails() -> None:
    run = Run(spec("a"), spec("b", retries=5, retry_delay=60.0), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")
    run.failed("b")

    assert run.failed("a") == [TerminateCluster("local-1", step_failed=True)]
    assert run.due("b") == []
    assert run.ended("local-1") == [finished("invalid", "step a: user_code it was", ("a", "b"))]


def test_a_step_whose_retry_is_due_but_has_no_slot_is_given_up_when_another_fails() -> None:
    run = Run(spec("a", retries=5), spec("b"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    assert run.failed("a")[-1] == StartStep("b", 1, "local-1")
    assert run.due("a") == []

    run.failed("b")

    assert run.ended("local-1") == [finished("invalid", "step b: user_code it was", ("b", "a"))]


def test_a_running_step_that_fails_after_another_is_not_tried_again() -> None:
    run = Run(spec("a"), spec("b", retries=5), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")
    run.failed("a")

    assert run.failed("b", "job_lost") == [TerminateCluster("local-1", step_failed=True)]
    assert run.ended("local-1")[0] == finished(
        "invalid", "step a: user_code it was; step b: job_lost it was", ("a", "b")
    )


def test_where_the_flow_continues_only_what_is_derived_from_the_failed_step_stays_behind() -> None:
    run = Run(
        spec("a"), spec("b", "a"), spec("c"), spec("d", "c"), spec("e", "b d"), capacity=ONE, stop_on_failure=False
    )
    run.begin()
    run.ready("local-1")

    assert run.failed("a") == [StartStep("c", 1, "local-1")]
    assert run.done("c") == [StartStep("d", 1, "local-1")]
    assert run.done("d") == [TerminateCluster("local-1", step_failed=True)]
    assert run.ended("local-1") == [finished("invalid", "step a: user_code it was", ("a",))]


def test_where_the_flow_continues_a_cluster_that_only_blocked_steps_ask_for_is_ended() -> None:
    run = Run(
        spec("a", cluster="x"),
        spec("b", "a", cluster="x"),
        spec("c"),
        spec("d", "c"),
        capacity=pool(profile("w"), profile("x")),
        stop_on_failure=False,
    )
    run.begin()
    run.ready("x-1", "w-1")
    run.done("c")

    assert run.failed("a") == []
    assert run.done("d") == [TerminateCluster("w-1"), TerminateCluster("x-1", step_failed=True)]


def test_a_step_behind_a_kept_one_waits_for_what_is_worked_on_again_before_that() -> None:
    steps = [spec("a"), spec("b", "a"), spec("c", "b")]
    made = planned(steps, recorded("invalid", {"a": "invalid", "b": "processed", "c": "invalid"}), Mode.RECOVER)

    for stop_on_failure in (True, False):
        progress = Progress(Graph(steps, stop_on_failure=stop_on_failure), made)
        progress.on(RunBegan(at=NOON))
        assert progress.on(ClusterReady(at=NOON, cluster="local-1")) == [StartStep("a", 2, "local-1")]
        ended = StepEnded(at=NOON, step="a", attempt=2, state=StepState.INVALID)
        assert progress.on(ended) == [TerminateCluster("local-1", step_failed=True)]

    progress = Progress(Graph(steps), made)
    progress.on(RunBegan(at=NOON))
    progress.on(ClusterReady(at=NOON, cluster="local-1"))
    ended = StepEnded(at=NOON, step="a", attempt=2, state=StepState.PROCESSED)
    assert progress.on(ended) == [StartStep("c", 2, "local-1")]


def test_a_canceled_step_is_not_tried_again() -> None:
    run = Run(spec("a", retries=5), spec("b", "a"), capacity=ONE)
    run.begin()
    run.ready("local-1")

    assert run.failed("a", "canceled") == [TerminateCluster("local-1")]
    assert run.ended("local-1") == [finished("invalid", "step a: canceled it was", ("a",))]


def test_of_many_errors_five_are_told_and_the_rest_counted() -> None:
    names = [f"s{number}" for number in range(8)]
    run = Run(*(spec(name) for name in names), capacity=pool(count=1, slots=8), stop_on_failure=False)
    run.begin()
    run.ready("local-1")
    for name in names:
        run.failed(name)

    (command,) = run.ended("local-1")

    assert isinstance(command, FinishRun)
    assert command.failed == tuple(names)
    assert command.error is not None
    assert command.error.startswith("step s0: user_code it was; step s1: ")
    assert command.error.endswith("; and 3 more")


# -- clusters that fail or are lost -----------------------------------------------------------------------------------


def test_a_cluster_that_does_not_come_up_leaves_the_flow_to_the_others() -> None:
    run = Run(spec("a"), spec("b"))
    run.begin()

    assert run.not_up("local-1") == []
    assert run.ready("local-2") == [StartStep("a", 1, "local-2")]
    assert run.done("a") == [StartStep("b", 1, "local-2")]
    run.done("b")
    assert run.ended("local-2") == [finished("processed")]


def test_where_a_cluster_does_not_come_up_the_next_of_the_pool_is_launched() -> None:
    run = Run(spec("a"))
    run.begin()

    assert run.not_up("local-1") == [LaunchCluster("local-2", "local")]


def test_where_no_cluster_is_left_the_flow_fails_and_says_so() -> None:
    run = Run(spec("a"), spec("b", "a"), capacity=ONE)
    run.begin()

    assert run.not_up("local-1") == [
        finished(
            "invalid",
            "cluster local-1 did not come up: no capacity; step a: no cluster is left to run on",
            ("a",),
        )
    ]


def test_where_the_cluster_that_a_step_asks_for_is_not_to_be_had_the_rest_may_continue() -> None:
    run = Run(spec("a", cluster="x"), spec("b"), capacity=pool(profile("w"), profile("x")), stop_on_failure=False)
    run.begin()

    assert run.not_up("x-1") == []
    assert run.ready("w-1") == [StartStep("b", 1, "w-1")]
    run.done("b")
    assert run.ended("w-1") == [
        finished(
            "invalid",
            "cluster x-1 did not come up: no capacity; step a: no cluster 'x' is left to run on",
            ("a",),
        )
    ]


def test_what_ran_on_a_lost_cluster_runs_again_on_a_replacement() -> None:
    run = Run(spec("a"), capacity=ONE)
    run.begin()
    run.ready("local-1")

    assert run.lost("local-1") == []
    assert run.failed("a", "cluster_lost") == [ScheduleRetry("a", 2, 0.0, spends_retry=False)]
    assert run.due("a") == [LaunchCluster("local-2", "local")]
    assert run.ready("local-2") == [StartStep("a", 2, "local-2")]
    run.done("a", attempt=2)
    assert run.ended("local-2") == [finished("processed")]


def test_what_ran_on_a_lost_cluster_runs_again_on_another_that_has_room() -> None:
    run = Run(spec("a"), spec("b"), capacity=pool(count=2, slots=2))
    run.begin()
    run.ready("local-1", "local-2")
    run.lost("local-1")
    run.failed("a", "cluster_lost")

    assert run.due("a") == [StartStep("a", 2, "local-2")]


def test_a_replacement_is_of_the_profile_that_was_lost() -> None:
    run = Run(spec("a", cluster="x"), spec("b", "a", cluster="x"), capacity=pool(profile("w"), profile("x", slots=2)))
    run.begin()
    run.ready("x-1")
    run.done("a")
    run.lost("x-1")
    run.failed("b", "cluster_lost")

    assert run.due("b") == [LaunchCluster("x-2", "x")]


def test_clusters_are_replaced_three_times_and_then_no_more() -> None:
    run = Run(*(spec(f"s{number}", f"s{number - 1}" if number else "") for number in range(5)), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.done("s0")
    for number in (1, 2, 3):
        run.lost(f"local-{number}")
        run.failed(f"s{number}", "cluster_lost")
        assert run.due(f"s{number}") == [LaunchCluster(f"local-{number + 1}", "local")]
        assert run.ready(f"local-{number + 1}") == [StartStep(f"s{number}", 2, f"local-{number + 1}")]
        assert run.done(f"s{number}", attempt=2) == [StartStep(f"s{number + 1}", 1, f"local-{number + 1}")]

    run.lost("local-4")
    run.failed("s4", "cluster_lost")

    (command,) = run.due("s4")
    assert isinstance(command, FinishRun)
    assert (command.state, command.failed) == (FlowState.INVALID, ("s4",))
    assert command.error is not None
    assert command.error.endswith("step s4: no cluster is left to run on")


def test_a_cluster_lost_while_it_is_ended_is_not_replaced() -> None:
    run = Run(spec("a", cluster="x"), spec("b", "a", cluster="w"), capacity=pool(profile("w"), profile("x")))
    run.begin()
    run.ready("x-1")
    run.done("a")
    run.lost("x-1")
    run.ready("w-1")
    for number in (1, 2, 3):
        run.lost(f"w-{number}")
        run.failed("b", "cluster_lost", attempt=number)
        assert run.due("b") == [LaunchCluster(f"w-{number + 1}", "w")]
        run.ready(f"w-{number + 1}")


def test_a_cluster_lost_after_the_last_step_is_not_missed() -> None:
    run = Run(spec("a"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    run.done("a")

    assert run.lost("local-1") == [finished("processed")]
    assert run.ended("local-1") == []


def test_a_cluster_is_said_to_have_failed_steps_only_where_one_failed() -> None:
    run = Run(spec("a"), spec("b"), capacity=pool(count=2), stop_on_failure=False)
    run.begin()
    run.ready("local-1", "local-2")

    run.failed("a")

    assert run.done("b") == [
        TerminateCluster("local-1", step_failed=True),
        TerminateCluster("local-2", step_failed=False),
    ]


# -- asked to stop ----------------------------------------------------------------------------------------------------


def stop(run: Run, *, cancel: bool) -> list[object]:
    return list(run.progress.on(StopRequested(at=NOON, reason="interrupted by SIGINT", cancel=cancel)))


def test_a_stop_with_cancel_ends_what_runs_and_starts_nothing_new() -> None:
    run = Run(spec("b"), spec("a"), spec("c", "a"), capacity=pool(count=1, slots=2))
    run.begin()
    run.ready("local-1")

    assert stop(run, cancel=True) == [CancelStep("b"), CancelStep("a")]
    assert run.failed("b", "canceled") == []
    assert run.done("a") == [TerminateCluster("local-1")]
    assert run.ended("local-1") == [
        finished("invalid", "interrupted by SIGINT; step b: canceled it was", ("b",), interrupted=True)
    ]


def test_a_stop_without_cancel_waits_for_what_runs_and_a_second_one_may_cancel_it() -> None:
    run = Run(spec("a"), spec("b", "a"), capacity=ONE)
    run.begin()
    run.ready("local-1")

    assert stop(run, cancel=False) == []
    assert stop(run, cancel=True) == [CancelStep("a")]
    assert stop(run, cancel=True) == []
    assert run.done("a") == [TerminateCluster("local-1")]


def test_a_stop_ends_a_cluster_that_is_still_coming_up() -> None:
    run = Run(spec("a"), capacity=ONE)
    run.begin()

    assert stop(run, cancel=True) == [TerminateCluster("local-1")]
    told = "interrupted by SIGINT; cluster local-1 did not come up: no capacity"
    assert run.not_up("local-1") == [finished("invalid", told, interrupted=True)]


def test_a_stopped_flow_is_invalid_even_if_every_step_came_to_a_good_end() -> None:
    run = Run(spec("a"), capacity=ONE)
    run.begin()
    run.ready("local-1")
    stop(run, cancel=False)
    run.done("a")

    assert run.ended("local-1") == [finished("invalid", "interrupted by SIGINT", interrupted=True)]


# -- attempts that go on ----------------------------------------------------------------------------------------------


def test_an_interrupted_attempt_goes_on_at_its_action_and_a_later_one_starts_over() -> None:
    steps = [spec("a", retries=1, group_sizes=(2, 1, 0))]
    record = recorded("in_progress", {"a": "in_progress"})
    made = planned(steps, record, Mode.RECOVER, living={"a"}, capacity=ONE)
    progress = Progress(Graph(steps), made)
    progress.on(RunBegan(at=NOON))

    assert progress.on(ClusterReady(at=NOON, cluster="local-1")) == [
        StartStep("a", 1, "local-1", first_action=0, continued=True)
    ]
    ended = StepEnded(at=NOON, step="a", attempt=1, state=StepState.INVALID)
    assert progress.on(ended) == [ScheduleRetry("a", 2, 0.0, spends_retry=True)]
