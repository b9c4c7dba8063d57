"""An interrupted attempt goes on where it stopped: what is complete is not repeated, what runs is found again."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from synergyflow import Action, FlowGraph, ShellCommandAction
from synergyflow.bootstrap import open_log_book
from synergyflow.clusters.base import Cluster
from synergyflow.core.events import ActionCompleted, JobSubmitted
from synergyflow.core.jobs import JobKind, JobState
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Decision, ProfileCapacity
from synergyflow.core.states import FailureClass, FlowState, StepState
from synergyflow.engine.engine import Engine, EngineParts
from synergyflow.engine.result import RunResult
from synergyflow.store.ownership import current_owner
from synergyflow.store.sql import SqlStore
from synergyflow.testing import Ending, FakeCluster, FakeProvider
from tests.engine.workshop import NEVER, Running, Watcher, Workshop, by_command


class Living:
    """A provider whose clusters outlive their engine (`engine.ports.ClusterMaker`)."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def make(self, name: str, profile: str) -> Cluster:
        self._cluster.name = name
        return self._cluster

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        return self._cluster

    def host(self) -> Cluster:
        return FakeCluster("host")

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        return True


def surviving(workshop: Workshop, flow: FlowGraph, cluster: FakeCluster, watcher: Watcher) -> Engine:
    """An engine that finds the clusters of the one before alive."""
    context = workshop.context(flow)
    parts = EngineParts(
        store=SqlStore(workshop.url),
        maker=Living(cluster),
        capacity=Capacity((ProfileCapacity(profile="fake", count=1, slots=4, job_kinds=frozenset(JobKind)),)),
        log_book=open_log_book(context),
        owner=current_owner,
        observers=[watcher],
    )
    return Engine(flow, context, parts)


def recover(workshop: Workshop, flow: FlowGraph, cluster: FakeCluster) -> RunResult:
    with closing(surviving(workshop, flow, cluster, Watcher())) as engine:
        return engine.execute(engine.plan(Mode.RECOVER))


def leave(workshop: Workshop, flow: FlowGraph, cluster: FakeCluster, jobs: int) -> None:
    """Run until so many jobs are submitted, and leave."""
    running = workshop.start(flow, cluster)
    running.watcher.wait_for(JobSubmitted, jobs)
    running.engine.stop("left", cancel=False)
    assert running.result().interrupted


def submits(cluster: FakeCluster) -> list[str]:
    return [call.subject for call in cluster.ledger if call.verb == "submit"]


def three_actions(main: str = "main") -> FlowGraph:
    return FlowGraph("three").append(
        "s",
        [],
        ShellCommandAction(main),
        pre_actions=[ShellCommandAction("pre")],
        post_actions=[ShellCommandAction("post")],
    )


def test_the_running_job_is_adopted_and_complete_actions_are_not_repeated(workshop: Workshop) -> None:
    provider, flow = FakeProvider(), three_actions()
    first = FakeCluster(script=by_command(main=NEVER), provider=provider)
    leave(workshop, flow, first, 2)
    provider.jobs["job-2"].ending = Ending(output=b"from before\n")
    second = FakeCluster(provider=provider)
    assert recover(workshop, flow, second).state is FlowState.PROCESSED
    assert len(submits(first)) == 2
    assert len(submits(second)) == 1, "only the post action was left to be submitted"
    (attempt,) = workshop.attempts(flow, "s")
    assert (attempt.number, attempt.state) == (1, StepState.PROCESSED)
    assert "from before" in workshop.log(flow, "s")


def test_code_that_is_repeated_finds_its_jobs_at_the_same_calls(workshop: Workshop) -> None:
    class Calls(Action):
        def run(self, execution_cluster: Any) -> None:
            for command in ("one", "two", "three"):
                execution_cluster.run_shell_command(command)

    provider, flow = FakeProvider(), FlowGraph("calls").append("s", [], Calls("calls"))
    first = FakeCluster(script=by_command(two=NEVER), provider=provider)
    leave(workshop, flow, first, 2)
    provider.jobs["job-2"].ending = Ending()
    second = FakeCluster(provider=provider)
    assert recover(workshop, flow, second).state is FlowState.PROCESSED
    assert len(submits(second)) == 1, "the third"
    assert len(provider.jobs) == 3


def test_another_request_in_the_place_of_the_running_job_ends_it_and_makes_a_new_attempt(workshop: Workshop) -> None:
    class Asks(Action):
        """Asks for what it finds written."""

        def run(self, execution_cluster: Any) -> None:
            execution_cluster.run_shell_command((workshop.folder / "request").read_text())

    (workshop.folder / "request").write_text("old")
    provider, flow = FakeProvider(), FlowGraph("asks").append("s", [], Asks("asks"))
    leave(workshop, flow, FakeCluster(script=by_command(old=NEVER), provider=provider), 1)
    (workshop.folder / "request").write_text("new")
    assert recover(workshop, flow, FakeCluster(provider=provider)).state is FlowState.PROCESSED
    assert provider.jobs["job-1"].status.state is JobState.CANCELED
    first, second = workshop.attempts(flow, "s")
    assert (first.state, first.failure_class) == (StepState.INVALID, FailureClass.JOB_LOST)
    assert (second.number, second.state) == (2, StepState.PROCESSED)
    assert not workshop.record(flow).open_jobs


def test_an_edited_step_starts_again_after_its_old_job_is_ended(workshop: Workshop) -> None:
    provider = FakeProvider()
    flow = three_actions()
    leave(workshop, flow, FakeCluster(script=by_command(main=NEVER), provider=provider), 2)
    edited = three_actions("better")
    assert recover(workshop, edited, FakeCluster(provider=provider)).state is FlowState.PROCESSED
    assert provider.jobs["job-2"].status.state is JobState.CANCELED
    assert [attempt.number for attempt in workshop.attempts(edited, "s")] == [1, 2]


def test_a_job_that_somebody_canceled_meanwhile_is_tried_again_at_no_cost(workshop: Workshop) -> None:
    provider, flow = FakeProvider(), three_actions()
    first = FakeCluster(script=by_command(main=NEVER), provider=provider)
    leave(workshop, flow, first, 2)
    first.cancel("job-2")
    assert recover(workshop, flow, FakeCluster(provider=provider)).state is FlowState.PROCESSED
    assert [attempt.failure_class for attempt in workshop.attempts(flow, "s")] == [FailureClass.JOB_LOST, None]


def test_an_attempt_may_be_interrupted_again_and_again(workshop: Workshop) -> None:
    provider, flow = FakeProvider(), three_actions()
    leave(workshop, flow, FakeCluster(script=by_command(main=NEVER), provider=provider), 2)
    for _ in range(3):
        watcher = Watcher()
        engine = surviving(workshop, flow, FakeCluster(provider=provider), watcher)
        plan = engine.plan(Mode.RECOVER)
        assert [step.decision for step in plan.steps] == [Decision.CONTINUE]
        running = Running(engine, watcher, lambda engine=engine, plan=plan: engine.execute(plan))
        assert watcher.wait_for(JobSubmitted).adopted
        engine.stop("left again", cancel=False)
        assert running.result().interrupted
        engine.close()
    provider.jobs["job-2"].ending = Ending()
    assert recover(workshop, flow, FakeCluster(provider=provider)).state is FlowState.PROCESSED
    assert [attempt.number for attempt in workshop.attempts(flow, "s")] == [1]
    assert len(provider.jobs) == 3


def test_what_was_completed_is_on_record_before_the_engine_leaves(workshop: Workshop) -> None:
    provider, flow = FakeProvider(), three_actions()
    running = workshop.start(flow, FakeCluster(script=by_command(main=NEVER), provider=provider))
    running.watcher.wait_for(ActionCompleted, action=0)
    running.watcher.wait_for(JobSubmitted, 2)
    running.engine.stop("left", cancel=False)
    running.result()
    assert workshop.record(flow).steps["s"].actions_done == 1
