"""The four modes: what each does to a recorded flow run, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synergyflow.core.graph import Graph
from synergyflow.core.modes import Mode
from synergyflow.core.plan import PlannedStep
from synergyflow.core.planning import Request, plan
from synergyflow.core.records import JobRecord
from synergyflow.core.states import GroupState, StepState
from synergyflow.errors import NotFoundError, PlanRefused, RunOwned
from tests.core.stories import OWNER, decisions, planned, pool, recorded, spec, step_record

CHAIN = [spec("a"), spec("b", "a"), spec("c", "b")]
BESIDE = [*CHAIN, spec("other")]
COMPLETE, FAILED, RUNNING, PENDING = GroupState.COMPLETE, GroupState.FAILED, GroupState.RUNNING, GroupState.PENDING
FREERUNS = [Mode.RUN_ONE, Mode.RUN_FROM]


def step_of(steps: list[Any], record: Any, mode: Mode, name: str, step: str | None = None, **more: Any) -> PlannedStep:
    """What is planned for one step."""
    made = planned(steps, record, mode, step, **more)
    return next(one for one in made.steps if one.name == name)


# -- run --------------------------------------------------------------------------------------------------------------


def test_run_runs_every_step_of_a_flow_that_was_never_run() -> None:
    made = planned(CHAIN, None, Mode.RUN)

    assert decisions(made) == {"a": "run", "b": "run", "c": "run"}
    assert [step.attempt for step in made.steps] == [1, 1, 1]
    assert made.revision is None
    assert len(made.clusters) == 2


def test_run_runs_every_step_again_whatever_became_of_it_with_the_next_attempt() -> None:
    for state, steps in [
        ("processed", {"a": "processed", "b": "noop", "c": "processed"}),
        ("invalid", {"a": "processed", "b": "invalid", "c": "embryo"}),
        ("in_progress", {"a": "processed", "b": "in_progress", "c": "embryo"}),
    ]:
        made = planned(CHAIN, recorded(state, steps, last_attempts={"a": 1, "b": 4}), Mode.RUN)

        assert set(decisions(made).values()) == {"run"}
        assert [step.attempt for step in made.steps] == [2, 5, 1]
        assert made.revision == 5


def test_run_of_a_flow_without_steps_has_nothing_to_do() -> None:
    made = planned([], None, Mode.RUN)

    assert made.nothing_to_do
    assert made.clusters == ()
    assert made.notes == ("nothing to do",)


def test_run_skips_what_the_definition_skips() -> None:
    made = planned([spec("a", skip=True), spec("b", "a")], None, Mode.RUN)

    assert decisions(made) == {"a": "skip", "b": "run"}
    assert made.steps[0].why == "skipped by definition"


def test_a_flow_of_skipped_steps_needs_no_cluster_yet_is_something_to_do() -> None:
    made = planned([spec("a", skip=True)], None, Mode.RUN)

    assert made.clusters == ()
    assert not made.nothing_to_do


# -- recover ----------------------------------------------------------------------------------------------------------


def test_recover_runs_what_failed_was_canceled_or_never_started_and_nothing_else() -> None:
    steps = [spec("a"), spec("b", "a"), spec("c", "b"), spec("d", "a"), spec("e", "a")]
    record = recorded("invalid", {"a": "processed", "b": "invalid", "c": "embryo", "d": "canceled", "e": "noop"})

    made = planned(steps, record, Mode.RECOVER)

    assert decisions(made) == {"a": "keep", "b": "run", "c": "run", "d": "run", "e": "keep"}
    assert [step.attempt for step in made.steps] == [1, 2, 1, 2, 1]


def test_recover_says_why_each_step_runs() -> None:
    failed = step_record("b", "invalid", attempt=3, error="exit code 1\nand much more")
    record = recorded("invalid", {"a": "processed", "b": failed, "other": "canceled"})

    reasons = {step.name: step.why for step in planned(BESIDE, record, Mode.RECOVER).steps}

    assert reasons == {
        "a": "already processed",
        "b": "attempt 3 failed: exit code 1",
        "c": "never started",
        "other": "attempt 1 was canceled",
    }


@pytest.mark.parametrize("mode", [Mode.RECOVER, *FREERUNS])
def test_what_was_never_run_can_only_be_run(mode: Mode) -> None:
    for record in (None, recorded("embryo", {}, last_execution=None)):
        with pytest.raises(PlanRefused, match="never run before") as refused:
            planned(CHAIN, record, mode, "a")
        assert refused.value.hint == "engine run --flow flow --timeperiod 2016060107"


@pytest.mark.parametrize("state", ["processed", "noop"])
def test_recover_of_a_run_that_ended_well_has_nothing_to_do(state: str) -> None:
    record = recorded(state, dict.fromkeys("abc", state))

    made = planned(CHAIN, record, Mode.RECOVER)

    assert decisions(made) == dict.fromkeys("abc", "keep")
    assert made.nothing_to_do
    assert made.clusters == ()
    assert "nothing to do" in made.notes


def test_recover_never_turns_nothing_to_do_into_running_everything() -> None:
    made = planned(CHAIN, recorded("invalid", dict.fromkeys("abc", "processed")), Mode.RECOVER)

    assert made.nothing_to_do
    assert made.to_run == ()


def test_recover_of_a_run_that_ended_well_leaves_what_a_freerun_left_behind() -> None:
    record = recorded(
        "processed", {"a": "processed", "b": "invalid", "c": "processed"}, last=Mode.RUN_ONE, ended="invalid"
    )

    made = planned(BESIDE, record, Mode.RECOVER)

    assert decisions(made) == {"a": "keep", "b": "leave", "c": "keep", "other": "leave"}
    assert made.nothing_to_do


@pytest.mark.parametrize("ended", ["in_progress", "canceled"])
@pytest.mark.parametrize("mode", FREERUNS)
def test_recover_finishes_an_interrupted_freerun(mode: Mode, ended: str) -> None:
    record = recorded("processed", {"a": "processed", "b": "in_progress", "c": "embryo"}, last=mode, ended=ended)

    assert decisions(planned(CHAIN, record, Mode.RECOVER)) == {"a": "keep", "b": "run", "c": "run"}


@pytest.mark.parametrize("state", ["in_progress", "embryo"])
def test_recover_takes_over_from_an_engine_that_is_gone_and_names_it(state: str) -> None:
    record = recorded(state, {"a": "processed", "b": "embryo", "c": "embryo"}, owner=OWNER)

    made = planned(CHAIN, record, Mode.RECOVER)

    assert decisions(made) == {"a": "keep", "b": "run", "c": "run"}
    assert made.notes == ("the last engine is gone: ada@there, pid 7, since 2024-02-29 12:00:00 UTC",)


def test_recover_does_not_run_what_is_skipped_by_now_even_where_it_could_go_on() -> None:
    steps = [spec("a"), spec("b", "a", skip=True), spec("c", "b")]
    record = recorded("in_progress", {"a": "processed", "b": "in_progress", "c": "embryo"})

    assert decisions(planned(steps, record, Mode.RECOVER, living={"b"})) == {"a": "keep", "b": "skip", "c": "run"}


def test_recover_uses_no_more_clusters_than_it_can() -> None:
    record = recorded("invalid", {"a": "processed", "b": "invalid", "c": "embryo"})

    assert len(planned(CHAIN, record, Mode.RECOVER, capacity=pool(count=4)).clusters) == 1


# -- interrupted attempts ---------------------------------------------------------------------------------------------


def interrupted(**more: Any) -> Any:
    """A run whose engine died while `b` was at its third action."""
    step = step_record("b", "in_progress", attempt=2, groups=(COMPLETE, RUNNING, PENDING), actions_done=2, **more)
    return recorded("in_progress", {"a": "processed", "b": step}, owner=OWNER)


@pytest.mark.parametrize("resume_by_group", [False, True])
def test_an_interrupted_attempt_goes_on_where_it_was_if_its_cluster_lives(resume_by_group: bool) -> None:
    steps = [spec("a"), spec("b", "a", group_sizes=(1, 3, 1), resume_by_group=resume_by_group)]

    step = step_of(steps, interrupted(), Mode.RECOVER, "b", living={"b"})

    assert (step.decision, step.attempt, step.first_action) == ("continue", 2, 2)
    assert step.why == "attempt 2 was interrupted and goes on where it was"
    assert step.runs


def test_an_interrupted_attempt_starts_over_if_its_cluster_is_gone() -> None:
    step = step_of(CHAIN, interrupted(), Mode.RECOVER, "b")

    assert (step.decision, step.attempt, step.first_action) == ("run", 3, 0)
    assert step.why == "attempt 2 was interrupted"


def test_an_interrupted_attempt_starts_over_if_its_definition_has_changed() -> None:
    step = step_of(CHAIN, interrupted(fingerprint="older"), Mode.RECOVER, "b", living={"b"})

    assert (step.decision, step.attempt, step.first_action) == ("run", 3, 0)
    assert step.changed


def test_an_attempt_that_was_being_undone_when_its_engine_died_does_not_go_on() -> None:
    undone = step_record("b", "in_progress", groups=(COMPLETE, FAILED, PENDING), actions_done=2)
    record = recorded("in_progress", {"a": "processed", "b": undone})

    step = step_of(CHAIN, record, Mode.RECOVER, "b", living={"b"})

    assert (step.decision, step.attempt, step.first_action) == ("run", 2, 0)


def test_jobs_left_by_the_last_engine_are_announced_where_their_steps_run_again() -> None:
    record = replace(interrupted(), open_jobs=(_job("b"), _job("b"), _job("a")))

    again = planned(CHAIN, record, Mode.RECOVER)
    goes_on = planned(CHAIN, record, Mode.RECOVER, living={"b"})

    assert "2 unfinished job(s) of the steps that run again are canceled first" in again.notes
    assert not [note for note in goes_on.notes if "canceled first" in note]


def _job(step: str) -> JobRecord:
    return JobRecord(
        token="sf-1",
        step_name=step,
        attempt=2,
        action=1,
        ordinal=0,
        kind="shell",
        digest="0",
        cluster="local-1",
        profile="local",
    )


# -- resume by group --------------------------------------------------------------------------------------------------


def half_done(**more: Any) -> Any:
    """A run whose step `a` failed in its post actions."""
    step = step_record("a", "invalid", groups=(COMPLETE, COMPLETE, FAILED), actions_done=3, **more)
    return recorded("invalid", {"a": step})


def resuming(**more: Any) -> list[Any]:
    return [spec("a", resume_by_group=True, group_sizes=(2, 1, 2), **more)]


def test_a_step_that_resumes_by_group_begins_at_the_first_group_that_is_not_complete() -> None:
    step = step_of(resuming(), half_done(), Mode.RECOVER, "a")

    assert (step.first_action, step.attempt) == (3, 2)
    assert step.why.endswith("; goes on at action 4, the groups before it are complete")


def test_a_group_without_actions_is_passed_over() -> None:
    steps = [spec("a", resume_by_group=True, group_sizes=(0, 1, 2))]

    assert step_of(steps, half_done(), Mode.RECOVER, "a").first_action == 1


def test_a_step_that_does_not_resume_begins_at_the_beginning() -> None:
    assert step_of([spec("a", group_sizes=(2, 1, 2))], half_done(), Mode.RECOVER, "a").first_action == 0


def test_a_step_begins_at_the_beginning_if_something_was_rolled_back() -> None:
    assert step_of(resuming(), half_done(rolled_back=True), Mode.RECOVER, "a").first_action == 0


def test_a_step_begins_at_the_beginning_if_its_definition_has_changed() -> None:
    assert step_of(resuming(), half_done(fingerprint="older"), Mode.RECOVER, "a").first_action == 0


def test_a_step_that_is_asked_for_begins_at_the_beginning() -> None:
    for mode in (Mode.RUN, *FREERUNS):
        assert step_of(resuming(), half_done(), mode, "a", "a").first_action == 0


# -- run_one and run_from ---------------------------------------------------------------------------------------------

DONE = {"a": "processed", "b": "processed", "c": "processed", "other": "processed"}


def test_run_one_runs_that_step_alone_and_leaves_the_others() -> None:
    record = recorded("invalid", DONE | {"c": "invalid", "other": "embryo"})

    made = planned(BESIDE, record, Mode.RUN_ONE, "b")

    assert decisions(made) == {"a": "keep", "b": "run", "c": "leave", "other": "leave"}
    assert (made.requested_step, len(made.clusters)) == ("b", 1)
    assert made.notes == ("a freerun: the state of the flow run stays invalid",)


def test_run_from_runs_the_step_what_is_derived_from_it_and_what_had_failed() -> None:
    record = recorded("invalid", DONE | {"other": "invalid"})

    made = planned(BESIDE, record, Mode.RUN_FROM, "b")

    assert decisions(made) == {"a": "keep", "b": "run", "c": "run", "other": "run"}
    assert {step.name: step.why for step in made.to_run} == {
        "b": "asked for",
        "c": "derived from b",
        "other": "attempt 1 failed",
    }


def test_run_from_runs_what_never_started() -> None:
    record = recorded("processed", DONE | {"other": "embryo"})

    assert decisions(planned(BESIDE, record, Mode.RUN_FROM, "c")) == {
        "a": "keep",
        "b": "keep",
        "c": "run",
        "other": "run",
    }


def test_run_from_of_the_last_step_of_a_processed_run_runs_it_alone() -> None:
    made = planned(BESIDE, recorded("processed", DONE), Mode.RUN_FROM, "c", capacity=pool(count=4))

    assert decisions(made) == {"a": "keep", "b": "keep", "c": "run", "other": "keep"}
    assert len(made.clusters) == 1


@pytest.mark.parametrize("mode", FREERUNS)
def test_a_freerun_is_blocked_by_any_step_before_it_that_is_not_done(mode: Mode) -> None:
    record = recorded("invalid", DONE | {"a": "invalid"})

    with pytest.raises(PlanRefused, match=r"step 'c' is blocked by a \(invalid\)") as refused:
        planned(BESIDE, record, mode, "c")

    assert refused.value.hint == "first: engine recover --flow flow --timeperiod 2016060107"


@pytest.mark.parametrize("mode", FREERUNS)
def test_a_freerun_takes_noop_for_done(mode: Mode) -> None:
    record = recorded("noop", dict.fromkeys(DONE, "noop"))

    assert decisions(planned(BESIDE, record, mode, "c"))["c"] == "run"


@pytest.mark.parametrize("mode", FREERUNS)
@pytest.mark.parametrize("state", ["embryo", "in_progress"])
def test_a_freerun_of_an_interrupted_run_is_refused(mode: Mode, state: str) -> None:
    with pytest.raises(PlanRefused, match=f"is {state}: its engine was interrupted"):
        planned(BESIDE, recorded(state, DONE), mode, "a")


@pytest.mark.parametrize("mode", FREERUNS)
def test_a_freerun_of_a_skipped_step_is_refused(mode: Mode) -> None:
    steps = [spec("a"), spec("b", "a", skip=True)]

    with pytest.raises(PlanRefused, match="step 'b' is skipped"):
        planned(steps, recorded("processed", {"a": "processed", "b": "noop"}), mode, "b")


def test_run_from_skips_what_is_derived_and_skipped() -> None:
    steps = [spec("a"), spec("b", "a", skip=True), spec("c", "b")]

    made = planned(steps, recorded("processed", {"a": "processed", "b": "noop", "c": "processed"}), Mode.RUN_FROM, "a")

    assert decisions(made) == {"a": "run", "b": "skip", "c": "run"}


@pytest.mark.parametrize("mode", FREERUNS)
@pytest.mark.parametrize("step", ["nobody", None])
def test_a_freerun_of_an_unknown_step_is_refused(mode: Mode, step: str | None) -> None:
    with pytest.raises(NotFoundError, match=f"no step {step!r}"):
        planned(BESIDE, recorded("processed", DONE), mode, step)


# -- for all modes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_a_run_in_the_hands_of_a_living_engine_is_refused_with_its_owner(mode: Mode) -> None:
    record = recorded("in_progress", DONE, owner=OWNER, alive=True)

    with pytest.raises(RunOwned, match=r"ada@there, pid 7, since 2024-02-29 12:00:00 UTC") as refused:
        planned(BESIDE, record, mode, "a")

    assert refused.value.exit_code == 3


def test_a_kept_step_whose_definition_has_changed_is_named() -> None:
    record = recorded("invalid", DONE | {"c": "invalid"})

    made = planned(BESIDE, record, Mode.RECOVER, fingerprints={"a": "newer", "c": "newer"})

    assert made.changed == ("a",)
    assert [step.name for step in made.steps if step.changed] == ["a", "c"]


def test_strict_refuses_to_keep_a_step_that_has_changed() -> None:
    record = recorded("invalid", DONE | {"c": "invalid"})

    with pytest.raises(PlanRefused, match="changed since they were processed: a") as refused:
        planned(BESIDE, record, Mode.RECOVER, strict=True, fingerprints={"a": "newer"})

    assert refused.value.hint is not None
    assert refused.value.hint.startswith("run-from a ")


def test_strict_has_nothing_against_a_changed_step_that_runs_again() -> None:
    record = recorded("invalid", DONE | {"c": "invalid"})

    made = planned(BESIDE, record, Mode.RECOVER, strict=True, fingerprints={"c": "newer"})

    assert decisions(made)["c"] == "run"


def test_a_step_without_a_recorded_fingerprint_has_not_changed() -> None:
    record = recorded("invalid", {"a": step_record("a", "noop", fingerprint=None)})

    assert planned(CHAIN, record, Mode.RECOVER, fingerprints={"a": "newer"}).changed == ()


def test_steps_that_the_definition_no_longer_has_are_named_and_not_run() -> None:
    record = recorded("invalid", DONE | {"zebra": "invalid", "gone": "processed"})

    made = planned(BESIDE, record, Mode.RECOVER)

    assert made.removed == ("gone", "zebra")
    assert list(decisions(made)) == ["a", "b", "c", "other"]


def test_a_step_that_the_definition_is_new_to_runs_on_recover() -> None:
    record = recorded("invalid", {"a": "processed", "b": "invalid"})

    step = step_of(BESIDE, record, Mode.RECOVER, "other")

    assert (step.decision, step.state, step.attempt) == ("run", StepState.EMBRYO, 1)


def test_a_plan_names_the_state_that_it_found() -> None:
    record = recorded("invalid", {"a": "processed", "b": "invalid"})

    made = planned(CHAIN, record, Mode.RECOVER)

    assert [step.state.value for step in made.steps] == ["processed", "invalid", "embryo"]


def test_the_same_record_and_request_give_an_equal_plan() -> None:
    record = recorded("invalid", DONE | {"b": "invalid"})
    request = Request(flow_name="flow", timeperiod="2016060107", mode=Mode.RECOVER, fingerprints={})

    assert plan(Graph(BESIDE), record, pool(), request) == plan(Graph(BESIDE), record, pool(), request)
