"""What the story shows is what the engine answered, and texts of flows are shown as they are."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedCluster, PlannedStep
from synergyflow.core.states import FlowState, StepState
from synergyflow.demo import telling
from synergyflow.demo.acts import act_of
from synergyflow.engine.result import RunResult, StepResult

PLAN = Plan(
    flow_name="flight_delays",
    timeperiod="2013010200",
    mode=Mode.RECOVER,
    requested_step=None,
    revision=7,
    steps=(
        PlannedStep(name="ingest", decision=Decision.KEEP, why="was processed", state=StepState.PROCESSED, attempt=1),
        PlannedStep(name="feed", decision=Decision.RUN, why="failed", state=StepState.INVALID, attempt=2),
        PlannedStep(name="join", decision=Decision.RUN, why="never started", state=StepState.EMBRYO, attempt=1),
    ),
    clusters=(PlannedCluster(name="local-1", profile="local", slots=2),),
)


def result(state: FlowState, **steps: StepResult) -> RunResult:
    return RunResult(
        flow_name="flight_delays",
        timeperiod="2013010200",
        state=state,
        steps=steps,
        failed=tuple(name for name, step in steps.items() if step.executed and step.state is StepState.INVALID),
        duration=1.26,
        plan=PLAN,
    )


def step(name: str, state: StepState, *, executed: bool, error: str | None = None) -> StepResult:
    return StepResult(name=name, state=state, attempt=2, executed=executed, error=error)


FAILED = result(
    FlowState.INVALID,
    ingest=step("ingest", StepState.PROCESSED, executed=False),
    feed=step("feed", StepState.INVALID, executed=True, error="[red]no such file[/red]"),
    join=step("join", StepState.EMBRYO, executed=False),
)


def shown(what: RenderableType, width: int = 100) -> str:
    out = StringIO()
    Console(file=out, width=width).print(what)
    return out.getvalue()


def test_an_act_tells_what_was_run_kept_and_never_started() -> None:
    act = act_of(FAILED, fails_at=("feed",))
    assert (act.executed, act.kept, act.waiting) == (("feed",), ("ingest",), ("join",))
    assert act.expected


def test_an_act_that_fails_elsewhere_or_not_at_all_is_not_as_expected() -> None:
    done = result(FlowState.PROCESSED, ingest=step("ingest", StepState.PROCESSED, executed=True))
    assert act_of(done).expected
    assert not act_of(done, fails_at=("feed",)).expected
    assert not act_of(FAILED).expected
    assert not act_of(FAILED, fails_at=("join",)).expected


def test_result_shows_each_step_with_its_error_as_it_is_written() -> None:
    text = shown(telling.result_table(FAILED, {"feed": "local-2"}))
    assert "[red]no such file[/red]" in text
    for line in ("ingest", "✗ invalid", "attempt 2 on local-2", "not run again", "not started", "1.3 s"):
        assert line in text


def test_plan_shows_each_step_with_its_reason_and_the_clusters() -> None:
    text = shown(telling.plan_table(PLAN))
    assert "2 of 3 steps, on local-1" in text
    for why in ("was processed", "failed", "never started"):
        assert why in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_paths_and_commands_stay_on_one_line_whatever_the_width(width: int) -> None:
    path = "/a/rather/long/folder/in/which/somebody/keeps/the/demonstration/data/flight_delays/report.html"
    out = StringIO()
    console = Console(file=out, width=width)
    console.print(telling.places([("report", path)]), soft_wrap=True)
    console.print(telling.commands([("how it stands", f"engine status --context {path}")]), soft_wrap=True)
    console.print(telling.command(f"engine run --context {path}"), soft_wrap=True)
    lines = [line.strip() for line in out.getvalue().splitlines() if line.strip()]
    assert lines == [
        f"report  {path}",
        "# how it stands",
        f"engine status --context {path}",
        f"$ engine run --context {path}",
    ]


def test_summary_counts_the_steps_of_each_act() -> None:
    text = shown(telling.summary([act_of(FAILED, fails_at=("feed",))]))
    row = next(line for line in text.splitlines() if "2013010200" in line)
    assert row.split() == ["recover", "2013010200", "✗", "invalid", "1", "1", "1", "1.3"]
