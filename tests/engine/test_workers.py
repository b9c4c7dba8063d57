"""The threads that run actions: as many as are needed, and no more."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from synergyflow.engine import workers as threads
from synergyflow.engine.workers import KEPT_IDLE, Workers
from tests.engine.conftest import Notes

PATIENCE = 60.0


def working(names: tuple[str, ...] = ("worker",)) -> int:
    return sum(thread.name in names for thread in threading.enumerate())


def until(condition: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.001)):
        if condition():
            return
        threading.Event().wait(0.001)
    pytest.fail("in vain")


def test_tasks_that_wait_for_each_other_all_run_up_to_the_bound(notes: Notes) -> None:
    workers, met = Workers(8, notes), threading.Barrier(8)
    for _ in range(8):
        workers.submit(met.wait, PATIENCE)
    workers.close(wait=True)
    assert not met.broken
    assert notes.lines == []


def test_there_are_never_more_threads_than_the_bound(notes: Notes) -> None:
    workers, gate, begun = Workers(3, notes), threading.Event(), threading.Semaphore(0)

    def task() -> None:
        begun.release()
        gate.wait(PATIENCE)

    for _ in range(10):
        workers.submit(task)
    for _ in range(3):
        assert begun.acquire(timeout=PATIENCE)
    assert not begun.acquire(blocking=False)
    gate.set()
    workers.close(wait=True)
    assert begun.acquire(blocking=False)


def test_one_thread_does_tasks_in_the_order_of_their_submission(notes: Notes) -> None:
    workers, done = Workers(1, notes), list[int]()
    for number in range(100):
        workers.submit(done.append, number)
    workers.close(wait=True)
    assert done == list(range(100))


def test_a_thread_that_is_free_is_used_again(notes: Notes) -> None:
    workers, used = Workers(50, notes), set[int]()
    for _ in range(20):
        done = threading.Event()
        workers.submit(lambda done=done: (used.add(threading.get_ident()), done.set()))
        assert done.wait(PATIENCE)
        until(lambda: workers._idle == workers._threads)
    assert len(used) == 1
    workers.close(wait=True)


def test_threads_go_when_there_is_nothing_to_do_for_them(notes: Notes) -> None:
    before = working()
    workers, met = Workers(60, notes), threading.Barrier(60)
    for _ in range(60):
        workers.submit(met.wait, PATIENCE)
    until(lambda: working() - before <= KEPT_IDLE)
    workers.close(wait=True)
    until(lambda: working() == before)


def test_a_task_that_raises_is_reported_and_harms_nothing_else(notes: Notes) -> None:
    workers, done = Workers(1, notes), threading.Event()

    def broken() -> None:
        raise SystemExit("of all things")

    workers.submit(broken)
    workers.submit(done.set)
    assert done.wait(PATIENCE)
    workers.close(wait=True)
    assert "of all things" in notes.text


def test_after_the_end_nothing_is_taken(notes: Notes) -> None:
    workers, done = Workers(4, notes), threading.Event()
    workers.close(wait=True)
    workers.submit(done.set)
    assert not done.is_set()
    assert workers._threads == 0


def test_an_end_that_does_not_wait_leaves_what_runs_and_drops_what_has_not_begun(notes: Notes) -> None:
    workers, begun, gate, dropped = Workers(1, notes), threading.Event(), threading.Event(), threading.Event()
    workers.submit(lambda: (begun.set(), gate.wait(PATIENCE)))
    workers.submit(dropped.set)
    assert begun.wait(PATIENCE)
    workers.close(wait=False)
    gate.set()
    until(lambda: workers._threads == 0)
    assert not dropped.is_set()


def test_a_system_without_threads_to_give_makes_tasks_wait_for_those_there_are(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, begun, gate, second = Workers(4, notes), threading.Event(), threading.Event(), threading.Event()
    workers.submit(lambda: (begun.set(), gate.wait(PATIENCE)))
    assert begun.wait(PATIENCE)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads.threading.Thread, "start", refuse)
    workers.submit(second.set)
    gate.set()
    assert second.wait(PATIENCE)
    workers.close(wait=True)
