"""How the story looks on a terminal: values in, Rich renderables out. What happens in it is decided in `story`.

Names and texts of flows are never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from synergyflow.core.plan import Plan, PlannedStep
from synergyflow.core.states import FlowState, StepState
from synergyflow.demo.acts import Act
from synergyflow.engine.result import RunResult, StepResult

_STYLES: dict[StepState | FlowState, tuple[str, str]] = {
    StepState.PROCESSED: ("✔", "green"),
    StepState.NOOP: ("✔", "green"),
    StepState.INVALID: ("✘", "bold red"),
    StepState.CANCELED: ("■", "yellow"),
    StepState.IN_PROGRESS: ("▶", "cyan"),
    StepState.EMBRYO: ("·", "dim"),
    FlowState.PROCESSED: ("✔", "green"),
    FlowState.NOOP: ("✔", "green"),
    FlowState.INVALID: ("✘", "bold red"),
}


def heading(number: int, title: str) -> RenderableType:
    """The line that begins an act."""
    return Group("", Rule(Text(f" {number}  {title} ", style="bold"), align="left", style="dim"))


def paragraph(*sentences: str) -> RenderableType:
    """What a reader should know before the next thing happens."""
    return Padding(Text(" ".join(sentences)), (0, 0, 1, 2))


def command(line: str) -> RenderableType:
    """The command line that does the same."""
    return Padding(Text.assemble(("$ ", "dim"), (line, "cyan")), (0, 0, 1, 2))


def plan_table(plan: Plan) -> RenderableType:
    """What is going to happen to each step, and why."""
    table = _table("step", "plan", "why")
    for step in plan.steps:
        style = "" if _does_something(step) else "dim"
        table.add_row(
            Text(step.name, style), Text(step.decision.value, "bold" if style == "" else style), Text(step.why, style)
        )
    clusters = ", ".join(cluster.name for cluster in plan.clusters) or "none"
    told = f"The plan: {len(plan.to_run)} of {len(plan.steps)} steps, on {clusters}"
    return Group(Padding(Text(told, "bold"), (0, 0, 0, 2)), _indented(table))


def result_table(result: RunResult) -> RenderableType:
    """What became of each step."""
    table = _table("step", "state", "this time", "")
    for step in result.steps.values():
        table.add_row(Text(step.name), state(step.state), _part_played(step), Text(step.error or "", "red"))
    sign, style = _STYLES.get(result.state, ("", ""))
    told = Text.assemble((f"{sign} {result.state.value}", style), f" after {result.duration:.1f} s")
    return Group(_indented(table), Padding(told, (0, 0, 0, 2)))


def summary(acts: Sequence[Act]) -> RenderableType:
    """All acts, with how much each of them ran and how much it did not run again."""
    table = _table("execution", "timeperiod", "outcome")
    for title in ("run", "not run again", "not started", "seconds"):
        table.add_column(title, justify="right", header_style="dim")
    for act in acts:
        table.add_row(
            Text(act.mode.value),
            Text(act.timeperiod),
            state(act.state),
            *(Text(str(len(names)) if names else "–") for names in (act.executed, act.kept, act.waiting)),
            Text(f"{act.duration:.1f}"),
        )
    return _indented(table)


def places(rows: Iterable[tuple[str, str]]) -> RenderableType:
    """Names of things and where they are, or commands and what they show; never cut, so that they can be copied."""
    table = Table.grid(padding=(0, 3))
    for name, place in rows:
        table.add_row(Text(name, "dim"), Text(place, overflow="fold"))
    return _indented(table)


def state(of: StepState | FlowState) -> Text:
    """A state by shape, word and colour."""
    sign, style = _STYLES.get(of, ("", ""))
    return Text(f"{sign} {of.value}", style)


def _part_played(step: StepResult) -> Text:
    if step.executed:
        return Text(f"run, attempt {step.attempt}")
    return Text("not run again" if step.state.is_success else "not started", "dim")


def _does_something(step: PlannedStep) -> bool:
    return step.runs


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 2))
    for title in columns:
        table.add_column(title, overflow="fold")
    return table


def _indented(what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 1, 2))
