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
"""A signal may reach another thread; its handler runs only when this one wakes up, so it does so now and then."""


@dataclass(slots=True)
class _Work(Generic[Made]):
    act: Callable[[], Made]
    begin: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    value: list[Made] = field(default_factory=list)
    error: BaseException | None = None
    unwanted: bool = False

    def perform(self) -> None:
        """In the thread of its own, once the caller is ready to be interrupted."""
        self.begin.wait()
        try:
            if not self.unwanted:
                self.value.append(self.act())
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread of the caller
            self.error = error
        finally:
            self.done.set()


def run_aside(act: Callable[[], Made], on_break: Callable[[int], None]) -> Made:
    """What `act` returns or raises.

    `on_break` is told each time an exception breaks into the wait, with how many came before: it asks `act` to come to
    its end. At the third one the caller goes and leaves the work alone. An exception other than `KeyboardInterrupt` is
    raised again once the work is done.
    """
    work = _Work(act)
    context = contextvars.copy_context()
    try:
        threading.Thread(target=context.run, args=(work.perform,), name="engine", daemon=True).start()
    except BaseException:
        work.unwanted = True
        work.begin.set()
        raise
    broken = _wait(work, on_break)
    if broken is not None and not isinstance(broken, KeyboardInterrupt):
        raise broken
    if work.error is not None:
        raise work.error
    return work.value[0]


def _wait(work: _Work[Made], on_break: Callable[[int], None]) -> BaseException | None:
    """The first exception that broke into the wait, None if there was none."""
    first: BaseException | None = None
    came = told = 0
    while not work.done.is_set():
        try:
            if told < came:
                told += 1
                on_break(told - 1)
            work.begin.set()
            work.done.wait(SIGNAL_SECONDS)
        except BaseException as error:  # whatever a handler raises
            first = first or error
            came += 1
            if came == 3:
                raise
    return first
