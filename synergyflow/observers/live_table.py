"""How a run looks on a terminal: a bar, a row for each step as far as the height allows, a line for the rest.

Everything here is drawn from a `RunView` and the size of the terminal; nothing is kept. Texts of flows are put in as
`Text`, never as strings, since Rich would read markup in those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from synergyflow.core.states import StepState
from synergyflow.observers.log_line import one_line
from synergyflow.observers.run_view import Phase, RunView, StepView
from synergyflow.observers.sentences import Sentence, Tone, elapsed
from synergyflow.observers.signs import SIGNS

_MOST_ROWS = 30
_MOST_AT_THE_END = 40
_NARROW = 80
_MIDDLING = 110


def _look(state: str) -> tuple[str, str]:
    return SIGNS[state].shape, SIGNS[state].style


_LOOKS: dict[Phase, tuple[str, str]] = {
    Phase.FAILED: _look("invalid"),
    Phase.RUNNING: _look("in_progress"),
    Phase.RETRY: ("↻", "yellow"),
    Phase.CANCELED: _look("canceled"),
    Phase.WAITING: _look("embryo"),
    Phase.PROCESSED: _look("processed"),
    Phase.NOOP: _look("noop"),
    Phase.KEPT: (_look("processed")[0], "dim"),
    Phase.LEFT: ("-", "dim"),
}
_TONES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.WARNING: "yellow", Tone.BAD: "red"}
_WORTH_A_ROW = (Phase.FAILED, Phase.RUNNING, Phase.RETRY, Phase.CANCELED)


def line(sentence: Sentence) -> Text:
    """A sentence in the colour of its tone."""
    return Text(sentence.text, style=_TONES[sentence.tone])


def picture(view: RunView, now: datetime, last_line: Callable[[str], str], width: int, height: int) -> RenderableType:
    """The whole view, never higher than the terminal."""
    shown = chosen(view, room=max(1, height - 4))
    parts: list[RenderableType] = [_bar(view, now, width), _table(shown, now, last_line, width)]
    hidden = Counter(step.phase for step in view.steps.values()) - Counter(step.phase for step in shown)
    if hidden:
        parts.append(_rest(hidden))
    return Group(*parts)


def chosen(view: RunView, room: int) -> list[StepView]:
    """The steps that get a row: all if they are few, else what failed or is at work, as far as there is room."""
    steps = list(view.steps.values())
    if len(steps) <= min(room, _MOST_ROWS):
        return steps
    ranked = [step for phase in _WORTH_A_ROW for step in steps if step.phase is phase]
    kept = {step.name for step in ranked[:room]}
    return [step for step in steps if step.name in kept]


def final(view: RunView) -> RenderableType:
    """What became of the steps: of each if they are few, else of those that failed, with the number of the others."""
    steps = list(view.steps.values())
    if len(steps) > _MOST_AT_THE_END:
        steps = [step for step in steps if step.phase in (Phase.FAILED, Phase.CANCELED)][:_MOST_AT_THE_END]
    parts: list[RenderableType] = [_final_table(steps)] if steps else []
    hidden = Counter(step.state for step in view.steps.values()) - Counter(step.state for step in steps)
    if hidden:
        told = " · ".join(f"{hidden[state]:,} {state}" for state in StepState if hidden[state])
        parts.append(Text(f"… and {told}", style="dim"))
    return Group(*parts)


def _final_table(steps: Sequence[StepView]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for title in ("step", "state", "attempt", "cluster", "duration"):
        table.add_column(title, overflow="fold")
    for step in steps:
        sign = SIGNS[step.state]
        took = step.seconds(step.finished_at) if step.finished_at is not None else None
        table.add_row(
            Text(one_line(step.name)),
            Text(f"{sign.shape} {step.state}", style=sign.style if step.planned else "dim", no_wrap=True),
            Text(str(step.attempt or "")),
            Text(one_line(step.cluster), style="dim"),
            Text("" if took is None else elapsed(took)),
        )
    return table


def _bar(view: RunView, now: datetime, width: int) -> RenderableType:
    over, planned = view.over, view.planned
    row = Table.grid(padding=(0, 1))
    row.add_column(no_wrap=True, overflow="ellipsis", max_width=max(10, width // 2))
    row.add_column()
    row.add_column(no_wrap=True)
    style = "red" if any(step.phase is Phase.FAILED for step in view.steps.values()) else "cyan"
    row.add_row(
        Text(f"{view.plan.flow_name} {view.plan.timeperiod}", style="bold"),
        ProgressBar(total=max(planned, 1), completed=over, width=max(5, width // 4), complete_style=style),
        Text(f"{over:,}/{planned:,}  {elapsed(view.seconds(now))}"),
    )
    return row


def _table(steps: Sequence[StepView], now: datetime, last_line: Callable[[str], str], width: int) -> Table:
    """The rows; a narrow terminal goes without cluster and attempt."""
    table = Table.grid(padding=(0, 1))
    table.width = width
    table.add_column(no_wrap=True, min_width=11)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    if width >= _NARROW:
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(8, width // 8))
    if width >= _MIDDLING:
        table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right", min_width=7)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for step in steps:
        shape, style = _LOOKS[step.phase]
        cells = [Text(f"{shape} {step.phase}", style=style), Text(one_line(step.name))]
        if width >= _NARROW:
            cells.append(Text(one_line(step.cluster), style="dim"))
        if width >= _MIDDLING:
            cells.append(Text(f"attempt {step.attempt}" if step.attempt else "", style="dim"))
        seconds = step.seconds(now)
        cells += [Text("" if seconds is None else elapsed(seconds)), _remark(step, last_line)]
        table.add_row(*cells)
    return table


def _remark(step: StepView, last_line: Callable[[str], str]) -> Text:
    if step.phase is Phase.RUNNING:
        return Text(one_line(last_line(step.name)), style="dim")
    if step.phase in (Phase.FAILED, Phase.RETRY, Phase.CANCELED):
        return Text(one_line(step.error or ""), style=_LOOKS[step.phase][1])
    return Text("")


def _rest(hidden: Counter[Phase]) -> Text:
    parts = [f"{hidden[phase]:,} {phase}" for phase in Phase if hidden[phase]]
    return Text("… and " + " · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")
