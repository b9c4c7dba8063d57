"""Work beside the caller's thread: no signal breaks into it, and the caller can ask for its end."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from synergyflow.engine.aside import run_aside

PATIENCE = 60.0


class Alarm(Exception):
    """What a program's own signal handler might raise."""


@pytest.fixture
def handler() -> Iterator[Callable[[BaseException], None]]:
    """Makes SIGUSR1 raise an exception in the main thread."""
    before = signal.getsignal(signal.SIGUSR1)

    def install(error: BaseException) -> None:
        def handle(*_: object) -> None:
            raise error

        signal.signal(signal.SIGUSR1, handle)

    yield install
    signal.signal(signal.SIGUSR1, before)


def signaled() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def test_it_returns_what_the_work_returns() -> None:
    assert run_aside(lambda: 42, lambda count: None) == 42


def test_it_raises_what_the_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        run_aside(lambda: 1 // 0, lambda count: None)


def test_the_work_sees_the_context_variables_of_the_caller() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("of the caller")
    assert run_aside(variable.get, lambda count: None) == "of the caller"


def test_an_interrupt_asks_the_work_to_end_and_its_result_is_returned(handler: Callable[..., None]) -> None:
    handler(KeyboardInterrupt())
    asked, breaks = threading.Event(), list[int]()

    def work() -> str:
        signaled()
        assert asked.wait(PATIENCE)
        return "ended in order"

    def on_break(count: int) -> None:
        breaks.append(count)
        asked.set()

    assert run_aside(work, on_break) == "ended in order"
    assert breaks == [0]


def test_another_exception_of_a_handler_is_raised_again_once_the_work_is_done(handler: Callable[..., None]) -> None:
    handler(Alarm())
    asked, done = threading.Event(), threading.Event()

    def work() -> None:
        signaled()
        assert asked.wait(PATIENCE)
        done.set()

    with pytest.raises(Alarm):
        run_aside(work, lambda count: asked.set())
    assert done.is_set()


def test_who_interrupts_three_times_gets_away_from_work_that_does_not_end(handler: Callable[..., None]) -> None:
    handler(KeyboardInterrupt())
    breaks, go = list[int](), threading.Event()

    def work() -> None:
        signaled()
        go.wait(PATIENCE)

    def on_break(count: int) -> None:
        breaks.append(count)
        threading.Thread(target=signaled).start()

    with pytest.raises(KeyboardInterrupt):
        run_aside(work, on_break)
    assert breaks == [0, 1]
    go.set()
