"""Drawings of graphs are read back and say exactly what the graph says."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synergyflow.cli.drawing import dot, draw, mermaid, plain
from synergyflow.cli.lanes import BRIDGE, DOWN, LEFT, NODE, RIGHT, UP, rows_of
from synergyflow.core.graph import Graph, StepSpec


def graph_of(parents: dict[str, list[str]]) -> Graph:
    return Graph([StepSpec(name=name, parents=tuple(given)) for name, given in parents.items()])


def text_of(parents: dict[str, list[str]], room: int = 80) -> list[str]:
    return [f"{line.art} {line.step or ''}".rstrip() for line in draw(graph_of(parents), room=room)]


def read_back(graph: Graph, *, airy: bool) -> dict[str, set[str]]:
    """The parents of each step, found by following the lines alone.

    A lane that a row touches leads into the step if all who feed it are its parents, and else out of it.
    """
    feeding: dict[int, set[str]] = {}
    found: dict[str, set[str]] = {}
    for row in rows_of(graph, airy=airy):
        lanes_above = {index for index, cell in enumerate(row.cells) if cell & UP}
        assert lanes_above == set(feeding), "a line begins or ends in the air"
        lanes_below = {index for index, cell in enumerate(row.cells) if cell & DOWN}
        if row.step is not None:
            column = next(index for index, cell in enumerate(row.cells) if cell & NODE)
            touched = {i for i, cell in enumerate(row.cells) if cell & (LEFT | RIGHT) and not cell & BRIDGE} | {column}
            lanes = {i for i in touched if row.cells[i] & (UP | DOWN)}
            parents = set(graph[row.step].parents)
            incoming = {i for i in lanes if i in feeding and feeding[i] <= parents}
            found[row.step] = set().union(*(feeding[i] for i in incoming))
            for index in (lanes - incoming) | ({column} & lanes_below):
                if index == column and index in incoming:
                    feeding.pop(index)
                feeding.setdefault(index, set()).add(row.step)
        feeding = {index: steps for index, steps in feeding.items() if index in lanes_below}
        assert lanes_below == set(feeding)
    assert not feeding
    return found


def parents_of(graph: Graph) -> dict[str, set[str]]:
    return {name: set(graph[name].parents) for name in graph}


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    names = [f"s{number}" for number in range(draw_(st.integers(0, 14)))]
    parents: dict[str, list[str]] = {}
    for index, name in enumerate(names):
        before = names[:index]
        parents[name] = draw_(st.lists(st.sampled_from(before), unique=True, max_size=4)) if before else []
    return graph_of(parents)


@settings(max_examples=300, deadline=None)
@given(graphs(), st.booleans())
def test_any_drawing_says_what_the_graph_says(graph: Graph, airy: bool) -> None:
    assert read_back(graph, airy=airy) == parents_of(graph)


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_a_step_stands_right_below_another_only_if_it_follows_it_or_joins_the_same_line(graph: Graph) -> None:
    rows = rows_of(graph, airy=False)
    for upper, lower in pairwise(rows):
        for above, below in zip(upper.cells, lower.cells, strict=True):
            if above & NODE and below & NODE and not (above & DOWN and below & UP):
                assert above & (LEFT | RIGHT)
                assert below & (LEFT | RIGHT)


def test_a_diamond() -> None:
    assert text_of({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) == ["● a", "├─●─╮ b", "╰─●─┤ c", "    ● d"]


def test_a_chain_has_room_between_its_steps() -> None:
    assert text_of({"a": [], "b": ["a"]}) == ["● a", "│", "● b"]


def test_a_step_with_a_hundred_children_that_meet_again_needs_few_lanes() -> None:
    parts = [f"part_{number}" for number in range(100)]
    lines = draw(graph_of({"fork": [], **{part: ["fork"] for part in parts}, "join": parts}))
    assert len(lines) == 102
    assert max(len(line.art) for line in lines) <= 6


def test_what_would_be_too_wide_is_a_list_of_layers() -> None:
    random.seed(1)
    names = [f"s{number}" for number in range(200)]
    parents = {name: random.sample(names[:index], min(index, 3)) for index, name in enumerate(names)}
    lines = draw(graph_of(parents), room=40)
    assert len(lines) == 200
    assert {line.step for line in lines} == set(names)
    assert max(len(line.art) for line in lines) < 10


def test_an_empty_flow_has_an_empty_drawing() -> None:
    assert draw(graph_of({})) == []


def test_simple_terminals_get_simple_characters() -> None:
    art = "\n".join(text_of({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}))
    assert plain(art).isascii()


NASTY = ['say "hi"', "a\\b", "x]; y --> z", "<b>&amp;", "[bold]", "größe", "a|b{c}"]


@pytest.mark.parametrize("name", NASTY)
def test_names_can_not_break_out_of_graphviz_and_mermaid(name: str) -> None:
    graph = graph_of({"first": [], name: ["first"]})
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert f'"first" -> "{escaped}";' in dot(graph, name)
    text = mermaid(graph)
    label = text.splitlines()[2]
    assert label.startswith('  s2["')
    assert label.endswith('"]')
    assert not set(label[6:-2]) & set('"<>[]{}|\\&')
    assert "  s1 --> s2" in text


def test_skipped_steps_are_to_be_seen() -> None:
    graph = Graph([StepSpec(name="a", skip=True)])
    assert draw(graph)[0].art == "○"
    assert "dashed" in dot(graph, "f")
    assert ":::skipped" in mermaid(graph)
