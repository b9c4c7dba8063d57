"""What people see: plain lines, the live view, the summary."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    ClusterRequested,
    Event,
    GroupMoved,
    RetryScheduled,
    RunBegan,
    RunEnded,
    StepEnded,
    StepSkipped,
    StepStarted,
    StopRequested,
)
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Plan
from synergyflow.core.states import FlowState, Group, GroupState, StepState
from synergyflow.observers.console import LiveConsole, PlainConsole
from synergyflow.observers.live_table import chosen, picture
from synergyflow.observers.run_view import Phase, RunView
from synergyflow.observers.sentences import elapsed
from synergyflow.observers.summary import next_commands, outcome_of, render_summary

MARKUP = "[bold]not[/bold] [/] markup"


class SomethingNew:
    """An event that these consoles have never heard of."""

    def __init__(self, at: Any) -> None:
        self.at = at


def started(clock: Any, step: str, attempt: int = 1) -> StepStarted:
    return StepStarted(at=clock(), step=step, attempt=attempt, cluster="local-1", fingerprint="f")


def ended(clock: Any, step: str, state: StepState, error: str | None = None) -> StepEnded:
    return StepEnded(at=clock(), step=step, attempt=1, state=state, error=error)


def failing_run(clock: Any) -> list[Event]:
    """`ingest` is processed, `clean` fails, `report` is never reached."""
    return [
        RunBegan(at=clock()),
        ClusterRequested(at=clock(), cluster="local-1", profile="local", type="local", token="t"),
        ClusterReady(at=clock.move(1), cluster="local-1"),
        started(clock, "ingest"),
        GroupMoved(at=clock(), step="ingest", attempt=1, group=Group.MAIN, state=GroupState.RUNNING),
        ended(clock, "ingest", StepState.PROCESSED),
        started(clock, "clean"),
        StepEnded(
            at=clock.move(2), step="clean", attempt=1, state=StepState.INVALID, error=f"no feed \x1b[31m\n{MARKUP}\n\nx"
        ),
        RunEnded(at=clock.move(1), state=FlowState.INVALID, failed=("clean",), error="step clean failed"),
    ]


def plain(plan: Plan, events: Sequence[Any], clock: Any, options: str = "") -> list[str]:
    stream = io.StringIO()
    console = PlainConsole(stream, now=clock, options=options)
    console.begin(plan)
    for event in events:
        console.on([event])
    console.close()
    return [line[len("2013-01-01T12:00:00Z ") :] for line in stream.getvalue().splitlines()]


def test_a_pipe_gets_a_line_for_each_event_that_matters_and_a_summary(
    make_plan: Callable[..., Plan], clock: Any
) -> None:
    plan = make_plan("ingest", "clean", "report")
    assert plain(plan, failing_run(clock), clock) == [
        "flow flights 2013010100: run, 3 of 3 steps on local-1",
        "cluster local-1 is starting, profile local",
        "cluster local-1 is ready",
        "step ingest started on local-1, attempt 1",
        "step ingest is processed",
        "step clean started on local-1, attempt 1",
        "step clean failed, attempt 1: no feed \\x1b[31m",
        "flow flights 2013010100: run ended invalid after 4.0s",
        "  3 steps: 1 not started, 1 processed, 1 failed",
        "  step clean failed: no feed \\x1b[31m",
        f"      {MARKUP}",
        "      x",
        "  look:       engine logs --flow flights --timeperiod 2013010100 --step clean",
        "  then try:   engine recover --flow flights --timeperiod 2013010100",
    ]


def test_lines_begin_with_the_time_of_the_event(make_plan: Callable[..., Plan], clock: Any) -> None:
    stream = io.StringIO()
    PlainConsole(stream, now=clock).on([ClusterReady(at=clock.move(61), cluster="local-1")])
    assert stream.getvalue() == "2013-01-01T12:01:01Z cluster local-1 is ready\n"


def test_clusters_retries_and_stops_are_told(make_plan: Callable[..., Plan], clock: Any) -> None:
    at = clock()
    events = [
        ClusterFailed(at=at, cluster="a", reason="no quota"),
        ClusterLost(at=at, cluster="b", reason="spot reclaimed"),
        ClusterEnded(at=at, cluster="c"),
        ClusterEnded(at=at, cluster="d", reason="could not be terminated"),
        ClusterEnded(at=at, cluster="e", kept=True, reason="keep_alive"),
        RetryScheduled(at=at, step="x", attempt=1, retry_at=at + timedelta(seconds=90), spends_retry=True),
        RetryScheduled(at=at, step="y", attempt=1, retry_at=at, spends_retry=False),
        StepSkipped(at=at, step="z"),
        ended(clock, "n", StepState.NOOP),
        ended(clock, "k", StepState.CANCELED, "asked to"),
        StopRequested(at=at, reason="SIGTERM", cancel=False),
        SomethingNew(at),
    ]
    assert plain(make_plan("x"), events, clock)[1:] == [
        "cluster a did not come up: no quota",
        "cluster b was lost: spot reclaimed",
        "cluster d has ended: could not be terminated",
        "cluster e is left running: keep_alive",
        "step x will be tried again in 1m 30s",
        "step y will be tried again in 0.0s, infrastructure was to blame",
        "step z is skipped: noop",
        "step n had nothing to do: noop",
        "step k was canceled, attempt 1: asked to",
        "stopping: SIGTERM; what runs is left running",
    ]


def test_a_good_end_needs_no_advice(make_plan: Callable[..., Plan], clock: Any) -> None:
    events = [
        started(clock, "clean"),
        ended(clock, "clean", StepState.PROCESSED),
        RunEnded(at=clock.move(3700), state=FlowState.PROCESSED),
    ]
    assert plain(make_plan("clean", kept=("ingest",), mode=Mode.RECOVER), events, clock)[-2:] == [
        "flow flights 2013010100: recover ended processed after 1h 01m",
        "  2 steps: 1 processed, 1 not run in this execution",
    ]


def test_an_interrupted_run_is_told_how_to_go_on(make_plan: Callable[..., Plan], clock: Any) -> None:
    end = RunEnded(at=clock(), state=FlowState.INVALID, error="interrupted by SIGINT", interrupted=True)
    lines = plain(make_plan("clean"), [end], clock, options="--context production")
    assert lines[1] == "flow flights 2013010100: run was interrupted after 0.0s"
    assert lines[3] == "  why: interrupted by SIGINT"
    assert lines[-1].endswith("engine recover --flow flights --timeperiod 2013010100 --context production")


def test_a_canceled_step_did_not_fail(make_plan: Callable[..., Plan], clock: Any) -> None:
    events = [
        started(clock, "clean"),
        ended(clock, "clean", StepState.CANCELED, "interrupted"),
        RunEnded(at=clock(), state=FlowState.INVALID, interrupted=True, failed=("clean",)),
    ]
    lines = plain(make_plan("clean"), events, clock)
    assert "  step clean was canceled: interrupted" in lines
    assert not any("failed" in line for line in lines)


@pytest.mark.parametrize("live", [False, True])
def test_a_program_that_ends_at_once_says_what_it_leaves(
    make_plan: Callable[..., Plan], clock: Any, live: bool
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, height=24)
    watcher = LiveConsole(console, now=clock) if live else PlainConsole(screen, now=clock)
    watcher.begin(make_plan("ingest", "clean", "report"))
    watcher.on([started(clock, "ingest"), ended(clock, "ingest", StepState.PROCESSED), started(clock, "clean")])
    watcher.abandon()
    shown = screen.getvalue()
    assert shown.endswith(
        "ended at once, left as it was: clean; to go on: engine recover --flow flights --timeperiod 2013010100\n"
    )
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == int(live)


@pytest.mark.parametrize(("steps", "rows"), [(40, 40), (41, 1)])
def test_a_live_run_ends_with_a_table_of_its_steps(
    make_plan: Callable[..., Plan], clock: Any, steps: int, rows: int
) -> None:
    names = ["clean", *(f"s{number}" for number in range(steps - 1))]
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, record=True)
    with LiveConsole(console, now=clock) as live:
        live.begin(make_plan(*names))
        live.on([started(clock, "clean")])
        clock.move(7)
        live.on([ended(clock, "clean", StepState.INVALID, "no feed")])
        live.on([RunEnded(at=clock(), state=FlowState.INVALID, failed=("clean",))])
    text = console.export_text()
    lines = text[text.index("step  ") if rows > 1 else 0 :].splitlines()
    assert [line.split() for line in lines if line.startswith("clean ")] == [
        ["clean", "✗", "invalid", "1", "local-1", "7.0s"]
    ]
    assert sum(line.startswith(("clean ", "s")) and " · embryo" in line for line in lines) == rows - 1
    assert ("… and 40 embryo" in lines) is (rows == 1)
    assert "engine status --flow flights --timeperiod 2013010100" in text


@pytest.mark.parametrize(
    ("mode", "command"),
    [
        (Mode.RUN, "engine recover --flow 'my flow' --timeperiod 2013010100"),
        (Mode.RECOVER, "engine recover --flow 'my flow' --timeperiod 2013010100"),
        (Mode.RUN_ONE, "engine run-one --flow 'my flow' --timeperiod 2013010100 --step clean"),
        (Mode.RUN_FROM, "engine run-from --flow 'my flow' --timeperiod 2013010100 --step clean"),
    ],
)
def test_the_command_to_try_next_goes_by_the_mode(make_plan: Callable[..., Plan], mode: Mode, command: str) -> None:
    assert next_commands(make_plan("clean", flow_name="my flow", mode=mode), ("clean",))[1].endswith(command)


def test_nothing_to_do_is_said(make_plan: Callable[..., Plan], clock: Any) -> None:
    plan = make_plan(kept=("clean",), mode=Mode.RECOVER)
    assert plain(plan, [], clock) == ["flow flights 2013010100: recover, nothing to do"]


def test_many_failures_are_shortened(make_plan: Callable[..., Plan], clock: Any) -> None:
    names = tuple(f"s{number}" for number in range(25))
    view = RunView(make_plan(*names))
    view.apply([ended(clock, name, StepState.INVALID) for name in names])
    view.apply([RunEnded(at=clock(), state=FlowState.INVALID, failed=names)])
    outcome = outcome_of(view)
    assert outcome is not None
    texts = [sentence.text for sentence in render_summary(outcome)]
    assert sum("failed: no reason was given" in text for text in texts) == 10
    assert "  … and 15 more failed steps" in texts


def test_a_pipe_that_knows_only_ascii_gets_escapes(make_plan: Callable[..., Plan], clock: Any) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    PlainConsole(stream, now=clock).begin(make_plan("a", flow_name="полёты"))
    assert raw.getvalue().startswith(b"2013-01-01T12:00:00Z flow \\u043f\\u043e")


def test_durations_read_well() -> None:
    shown = [elapsed(seconds) for seconds in (0, 0.44, 9.9, 12.6, 60, 185, 3600, 90_061)]
    assert shown == ["0.0s", "0.4s", "9.9s", "12s", "1m 00s", "3m 05s", "1h 00m", "25h 01m"]


def big_view(plan: Plan, clock: Any) -> RunView:
    """A view of which the first half is processed, then one failed, three run, the rest waits."""
    view = RunView(plan)
    names = list(view.steps)
    half = len(names) // 2
    view.apply([RunBegan(at=clock())])
    for name in names[:half]:
        view.apply([started(clock, name), ended(clock, name, StepState.PROCESSED)])
    view.apply([started(clock, name) for name in names[half : half + 4]])
    if len(names) > 1:
        view.apply([ended(clock, names[half], StepState.INVALID, f"broken {MARKUP}")])
    return view


def drawn(view: RunView, clock: Any, width: int, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, color_system=None)
    console.print(picture(view, clock.move(65), lambda step: f"line of {step} {MARKUP}\n", width, height))
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize("width", [20, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [3, 24, 60])
@pytest.mark.parametrize("steps", [1, 40, 2000])
def test_the_view_fits_every_terminal(
    make_plan: Callable[..., Plan], clock: Any, steps: int, width: int, height: int
) -> None:
    view = big_view(make_plan(*(f"step-{number:04d}" for number in range(steps))), clock)
    lines = drawn(view, clock, width, height)
    assert len(lines) <= max(height, 3)
    assert all(len(line) <= width for line in lines)
    assert any("step-" in line for line in lines) or width < 60


def test_a_small_flow_is_shown_whole(make_plan: Callable[..., Plan], clock: Any) -> None:
    view = RunView(make_plan("ingest", "clean", "report", kept=("setup",)))
    view.apply([started(clock, "ingest"), ended(clock, "ingest", StepState.PROCESSED), started(clock, "clean")])
    bar, *rows = drawn(view, clock, 120)
    assert bar.startswith("flights 2013010100")
    assert bar.endswith("1/3  1m 05s")
    assert [row.split()[:3] for row in rows] == [
        ["●", "kept", "setup"],
        ["●", "processed", "ingest"],
        ["▶", "running", "clean"],
        ["·", "waiting", "report"],
    ]
    assert rows[2].split()[3:8] == ["local-1", "attempt", "1", "1m", "05s"]
    assert rows[2].endswith(f"line of clean {MARKUP}")


def test_of_a_large_flow_what_runs_and_what_failed_is_shown(make_plan: Callable[..., Plan], clock: Any) -> None:
    view = big_view(make_plan(*(f"step-{number:04d}" for number in range(2000))), clock)
    _, *rows, rest = drawn(view, clock, 120)
    assert [row.split()[:3] for row in rows] == [
        ["✗", "failed", "step-1000"],
        ["▶", "running", "step-1001"],
        ["▶", "running", "step-1002"],
        ["▶", "running", "step-1003"],
    ]
    assert rows[0].endswith(f"broken {MARKUP}")
    assert rest == "… and 996 waiting · 1,000 processed"


def test_failures_come_before_what_runs_where_room_is_short(make_plan: Callable[..., Plan], clock: Any) -> None:
    view = RunView(make_plan(*(f"s{number}" for number in range(100))))
    view.apply([started(clock, name) for name in view.steps])
    view.apply([ended(clock, "s99", StepState.INVALID)])
    shown = chosen(view, 5)
    assert [step.name for step in shown] == ["s0", "s1", "s2", "s3", "s99"]
    assert shown[-1].phase is Phase.FAILED


@pytest.mark.parametrize("width", [60, 200])
@pytest.mark.parametrize("steps", [3, 40, 2000])
def test_the_live_console_ends_with_what_must_be_known(
    make_plan: Callable[..., Plan], clock: Any, steps: int, width: int
) -> None:
    names = ["ingest", "clean", "report", *(f"s{number}" for number in range(steps - 3))]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, height=24, record=True, color_system="truecolor")
    with LiveConsole(console, last_line=lambda step: f"{step} {MARKUP}", now=clock) as live:
        live.begin(make_plan(*names))
        for event in failing_run(clock)[:-1]:
            live.on([event])
        live.on([SomethingNew(clock())])  # type: ignore[list-item]
        live.on([RunEnded(at=clock(), state=FlowState.INVALID, failed=("clean",))])
    text = console.export_text()
    assert "step clean failed, attempt 1: no feed" in text
    assert f"{steps:,} steps: " in text
    assert MARKUP in text
    assert "engine recover --flow flights --timeperiod 2013010100" in text
    assert text.rstrip().splitlines()[-1].strip().startswith("then try:")
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_the_live_console_gives_the_cursor_back_when_the_engine_raises(
    make_plan: Callable[..., Plan], clock: Any
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, height=24)

    def run() -> None:
        with LiveConsole(console, now=clock) as live:
            live.begin(make_plan("clean"))
            raise RuntimeError("engine")

    with pytest.raises(RuntimeError, match="engine"):
        run()
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1


def test_a_live_console_without_work_only_says_so(make_plan: Callable[..., Plan], clock: Any) -> None:
    screen = io.StringIO()
    with LiveConsole(Console(file=screen, force_terminal=True, width=80, color_system=None), now=clock) as live:
        live.begin(make_plan(kept=("clean",), mode=Mode.RECOVER))
    assert screen.getvalue() == "flow flights 2013010100: recover, nothing to do\n"
