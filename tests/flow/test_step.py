"""A step and its policy."""

from __future__ import annotations

import math

import pytest

from synergyflow.actions import IdentityAction, PythonAction, SleepAction
from synergyflow.core.states import Group
from synergyflow.errors import DefinitionError
from synergyflow.flow import FlowGraph, Step

ACTION = IdentityAction()


def test_actions_run_through_pre_main_and_post() -> None:
    before, main, after, last = (SleepAction(number) for number in range(4))
    step = Step("s", main, [before], (after, last))
    assert step.actions == ((Group.PRE, before), (Group.MAIN, main), (Group.POST, after), (Group.POST, last))


def test_a_single_action_may_stand_for_a_list_of_one() -> None:
    step = Step("s", ACTION, SleepAction(1), SleepAction(2))
    assert [group for group, _ in step.actions] == [Group.PRE, Group.MAIN, Group.POST]


def test_without_a_policy_the_defaults_hold() -> None:
    spec = Step("s", ACTION).spec(["p"])
    assert (spec.name, spec.parents, spec.retries, spec.retry_delay, spec.retry_backoff) == ("s", ("p",), 0, 0.0, 1.0)
    assert (spec.cluster, spec.priority, spec.resume_by_group, spec.skip) == (None, 0, False, False)
    assert Step("s", ACTION).timeout is None


def test_the_whole_policy_reaches_planning() -> None:
    step = Step(
        "s",
        ACTION,
        skip=True,
        retries=3,
        retry_delay=2,
        retry_backoff=1.5,
        timeout=60,
        cluster="large",
        priority=-1,
        resume="group",
    )
    spec = step.spec([])
    assert (spec.retries, spec.retry_delay, spec.retry_backoff) == (3, 2.0, 1.5)
    assert (spec.cluster, spec.priority, spec.resume_by_group, spec.skip) == ("large", -1, True, True)
    assert step.timeout == 60.0


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"retries": -1}, "retries is 0 or more"),
        ({"retries": True}, "retries is a whole number"),
        ({"retries": 1.5}, "retries is a whole number"),
        ({"retry_delay": -0.1}, "retry_delay is a finite number"),
        ({"retry_delay": math.nan}, "retry_delay is a finite number"),
        ({"retry_delay": math.inf}, "retry_delay is a finite number"),
        ({"retry_delay": "5"}, "retry_delay is a number"),
        ({"retry_delay": 10**400}, "retry_delay is a finite number"),
        ({"retry_backoff": 0}, "retry_backoff is a finite number above 0"),
        ({"retry_backoff": False}, "retry_backoff is a number"),
        ({"timeout": 0}, "timeout is a finite number above 0"),
        ({"timeout": math.nan}, "timeout is a finite number"),
        ({"timeout": True}, "timeout is a number"),
        ({"cluster": ""}, "cluster is the name of a profile"),
        ({"cluster": 1}, "cluster is the name of a profile"),
        ({"priority": True}, "priority is a whole number"),
        ({"priority": 1.0}, "priority is a whole number"),
        ({"resume": "step"}, "resume is None or 'group'"),
    ],
)
def test_a_wrong_value_of_the_policy_is_refused(policy: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Step("the_step", ACTION, **policy)  # type: ignore[arg-type]
    assert str(caught.value).startswith("step 'the_step': ")
    assert message in str(caught.value)


def test_an_unknown_policy_is_refused_with_a_suggestion() -> None:
    with pytest.raises(DefinitionError, match="unknown policy 'retrys'") as caught:
        FlowGraph("f").append("s", None, ACTION, retrys=2)
    assert caught.value.hint == "did you mean 'retries'?"


def test_skip_is_true_or_false() -> None:
    with pytest.raises(DefinitionError, match="skip is True or False, not 'yes'"):
        Step("s", ACTION, skip="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((print,), "the main action is builtin_function_or_method, not an action"),
        ((None,), "the main action is NoneType, not an action"),
        ((IdentityAction,), "the main action is the class IdentityAction"),
        ((ACTION, [ACTION, "ls"]), "the pre action is str, not an action"),
        ((ACTION, "ls"), "pre_actions is a list of actions, not str"),
        ((ACTION, None, 5), "post_actions is a list of actions, not int"),
    ],
)
def test_what_is_no_action_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Step("s", *arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_step_with_a_timeout_refuses_a_callable_that_cannot_be_taken_to_a_child_process() -> None:
    def work(cluster: object) -> None: ...

    assert Step("s", PythonAction(work)).timeout is None
    with pytest.raises(DefinitionError, match="`cluster` that work asks for can't be supplied"):
        Step("s", PythonAction(work), timeout=5)
