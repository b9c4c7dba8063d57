"""How the story looks on a terminal: values in, Rich renderables out. What happens in it is decided in `story`.

Names and texts of flows are never read as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from synergyflow.core.plan import Plan
from synergyflow.core.states import FlowState, StepState
from synergyflow.demo.acts import Act
from synergyflow.engine.result import RunResult, StepResult
from synergyflow.observers.signs import SIGNS, UNKNOWN


def opening(directory: str) -> RenderableType:
    """What this is about, and where it happens."""
    title = Text("synergyflow, shown on the flights that left New York in 2013", style="bold")
    told = Text.assemble("A flow run and recovered, day by day, in the project folder ", (directory, "cyan"))
    return Group("", Padding(title, (0, 0, 0, 2)), Padding(told, (0, 0, 0, 2)))


def heading(number: int, title: str) -> RenderableType:
    """The line that begins an act."""
    return Group("", Rule(Text(f" {number}  {title} ", style="bold"), align="left", style="dim"))


def paragraph(told: str) -> RenderableType:
    """What a reader should know before the next thing happens."""
    return Padding(Text(told), (0, 0, 1, 2))


def command(line: str) -> Text:
    """The command line that does the same. Print it with `soft_wrap`, so that it can be copied."""
    return Text.assemble(("  $ ", "dim"), (line, "cyan"), "\n")


def plan_table(plan: Plan) -> RenderableType:
    """What is going to happen to each step, and why."""
    table = _table("step", "plan", "why")
    for step in plan.steps:
        style = "" if step.runs else "dim"
        table.add_row(Text(step.name, style), Text(step.decision.value, style or "bold"), Text(step.why, style))
    clusters = ", ".join(cluster.name for cluster in plan.clusters) or "none"
    told = f"The plan: {len(plan.to_run)} of {len(plan.steps)} steps, on {clusters}"
    return Group(Padding(Text(told, "bold"), (0, 0, 0, 2)), _indented(table))


def result_table(result: RunResult, cluster_of: Mapping[str, str]) -> RenderableType:
    """What became of each step, where it was run, and why it failed."""
    table = _table("step", "state", "this time")
    for step in result.steps.values():
        table.add_row(Text(step.name), state(step.state), _part_played(step, cluster_of.get(step.name)))
    errors = [
        Text(f"{SIGNS[StepState.INVALID].shape} {name}: {result.steps[name].error}", "red") for name in result.failed
    ]
    told = Text.assemble(state(result.state), f" after {result.duration:.1f} s")
    return Group(_indented(table), *(Padding(line, (0, 0, 0, 2)) for line in [*errors, told]))


def summary(acts: Sequence[Act]) -> RenderableType:
    """All acts: how many steps each of them ran, kept without running them again, and could not start."""
    table = _table("execution", "timeperiod", "outcome")
    for title in ("run", "kept", "not started", "seconds"):
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


def places(rows: Sequence[tuple[str, str]]) -> Text:
    """Names of things and where they are. Print it with `soft_wrap`, so that they can be copied."""
    width = max((len(name) for name, _ in rows), default=0)
    return Text.assemble(*(part for name, place in rows for part in ((f"  {name:<{width}}  ", "dim"), place, "\n")))


def commands(rows: Sequence[tuple[str, str]]) -> Text:
    """What can be asked, each with its command line. Print it with `soft_wrap`, so that they can be copied."""
    return Text.assemble(*(part for what, line in rows for part in ((f"  # {what}\n", "dim"), (f"  {line}\n", "cyan"))))


def state(of: StepState | FlowState) -> Text:
    """A state by shape, word and colour."""
    sign = SIGNS.get(of, UNKNOWN)
    return Text(f"{sign.shape} {of.value}", sign.style, no_wrap=True)


def _part_played(step: StepResult, cluster: str | None) -> Text:
    if step.executed:
        return Text(f"attempt {step.attempt} on {cluster}")
    return Text("not run again" if step.state.is_success else "not started", "dim")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1))
    for title in columns:
        table.add_column(title, overflow="fold")
    return table


def _indented(what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 1, 2))
