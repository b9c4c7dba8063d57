"""Graphs as text: drawn with lines for a terminal, or written for Graphviz and Mermaid. No colours, nothing printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from synergyflow.cli.lanes import BRIDGE, DOWN, LEFT, NODE, RIGHT, UP, rows_of
from synergyflow.core.graph import Graph

_LINES = {
    0: " ",
    UP: "│",
    DOWN: "│",
    UP | DOWN: "│",
    LEFT: "─",
    RIGHT: "─",
    LEFT | RIGHT: "─",
    LEFT | UP: "╯",
    RIGHT | UP: "╰",
    LEFT | DOWN: "╮",
    RIGHT | DOWN: "╭",
    LEFT | RIGHT | UP: "┴",
    LEFT | RIGHT | DOWN: "┬",
    LEFT | UP | DOWN: "┤",
    RIGHT | UP | DOWN: "├",
    LEFT | RIGHT | UP | DOWN: "┼",
}
_PLAIN = str.maketrans("│─╯╰╮╭┴┬┤├┼●○", "|-''..+++++*o")
_DASHED = ' [style="rounded,dashed"]'
_AIRY_UP_TO = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a drawing: lines and dots, then the name of the step that stands in it, if any."""

    art: str
    step: str | None


def draw(graph: Graph, *, room: int = 40) -> list[Line]:
    """The graph with one line for each step, parents above their children, the lines in at most `room` columns.

    A graph that would need too many lanes side by side comes as a list of layers: the steps of a layer wait for none
    of the same or a later one, and what they wait for has to be said beside their names.
    """
    rows = rows_of(graph, airy=len(graph) <= _AIRY_UP_TO)
    if rows and 2 * len(rows[0].cells) > room:
        return _layers(graph)
    return [Line(_art(row.cells, graph, row.step), row.step) for row in rows]


def plain(text: str) -> str:
    """`text` with the characters of drawings replaced by ones that every terminal has."""
    return text.translate(_PLAIN)


def _art(cells: Iterable[int], graph: Graph, step: str | None) -> str:
    parts = []
    for cell in cells:
        if cell & NODE:
            parts.append("○" if step is not None and graph[step].skip else "●")
        elif cell & BRIDGE:
            parts.append("│")
        else:
            parts.append(_LINES[cell])
        parts.append("─" if cell & RIGHT else " ")
    return "".join(parts).rstrip() if parts else ""


def _layers(graph: Graph) -> list[Line]:
    depth: dict[str, int] = {}
    for name in graph:
        depth[name] = 1 + max((depth[parent] for parent in graph[name].parents), default=0)
    lines = []
    for layer in range(1, max(depth.values(), default=0) + 1):
        names = [name for name in graph if depth[name] == layer]
        for index, name in enumerate(names):
            mark = "○" if graph[name].skip else "●"
            lines.append(Line(f"{f'{layer}' if index == 0 else '':>4} {mark}", name))
    return lines


def dot(graph: Graph, flow_name: str) -> str:
    """The graph in the language of Graphviz."""
    lines = [
        f"digraph {_quoted(flow_name)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    for name in graph:
        lines.append(f"  {_quoted(name)}{_DASHED if graph[name].skip else ''};")
    lines += [f"  {_quoted(parent)} -> {_quoted(name)};" for name in graph for parent in graph[name].parents]
    return "\n".join([*lines, "}", ""])


def mermaid(graph: Graph) -> str:
    """The graph in the language of Mermaid; names stand in labels, since few of them are fit to be identifiers."""
    number = {name: f"s{index}" for index, name in enumerate(graph, start=1)}
    lines = ["flowchart LR"]
    for name in graph:
        skipped = ":::skipped" if graph[name].skip else ""
        lines.append(f'  {number[name]}["{_label(name)}"]{skipped}')
    lines += [f"  {number[parent]} --> {number[name]}" for name in graph for parent in graph[name].parents]
    if any(graph[name].skip for name in graph):
        lines.append("  classDef skipped stroke-dasharray: 4 4")
    return "\n".join([*lines, ""])


def _quoted(name: str) -> str:
    """An identifier of DOT: any text in double quotes, with quotes and backslashes of its own escaped."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(name: str) -> str:
    """Text of a Mermaid label: everything but letters, digits and harmless signs as a character code."""
    return "".join(
        character if character.isalnum() or character in " _-." else f"#{ord(character)};" for character in name
    )
