"""Stopping at every moment: what runs is ended or left, nothing new begins, and the run can be recovered."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from synergyflow import Action, ExecutionEngine, FlowGraph, PythonAction, ShellCommandAction
from synergyflow.core.events import ClusterRequested, JobSubmitted, RetryScheduled, StepStarted
from synergyflow.core.jobs import Job, JobState
from synergyflow.core.modes import Mode
from synergyflow.core.states import FailureClass, FlowState, StepState
from synergyflow.engine import driver, fleet
from synergyflow.engine.result import RunResult
from synergyflow.testing import Ending, FakeCluster, FakeProvider
from tests.engine.workshop import NEVER, Running, Watcher, Workshop, by_command

PATIENCE = 60.0
FAILS = Ending(state=JobState.FAILED, exit_code=1)


def chain() -> FlowGraph:
    return (
        FlowGraph("chain")
        .append("a", [], ShellCommandAction("a"))
        .append("b", ["a"], ShellCommandAction("b"))
        .append("c", ["b"], ShellCommandAction("c"))
    )


def submits(cluster: FakeCluster) -> list[str]:
    return [call.subject for call in cluster.ledger if call.verb == "submit"]


class SlowLaunch(FakeCluster):
    """Its launch takes until `go`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.begun, self.go = threading.Event(), threading.Event()

    def launch(self, token: str) -> str:
        self.begun.set()
        assert self.go.wait(PATIENCE)
        return super().launch(token)


class SlowSubmit(FakeCluster):
    """Its submit takes until `go`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.begun, self.go = threading.Event(), threading.Event()

    def submit(self, job: Job, token: str) -> str:
        self.begun.set()
        assert self.go.wait(PATIENCE)
        return super().submit(job, token)


# -- canceling ---------------------------------------------------------------------------------------------------------


def test_a_stop_ends_what_runs_and_starts_nothing_more(workshop: Workshop) -> None:
    flow, cluster = chain(), FakeCluster(script=by_command(b=NEVER))
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted, step="b")
    running.engine.stop("enough of this")
    result = running.result()
    assert (result.state, result.interrupted) == (FlowState.INVALID, True)
    assert str(result.error).startswith("enough of this")
    assert workshop.states(flow) == {"a": "processed", "b": "canceled", "c": "embryo"}
    assert workshop.attempts(flow, "b")[0].failure_class is FailureClass.CANCELED
    assert cluster.verbs()[-2:] == ["cancel", "terminate"]
    assert not workshop.record(flow).open_jobs
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED
    assert [len(workshop.attempts(flow, step)) for step in "abc"] == [1, 2, 1]


def test_a_stop_before_the_first_event_launches_nothing(workshop: Workshop) -> None:
    flow, cluster = chain(), FakeCluster()

    class Early(ExecutionEngine):
        def _for(self, context: Any) -> Any:
            engine = super()._for(context)
            engine.stop("not today", cancel=True)
            return engine

    result = Early(flow, clusters=[cluster]).run(workshop.context(flow))
    assert (result.state, result.interrupted) == (FlowState.INVALID, True)
    assert cluster.ledger == []
    assert set(workshop.states(flow).values()) == {"embryo"}
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def test_a_stop_during_a_launch_ends_the_cluster_as_soon_as_it_is_there(workshop: Workshop) -> None:
    flow, cluster = chain(), SlowLaunch()
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("enough")
    cluster.go.set()
    assert running.result().interrupted
    assert cluster.verbs() == ["launch", "terminate"]
    assert workshop.clusters(flow)["fake-1"].state == "ended"


def test_a_stop_does_not_wait_for_a_cluster_that_boots(workshop: Workshop) -> None:
    flow, cluster = chain(), FakeCluster(polls_until_ready=1 << 60)
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(ClusterRequested)
    running.engine.stop("enough")
    assert running.result().interrupted
    assert cluster.verbs()[-1] == "terminate"


def test_a_stop_during_a_submit_ends_the_job_that_comes_of_it(workshop: Workshop) -> None:
    flow, cluster = chain(), SlowSubmit(script=by_command(a=NEVER))
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("enough")
    cluster.go.set()
    assert running.result().interrupted
    assert workshop.states(flow)["a"] == "canceled"
    assert cluster.verbs()[-2:] == ["cancel", "terminate"]


def test_a_stop_while_a_retry_is_due_later_does_not_wait_for_it(workshop: Workshop) -> None:
    flow = FlowGraph("later").append("a", [], ShellCommandAction("a"), retries=3, retry_delay=3600.0)
    running = workshop.start(flow, FakeCluster(script=by_command(a=FAILS)))
    running.watcher.wait_for(RetryScheduled)
    running.engine.stop("enough")
    result = running.result()
    assert result.interrupted
    assert result.failed == ("a",)


def test_code_that_is_asked_to_stop_may_do_so(workshop: Workshop) -> None:
    begun = threading.Event()

    class Polite(Action):
        def run(self, execution_cluster: Any) -> None:
            begun.set()
            assert self.stopping.wait(PATIENCE)

    flow = FlowGraph("polite").append("a", [], Polite("polite")).append("b", ["a"], ShellCommandAction("b"))
    running = workshop.start(flow, FakeCluster())
    assert begun.wait(PATIENCE)
    running.engine.stop("enough")
    assert running.result().interrupted
    assert workshop.states(flow) == {"a": "canceled", "b": "embryo"}


def test_code_that_does_not_stop_is_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    from synergyflow.engine import performing

    monkeypatch.setattr(performing, "REMINDER_SECONDS", 0.001)
    begun, named = threading.Event(), threading.Event()

    class Named(PythonAction):
        """Goes on until the engine has complained of it."""

    def deaf() -> None:
        begun.set()
        while "still runs code of its own" not in workshop.log(flow):
            named.wait(0.001)

    flow = FlowGraph("deaf").append("a", [], Named(deaf))
    running = workshop.start(flow, FakeCluster())
    assert begun.wait(PATIENCE)
    running.engine.stop("enough")
    assert running.result().interrupted
    assert "step a was asked to end and still runs code of its own" in workshop.log(flow)


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_a_leave_lets_jobs_and_clusters_go_on_to_be_adopted(workshop: Workshop) -> None:
    provider = FakeProvider()
    flow, cluster = chain(), FakeCluster(script=by_command(a=NEVER), provider=provider)
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted, step="a")
    running.engine.stop("to be gone on with", cancel=False)
    result = running.result()
    assert (result.state, result.interrupted) == (FlowState.INVALID, True)
    assert cluster.verbs() == ["launch", "submit"]
    record = workshop.record(flow)
    assert record.steps["a"].state is StepState.IN_PROGRESS
    assert record.owner is None
    assert [job.job_id for job in record.open_jobs] == ["job-1"]
    assert provider.jobs["job-1"].status.state is JobState.RUNNING


def test_a_leave_during_a_launch_records_the_cluster_that_comes_of_it(workshop: Workshop) -> None:
    flow, cluster = chain(), SlowLaunch()
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    cluster.go.set()
    assert running.result().interrupted
    assert cluster.verbs() == ["launch"]
    assert workshop.clusters(flow)["fake-1"].cluster_id == "fake-1"


def test_a_leave_does_not_wait_for_ever_for_an_answer(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "LEAVE_SECONDS", 0.01)
    flow, cluster = chain(), SlowLaunch()
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    assert running.result().interrupted
    assert "left without the answer" in workshop.log(flow)
    assert workshop.clusters(flow)["fake-1"].cluster_id is None
    cluster.go.set()


def test_a_leave_during_a_submit_records_the_job_that_comes_of_it(workshop: Workshop) -> None:
    flow, cluster = chain(), SlowSubmit(script=by_command(a=NEVER))
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    cluster.go.set()
    assert running.result().interrupted
    assert [job.token for job in workshop.record(flow).open_jobs] == submits(cluster)
    assert "cancel" not in cluster.verbs()


def test_a_submit_that_takes_too_long_is_left_with_its_intent_on_record(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "GATE_SECONDS", 0.01)
    flow, cluster = chain(), SlowSubmit(script=by_command(a=NEVER))
    running = workshop.start(flow, cluster)
    assert cluster.begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    assert running.result().interrupted
    (job,) = workshop.record(flow).open_jobs
    assert job.job_id is None
    cluster.go.set()


def test_a_leave_lets_no_job_be_submitted_whose_step_had_just_begun(workshop: Workshop) -> None:
    """The stop is in the same batch as the intent, which is refused: nobody submits behind the engine's back."""
    engines: list[ExecutionEngine] = []

    class Meanwhile(FakeCluster):
        @property
        def cluster_id(self) -> str | None:
            if engines and threading.current_thread().name == "worker":  # the intent is being made up
                engines.pop().stop("going", cancel=False)
            return super().cluster_id

    flow, cluster = chain(), Meanwhile()
    watcher = Watcher()
    engine = workshop.engine(flow, cluster, watcher=watcher)
    engines.append(engine)
    running = Running(engine, watcher, lambda: engine.run(workshop.context(flow)))
    assert running.result().interrupted
    assert submits(cluster) == []
    assert workshop.record(flow).open_jobs == ()
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def test_a_leave_counts_a_step_that_has_just_ended(workshop: Workshop) -> None:
    ended = threading.Event()

    class Holding(Watcher):
        def on(self, events: Any) -> None:
            super().on(events)
            if any(isinstance(event, StepStarted) and event.step == "a" for event in events):
                assert ended.wait(PATIENCE)

    flow = FlowGraph("code").append("a", [], PythonAction(lambda: None)).append("b", ["a"], ShellCommandAction("b"))
    watcher = Holding()
    engine = workshop.engine(flow, FakeCluster(), watcher=watcher)
    running = Running(engine, watcher, lambda: engine.run(workshop.context(flow)))
    watcher.wait_for(StepStarted, step="a")
    engine.stop("going", cancel=False)
    ended.set()
    result = running.result()
    assert result.interrupted
    assert result.steps["a"].state in (StepState.IN_PROGRESS, StepState.PROCESSED)
    recovered = workshop.recover(flow, FakeCluster())
    assert recovered.state is FlowState.PROCESSED


def test_no_action_begins_in_code_whose_engine_has_left(workshop: Workshop) -> None:
    begun, left, done, began = threading.Event(), threading.Event(), threading.Event(), list[str]()

    class Step(PythonAction):
        def cleanup(self) -> None:
            done.set()

    def first() -> None:
        begun.set()
        assert left.wait(PATIENCE)

    flow = FlowGraph("two").append("a", [], Step(began.append, "second"), pre_actions=[Step(first)])
    running = workshop.start(flow, FakeCluster())
    assert begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    assert running.result().interrupted
    left.set()
    assert done.wait(PATIENCE)
    assert began == []


def test_nothing_is_rolled_back_by_an_attempt_that_fails_after_its_engine_has_left(workshop: Workshop) -> None:
    begun, left, done, undone = threading.Event(), threading.Event(), threading.Event(), threading.Event()

    class Made(Action):
        def run(self, execution_cluster: Any) -> None:
            """Something that can be undone."""

        def rollback(self, execution_cluster: Any) -> None:
            undone.set()

    class Fails(Action):
        def run(self, execution_cluster: Any) -> None:
            begun.set()
            assert left.wait(PATIENCE)
            raise ValueError("of all things")

        def cleanup(self) -> None:
            done.set()

    flow = FlowGraph("undo").append("a", [], Fails("fails"), pre_actions=[Made("made")])
    running = workshop.start(flow, FakeCluster())
    assert begun.wait(PATIENCE)
    running.engine.stop("going", cancel=False)
    assert running.result().interrupted
    left.set()
    assert done.wait(PATIENCE)
    assert not undone.is_set()


def test_a_leave_after_a_stop_leaves_at_once(workshop: Workshop) -> None:
    begun, go = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        go.wait(PATIENCE)

    flow = FlowGraph("deaf").append("a", [], PythonAction(deaf))
    cluster = FakeCluster()
    running = workshop.start(flow, cluster)
    assert begun.wait(PATIENCE)
    running.engine.stop("enough")
    running.engine.stop("now, really", cancel=False)
    result = running.result()
    assert result.interrupted
    assert "terminate" not in cluster.verbs()
    go.set()


# -- from the keyboard -------------------------------------------------------------------------------------------------


@pytest.fixture
def keyboard() -> Iterator[Any]:
    """Presses Ctrl-C for the main thread."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_in_the_thread_of_the_caller_stops_the_run_in_order(workshop: Workshop, keyboard: Any) -> None:
    pressed = threading.Event()

    class Press(Watcher):
        def on(self, events: Any) -> None:
            super().on(events)
            if any(isinstance(event, JobSubmitted) for event in events) and not pressed.is_set():
                pressed.set()
                keyboard()

    flow, cluster = chain(), FakeCluster(script=by_command(a=NEVER))
    engine = workshop.engine(flow, cluster, watcher=Press())
    result = engine.run(workshop.context(flow))
    assert (result.state, result.interrupted) == (FlowState.INVALID, True)
    assert workshop.states(flow) == {"a": "canceled", "b": "embryo", "c": "embryo"}
    assert cluster.verbs()[-1] == "terminate"
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


@pytest.mark.parametrize("moment", ["begin", "commit", "load"])
def test_an_interrupt_while_the_database_is_written_leaves_no_half_of_anything(
    workshop: Workshop, keyboard: Any, moment: str
) -> None:
    from synergyflow.store.sql import SqlStore

    class Pressed(SqlStore):
        """Ctrl-C arrives in the middle of a call."""

        presses = 1

        def _press(self, where: str) -> None:
            if where == moment and self.presses:
                self.presses -= 1
                keyboard()
                threading.Event().wait(0.01)

        def begin(self, *arguments: Any, **more: Any) -> Any:
            lease = super().begin(*arguments, **more)
            self._press("begin")
            return lease

        def commit(self, *arguments: Any) -> None:
            self._press("commit")
            super().commit(*arguments)
            self._press("commit")

        def load(self, *arguments: Any) -> Any:
            record = super().load(*arguments)
            if threading.current_thread() is not threading.main_thread():
                self._press("load")
            return record

    flow, cluster = chain(), FakeCluster(script=by_command(a=NEVER))
    engine = workshop.engine(flow, cluster, store=Pressed(workshop.url))
    result = engine.run(workshop.context(flow))
    assert result.interrupted
    record = workshop.record(flow)
    assert (record.state, record.owner) == (FlowState.INVALID, None)
    if cluster.verbs():
        assert cluster.verbs()[-1] == "terminate"
    assert workshop.recover(flow, FakeCluster()).state is FlowState.PROCESSED


def test_a_second_interrupt_leaves_what_does_not_end(workshop: Workshop, keyboard: Any) -> None:
    begun, go = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        keyboard()
        while not stop_recorded():
            go.wait(0.001)
        keyboard()
        go.wait(PATIENCE)

    def stop_recorded() -> bool:
        return "stop_requested" in workshop.kinds(flow)

    flow, cluster = FlowGraph("deaf").append("a", [], PythonAction(deaf)), FakeCluster()
    engine = workshop.engine(flow, cluster)
    result: RunResult = engine.run(workshop.context(flow))
    assert result.interrupted
    assert workshop.record(flow).owner is None
    assert "terminate" not in cluster.verbs()
    go.set()


def test_the_modes_of_a_stopped_run_are_those_of_any_other(workshop: Workshop) -> None:
    flow, cluster = chain(), FakeCluster(script=by_command(b=NEVER))
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted, step="b")
    running.engine.stop("enough")
    running.result()
    plan = workshop.engine(flow, FakeCluster()).plan(workshop.context(flow), Mode.RECOVER)
    assert [(step.name, step.decision.value) for step in plan.steps] == [("a", "keep"), ("b", "run"), ("c", "run")]
