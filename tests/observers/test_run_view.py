"""What a watcher makes of the events of a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from synergyflow.core.events import RetryDue, RetryScheduled, RunBegan, RunEnded, StepEnded, StepSkipped, StepStarted
from synergyflow.core.plan import Plan
from synergyflow.core.states import FlowState, StepState
from synergyflow.observers.run_view import Phase, RunView


def started(at: Any, step: str, attempt: int = 1) -> StepStarted:
    return StepStarted(at=at, step=step, attempt=attempt, cluster="local-1", fingerprint="f")


def test_kept_steps_do_not_count_as_work(make_plan: Callable[..., Plan]) -> None:
    view = RunView(make_plan("clean", "report", kept=("ingest",)))
    assert (view.over, view.planned) == (0, 2)
    assert view.counts() == {Phase.KEPT: 1, Phase.WAITING: 2}


def test_a_step_goes_from_waiting_through_retry_to_processed(make_plan: Callable[..., Plan], clock: Any) -> None:
    view = RunView(make_plan("clean"))
    step = view.steps["clean"]
    view.apply([RunBegan(at=clock()), started(clock(), "clean")])
    assert step.phase is Phase.RUNNING
    at = clock.move(5)
    assert step.seconds(at) == 5
    view.apply([StepEnded(at=at, step="clean", attempt=1, state=StepState.INVALID, error="no feed")])
    assert (step.phase, step.error) == (Phase.FAILED, "no feed")
    view.apply([RetryScheduled(at=at, step="clean", attempt=1, retry_at=at + timedelta(seconds=9), spends_retry=True)])
    assert step.phase is Phase.RETRY
    assert view.over == 0
    view.apply([RetryDue(at=at, step="clean"), started(clock.move(9), "clean", 2)])
    view.apply([StepEnded(at=clock.move(2), step="clean", attempt=2, state=StepState.PROCESSED)])
    assert (step.phase, step.attempt, step.error, step.seconds(clock.move(100))) == (Phase.PROCESSED, 2, None, 2)
    assert view.over == 1


def test_time_stands_still_when_the_run_has_ended(make_plan: Callable[..., Plan], clock: Any) -> None:
    view = RunView(make_plan("clean"))
    assert view.seconds(clock()) == 0
    view.apply([RunBegan(at=clock())])
    view.apply([RunEnded(at=clock.move(7), state=FlowState.PROCESSED)])
    assert view.seconds(clock.move(100)) == 7


def test_a_step_that_the_plan_does_not_name_and_an_unknown_event_are_no_errors(
    make_plan: Callable[..., Plan], clock: Any
) -> None:
    class SomethingNew:
        at = clock()

    view = RunView(make_plan("clean"))
    view.apply([SomethingNew(), started(clock(), "added"), StepSkipped(at=clock(), step="clean")])  # type: ignore[list-item]
    assert view.steps["added"].phase is Phase.RUNNING
    assert view.steps["clean"].phase is Phase.NOOP
