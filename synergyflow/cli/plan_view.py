"""A plan as `--dry-run` shows it: what happens to each step and why, on which clusters, with which parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from synergyflow.cli.render import DECISIONS, Page, quiet, row, table
from synergyflow.core.plan import Plan, PlannedStep
from synergyflow.observers.log_line import one_line
from synergyflow.observers.sentences import count


def show_plan(page: Page, plan: Plan, parameters: Mapping[str, str]) -> None:
    """Print the plan."""
    what = f"{plan.mode} {plan.requested_step}" if plan.requested_step else str(plan.mode)
    page.title(f"flow {one_line(plan.flow_name)} {plan.timeperiod}:", one_line(what), Text("(dry run)", "dim"))
    page.copyable(Text.assemble(("steps       ", "dim"), _how_many(plan)))
    page.copyable(Text.assemble(("clusters    ", "dim"), _clusters(plan)))
    for index, (name, value) in enumerate(parameters.items()):
        page.copyable(Text.assemble(("parameters  " if not index else " " * 12, "dim"), one_line(f"{name} = {value}")))
    for note in plan.notes:
        page.note(note)
    if plan.changed:
        page.note(f"changed since they were processed, and kept as they are: {', '.join(plan.changed)}")
    if plan.removed:
        page.note(f"no longer in the definition: {', '.join(plan.removed)}")
    if plan.steps:
        page.copyable("")
        page.add(_steps(page, plan))


def _how_many(plan: Plan) -> str:
    decided = Counter(step.decision for step in plan.steps)
    parts = ", ".join(f"{number:,} to {decision}" for decision, number in decided.items())
    return f"{count(len(plan.steps), 'step')}: {parts}" if parts else "none"


def _clusters(plan: Plan) -> str:
    """Names by profile: `local-1, local-2 (profile local, 4 slots each)`."""
    profiles = dict.fromkeys((cluster.profile, cluster.slots) for cluster in plan.clusters)
    parts = []
    for profile, slots in profiles:
        names = ", ".join(cluster.name for cluster in plan.clusters if cluster.profile == profile)
        parts.append(f"{names} (profile {profile}, {count(slots, 'slot')} each)")
    return "; ".join(parts) or "none"


def _steps(page: Page, plan: Plan) -> Table:
    made = table("step", "plan", "attempt", "state now", "why")
    for step in plan.steps:
        style = "" if step.runs else "dim"
        row(
            made,
            Text(one_line(step.name), style),
            Text(step.decision, DECISIONS[step.decision]),
            quiet(str(step.attempt) if step.runs else ""),
            page.state(step.state),
            Text(one_line(_why(step)), style),
        )
    return made


def _why(step: PlannedStep) -> str:
    return f"{step.why} (its definition has changed)" if step.changed else step.why
