"""The clock that moves when it is told to."""

from datetime import UTC, datetime, timedelta

import pytest

from synergyflow.testing import ManualClock


def test_time_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2016, 6, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.advance(90)
    assert clock.now() == datetime(2016, 6, 1, 0, 1, 30, tzinfo=UTC)
    assert clock.monotonic() == 90


def test_what_falls_due_is_called_in_order_each_at_its_time() -> None:
    clock, called = ManualClock(), []
    for delay in (30, 10, 20, 10):
        clock.call_later(delay, lambda: called.append(clock.monotonic()))
    clock.advance(25)
    assert called == [10, 10, 20]
    assert clock.monotonic() == 25
    clock.advance(5)
    assert called == [10, 10, 20, 30]


def test_what_is_called_may_ask_for_more() -> None:
    clock, called = ManualClock(), []

    def tick() -> None:
        called.append(clock.monotonic())
        clock.call_later(1, tick)

    clock.call_later(1, tick)
    clock.advance(3.5)
    assert called == [1, 2, 3]


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="back"):
        ManualClock().advance(-1)


def test_a_beginning_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2016, 6, 1))  # noqa: DTZ001 - the fault that is to be refused


def test_any_time_zone_becomes_utc() -> None:
    from datetime import timezone

    beginning = datetime(2016, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert ManualClock(beginning).now().isoformat() == "2016-06-01T00:00:00+00:00"
