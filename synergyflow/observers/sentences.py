"""What has happened, in one line for people: the same words on a terminal, in a pipe and in a log.

Texts of flows come through `one_line`, so nothing of them can steer a terminal. No colours and no markup here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    ClusterRequested,
    Event,
    RetryScheduled,
    StepEnded,
    StepSkipped,
    StepStarted,
    StopRequested,
)
from synergyflow.core.plan import Plan
from synergyflow.core.states import StepState
from synergyflow.observers.log_line import one_line


class Tone(StrEnum):
    """How much a reader should care."""

    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Sentence(NamedTuple):
    """One line, without its end."""

    text: str
    tone: Tone = Tone.PLAIN


def describe_plan(plan: Plan) -> list[Sentence]:
    """What is about to be done."""
    what = f"{plan.mode} {plan.requested_step}" if plan.requested_step else str(plan.mode)
    head = f"flow {plan.flow_name} {plan.timeperiod}: {what}"
    if plan.nothing_to_do:
        return [Sentence(f"{head}, nothing to do"), *_notes(plan)]
    clusters = ", ".join(cluster.name for cluster in plan.clusters)
    where = f" on {clusters}" if clusters else ""
    return [Sentence(f"{head}, {len(plan.to_run)} of {count(len(plan.steps), 'step')}{where}"), *_notes(plan)]


def describe(event: Event) -> Sentence | None:
    """The event, or None where it is of no interest, or not known here, or told by the summary."""
    match event:
        case ClusterRequested(cluster=cluster, profile=profile):
            return Sentence(f"cluster {cluster} is starting, profile {profile}")
        case ClusterReady(cluster=cluster):
            return Sentence(f"cluster {cluster} is ready")
        case ClusterFailed(cluster=cluster, reason=reason):
            return Sentence(f"cluster {cluster} did not come up{_why(reason)}", Tone.BAD)
        case ClusterLost(cluster=cluster, reason=reason):
            return Sentence(f"cluster {cluster} was lost{_why(reason)}", Tone.BAD)
        case ClusterEnded(cluster=cluster, kept=True, reason=reason):
            return Sentence(f"cluster {cluster} is left running{_why(reason)}", Tone.WARNING)
        case ClusterEnded(cluster=cluster, reason=reason) if reason:
            return Sentence(f"cluster {cluster} has ended{_why(reason)}", Tone.WARNING)
        case StepStarted(step=step, attempt=attempt, cluster=cluster, continued=continued):
            return Sentence(f"step {step} {'goes on' if continued else 'started'} on {cluster}, attempt {attempt}")
        case StepSkipped(step=step):
            return Sentence(f"step {step} is skipped: noop")
        case StepEnded():
            return _describe_end(event)
        case RetryScheduled(step=step, spends_retry=spends, at=at, retry_at=retry_at):
            delay = elapsed(max(0.0, (retry_at - at).total_seconds()))
            blame = "" if spends else ", infrastructure was to blame"
            return Sentence(f"step {step} will be tried again in {delay}{blame}", Tone.WARNING)
        case StopRequested(reason=reason, cancel=cancel):
            what = "what runs is ended" if cancel else "what runs is left running"
            return Sentence(f"stopping: {one_line(reason)}; {what}", Tone.WARNING)
        case _:
            return None


def count(number: int, noun: str) -> str:
    """Number and noun, in the plural where it takes one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def elapsed(seconds: float) -> str:
    """A duration, at most two units: `0.4s`, `12s`, `3m 05s`, `2h 03m`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s"


def _describe_end(event: StepEnded) -> Sentence:
    head = f"step {event.step}"
    match event.state:
        case StepState.PROCESSED:
            return Sentence(f"{head} is processed", Tone.GOOD)
        case StepState.NOOP:
            return Sentence(f"{head} had nothing to do: noop", Tone.GOOD)
        case StepState.CANCELED:
            return Sentence(f"{head} was canceled, attempt {event.attempt}{_why(event.error)}", Tone.WARNING)
        case _:
            return Sentence(f"{head} failed, attempt {event.attempt}{_why(event.error)}", Tone.BAD)


def _why(reason: str | None) -> str:
    text = one_line(reason or "")
    return f": {text}" if text else ""


def _notes(plan: Plan) -> list[Sentence]:
    return [Sentence(f"note: {one_line(note)}", Tone.WARNING) for note in plan.notes]
