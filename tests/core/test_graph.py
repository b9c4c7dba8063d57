"""The shape of a flow: its order, its relatives, and what is no flow."""

from __future__ import annotations

from itertools import pairwise, permutations
from random import Random

import pytest

from synergyflow.core.graph import Graph, StepSpec
from synergyflow.errors import DefinitionError, NotFoundError


def graph_of(**parents: str) -> Graph:
    """A graph from lines such as `c="a b"`."""
    return Graph(StepSpec(name=name, parents=tuple(before.split())) for name, before in parents.items())


def test_steps_come_in_the_order_of_their_definition_if_parents_come_first() -> None:
    assert list(graph_of(b="", a="", c="a b", d="")) == ["b", "a", "c", "d"]


def test_a_step_defined_before_its_parent_waits_for_it_and_no_longer() -> None:
    assert list(graph_of(late="first", other="", first="", last="")) == ["other", "first", "late", "last"]


def test_the_order_of_a_large_graph_has_parents_first_and_is_the_same_each_time() -> None:
    random = Random(7)
    specs = [
        StepSpec(name=f"s{n}", parents=tuple(f"s{p}" for p in random.sample(range(n), min(n, 3)))) for n in range(2000)
    ]
    random.shuffle(specs)

    graph = Graph(specs)

    places = graph.positions
    assert all(places[parent] < places[name] for name, spec in graph.specs.items() for parent in spec.parents)
    assert list(Graph(specs)) == list(graph) == sorted(places, key=places.__getitem__)
    assert set(graph) == {spec.name for spec in specs}


def test_a_chain_of_many_thousand_steps_is_no_matter_of_recursion() -> None:
    names = [f"s{number}" for number in range(20_000)]
    specs = [StepSpec(name=name, parents=(before,)) for before, name in pairwise(names)]

    graph = Graph([StepSpec(name=names[0]), *specs])

    assert len(graph.descendants(names[0])) == len(graph.ancestors(names[-1])) == 19_999


def test_every_order_of_definition_gives_parents_first() -> None:
    specs = {
        "a": StepSpec(name="a"),
        "b": StepSpec(name="b", parents=("a",)),
        "c": StepSpec(name="c", parents=("a",)),
        "d": StepSpec(name="d", parents=("b", "c")),
    }
    for names in permutations(specs):
        order = list(Graph(specs[name] for name in names))
        assert order[0] == "a"
        assert order[-1] == "d"


def test_relatives_are_told_without_the_step_itself() -> None:
    graph = graph_of(a="", b="a", c="a", d="b c", e="")

    assert graph.descendants("a") == {"b", "c", "d"}
    assert graph.ancestors("d") == {"a", "b", "c"}
    assert graph.children("a") == ("b", "c")
    assert graph.descendants("e") == graph.ancestors("e") == frozenset()


def test_a_parent_named_twice_counts_once() -> None:
    graph = graph_of(a="", b="a a")

    assert list(graph) == ["a", "b"]
    assert graph.children("a") == ("b",)


def test_an_empty_graph_is_a_graph() -> None:
    assert len(Graph([])) == 0
    assert list(Graph([])) == []


@pytest.mark.parametrize(
    ("parents", "cycle"),
    [
        ({"a": "a"}, ["a", "a"]),
        ({"a": "b", "b": "a"}, ["a", "b", "a"]),
        ({"before": "", "x": "before z", "y": "x", "z": "y", "after": "z"}, ["x", "y", "z", "x"]),
    ],
)
def test_a_cycle_is_named_in_the_order_in_which_it_would_run(parents: dict[str, str], cycle: list[str]) -> None:
    with pytest.raises(DefinitionError) as refused:
        graph_of(**parents)

    named = str(refused.value).removeprefix("the steps form a cycle: ").split(" -> ")
    assert named[0] == named[-1]
    assert sorted(named[1:]) == sorted(cycle[1:])
    assert all(earlier in parents[later].split() for earlier, later in pairwise(named))


def test_an_unknown_parent_is_named_with_the_step_that_wants_it() -> None:
    with pytest.raises(DefinitionError, match=r"step 'b' depends on 'nobody'"):
        graph_of(a="", b="a nobody")


def test_a_name_can_be_given_once() -> None:
    with pytest.raises(DefinitionError, match=r"'a' is defined twice"):
        Graph([StepSpec(name="a"), StepSpec(name="a")])


def test_asking_for_a_step_that_is_not_there_says_so() -> None:
    graph = graph_of(a="")

    assert "a" in graph
    assert "b" not in graph
    with pytest.raises(NotFoundError, match="'b'"):
        graph["b"]
