"""Work in a thread of its own while the caller only waits, so that no signal can break into it half-way.

A `KeyboardInterrupt`, or whatever a handler of the caller's raises, arrives where nothing can be left undone.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Made = TypeVar("Made")

SIGNAL_SECONDS = 0.1
"""A signal may reach another thread of the process; its handler runs when this one wakes up, so that it does so often."""


@dataclass(slots=True)
class _Outcome(Generic[Made]):
    value: list[Made] = field(default_factory=list)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


def run_aside(work: Callable[[], Made], on_break: Callable[[int], None]) -> Made:
    """What `work` returns or raises.

    `on_break` is told each time an exception breaks into the wait, with how many came before: it asks `work` to come
    to its end. After the third one the caller goes and leaves the work alone. An exception other than
    `KeyboardInterrupt` is raised again once the work is done.
    """
    outcome: _Outcome[Made] = _Outcome()

    def perform() -> None:
        try:
            outcome.value.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread of the caller
            outcome.error = error
        finally:
            outcome.done.set()

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(perform,), name="engine", daemon=True).start()
    broken = _wait(outcome.done, on_break)
    if broken is not None and not isinstance(broken, KeyboardInterrupt):
        raise broken
    if outcome.error is not None:
        raise outcome.error
    return outcome.value[0]


def _wait(done: threading.Event, on_break: Callable[[int], None]) -> BaseException | None:
    """The first exception that broke into the wait, None if there was none."""
    first: BaseException | None = None
    count = 0
    while not done.is_set():
        try:
            done.wait(SIGNAL_SECONDS)
        except BaseException as error:  # whatever a handler raises
            if count == 2:
                raise
            first = first or error
            on_break(count)
            count += 1
    return first
