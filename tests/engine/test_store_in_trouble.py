"""The database fails, refuses, or belongs to somebody else: nothing is lost, nothing is done twice, nothing is left."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from synergyflow import FlowGraph, PythonAction, ShellCommandAction
from synergyflow.core.events import Event, JobIntended, JobSubmitted, StepEnded, StepStarted
from synergyflow.core.records import RunRecord
from synergyflow.core.states import FailureClass, FlowState, StepState
from synergyflow.engine import recording
from synergyflow.errors import LeaseLost, PlanRefused, StoreError, StoreUnavailable
from synergyflow.store.base import Lease
from synergyflow.store.sql import SqlStore
from synergyflow.testing import FakeCluster, FakeProvider
from tests.engine.workshop import NEVER, TIMEPERIOD, Workshop, by_command

PATIENCE = 60.0
Trouble = Callable[[Sequence[Event]], Exception | None]


class Troubled(SqlStore):
    """Commits as `trouble` lets it: the error that it gives is raised, before or (`after`) after the write."""

    def __init__(self, url: str, trouble: Trouble, *, after: bool = False) -> None:
        super().__init__(url)
        self._trouble = trouble
        self._after = after
        self.tries = 0

    def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
        self.tries += 1
        error = self._trouble(events)
        if error is not None and not self._after:
            raise error
        super().commit(lease, revision, events)
        if error is not None:
            raise error


def every_other(error: Exception) -> Trouble:
    """The error at the first try of each commit."""
    tries = [0]

    def trouble(events: Sequence[Event]) -> Exception | None:
        tries[0] += 1
        return error if tries[0] % 2 else None

    return trouble


def from_first(kind: type[Event], error: Exception) -> Trouble:
    """The error from the first commit on that tells of such an event."""
    broken = [False]

    def trouble(events: Sequence[Event]) -> Exception | None:
        broken[0] |= any(isinstance(event, kind) for event in events)
        return error if broken[0] else None

    return trouble


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAUSES", (0.001,))


def diamond() -> FlowGraph:
    flow = FlowGraph("diamond").append("a", [], ShellCommandAction("a"))
    for name in ("b", "c"):
        flow.append(name, ["a"], ShellCommandAction(name))
    return flow.append("d", ["b", "c"], ShellCommandAction("d"))


def submitted(cluster: FakeCluster) -> list[str]:
    return [call.subject for call in cluster.ledger if call.verb == "submit"]


# -- a database that comes back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["nothing was written", "it was written, but not answered"])
def test_a_database_that_fails_at_every_other_commit_delays_a_flow_and_nothing_else(
    workshop: Workshop, after: bool
) -> None:
    flow, cluster = diamond(), FakeCluster()
    store = Troubled(workshop.url, every_other(StoreUnavailable("database is locked")), after=after)
    result = workshop.run(flow, cluster, store=store)
    store.close()
    assert result.state is FlowState.PROCESSED
    assert len(submitted(cluster)) == len(set(submitted(cluster))) == 4
    assert [len(workshop.attempts(flow, step)) for step in "abcd"] == [1, 1, 1, 1]
    kinds = workshop.kinds(flow)
    assert kinds.count("step_started") == kinds.count("step_ended") == 4
    assert kinds.count("run_ended") == 1
    assert "database is locked" in workshop.log(flow)


def test_nothing_starts_while_a_commit_is_under_way(workshop: Workshop) -> None:
    reached, go = threading.Event(), threading.Event()

    def hold(events: Sequence[Event]) -> Exception | None:
        if any(isinstance(event, StepEnded) and event.step == "a" for event in events):
            reached.set()
            assert go.wait(PATIENCE)
        return None

    flow, cluster = diamond(), FakeCluster()
    store = Troubled(workshop.url, hold)
    running = workshop.start(flow, cluster, store=store)
    assert reached.wait(PATIENCE)
    assert len(submitted(cluster)) == 1
    go.set()
    assert running.result().state is FlowState.PROCESSED
    store.close()


def test_the_result_is_there_although_the_database_was_busy_when_it_was_asked_for(workshop: Workshop) -> None:
    class Busy(SqlStore):
        ended = False
        busy = 1

        def commit(self, lease: Lease, revision: int, events: Sequence[Event]) -> None:
            super().commit(lease, revision, events)
            self.ended = workshop.record(flow).owner is None

        def load(self, flow_name: str, timeperiod: str) -> RunRecord | None:
            if self.ended and self.busy:
                self.busy -= 1
                raise StoreUnavailable("database is locked")
            return super().load(flow_name, timeperiod)

    flow = diamond()
    workshop.engine(flow, FakeCluster(), store=SqlStore(workshop.url))
    store = Busy(workshop.url)
    assert workshop.run(flow, FakeCluster(), store=store).state is FlowState.PROCESSED
    assert store.busy == 0
    store.close()


# -- a database that does not ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [StepStarted, JobIntended, JobSubmitted, StepEnded])
def test_an_engine_that_can_not_write_any_more_ends_its_clusters_and_says_so(
    workshop: Workshop, kind: type[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PATIENCE_SECONDS", 0.01)
    flow, cluster = diamond(), FakeCluster()
    store = Troubled(workshop.url, from_first(kind, StoreUnavailable("the server is gone")))
    with pytest.raises(StoreUnavailable, match="the server is gone"):
        workshop.run(flow, cluster, store=store)
    store.close()
    assert cluster.verbs()[-1] == "terminate"
    assert "could not be recorded" in workshop.log(flow)
    record = workshop.record(flow)
    assert record.state is FlowState.IN_PROGRESS
    assert not record.is_held, "this process lives, but does not hold the flow run any more"
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def test_a_database_that_refuses_is_not_asked_again(workshop: Workshop) -> None:
    refusals = [StoreError("permission denied for table step")]

    def once(events: Sequence[Event]) -> Exception | None:
        return refusals.pop() if refusals and any(isinstance(event, StepEnded) for event in events) else None

    flow, cluster = diamond(), FakeCluster()
    store = Troubled(workshop.url, once)
    with pytest.raises(StoreError, match="permission denied"):
        workshop.run(flow, cluster, store=store)
    store.close()
    record = workshop.record(flow)
    assert record.state is FlowState.INVALID
    assert record.owner is None, "the flow run is given back"
    assert "permission denied" in str(record.error)
    assert record.steps["a"].state is StepState.INVALID
    assert record.steps["a"].failure_class is FailureClass.ENGINE_LOST
    assert workshop.clusters(flow)["fake-1"].state == "ended"
    assert cluster.verbs()[-1] == "terminate"
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def test_a_mistake_in_the_engine_itself_ends_clusters_and_is_on_record(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synergyflow.core.progress import Progress

    on = Progress.on

    def mistaken(self: Progress, *events: Event) -> object:
        if any(isinstance(event, StepEnded) for event in events):
            raise ZeroDivisionError("of all things")
        return on(self, *events)

    monkeypatch.setattr(Progress, "on", mistaken)
    flow, cluster = diamond(), FakeCluster()
    with pytest.raises(ZeroDivisionError):
        workshop.run(flow, cluster)
    record = workshop.record(flow)
    assert record.state is FlowState.INVALID
    assert "ZeroDivisionError: of all things" in str(record.error)
    assert cluster.verbs()[-1] == "terminate"
    monkeypatch.undo()
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


# -- a flow run that belongs to somebody else --------------------------------------------------------------------------


def test_an_engine_that_lost_its_lease_writes_nothing_more_and_starts_nothing_more(workshop: Workshop) -> None:
    flow, cluster = diamond(), FakeCluster()
    lost = LeaseLost("another engine has taken the flow run")
    store = Troubled(workshop.url, from_first(StepEnded, lost))
    with pytest.raises(LeaseLost):
        workshop.run(flow, cluster, store=store)
    tries = store.tries
    store.close()
    assert len(submitted(cluster)) == 1
    assert "terminate" not in cluster.verbs(), "what runs belongs to the other engine now"
    record = workshop.record(flow)
    assert record.steps["a"].state is StepState.IN_PROGRESS
    assert store.tries == tries


def test_a_lease_that_is_lost_between_commits_stops_the_engine_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synergyflow.engine import execution, heartbeat

    class Taken(SqlStore):
        def renew(self, lease: Lease) -> None:
            raise LeaseLost("another engine has taken the flow run")

    beating = threading.Event()

    class Hasty(heartbeat.Heartbeat):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, seconds=0.001)  # type: ignore[arg-type]

        def _beat(self) -> None:
            assert beating.wait(PATIENCE)
            super()._beat()

    monkeypatch.setattr(execution, "Heartbeat", Hasty)
    flow, cluster = diamond(), FakeCluster(script=by_command(a=NEVER))
    store = Taken(workshop.url)
    running = workshop.start(flow, cluster, store=store)
    running.watcher.wait_for(JobSubmitted)
    beating.set()
    with pytest.raises(LeaseLost):
        running.result()
    store.close()
    assert "terminate" not in cluster.verbs()
    assert workshop.record(flow).steps["a"].state is StepState.IN_PROGRESS


def test_code_of_an_engine_that_lost_its_lease_is_asked_to_stop_and_begins_no_further_action(
    workshop: Workshop,
) -> None:
    begun, lost, done, began = threading.Event(), threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        began.append("first")
        begun.set()
        assert lost.wait(PATIENCE)

    def second() -> None:
        began.append("second")

    def trouble(events: Sequence[Event]) -> Exception | None:
        return LeaseLost("taken") if any(isinstance(event, StepEnded) for event in events) else None

    class Loud(PythonAction):
        def cleanup(self) -> None:
            done.set()

    flow = FlowGraph("two").append("code", [], Loud(second), pre_actions=[Loud(first)])
    flow.append("other", [], PythonAction(lambda: begun.wait(PATIENCE)))
    store = Troubled(workshop.url, trouble)
    with pytest.raises(LeaseLost):
        workshop.run(flow, FakeCluster(), store=store)
    lost.set()
    assert done.wait(PATIENCE)
    store.close()
    assert began == ["first"]


def test_a_second_engine_is_refused_while_the_first_lives(workshop: Workshop) -> None:
    flow, cluster = diamond(), FakeCluster(script=by_command(a=NEVER))
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted)
    with pytest.raises(PlanRefused, match="pid"):
        workshop.run(flow, FakeCluster())
    with pytest.raises(PlanRefused, match="pid"):
        workshop.recover(flow, FakeCluster())
    running.engine.stop("enough")
    assert running.result().interrupted


# -- before anything has begun -----------------------------------------------------------------------------------------


def test_a_log_folder_that_can_not_be_used_gives_the_flow_run_back(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synergyflow.observers.log_book import LogBook

    def refuse(self: LogBook, *arguments: object) -> logging.Logger:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LogBook, "flow_logger", refuse)
    flow, cluster = diamond(), FakeCluster()
    with pytest.raises(OSError, match="No space left"):
        workshop.run(flow, cluster)
    record = workshop.record(flow)
    assert record.state is FlowState.INVALID
    assert record.owner is None
    assert "No space left" in str(record.error)
    assert cluster.ledger == []
    monkeypatch.undo()
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def interrupted(workshop: Workshop, flow: FlowGraph, cluster: FakeCluster) -> None:
    """A run that was left while the job of step a runs."""
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted)
    running.engine.stop("left", cancel=False)
    assert running.result().interrupted


def test_what_an_interrupted_run_left_running_is_ended_before_its_steps_run_again(workshop: Workshop) -> None:
    flow, provider = diamond(), FakeProvider()
    interrupted(workshop, flow, FakeCluster(script=by_command(a=NEVER), provider=provider))
    again = FakeCluster(provider=provider)
    assert workshop.run(flow, again).state is FlowState.PROCESSED
    assert again.verbs()[:3] == ["attach", "find", "cancel"]
    assert again.verbs().index("cancel") < again.verbs().index("launch")
    assert not workshop.record(flow).open_jobs


def test_a_run_does_not_start_while_what_was_left_running_can_not_be_confirmed_as_ended(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synergyflow.engine import leftovers

    class Immortal(FakeCluster):
        def cancel(self, job_id: str, *, force: bool = False) -> None:
            """Nothing helps."""

    monkeypatch.setattr(leftovers, "FORCE_SECONDS", 0.01)
    flow, provider = diamond(), FakeProvider()
    interrupted(workshop, flow, FakeCluster(script=by_command(a=NEVER), provider=provider))
    again = Immortal(provider=provider)
    result = workshop.run(flow, again)
    assert result.state is FlowState.INVALID
    assert "can't be confirmed" in str(result.error)
    assert "launch" not in again.verbs()
    record = workshop.record(flow)
    assert record.owner is None
    assert [job.step_name for job in record.open_jobs] == ["a"], "it is still known"
    assert workshop.run(flow, FakeCluster(provider=provider)).state is FlowState.PROCESSED


def test_a_run_whose_leftovers_can_not_be_reached_with_these_clusters_does_not_start(workshop: Workshop) -> None:
    flow, provider = diamond(), FakeProvider()
    interrupted(workshop, flow, FakeCluster(script=by_command(a=NEVER), provider=provider))
    result = workshop.run(flow, FakeCluster(profile="elsewhere"))
    assert result.state is FlowState.INVALID
    assert "'fake'" in str(result.error)
    assert workshop.record(flow).timeperiod == TIMEPERIOD
