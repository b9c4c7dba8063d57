"""States: the only moves between them, and what a state says."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from synergyflow.core.states import (
    FLOW_MOVES,
    GROUP_MOVES,
    STEP_MOVES,
    FailureClass,
    FlowState,
    GroupState,
    IllegalMove,
    StepState,
    move,
)

TABLES: dict[type[StrEnum], Any] = {FlowState: FLOW_MOVES, StepState: STEP_MOVES, GroupState: GROUP_MOVES}


@pytest.mark.parametrize("states", TABLES)
def test_every_move_that_is_not_in_the_table_raises_and_changes_nothing(states: type[StrEnum]) -> None:
    table = TABLES[states]
    before = {old: set(new) for old, new in table.items()}

    for old, new in product(states, states):
        if new in table[old]:
            assert move(table, old, new) is new
        else:
            with pytest.raises(IllegalMove, match=f"{old} can't become {new}"):
                move(table, old, new)

    assert {old: set(new) for old, new in table.items()} == before


@pytest.mark.parametrize("states", TABLES)
def test_every_state_has_its_moves_and_can_be_reached(states: type[StrEnum]) -> None:
    table = TABLES[states]
    first = next(iter(states))

    assert list(table) == list(states)
    reached, more = {first}, {first}
    while more:
        more = {new for old in more for new in table[old]} - reached
        reached |= more
    assert reached == set(states)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (StepState.EMBRYO, StepState.PROCESSED),
        (StepState.PROCESSED, StepState.IN_PROGRESS),
        (StepState.NOOP, StepState.INVALID),
        (StepState.PROCESSED, StepState.INVALID),
        (StepState.CANCELED, StepState.PROCESSED),
    ],
)
def test_a_step_never_skips_its_life(old: StepState, new: StepState) -> None:
    with pytest.raises(IllegalMove):
        move(STEP_MOVES, old, new)


def test_a_flow_run_begins_before_it_ends() -> None:
    for end in (FlowState.PROCESSED, FlowState.NOOP, FlowState.INVALID):
        with pytest.raises(IllegalMove):
            move(FLOW_MOVES, FlowState.EMBRYO, end)
        assert move(FLOW_MOVES, FlowState.IN_PROGRESS, end) is end


def test_states_are_the_words_of_the_database() -> None:
    assert [state.value for state in FlowState] == ["embryo", "in_progress", "processed", "noop", "invalid"]
    assert [state.value for state in StepState] == ["embryo", "in_progress", "processed", "noop", "canceled", "invalid"]
    assert [state.value for state in GroupState] == ["pending", "running", "complete", "failed"]


def test_only_processed_and_noop_let_others_start() -> None:
    assert [state for state in StepState if state.is_success] == [StepState.PROCESSED, StepState.NOOP]
    assert [state for state in FlowState if state.is_success] == [FlowState.PROCESSED, FlowState.NOOP]
    assert [state for state in FlowState if not state.is_finished] == [FlowState.EMBRYO, FlowState.IN_PROGRESS]


def test_a_step_is_to_blame_for_its_code_its_time_out_and_nothing_else() -> None:
    own = [failure for failure in FailureClass if not failure.is_infrastructure]

    assert own == [FailureClass.USER_CODE, FailureClass.TIMEOUT, FailureClass.CANCELED]
