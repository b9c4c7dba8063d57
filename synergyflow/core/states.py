"""States of flow runs, steps, attempts and action groups, and the only moves between them.

The values are the strings that the database holds. A move that is not in a table raises and changes nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar


class FlowState(StrEnum):
    """State of a flow run."""

    EMBRYO = "embryo"
    IN_PROGRESS = "in_progress"
    PROCESSED = "processed"
    NOOP = "noop"
    INVALID = "invalid"

    @property
    def is_finished(self) -> bool:
        """Whether a managed run has come to an end in this state."""
        return self in (FlowState.PROCESSED, FlowState.NOOP, FlowState.INVALID)

    @property
    def is_success(self) -> bool:
        """Whether nothing is left to do."""
        return self in (FlowState.PROCESSED, FlowState.NOOP)


class StepState(StrEnum):
    """State of a step, and of an attempt at it."""

    EMBRYO = "embryo"
    IN_PROGRESS = "in_progress"
    PROCESSED = "processed"
    NOOP = "noop"
    CANCELED = "canceled"
    INVALID = "invalid"

    @property
    def is_success(self) -> bool:
        """Whether steps that depend on this one may start."""
        return self in (StepState.PROCESSED, StepState.NOOP)


class GroupState(StrEnum):
    """State of the pre, main or post actions of a step."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


class Group(StrEnum):
    """The three groups of a step, in the order in which they run."""

    PRE = "pre"
    MAIN = "main"
    POST = "post"


class FailureClass(StrEnum):
    """Why an attempt did not succeed. All but the first three are infrastructure and spend no retries."""

    USER_CODE = "user_code"
    TIMEOUT = "timeout"
    CANCELED = "canceled"
    BOOT_FAILURE = "boot_failure"
    CLUSTER_LOST = "cluster_lost"
    JOB_LOST = "job_lost"
    ENGINE_LOST = "engine_lost"

    @property
    def is_infrastructure(self) -> bool:
        """Whether the step itself is not to blame."""
        return self not in (FailureClass.USER_CODE, FailureClass.TIMEOUT, FailureClass.CANCELED)


FLOW_MOVES: dict[FlowState, frozenset[FlowState]] = {
    FlowState.EMBRYO: frozenset({FlowState.IN_PROGRESS}),
    FlowState.IN_PROGRESS: frozenset({FlowState.IN_PROGRESS, FlowState.PROCESSED, FlowState.NOOP, FlowState.INVALID}),
    FlowState.PROCESSED: frozenset({FlowState.IN_PROGRESS}),
    FlowState.NOOP: frozenset({FlowState.IN_PROGRESS}),
    FlowState.INVALID: frozenset({FlowState.IN_PROGRESS, FlowState.PROCESSED, FlowState.NOOP}),
}

STEP_MOVES: dict[StepState, frozenset[StepState]] = {
    StepState.EMBRYO: frozenset({StepState.IN_PROGRESS, StepState.NOOP}),
    StepState.IN_PROGRESS: frozenset({StepState.PROCESSED, StepState.NOOP, StepState.INVALID, StepState.CANCELED}),
    StepState.PROCESSED: frozenset({StepState.EMBRYO}),
    StepState.NOOP: frozenset({StepState.EMBRYO}),
    StepState.CANCELED: frozenset({StepState.EMBRYO, StepState.IN_PROGRESS}),
    StepState.INVALID: frozenset({StepState.EMBRYO, StepState.IN_PROGRESS}),
}

GROUP_MOVES: dict[GroupState, frozenset[GroupState]] = {
    GroupState.PENDING: frozenset({GroupState.RUNNING}),
    GroupState.RUNNING: frozenset({GroupState.COMPLETE, GroupState.FAILED}),
    GroupState.COMPLETE: frozenset({GroupState.PENDING}),
    GroupState.FAILED: frozenset({GroupState.PENDING}),
}

State = TypeVar("State", FlowState, StepState, GroupState)


class IllegalMove(ValueError):
    """A state was asked to become one that it cannot become: a mistake in synergyflow itself."""


def move(moves: dict[State, frozenset[State]], old: State, new: State) -> State:
    """`new`, if the table allows to go there from `old`.

    Raises:
        IllegalMove: the table does not allow it.
    """
    if new not in moves[old]:
        raise IllegalMove(f"{type(old).__name__}: {old} can't become {new}")
    return new
