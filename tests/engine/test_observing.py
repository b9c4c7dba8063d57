"""Watching must not stop what is watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from synergyflow.core.events import Event, RunBegan
from synergyflow.core.plan import Plan
from synergyflow.engine.observing import Observers
from tests.engine.conftest import Notes
from tests.engine.workshop import Watcher

EVENT = RunBegan(at=datetime(2013, 1, 1, tzinfo=UTC))


class Broken:
    """Fails as it is told to."""

    def __init__(self, error: BaseException, *, at: str) -> None:
        self._error, self._at = error, at
        self.told = 0

    def begin(self, plan: Plan) -> None:
        if self._at == "begin":
            raise self._error

    def on(self, events: Sequence[Event]) -> None:
        self.told += 1
        if self._at == "on":
            raise self._error


@pytest.mark.parametrize("error", [ValueError("no such colour"), SystemExit(3)])
@pytest.mark.parametrize("at", ["begin", "on"])
def test_an_observer_that_raises_is_reported_once_and_told_nothing_more(
    error: BaseException, at: str, notes: Notes
) -> None:
    broken, watcher = Broken(error, at=at), Watcher()
    observers = Observers([broken, watcher], notes)
    observers.begin(None)  # type: ignore[arg-type] - nobody here looks at the plan
    observers.tell([EVENT])
    observers.tell([EVENT])
    assert watcher.events == [EVENT, EVENT]
    assert broken.told == (0 if at == "begin" else 1)
    assert notes.text.count("is told nothing more") == 1
