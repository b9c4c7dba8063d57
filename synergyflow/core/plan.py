"""What a mode is going to do, decided before anything is done: a value to print, to store, to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from synergyflow.core.jobs import JobKind
from synergyflow.core.modes import Mode
from synergyflow.core.states import StepState


class Decision(StrEnum):
    """What happens to a step."""

    RUN = "run"
    CONTINUE = "continue"
    SKIP = "skip"
    KEEP = "keep"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCapacity:
    """What planning knows of a cluster profile, and how many clusters of it the context offers."""

    profile: str
    count: int
    slots: int = 1
    labels: frozenset[str] = frozenset()
    job_kinds: frozenset[JobKind] = frozenset(JobKind)

    def serves(self, wanted: str | None) -> bool:
        """Whether a step that names this profile or label (or nothing) may go there."""
        return wanted is None or wanted == self.profile or wanted in self.labels


@dataclass(frozen=True, slots=True)
class Capacity:
    """The pool that the context offers; `nominal` is the number of its clusters."""

    profiles: tuple[ProfileCapacity, ...]

    @property
    def nominal(self) -> int:
        """N of the contract."""
        return sum(profile.count for profile in self.profiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCluster:
    """A cluster that may be launched, when a step can use it."""

    name: str
    profile: str
    slots: int
    labels: frozenset[str] = frozenset()
    job_kinds: frozenset[JobKind] = frozenset(JobKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What happens to one step, and why.

    Attributes:
        state: of the step as recorded, before anything is done.
        attempt: number of the attempt that will be made or goes on; of the latest one where none will.
        first_action: number of the action at which that attempt begins.
        changed: the definition is not the one that the recorded state came from.
    """

    name: str
    decision: Decision
    why: str
    state: StepState
    attempt: int = 0
    first_action: int = 0
    changed: bool = False

    @property
    def runs(self) -> bool:
        """Whether an attempt is made or goes on."""
        return self.decision in (Decision.RUN, Decision.CONTINUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole decision.

    Attributes:
        revision: of the record that it rests on, None where there is none yet.
        steps: every step of the definition, in topological order.
        clusters: those that may be launched; empty where nothing runs.
        removed: recorded steps that the definition no longer has; kept as history.
        notes: what a reader should know before acting, a sentence each.
    """

    flow_name: str
    timeperiod: str
    mode: Mode
    requested_step: str | None
    revision: int | None
    steps: tuple[PlannedStep, ...]
    clusters: tuple[PlannedCluster, ...]
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def to_run(self) -> tuple[PlannedStep, ...]:
        """The steps that an attempt is made at."""
        return tuple(step for step in self.steps if step.runs)

    @property
    def nothing_to_do(self) -> bool:
        """Whether no step is run or skipped."""
        return not any(step.runs or step.decision is Decision.SKIP for step in self.steps)

    @property
    def changed(self) -> tuple[str, ...]:
        """Kept steps whose definition is not the one that they were processed with."""
        return tuple(step.name for step in self.steps if step.changed and step.decision is Decision.KEEP)
