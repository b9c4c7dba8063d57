"""What is to be done later: in the order of time, unless it is forgotten, and then without holding memory."""

from __future__ import annotations

from synergyflow.engine.timers import Timers


def test_what_is_due_is_given_once_in_the_order_of_time() -> None:
    timers, done = Timers(), list[str]()
    for time, name in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (2.0, "b, too")):
        timers.at(time, name, lambda name=name: done.append(name))  # type: ignore[misc]
    assert timers.next_time() == 1.0
    for act in timers.due(2.5):
        act()
    assert done == ["a", "b", "b, too"]
    assert timers.due(2.5) == []
    assert timers.next_time() == 3.0


def test_what_is_forgotten_is_never_due() -> None:
    timers = Timers()
    timers.at(1.0, "step a", lambda: None)
    timers.at(2.0, "step a", lambda: None)
    timers.at(3.0, "step b", lambda: None)
    timers.forget("step a")
    timers.forget("step a")
    assert timers.next_time() == 3.0
    assert len(timers.due(10.0)) == 1
    assert timers.next_time() is None


def test_ten_thousand_steps_that_ended_in_time_hold_no_memory() -> None:
    timers = Timers()
    for number in range(10_000):
        timers.at(3600.0 + number, number, lambda: None)
        timers.forget(number)
    assert len(timers) == 0
    assert len(timers._heap) < 100
    assert timers._of == {}
