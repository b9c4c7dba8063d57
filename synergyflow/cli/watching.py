"""Who watches a run on the command line: a live view on a terminal, plain lines elsewhere, nobody with `--json`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from synergyflow.cli.invocation import Invocation

if TYPE_CHECKING:
    from synergyflow.config.context import ExecutionContext
    from synergyflow.core.events import Event
    from synergyflow.core.plan import Plan

_TAIL = 4096


class Watcher(Protocol):
    """An observer that can be told that the program ends at once."""

    def begin(self, plan: Plan) -> None: ...
    def on(self, events: Sequence[Event]) -> None: ...
    def abandon(self) -> None: ...


@contextmanager
def watching(invocation: Invocation, context: ExecutionContext) -> Iterator[Sequence[Watcher]]:
    """The observers to give to the engine; when this ends the terminal is as it was."""
    if invocation.json:
        yield []
        return
    from synergyflow.observers.console import LiveConsole, PlainConsole

    options = invocation.context_options
    if not sys.stdout.isatty():
        yield [PlainConsole(sys.stdout, options=options)]
        return
    from synergyflow.cli.render import make_console

    folder = context.log_directory / context.flow_name

    def last_line(step: str) -> str:
        return last_line_of(folder / f"{step}.log", context.timeperiod)

    with LiveConsole(make_console(), last_line=last_line, options=options) as live:
        yield [live]


def last_line_of(path: Path, timeperiod: str) -> str:
    """The message of the last whole line that a run has written to a log; empty if others' lines follow."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            tail = file.read(_TAIL)
    except OSError:
        return ""
    wanted = f" {timeperiod}#".encode()
    for line in reversed(tail.split(b"\n")[:-1]):
        head, found, rest = line.partition(wanted)
        if found and b" " not in head:
            return rest.split(b" ", 3)[-1].decode("utf-8", "replace") if rest.count(b" ") >= 3 else ""
    return ""
