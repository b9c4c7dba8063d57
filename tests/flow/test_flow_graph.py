"""A flow as its user writes it."""

from __future__ import annotations

import pytest

from synergyflow.actions import IdentityAction, PigAction, ShellCommandAction
from synergyflow.core.jobs import JobKind
from synergyflow.core.timeperiod import TimeQualifier
from synergyflow.errors import DefinitionError, NotFoundError
from synergyflow.flow import FlowGraph, Step

ACTION = IdentityAction()


def diamond() -> FlowGraph:
    return (
        FlowGraph("diamond")
        .append("top", None, ACTION)
        .append("right", ["top"], ACTION)
        .append("left", ("top",), ACTION)
        .append("bottom", ["right", "left"], ACTION)
        .append("alone", [], ACTION)
    )


def test_append_chains_and_the_graph_counts_its_steps() -> None:
    graph = diamond()
    assert len(graph) == 5
    assert "left" in graph
    assert "centre" not in graph
    assert graph["left"].step_name == "left"


def test_iteration_is_parents_first_and_otherwise_as_defined() -> None:
    assert list(diamond()) == ["top", "right", "left", "bottom", "alone"]
    assert [step.step_name for step in diamond().steps] == list(diamond())


def test_all_dependant_steps_are_those_derived_from_a_step() -> None:
    assert diamond().all_dependant_steps("top") == ["right", "left", "bottom"]
    assert diamond().all_dependant_steps("bottom") == []


def test_a_single_name_may_stand_for_a_list_of_one() -> None:
    graph = FlowGraph("f").append("a", None, ACTION).append("b", "a", ACTION)
    assert graph.graph["b"].parents == ("a",)


def test_a_dependency_named_twice_counts_once() -> None:
    graph = FlowGraph("f").append("a", None, ACTION).append("b", ["a", "a"], ACTION)
    assert graph.graph["b"].parents == ("a",)


def test_an_unknown_step_is_not_found_and_the_nearest_is_suggested() -> None:
    with pytest.raises(NotFoundError) as caught:
        diamond()["botom"]
    assert "'botom'" in str(caught.value)
    assert caught.value.hint == "did you mean 'bottom'?"


def test_the_shape_is_made_once_until_a_step_is_added() -> None:
    graph = diamond()
    assert graph.graph is graph.graph
    before = graph.graph
    graph.append("more", ["alone"], ACTION)
    assert "more" in graph.graph
    assert "more" not in before


def test_the_failure_policy_reaches_the_shape() -> None:
    assert FlowGraph("f").graph.stop_on_failure is True
    assert FlowGraph("f", on_failure="continue").graph.stop_on_failure is False


def test_a_graph_is_hashable_and_equal_only_to_itself() -> None:
    one, other = FlowGraph("same"), FlowGraph("same")
    assert len({one, other, one}) == 2
    assert one != other


def test_a_flow_without_steps_is_a_flow() -> None:
    empty = FlowGraph("empty")
    assert bool(empty)
    assert len(empty) == 0
    assert list(empty) == []


def test_enlist_takes_a_step_made_before() -> None:
    step = Step("made", ACTION, retries=2)
    graph = FlowGraph("f").append("a", None, ACTION).enlist(step, ["a"])
    assert graph["made"] is step
    assert graph.graph["made"].parents == ("a",)
    assert graph.graph["made"].retries == 2


def test_enlist_refuses_what_is_no_step() -> None:
    with pytest.raises(DefinitionError, match="enlist takes a Step, not str"):
        FlowGraph("f").enlist("step", None)  # type: ignore[arg-type]


def test_the_source_is_where_the_graph_was_written() -> None:
    graph = FlowGraph("f")
    assert graph.source.file == __file__
    assert graph.source.line == test_the_source_is_where_the_graph_was_written.__code__.co_firstlineno + 1


def test_the_kinds_of_jobs_of_all_actions_reach_the_shape_but_for_skipped_ones() -> None:
    graph = FlowGraph("f").append(
        "a", None, PigAction("x.pig"), pre_actions=[ShellCommandAction("ls")], post_actions=[ACTION]
    )
    graph.append("b", None, ACTION, pre_actions=PigAction("x.pig", skip=True))
    assert graph.graph["a"].job_kinds == {JobKind.PIG, JobKind.SHELL}
    assert graph.graph["a"].group_sizes == (1, 1, 1)
    assert graph.graph["b"].job_kinds == frozenset()
    assert graph.graph["b"].group_sizes == (1, 1, 0)


@pytest.mark.parametrize("qualifier", ["daily", TimeQualifier.DAILY])
def test_the_time_qualifier_is_given_as_text_or_value(qualifier: TimeQualifier | str) -> None:
    assert FlowGraph("f", time_qualifier=qualifier).time_qualifier is TimeQualifier.DAILY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"time_qualifier": "dayly"}, "time_qualifier can't be 'dayly'"),
        ({"on_failure": "ignore"}, "on_failure is 'stop' or 'continue', not 'ignore'"),
        ({"schedule": 5}, "schedule is text or None, not 5"),
        ({"parameters": {"a b": 1}}, "'a b' can't be the name of a parameter"),
        ({"parameters": {"a": [1]}}, "parameter 'a'"),
    ],
)
def test_a_wrong_option_of_a_flow_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        FlowGraph("the_flow", **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "'the_flow'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "parents", "message"),
    [
        ("b", ["a", "q"], "depends on 'q', which is not a step of the flow"),
        ("a", [], "step 'a' is defined twice"),
        ("A", [], "differs from that of step 'a' only by case"),
        ("b", ["b"], "the steps form a cycle: b -> b"),
        ("b", {"a": 1}, "dependent_on_names is a list of names of steps"),
        ("b", [1], "dependent_on_names is a list of names of steps"),
        ("start", [], "'start' is a reserved name"),
        ("Finish", [], "'Finish' is a reserved name"),
        ("the_flow", [], "a step can't bear its flow's name"),
        ("../b", [], "it contains a path separator"),
    ],
)
def test_a_wrong_step_raises_at_once_and_names_file_flow_and_step(name: str, parents: object, message: str) -> None:
    graph = FlowGraph("the_flow").append("a", None, ACTION)
    with pytest.raises(DefinitionError) as caught:
        graph.append(name, parents, ACTION)  # type: ignore[arg-type]
    text = str(caught.value)
    assert message in text
    assert "test_flow_graph.py:" in text
    assert "flow 'the_flow'" in text
    assert f"step {name!r}" in text
    assert len(graph) == 1
    assert graph.faults == ()


def test_an_unknown_dependency_suggests_the_nearest_step() -> None:
    graph = FlowGraph("f").append("ingest", None, ACTION)
    with pytest.raises(DefinitionError) as caught:
        graph.append("clean", ["ingets"], ACTION)
    assert caught.value.hint == "did you mean 'ingest'?"
