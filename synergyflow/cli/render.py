"""How the program's answers look: the console, tables, states with shape and colour, times; all on Rich.

Texts of flows become `Text`, never strings, since Rich would read markup in those. On a terminal tables fit its width;
elsewhere each row is one line of whatever length, so that nothing is lost to `grep`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from synergyflow.cli.drawing import plain
from synergyflow.observers.log_line import one_line, visible
from synergyflow.observers.sentences import elapsed
from synergyflow.observers.signs import SIGNS, UNKNOWN

_WIDE = 10_000
DECISIONS = {"run": "bold cyan", "continue": "bold cyan", "skip": "yellow", "keep": "green", "leave": "dim"}


class _Console(Console):
    """A console that leaves it to its caller what a reader who has gone means."""

    def on_broken_pipe(self) -> None:
        """Raise what there was, in place of an exit code of Rich's own."""
        raise BrokenPipeError


def make_console() -> Console:
    """The console on stdout. `NO_COLOR` and the terminal's abilities are respected."""
    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or "COLUMNS" in os.environ else _WIDE
    return _Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


class Page:
    """What one command prints, piece by piece."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console if console is not None else make_console()
        self.is_unicode = (self.console.encoding or "").lower().startswith("utf")

    def add(self, *pieces: RenderableType) -> None:
        """Print the pieces; where nobody looks at a terminal, without blanks at the ends of lines."""
        for piece in pieces:
            if self.console.is_terminal:
                self.console.print(piece)
            else:
                self._add_stripped(piece)

    def copyable(self, text: Text | str) -> None:
        """Print lines that are not to be broken, such as commands and paths."""
        self.console.print(text if isinstance(text, Text) else Text(text), soft_wrap=True, end="\n")

    def title(self, *parts: str | Text) -> None:
        """The line that an answer begins with."""
        self.copyable(Text(" ").join(part if isinstance(part, Text) else Text(part, "bold") for part in parts))

    def note(self, text: str, style: str = "yellow") -> None:
        """A line that a reader should not miss."""
        self.copyable(Text.assemble(("note: ", style), one_line(text)))

    def commands(self, rows: Sequence[tuple[str, str]]) -> None:
        """What to try next: a purpose and a command line each."""
        width = max((len(purpose) for purpose, _ in rows), default=0)
        for purpose, line in rows:
            self.copyable(Text.assemble((f"{purpose + ':':<{width + 1}}  ", "dim"), (line, "cyan")))

    def state(self, state: str) -> Text:
        """A state with its shape and colour."""
        sign = SIGNS.get(state, UNKNOWN)
        return Text(f"{sign.shape if self.is_unicode else sign.simple} {state}", sign.style)

    def art(self, text: str) -> str:
        """A piece of a drawing, in characters that the console has."""
        return text if self.is_unicode else plain(text)

    def _add_stripped(self, piece: RenderableType) -> None:
        buffer = StringIO()
        console = self.console
        Console(
            file=buffer,
            width=console.width,
            highlight=False,
            markup=False,
            emoji=False,
            no_color=True,
            color_system=None,
        ).print(piece)
        lines = [line.rstrip() for line in buffer.getvalue().split("\n")]
        text = "\n".join(lines)
        console.file.write(text)


def table(*columns: str) -> Table:
    """A table without lines; names fold where there is no room, so that they stay whole."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def row(made: Table, *cells: str | Text | None) -> None:
    """Add a row; whatever text a cell has is shown as it is, in one line."""
    made.add_row(*(cell if isinstance(cell, Text) else Text(one_line(cell or "")) for cell in cells))


def quiet(text: str | None) -> Text:
    """Text of little weight."""
    return Text(one_line(text or ""), "dim")


def bad(text: str | None) -> Text:
    """The first line of an error."""
    return Text(one_line(text or ""), "red")


def error_block(head: str, error: str) -> Text:
    """All lines of an error below a heading."""
    block = Text(f"{head}\n", "bold red")
    lines = [visible(line).replace("\t", "    ").rstrip() for line in error.splitlines() if line.strip()]
    block.append("\n".join(f"  {line}" for line in lines), style="red")
    return block


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at is not None else ""


def duration(began: datetime | None, ended: datetime | None, now: datetime | None = None) -> str:
    """How long something took, or takes if `now` is given and it has not ended."""
    until = ended or now
    return elapsed((until - began).total_seconds()) if began is not None and until is not None else ""


def counted(states: Iterable[str]) -> str:
    """How many of each: `3 processed, 1 invalid`, in the order of the life of a step."""
    found = list(states)
    order = [*SIGNS, *sorted({state for state in found if state not in SIGNS})]
    return ", ".join(f"{found.count(state):,} {state}" for state in order if state in found)


def make_story_console() -> Console:
    """A console for longer texts, which are broken into lines wherever they go."""
    return _Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 110)
