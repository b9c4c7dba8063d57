"""The charts of the report as inline SVG: numbers in, markup out. Colours are classes that the page's style defines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from synergyflow.demo.markup import Markup, element

_LEFT, _TOP, _BOTTOM, _GAP = 34.0, 12.0, 26.0, 1.5


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart: its label, what a reader sees on pointing at it, and (class, height) from below."""

    label: str
    title: str
    parts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        """The height of the whole column."""
        return sum(height for _, height in self.parts)


def stacked_columns(columns: Sequence[Column], *, width: int, height: int, label_every: int, summary: str) -> Markup:
    """Columns of stacked parts over a grid; `summary` says in words what the chart shows."""
    step = _grid_step(max((column.total for column in columns), default=0))
    highest = step * max(1, ceil(max((column.total for column in columns), default=0) / step))
    scale = (height - _TOP - _BOTTOM) / highest
    pitch = (width - _LEFT) / max(1, len(columns))
    drawn = [
        _column(column, _LEFT + number * pitch, pitch, height - _BOTTOM, scale, labelled=number % label_every == 0)
        for number, column in enumerate(columns)
    ]
    lines = [_grid_line(value, height - _BOTTOM - value * scale, width) for value in range(0, highest + 1, step)]
    return element(
        "svg", *lines, *drawn, viewBox=f"0 0 {width} {height}", role="img", aria_label=summary, class_="columns"
    )


def share_bar(share: float) -> Markup:
    """A bar filled from the left up to `share`, 0 to 1; the number itself is told beside it."""
    return element(
        "svg",
        element("rect", class_="track", width=100, height=8, rx=1),
        element("rect", class_="late", width=_number(100 * share), height=8, rx=1),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )


def _column(column: Column, left: float, pitch: float, ground: float, scale: float, *, labelled: bool) -> Markup:
    space = min(pitch * 0.28, 10)
    parts, foot = [], ground
    for name, value in column.parts:
        if value:
            tall = value * scale
            parts.append(_part(name, left + space / 2, foot - tall, pitch - space, tall))
            foot -= tall
    target = element(
        "rect", x=_number(left), y=_number(_TOP), width=_number(pitch), height=_number(ground - _TOP), class_="target"
    )
    label = [_text(column.label, left + pitch / 2, ground + 18, "middle")] if labelled else []
    return element("g", element("title", column.title), target, *parts, *label, class_="column")


def _part(name: str, left: float, top: float, width: float, height: float) -> Markup:
    visible = height - _GAP if height > 2 * _GAP else height
    return element(
        "rect", x=_number(left), y=_number(top), width=_number(width), height=_number(visible), rx=1, class_=name
    )


def _grid_line(value: int, y: float, width: int) -> Markup:
    line = element("line", x1=_LEFT, x2=width, y1=_number(y), y2=_number(y))
    return element("g", line, _text(str(value), _LEFT - 8, y + 4, "end"), class_="grid" if value else "ground")


def _text(text: str, x: float, y: float, anchor: str) -> Markup:
    return element("text", text, x=_number(x), y=_number(y), text_anchor=anchor)


def _grid_step(highest: int) -> int:
    """A round number of which at most four make up the height."""
    return next((step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500) if step * 4 >= highest), 1000)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
