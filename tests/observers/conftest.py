"""A log book on a clock that the test sets, and a small plan to watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from synergyflow.config.masking import Masker
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedCluster, PlannedStep
from synergyflow.core.states import StepState
from synergyflow.observers.log_book import LogBook

SECRET = "correct-horse-battery"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2013, 1, 1, 12, 0, 0, 123_999, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, seconds: float) -> datetime:
        self.moment += timedelta(seconds=seconds)
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secret() -> str:
    return SECRET


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def open_book(logs: Path, clock: Clock) -> Iterator[Callable[..., LogBook]]:
    books: list[LogBook] = []

    def make(**options: int) -> LogBook:
        books.append(LogBook(logs, Masker([SECRET]), now=clock, **options))
        return books[-1]

    yield make
    for book in books:
        book.close()


@pytest.fixture
def book(open_book: Callable[..., LogBook]) -> LogBook:
    return open_book()


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    def make(*names: str, flow_name: str = "flights", mode: Mode = Mode.RUN, kept: tuple[str, ...] = ()) -> Plan:
        steps = [
            PlannedStep(name=name, decision=Decision.KEEP, why="processed", state=StepState.PROCESSED) for name in kept
        ] + [
            PlannedStep(name=name, decision=Decision.RUN, why="all steps run", state=StepState.EMBRYO, attempt=1)
            for name in names
        ]
        return Plan(
            flow_name=flow_name,
            timeperiod="2013010100",
            mode=mode,
            requested_step=names[0] if mode in (Mode.RUN_ONE, Mode.RUN_FROM) else None,
            revision=None,
            steps=tuple(steps),
            clusters=(PlannedCluster(name="local-1", profile="local", slots=4),) if names else (),
        )

    return make
