"""The end of a run in a few lines: what came of it, what failed and why, and the command to try next.

It is made of anything that looks like the engine's result, so the command line and the consoles tell it alike.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from synergyflow.config.program import program
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan
from synergyflow.core.states import FlowState, StepState
from synergyflow.observers.log_line import visible
from synergyflow.observers.run_view import Phase, RunView, StepView
from synergyflow.observers.sentences import Sentence, Tone, count, elapsed

_FAILED_SHOWN = 10
_LINES_SHOWN = 4


class StepOutcome(Protocol):
    """A step after the execution; `executed` if this execution made an attempt at it."""

    @property
    def state(self) -> StepState: ...
    @property
    def executed(self) -> bool: ...
    @property
    def error(self) -> str | None: ...


class Outcome(Protocol):
    """An execution that is over. `duration` in seconds; `failed` names the steps that were tried and failed."""

    @property
    def state(self) -> FlowState: ...
    @property
    def steps(self) -> Mapping[str, StepOutcome]: ...
    @property
    def failed(self) -> tuple[str, ...]: ...
    @property
    def duration(self) -> float: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def error(self) -> str | None: ...
    @property
    def interrupted(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedOutcome:
    """The outcome as a watcher saw it."""

    state: FlowState
    steps: Mapping[str, StepView]
    failed: tuple[str, ...]
    duration: float
    plan: Plan
    error: str | None
    interrupted: bool


def outcome_of(view: RunView) -> ViewedOutcome | None:
    """What the view saw of the end; None while the run goes on."""
    if view.ended is None:
        return None
    return ViewedOutcome(
        state=view.ended.state,
        steps=view.steps,
        failed=view.ended.failed,
        duration=view.seconds(view.ended.at),
        plan=view.plan,
        error=view.ended.error,
        interrupted=view.ended.interrupted,
    )


def render_summary(outcome: Outcome, *, options: str = "") -> list[Sentence]:
    """The summary, line by line.

    Args:
        options: what the commands to try next must say besides, for example `--context production`.
    """
    lines = [_headline(outcome), Sentence(f"  {_counts(outcome)}")]
    if outcome.state.is_success and not outcome.interrupted:
        return lines
    for name in outcome.failed[:_FAILED_SHOWN]:
        step = outcome.steps.get(name)
        verb = "was canceled" if step is not None and step.state is StepState.CANCELED else "failed"
        lines += _cause(f"step {name} {verb}", step.error if step else None)
    if len(outcome.failed) > _FAILED_SHOWN:
        lines.append(Sentence(f"  … and {count(len(outcome.failed) - _FAILED_SHOWN, 'more failed step')}", Tone.BAD))
    if not outcome.failed and outcome.error:
        lines += _cause("why", outcome.error)
    return [*lines, *(Sentence(f"  {line}") for line in next_commands(outcome.plan, outcome.failed, options))]


def next_commands(plan: Plan, failed: tuple[str, ...], options: str = "") -> list[str]:
    """What to type next after an execution of this plan that did not end well."""
    run = f"--flow {shlex.quote(plan.flow_name)} --timeperiod {plan.timeperiod}"
    more = f" {options}" if options else ""
    step = f" --step {shlex.quote(plan.requested_step)}" if plan.requested_step else ""
    command = "recover" if plan.mode in (Mode.RUN, Mode.RECOVER) else str(plan.mode).replace("_", "-")
    again = f"{program()} {command} {run}{step if command != 'recover' else ''}{more}"
    log = f" --step {shlex.quote(failed[0])}" if failed else ""
    return [f"look:       {program()} logs {run}{log}{more}", f"then try:   {again}"]


def status_command(plan: Plan, options: str = "") -> Sentence:
    """Where to look at every step of this run."""
    return Sentence(f"  all steps:  {_command('status', plan, options)}")


def abandoned(view: RunView, options: str = "") -> str:
    """The one line for an engine that ends at once: what it leaves as it is, and how to go on."""
    running = [visible(step.name) for step in view.steps.values() if step.phase is Phase.RUNNING]
    left = ", ".join(running[:_FAILED_SHOWN]) + (", …" if len(running) > _FAILED_SHOWN else "")
    what = f"left as {'it was' if len(running) == 1 else 'they were'}: {left}" if running else "no step was running"
    return f"ended at once, {what}; to go on: {_command('recover', view.plan, options)}"


def _command(verb: str, plan: Plan, options: str) -> str:
    line = f"{program()} {verb} --flow {shlex.quote(plan.flow_name)} --timeperiod {plan.timeperiod}"
    return f"{line} {options}" if options else line


def _headline(outcome: Outcome) -> Sentence:
    plan = outcome.plan
    text = f"flow {plan.flow_name} {plan.timeperiod}: {plan.mode} "
    text += "was interrupted" if outcome.interrupted else f"ended {outcome.state}"
    good = outcome.state.is_success and not outcome.interrupted
    return Sentence(f"{text} after {elapsed(outcome.duration)}", Tone.GOOD if good else Tone.BAD)


def _counts(outcome: Outcome) -> str:
    """Steps of this execution by state, then how many were not touched."""
    planned = {step.name for step in outcome.plan.steps if step.runs or step.decision is Decision.SKIP}
    touched = {name: step for name, step in outcome.steps.items() if step.executed or name in planned}
    states = Counter(step.state for step in touched.values())
    names = {StepState.INVALID: "failed", StepState.EMBRYO: "not started"}
    parts = [f"{states[state]:,} {names.get(state, state.value)}" for state in StepState if states[state]]
    others = len(outcome.steps) - len(touched)
    if others:
        parts.append(f"{others:,} not run in this execution")
    return f"{count(len(outcome.steps), 'step')}: " + (", ".join(parts) or "none")


def _cause(head: str, error: str | None) -> list[Sentence]:
    """The first lines of an error below each other."""
    lines = [visible(line).replace("\t", " ").rstrip() for line in (error or "").splitlines() if line.strip()]
    first, *rest = lines or ["no reason was given"]
    shown = [Sentence(f"      {line}", Tone.BAD) for line in rest[: _LINES_SHOWN - 1]]
    return [Sentence(f"  {head}: {first}", Tone.BAD), *shown]
