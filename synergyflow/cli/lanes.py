"""Where a graph's steps and connecting lines stand when it is drawn with one row for each step, parents above.

Pure: names in, cells out. Steps that have the same children share one lane down to them, so that a step with a hundred
parallel children that meet again needs two lanes and not a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from synergyflow.core.graph import Graph

LEFT, RIGHT, UP, DOWN, NODE, BRIDGE = 1, 2, 4, 8, 16, 32
"""What a cell has: arms in four directions, the step itself, a lane that is passed over without touching it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the drawing. `step` is None for a line that only leads on."""

    step: str | None
    cells: tuple[int, ...]


@dataclass(slots=True)
class _Lane:
    """A line down from the steps of one group to the children that they share."""

    children: tuple[str, ...]
    waiting: set[str] = field(default_factory=set)


def rows_of(graph: Graph, *, airy: bool = True) -> list[Row]:
    """The drawing, row by row. `airy`: a line between a step and the one right below it that it leads to."""
    drawing = _Drawing(graph)
    rows: list[Row] = []
    for name in graph:
        before = drawing.lanes_below
        row, straight = drawing.draw(name)
        if airy and straight and rows:
            rows.append(Row(None, tuple(UP | DOWN if lane is not None else 0 for lane in before)))
        rows.append(row)
    width = max((len(row.cells) for row in rows), default=0)
    return [Row(row.step, row.cells + (0,) * (width - len(row.cells))) for row in rows]


class _Drawing:
    """The lanes as they are below the last row drawn."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._lanes: list[_Lane | None] = []
        self._above: tuple[int, int | None] = (-1, None)
        groups: dict[tuple[str, ...], int] = {}
        for name in graph:
            children = graph.children(name)
            groups[children] = groups.get(children, 0) + 1
        self._group_sizes = groups

    @property
    def lanes_below(self) -> list[_Lane | None]:
        return list(self._lanes)

    def draw(self, name: str) -> tuple[Row, bool]:
        """The row of the step, and whether the step stands right below a step whose lane leads to it."""
        above = list(self._lanes)
        incoming = [index for index, lane in enumerate(above) if lane is not None and name in lane.waiting]
        ending = [index for index in incoming if self._arrive(index, name)]
        children = self._graph.children(name)
        shared = self._group_sizes[children] > 1 and bool(children)
        target = self._lane_of(children) if shared else None
        column = self._place(ending, above, target)
        straight = column in ending and column == self._above[0]
        if children:
            target = self._open(children, column, target, above if shared else None)
        cells = self._cells(above, incoming, ending, column, target)
        self._above = (column, target if shared else None)
        self._trim()
        return Row(name, tuple(cells)), straight

    def _arrive(self, index: int, name: str) -> bool:
        """Take the step off the lane's list; whether the lane ends with it."""
        lane = self._lanes[index]
        assert lane is not None
        lane.waiting.discard(name)
        if not lane.waiting:
            self._lanes[index] = None
            return True
        return False

    def _lane_of(self, children: tuple[str, ...]) -> int | None:
        found = (index for index, lane in enumerate(self._lanes) if lane is not None and lane.children == children)
        return next(found, None)

    def _place(self, ending: Sequence[int], above: Sequence[_Lane | None], target: int | None) -> int:
        """The column of the step: left of the lane that it joins, else where one of its own ends, else a free one.

        It never stands right below a step that it does not follow, but for one that joined the same lane.
        """
        last_column, last_target = self._above
        free = [i for i, lane in enumerate(above) if lane is None and (i != last_column or target == last_target)]
        if target is not None:
            beside = [index for index in free if max(ending, default=-1) < index < target]
            if beside:
                return beside[-1]
        if ending:
            return ending[0] if target is None else max(ending, key=lambda index: (index < target, index))
        first = max((index for index, lane in enumerate(above) if lane is not None), default=-1) + 1
        return first if first != last_column else first + 1

    def _open(
        self, children: tuple[str, ...], column: int, target: int | None, above: Sequence[_Lane | None] | None
    ) -> int:
        """The lane to the children, made if this is the first step that needs it.

        A shared one (`above` is given) begins beside the step, and never where another one ends in the same row.
        """
        if target is not None:
            return target
        index = column if above is None else self._free_right_of(column, above)
        self._grow(index)
        self._lanes[index] = _Lane(children, set(children))
        return index

    def _free_right_of(self, column: int, above: Sequence[_Lane | None]) -> int:
        index = column + 1
        while any(index < len(lanes) and lanes[index] is not None for lanes in (self._lanes, above)):
            index += 1
        return index

    def _grow(self, index: int) -> None:
        self._lanes.extend([None] * (index + 1 - len(self._lanes)))

    def _trim(self) -> None:
        while self._lanes and self._lanes[-1] is None:
            self._lanes.pop()

    def _cells(
        self,
        above: Sequence[_Lane | None],
        incoming: Sequence[int],
        ending: Sequence[int],
        column: int,
        target: int | None,
    ) -> list[int]:
        width = max(len(above), len(self._lanes), column + 1, (target or 0) + 1)
        cells = [0] * width
        for index, lane in enumerate(above):
            if lane is not None:
                cells[index] |= UP | (0 if index in ending else DOWN)
        if target is not None:
            cells[target] |= DOWN
        touched = {*incoming, *([target] if target is not None else [])} - {column}
        reach = [column, *touched]
        for index in range(min(reach), max(reach) + 1):
            if index > min(reach):
                cells[index] |= LEFT
            if index < max(reach):
                cells[index] |= RIGHT
            if index not in touched and index != column and cells[index] & (UP | DOWN):
                cells[index] |= BRIDGE
        cells[column] |= NODE
        return cells
