"""The rows of the original that are about clusters, on scripted ones: no word of a provider is taken for success."""

from __future__ import annotations

import pytest

from synergyflow import Action, ExecutionEngine, FlowGraph, PigAction, ShellCommandAction
from synergyflow.core.jobs import JobState, PigJob
from synergyflow.core.states import FlowState, StepState
from synergyflow.errors import ClusterError
from synergyflow.testing import Ending, FakeCluster, FakeProvider


def two_steps() -> FlowGraph:
    return FlowGraph("clouds").append("a", [], ShellCommandAction("a")).append("b", [], ShellCommandAction("b"))


def test_two_members_of_a_pool_are_two_clusters_and_each_is_ended_once(project):
    provider = FakeProvider()
    pool = [FakeCluster(provider=provider, slots=1), FakeCluster(provider=provider, slots=1)]
    flow = two_steps()
    assert ExecutionEngine(flow, clusters=pool).run(project.context(flow)).state is FlowState.PROCESSED
    assert pool[0].cluster_id != pool[1].cluster_id
    assert [cluster.verbs().count("launch") for cluster in pool] == [1, 1]
    assert [cluster.verbs().count("terminate") for cluster in pool] == [1, 1]
    assert provider.gone == {cluster.cluster_id for cluster in pool}


def test_a_clean_up_that_fails_is_told_and_does_not_keep_the_run_from_ending(project):
    class Protected(FakeCluster):
        def terminate(self) -> None:
            super().terminate()
            raise ClusterError("throttled")

    flow = two_steps()
    result = ExecutionEngine(flow, clusters=[Protected()]).run(project.context(flow))
    assert result.state is FlowState.PROCESSED
    assert "could not be terminated: throttled" in project.log(flow, "clouds")


@pytest.mark.parametrize("state", [JobState.CANCELED, JobState.LOST, JobState.FAILED])
def test_a_job_that_did_not_succeed_never_makes_its_step_succeed(project, state):
    flow = FlowGraph("clouds").append("a", [], ShellCommandAction("a"))
    cluster = FakeCluster(script=lambda job, token: Ending(state=state, exit_code=None))
    result = ExecutionEngine(flow, clusters=[cluster]).run(project.context(flow))
    assert result.state is FlowState.INVALID
    assert result.steps["a"].state is StepState.INVALID


def test_a_state_that_nobody_knows_is_watched_further_and_is_neither_failure_nor_success(project):
    class Novel(FakeCluster):
        """Says a word of its own for a while, as a provider does after an upgrade."""

        looks = 0

        def poll(self, job_ids):
            seen = super().poll(job_ids)
            self.looks += bool(job_ids)
            if self.looks > 5:
                return seen
            from dataclasses import replace

            novel = {
                name: replace(job, state=JobState.UNKNOWN, native_state="NOVEL") for name, job in seen.jobs.items()
            }
            return replace(seen, jobs=novel)

    flow = FlowGraph("clouds").append("a", [], ShellCommandAction("a"))
    cluster = Novel()
    assert ExecutionEngine(flow, clusters=[cluster]).run(project.context(flow)).state is FlowState.PROCESSED
    assert cluster.looks > 5


def test_keyword_arguments_of_an_action_reach_its_job(project):
    seen: list[PigJob] = []

    def script(job, token):
        seen.append(job)
        return Ending()

    flow = FlowGraph("clouds").append("a", [], PigAction("x", foo="bar"))
    ExecutionEngine(flow, clusters=[FakeCluster(script=script)]).run(project.context(flow))
    assert [(job.uri_script, dict(job.parameters)) for job in seen] == [("x", {"foo": "bar"})]


def test_every_kind_of_cluster_can_be_launched_by_the_engine_not_only_the_local_one(project):
    class Asks(Action):
        def __init__(self):
            super().__init__("asks")

        def run(self, execution_cluster):
            assert execution_cluster.type == "fake"
            assert execution_cluster.run_spark_step("x.py").state is JobState.SUCCEEDED

    flow = FlowGraph("clouds").append("a", [], Asks(), cluster="fake")
    assert ExecutionEngine(flow, clusters=[FakeCluster()]).run(project.context(flow)).state is FlowState.PROCESSED
