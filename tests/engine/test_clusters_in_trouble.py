"""Clusters fail, are lost, and are asked for by name: the flow goes on while it can, and says clearly when it can't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from synergyflow import FlowGraph, PythonAction, ShellCommandAction
from synergyflow.bootstrap import open_log_book
from synergyflow.clusters.base import Cluster, Observation
from synergyflow.core.events import ClusterLaunched, ClusterLost, JobSubmitted, StepStarted
from synergyflow.core.jobs import Job, JobKind, JobState
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, ProfileCapacity
from synergyflow.core.states import FailureClass, FlowState, StepState
from synergyflow.engine.engine import Engine, EngineParts
from synergyflow.engine.result import RunResult
from synergyflow.errors import ClusterError, PlanRefused
from synergyflow.store.ownership import current_owner
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import upgrade
from synergyflow.testing import Ending, FakeCluster
from tests.engine.workshop import NEVER, Watcher, Workshop, by_command

FAILS = Ending(state=JobState.FAILED, exit_code=1)


def fan(*names: str, **policy: object) -> FlowGraph:
    """Independent steps, each one shell job whose command is its name."""
    flow = FlowGraph("fan")
    for name in names:
        flow.append(name, [], ShellCommandAction(name), **policy)
    return flow


class Pool:
    """As many clusters as are asked for, each made by `make` with its number (`engine.ports.ClusterMaker`)."""

    def __init__(self, make: list[FakeCluster]) -> None:
        self.made: list[FakeCluster] = []
        self._next = iter(make)

    def make(self, name: str, profile: str) -> Cluster:
        cluster = next(self._next)
        cluster.name = name
        self.made.append(cluster)
        return cluster

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        raise ClusterError("nothing was launched before")

    def host(self) -> Cluster:
        return FakeCluster("host")

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        return False


def run_on_pool(workshop: Workshop, flow: FlowGraph, pool: Pool, watcher: Watcher | None = None) -> RunResult:
    """Run on one cluster, with replacements to be had."""
    upgrade(workshop.url)
    context = workshop.context(flow)
    capacity = Capacity((ProfileCapacity(profile="fake", count=1, slots=4),))
    parts = EngineParts(
        store=SqlStore(workshop.url),
        maker=pool,
        capacity=capacity,
        log_book=open_log_book(context),
        owner=current_owner,
        observers=[watcher] if watcher is not None else [],
    )
    engine = Engine(flow, context, parts)
    result = engine.execute(engine.plan(Mode.RUN))
    engine.close()
    return result


# -- launches ----------------------------------------------------------------------------------------------------------


def test_the_flow_goes_on_with_the_rest_when_a_cluster_does_not_come_up(workshop: Workshop) -> None:
    broken, sound = FakeCluster(launch_error="no quota"), FakeCluster(slots=1)
    flow = fan("a", "b", "c")
    result = workshop.run(flow, broken, sound)
    assert result.state is FlowState.PROCESSED
    clusters = workshop.clusters(flow)
    assert {name: view.state for name, view in clusters.items()} == {"fake-1": "failed", "fake-2": "ended"}
    assert clusters["fake-1"].reason == "no quota"
    assert "cluster fake-1 did not come up: no quota" in workshop.log(flow)


def test_a_flow_without_any_cluster_left_fails_and_says_why(workshop: Workshop) -> None:
    flow = fan("a", "b").append("c", ["a"], ShellCommandAction("c"))
    clusters = [FakeCluster(launch_error="no quota"), FakeCluster(launch_error="no such image")]
    result = workshop.run(flow, *clusters)
    assert result.state is FlowState.INVALID
    assert not result.succeeded
    assert "no quota" in str(result.error)
    assert "no such image" in str(result.error)
    assert "no cluster is left" in str(result.error)
    assert not any(step.executed for step in result.steps.values())
    record = workshop.record(flow)
    assert record.state is FlowState.INVALID
    assert record.owner is None
    assert all(cluster.verbs()[-1] == "terminate" for cluster in clusters)
    recovered = workshop.recover(flow, FakeCluster())
    assert recovered.state is FlowState.PROCESSED


def test_a_cluster_that_can_not_even_be_made_did_not_come_up(workshop: Workshop) -> None:
    flow = fan("a")
    result = run_on_pool(workshop, flow, Pool([]))
    assert result.state is FlowState.INVALID
    assert "StopIteration" in str(result.error)
    assert workshop.clusters(flow)["fake-1"].state == "failed"


# -- losses ------------------------------------------------------------------------------------------------------------


def test_a_step_whose_cluster_is_lost_runs_again_on_another_one(workshop: Workshop) -> None:
    weak, strong = FakeCluster(slots=1, script=by_command(a=NEVER, b=NEVER)), FakeCluster(slots=1)
    flow = fan("a", "b")
    running = workshop.start(flow, weak, strong)
    lost = running.watcher.wait_for(StepStarted, cluster="fake-1").step
    weak.lose()
    result = running.result()
    assert result.state is FlowState.PROCESSED
    first, second = workshop.attempts(flow, lost)
    assert (first.number, first.state, first.failure_class) == (1, StepState.INVALID, FailureClass.CLUSTER_LOST)
    assert (second.number, second.state, second.cluster) == (2, StepState.PROCESSED, "fake-2")
    assert workshop.clusters(flow)["fake-1"].state == "lost"


def test_a_lost_cluster_spends_no_retries_of_the_step(workshop: Workshop) -> None:
    endings = [NEVER, FAILS, Ending()]
    weak = FakeCluster(slots=1, script=lambda job, token: endings.pop(0))
    strong = FakeCluster(slots=1, script=lambda job, token: endings.pop(0))
    flow = fan("a", retries=1)
    running = workshop.start(flow, weak, strong)
    running.watcher.wait_for(JobSubmitted)
    weak.lose()
    result = running.result()
    assert result.state is FlowState.PROCESSED, "one own failure is within the retries"
    classes = [attempt.failure_class for attempt in workshop.attempts(flow, "a")]
    assert classes == [FailureClass.CLUSTER_LOST, FailureClass.USER_CODE, None]


def test_lost_clusters_are_replaced_within_the_budget(workshop: Workshop) -> None:
    doomed = [FakeCluster(script=by_command(a=NEVER), lost_at_poll=3) for _ in range(3)]
    pool = Pool([*doomed, FakeCluster()])
    flow = fan("a")
    result = run_on_pool(workshop, flow, pool)
    assert result.state is FlowState.PROCESSED
    assert [attempt.cluster for attempt in workshop.attempts(flow, "a")] == ["fake-1", "fake-2", "fake-3", "fake-4"]
    assert {name: view.state for name, view in workshop.clusters(flow).items()} == {
        "fake-1": "lost",
        "fake-2": "lost",
        "fake-3": "lost",
        "fake-4": "ended",
    }


def test_the_budget_of_replacements_has_an_end(workshop: Workshop) -> None:
    pool = Pool([FakeCluster(script=by_command(a=NEVER), lost_at_poll=3) for _ in range(10)])
    flow = fan("a")
    result = run_on_pool(workshop, flow, pool)
    assert result.state is FlowState.INVALID
    assert result.failed == ("a",)
    assert len(pool.made) == 4, "one and three replacements"
    assert "was lost" in str(result.error)


def test_a_dead_cluster_is_noticed_by_the_first_job_and_does_not_burn_the_budget(workshop: Workshop) -> None:
    """Nobody looks at a cluster without jobs, so the submit is what finds it gone."""
    dead, sound = FakeCluster(slots=1), FakeCluster(slots=1)
    flow = (
        FlowGraph("chain")
        .append("a", [], PythonAction(lambda: dead.lose()))
        .append("b", ["a"], ShellCommandAction("b"))
    )
    result = workshop.run(flow, dead, sound)
    assert result.state is FlowState.PROCESSED
    assert [attempt.cluster for attempt in workshop.attempts(flow, "b")] == ["fake-1", "fake-2"]


def test_a_step_that_ends_well_on_a_cluster_that_is_lost_counts(workshop: Workshop) -> None:
    """Code in the engine goes on although the cluster of its step is gone."""
    watcher, lost = Watcher(), FakeCluster(script=by_command(job=NEVER))

    def outlive() -> None:
        watcher.wait_for(StepStarted, step="job")
        lost.lose()
        watcher.wait_for(ClusterLost)

    flow = FlowGraph("outlive").append("code", [], PythonAction(outlive)).append("job", [], ShellCommandAction("job"))
    result = run_on_pool(workshop, flow, Pool([lost, FakeCluster()]), watcher)
    assert result.state is FlowState.PROCESSED
    assert [(name, step.attempt) for name, step in result.steps.items()] == [("code", 1), ("job", 2)]
    assert workshop.attempts(flow, "code")[0].cluster == "fake-1"


# -- asking for clusters -----------------------------------------------------------------------------------------------


def test_a_step_goes_to_the_profile_or_label_that_it_asks_for(workshop: Workshop) -> None:
    small = FakeCluster(profile="small")
    big = FakeCluster(profile="big", labels=frozenset({"memory"}))
    flow = (
        FlowGraph("asking")
        .append("by_profile", [], ShellCommandAction("x"), cluster="big")
        .append("by_label", [], ShellCommandAction("x"), cluster="memory")
        .append("other", [], ShellCommandAction("x"), cluster="small")
    )
    assert workshop.run(flow, small, big).state is FlowState.PROCESSED
    placed = {step: workshop.attempts(flow, step)[0].cluster for step in ("by_profile", "by_label", "other")}
    assert placed == {"by_profile": "big-1", "by_label": "big-1", "other": "small-1"}


def test_a_step_goes_where_its_kind_of_job_can_run(workshop: Workshop) -> None:
    spark = FakeCluster(profile="spark", job_kinds=frozenset({JobKind.SPARK}))
    shell = FakeCluster(profile="shell", job_kinds=frozenset({JobKind.SHELL}))
    flow = fan("a", "b")
    assert workshop.run(flow, spark, shell).state is FlowState.PROCESSED
    assert {workshop.attempts(flow, step)[0].cluster for step in ("a", "b")} == {"shell-1"}
    assert spark.verbs() == [], "a cluster that no step can use is not launched"


def test_what_no_cluster_offers_is_refused_before_anything_starts(workshop: Workshop) -> None:
    cluster = FakeCluster(job_kinds=frozenset({JobKind.SPARK}))
    with pytest.raises(PlanRefused, match="runs shell jobs"):
        workshop.run(fan("a"), cluster)
    assert cluster.ledger == []
    assert not (workshop.folder / "logs").exists()


def test_no_cluster_is_launched_for_what_can_run_on_those_there_are(workshop: Workshop) -> None:
    flow = FlowGraph("chain")
    before: list[str] = []
    for name in ("a", "b", "c"):
        flow.append(name, before, ShellCommandAction(name))
        before = [name]
    used, unused = FakeCluster(slots=1), FakeCluster(slots=1)
    assert workshop.run(flow, used, unused).state is FlowState.PROCESSED
    assert unused.verbs() == []


# -- the end of clusters -----------------------------------------------------------------------------------------------


def test_a_cluster_on_which_a_step_failed_is_kept_if_its_profile_says_so(workshop: Workshop) -> None:
    cluster = FakeCluster(script=lambda job, token: FAILS)
    cluster.keep_failed = True
    flow = fan("a")
    assert workshop.run(flow, cluster).state is FlowState.INVALID
    assert "terminate" not in cluster.verbs()
    assert workshop.clusters(flow)["fake-1"].kept
    assert "cluster fake-1 (fake-1) is left alive" in workshop.log(flow)


def test_a_cluster_that_is_kept_alive_is_used_and_left(workshop: Workshop) -> None:
    cluster = FakeCluster()
    cluster.keep_alive = True
    flow = fan("a")
    assert workshop.run(flow, cluster).state is FlowState.PROCESSED
    assert "terminate" not in cluster.verbs()
    assert workshop.clusters(flow)["fake-1"].state == "kept"


def test_a_cluster_that_can_not_be_terminated_does_not_keep_the_run_from_its_end(workshop: Workshop) -> None:
    class Stubborn(FakeCluster):
        def terminate(self) -> None:
            raise ClusterError("access denied")

    flow = fan("a")
    assert workshop.run(flow, Stubborn()).state is FlowState.PROCESSED
    view = workshop.clusters(flow)["fake-1"]
    assert view.state not in ("ended", "kept")
    assert "access denied" in str(view.reason)


def test_looks_that_fail_now_and_then_are_no_failure_of_a_step(workshop: Workshop) -> None:
    class Foggy(FakeCluster):
        looks = 0

        def poll(self, job_ids: Sequence[str]) -> Observation:
            self.looks += 1
            if self.looks % 2:
                raise ClusterError("throttled")
            return super().poll(job_ids)

    flow = fan("a", "b")
    assert workshop.run(flow, Foggy(script=lambda job, token: Ending(polls=3))).state is FlowState.PROCESSED
    assert [len(workshop.attempts(flow, step)) for step in ("a", "b")] == [1, 1]


def test_a_launch_is_on_record_before_the_provider_is_asked(workshop: Workshop, tmp_path: Path) -> None:
    recorded: list[str] = []

    class Looking(FakeCluster):
        def launch(self, token: str) -> str:
            view = workshop.clusters(flow)["fake-1"]
            recorded.append(view.token)
            assert view.token == token
            assert view.cluster_id is None
            return super().launch(token)

    flow = fan("a")
    running = workshop.start(flow, Looking())
    assert running.result().state is FlowState.PROCESSED
    assert len(recorded) == 1
    assert running.watcher.of(ClusterLaunched)[0].cluster_id == workshop.clusters(flow)["fake-1"].cluster_id


def test_a_step_that_submits_to_a_refusing_cluster_fails_by_itself(workshop: Workshop) -> None:
    def refuse(job: Job, token: str) -> Ending:
        return Ending(refused="the queue is not there")

    flow = fan("a")
    result = workshop.run(flow, FakeCluster(script=refuse))
    assert result.steps["a"].failure_class is FailureClass.USER_CODE
    assert result.steps["a"].error == "the queue is not there"
