"""The observers for people at a console: plain lines for pipes, a live view for terminals.

Both show the same sentences and the same summary. What the live view looks like is in `live_table`; Rich is imported
only when there is a live view.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, TextIO

from synergyflow.core.events import Event
from synergyflow.core.plan import Plan
from synergyflow.observers.log_line import utcnow
from synergyflow.observers.run_view import RunView
from synergyflow.observers.sentences import Sentence, Tone, describe, describe_plan
from synergyflow.observers.summary import abandoned, outcome_of, render_summary, status_command

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_REFRESHES_PER_SECOND = 8
_DECENT = 1.0


class PlainConsole:
    """One line for each event that matters, then the summary.

    Args:
        stream: text; what its encoding lacks is written out as an escape.
        options: what the commands suggested at the end must say besides, such as `--context production`.
    """

    def __init__(self, stream: TextIO, *, options: str = "", now: Callable[[], datetime] = utcnow) -> None:
        self._stream = stream
        self._options = options
        self._now = now
        self._view: RunView | None = None

    def begin(self, plan: Plan) -> None:
        """Say what is about to be done."""
        self._view = RunView(plan)
        self._say(self._now(), describe_plan(plan))

    def on(self, events: Sequence[Event]) -> None:
        """Say what has happened."""
        for event in events:
            if (sentence := describe(event)) is not None:
                self._say(event.at, [sentence])
        if self._view is None:
            return
        self._view.apply(events)
        outcome = outcome_of(self._view)
        if outcome is not None and any(event is self._view.ended for event in events):
            self._say(self._now(), render_summary(outcome, options=self._options))

    def abandon(self) -> None:
        """Say that the program ends at once. May be called from a signal handler."""
        if self._view is not None:
            _write_at_once(self._stream, abandoned(self._view, self._options))

    def close(self) -> None:
        """Nothing is held back, so nothing is left to do. May be repeated."""
        self._stream.flush()

    def _say(self, at: datetime, sentences: Sequence[Sentence]) -> None:
        time = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        encoding = self._stream.encoding or "utf-8"
        for sentence in sentences:
            line = f"{time} {sentence.text}\n"
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


class LiveConsole:
    """A view of all that runs, redrawn in place, with what must not be missed above it and the summary left at the end.

    Args:
        console: a Rich console on a terminal.
        last_line: the last log line of a running step, asked at each redraw for the rows that are shown.
        options: as for `PlainConsole`.

    Use as a context, or call `close`: the cursor comes back whatever happens.
    """

    def __init__(
        self,
        console: Console,
        *,
        last_line: Callable[[str], str] = lambda _: "",
        options: str = "",
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._console = console
        self._last_line = last_line
        self._options = options
        self._now = now
        self._lock = threading.Lock()
        self._view: RunView | None = None
        self._live: Live | None = None

    def __enter__(self) -> LiveConsole:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, plan: Plan) -> None:
        """Say what is about to be done and start the view."""
        from rich.live import Live

        self.close()
        with self._lock:
            self._view = RunView(plan)
        self._print(describe_plan(plan))
        if plan.nothing_to_do:
            return
        self._live = Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
        )
        self._live.start()

    def on(self, events: Sequence[Event]) -> None:
        """Take in what has happened; failures and warnings are also left above the view, and all steps at the end."""
        from synergyflow.observers.live_table import final

        self._print([sentence for event in events if (sentence := _lasting(event)) is not None])
        if self._view is None:
            return
        with self._lock:
            self._view.apply(events)
            outcome = outcome_of(self._view)
        if outcome is not None and any(event is self._view.ended for event in events):
            self.close()
            self._console.print(final(self._view))
            self._print([status_command(self._view.plan, self._options)])
            self._print(render_summary(outcome, options=self._options))

    def abandon(self) -> None:
        """Take the view off and say that the program ends at once. May be called from a signal handler.

        The interrupted thread may hold a lock that the view needs, so it is taken off aside, for as long as is decent.
        """
        aside = threading.Thread(target=self.close, daemon=True)
        aside.start()
        aside.join(_DECENT)
        if self._view is not None:
            _write_at_once(self._console.file, abandoned(self._view, self._options))

    def close(self) -> None:
        """Take the view off the terminal. May be repeated."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _picture(self) -> RenderableType:
        from synergyflow.observers.live_table import picture

        with self._lock:
            if self._view is None:
                return ""
            return picture(self._view, self._now(), self._last_line, self._console.width, self._console.height)

    def _print(self, sentences: Sequence[Sentence]) -> None:
        from synergyflow.observers.live_table import line

        for sentence in sentences:
            self._console.print(line(sentence), soft_wrap=True)


def _write_at_once(stream: IO[str], text: str) -> None:
    """Past the buffers, which the interrupted thread may be writing to."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = f"{text}\n".encode(encoding, "backslashreplace")
    try:
        os.write(stream.fileno(), line)
    except (OSError, ValueError):  # no file, or nobody at its other end
        with suppress(OSError, ValueError):
            stream.write(line.decode(encoding))


def _lasting(event: Event) -> Sentence | None:
    """What has to stay to be read after the view has moved on."""
    sentence = describe(event)
    return sentence if sentence is not None and sentence.tone in (Tone.WARNING, Tone.BAD) else None
