"""Commits are numbered without a gap, repeated while that can help, and never make two things of one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from synergyflow.core.events import Event, RunBegan, RunEnded
from synergyflow.core.states import FlowState
from synergyflow.engine import recording
from synergyflow.engine.recording import HURRIED_SECONDS, PATIENCE_SECONDS, Recorder
from synergyflow.errors import LeaseLost, StoreError, StoreUnavailable
from synergyflow.store.base import Lease
from synergyflow.testing import ManualClock
from tests.engine.conftest import Notes
from tests.engine.test_heartbeat import LEASE

NOW = datetime(2013, 1, 1, tzinfo=UTC)
FACT, OTHER = RunBegan(at=NOW), RunBegan(at=NOW.replace(hour=1))
END = RunEnded(at=NOW, state=FlowState.INVALID, error="of all things")
Answer = Exception | Callable[[], Exception | None] | None


class Commits:
    """A store that answers as it is told to, then takes everything; `written` is by revision."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.written: dict[int, Sequence[Event]] = {}
        self.tries = 0

    def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
        self.tries += 1
        answer = self._answers.pop(0) if self._answers else None
        error = answer() if callable(answer) else answer
        if error is not None:
            raise error
        self.written[revision] = events


class Bench:
    def __init__(self, *answers: Answer) -> None:
        self.store, self.clock, self.notes = Commits(*answers), ManualClock(), Notes()
        self.lost, self.given_up = threading.Event(), threading.Event()
        self.recorder = Recorder(
            self.store,
            LEASE,
            is_lost=self.lost.is_set,
            on_given_up=self.given_up.set,
            logger=lambda: self.notes,
            clock=self.clock.monotonic,
        )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAUSES", (0.0,))


def test_revisions_follow_each_other_from_that_of_the_lease() -> None:
    bench = Bench()
    bench.recorder.write([FACT])
    bench.recorder.write([])
    bench.recorder.write([OTHER])
    assert bench.store.written == {2: [FACT], 3: [OTHER]}
    assert bench.recorder.revision == 3


def test_a_database_out_of_reach_is_asked_again_with_the_same_revision() -> None:
    bench = Bench(StoreUnavailable("locked"), StoreUnavailable("locked"))
    bench.recorder.write([FACT])
    assert bench.store.written == {2: [FACT]}
    assert bench.store.tries == 3
    assert bench.notes.text.count("locked") == 2


def test_what_a_database_refuses_is_not_tried_again() -> None:
    bench = Bench(StoreError("no such table"))
    with pytest.raises(StoreError, match="no such table"):
        bench.recorder.write([FACT])
    assert bench.store.tries == 1
    assert bench.recorder.unclear == ()


def test_patience_has_an_end() -> None:
    bench = Bench()
    bench.store._answers = [lambda: (bench.clock.advance(PATIENCE_SECONDS / 3), StoreUnavailable("down"))[1]] * 10
    with pytest.raises(StoreUnavailable):
        bench.recorder.write([FACT])
    assert bench.store.tries == 3
    assert bench.recorder.unclear == [FACT]


def test_who_waits_for_the_engine_to_stop_does_not_wait_as_long() -> None:
    bench = Bench()
    bench.store._answers = [lambda: (bench.clock.advance(HURRIED_SECONDS / 2), StoreUnavailable("down"))[1]] * 10
    bench.recorder.hurry()
    with pytest.raises(StoreUnavailable):
        bench.recorder.write([FACT])
    assert bench.store.tries == 2


def test_somebody_in_a_hurry_cuts_the_pause_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAUSES", (3600.0,))
    tried = threading.Event()
    bench = Bench(lambda: (tried.set(), StoreUnavailable("down"))[1])
    writer = threading.Thread(target=bench.recorder.write, args=([FACT],), daemon=True)
    writer.start()
    assert tried.wait(60.0)
    bench.recorder.hurry()
    writer.join(60.0)
    assert bench.store.written == {2: [FACT]}


def test_an_engine_that_learns_of_its_loss_writes_nothing_more() -> None:
    bench = Bench()
    bench.store._answers = [lambda: (bench.lost.set(), StoreUnavailable("down"))[1]]
    with pytest.raises(LeaseLost):
        bench.recorder.write([FACT])
    assert bench.store.tries == 1


def test_the_end_is_written_behind_a_commit_whose_answer_never_came() -> None:
    bench = Bench()
    bench.store._answers = [lambda: (bench.clock.advance(PATIENCE_SECONDS), StoreUnavailable("down"))[1]]
    with pytest.raises(StoreUnavailable):
        bench.recorder.write([FACT])
    bench.recorder.write_off([OTHER], END)
    assert bench.store.written == {2: [FACT], 3: [OTHER, END]}, "revision 2 may have been written already"


def test_the_end_is_written_even_if_what_happened_last_can_not_be() -> None:
    bench = Bench(StoreError("can't end a step that does not run"))
    bench.recorder.write_off([FACT], END)
    assert bench.store.written == {2: [END]}
    assert not bench.given_up.is_set()


@pytest.mark.parametrize("error", [StoreUnavailable("down"), LeaseLost("another engine"), ValueError("of all things")])
def test_an_end_that_can_not_be_written_is_reported_only(error: Exception) -> None:
    bench = Bench(error, error)
    bench.recorder.write_off([], END)
    assert bench.store.written == {}
    assert "could not be recorded" in bench.notes.text
    assert bench.given_up.is_set()
