"""The life of one cluster: exactly one end is told, and it is terminated whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from synergyflow.clusters.base import Observation
from synergyflow.core.events import ClusterEnded, ClusterFailed, ClusterLaunched, ClusterLost, ClusterReady, Event
from synergyflow.core.jobs import Job, JobState, JobStatus, ShellJob
from synergyflow.engine import agent as agents
from synergyflow.engine.agent import AgentParts, ClusterAgent
from synergyflow.engine.job_watch import Outcome, WatchedJob
from synergyflow.errors import ClusterError, LeaseLost, SynergyFlowError
from synergyflow.errors import ClusterLost as ClusterIsLost
from synergyflow.testing import Ending, FakeCluster, ManualClock
from tests.engine.conftest import Notes

PATIENCE = 60.0
JOB = ShellJob(command="work")


class Bench:
    """An agent and all that it posts."""

    def __init__(self, cluster: FakeCluster, mask: Callable[[str], str] = str) -> None:
        self.cluster, self.clock, self.notes = cluster, ManualClock(), Notes()
        self.posted: list[Event] = []
        self._changed = threading.Condition()
        parts = AgentParts(
            post=self._post, logger=self.notes, mask=mask, now=self.clock.now, clock=self.clock.monotonic
        )
        self.agent = ClusterAgent(cluster, "sf-cluster", parts)

    def _post(self, event: Event) -> None:
        with self._changed:
            self.posted.append(event)
            self._changed.notify_all()

    def launch(self) -> Bench:
        self.agent.launch()
        return self

    def up(self) -> Bench:
        self.launch().wait_for(ClusterReady)
        return self

    def wait_for(self, kind: type[Event]) -> Any:
        with self._changed:
            here = lambda: [event for event in self.posted if isinstance(event, kind)]  # noqa: E731
            assert self._changed.wait_for(lambda: bool(here()), PATIENCE), f"in vain: {kind}"
            return here()[0]

    def kinds(self) -> list[str]:
        """After the end of the thread: what was posted."""
        assert self.agent.join(PATIENCE)
        return [type(event).__name__ for event in self.posted]

    def submit(self, token: str = "sf-job") -> Ended:
        ended = Ended()
        job_id = self.agent.submit(JOB, token)
        ended.job = WatchedJob(job_id, lambda chunk: None, ended, self.clock.monotonic())
        self.agent.watch(ended.job)
        return ended


class Ended:
    """The end of a job, waited for."""

    job: WatchedJob

    def __init__(self) -> None:
        self._there = threading.Event()
        self._outcome: list[Outcome] = []

    def __call__(self, outcome: Outcome) -> None:
        self._outcome.append(outcome)
        self._there.set()

    def outcome(self) -> Outcome:
        assert self._there.wait(PATIENCE), "the end of the job is never told"
        assert len(self._outcome) == 1
        return self._outcome[0]

    @property
    def is_told(self) -> bool:
        return self._there.is_set()


def verbs(cluster: FakeCluster) -> list[str]:
    return [verb for verb in cluster.verbs() if verb in ("launch", "terminate", "submit", "cancel", "kill")]


def test_a_cluster_is_launched_watched_and_terminated() -> None:
    bench = Bench(FakeCluster(polls_until_ready=3)).up()
    outcome = bench.submit().outcome()
    assert isinstance(outcome, JobStatus)
    assert outcome.state is JobState.SUCCEEDED
    bench.agent.terminate(step_failed=False)
    assert bench.kinds() == ["ClusterLaunched", "ClusterReady", "ClusterEnded"]
    assert verbs(bench.cluster) == ["launch", "submit", "terminate"]


def test_a_launch_that_is_refused_is_told_and_cleaned_up_behind() -> None:
    bench = Bench(FakeCluster(launch_error="no quota")).launch()
    assert bench.kinds() == ["ClusterFailed"]
    assert bench.wait_for(ClusterFailed).reason == "no quota"
    assert verbs(bench.cluster) == ["launch", "terminate"]
    with pytest.raises(ClusterError, match="no quota"):
        bench.agent.wait_until_up()


def test_an_adapter_that_breaks_in_its_launch_is_a_cluster_that_did_not_come_up() -> None:
    class Broken(FakeCluster):
        def launch(self, token: str) -> str:
            raise KeyError("ClusterId")

    bench = Bench(Broken()).launch()
    assert bench.kinds() == ["ClusterFailed"]
    assert "KeyError" in bench.wait_for(ClusterFailed).reason
    assert verbs(bench.cluster) == ["terminate"]


def test_a_job_given_to_a_cluster_that_did_not_come_up_ends() -> None:
    bench = Bench(FakeCluster(launch_error="no quota")).launch()
    bench.wait_for(ClusterFailed)
    assert bench.agent.join(PATIENCE)
    ended = Ended()
    bench.agent.watch(WatchedJob("job-1", lambda chunk: None, ended, 0.0))
    assert isinstance(ended.outcome(), ClusterIsLost)


def test_a_cluster_that_is_never_ready_is_given_up_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()

    class Slow(FakeCluster):
        def poll(self, job_ids: Sequence[str]) -> Observation:
            looked.set()
            return super().poll(job_ids)

    bench = Bench(Slow(polls_until_ready=1 << 60)).launch()
    assert looked.wait(PATIENCE)
    bench.clock.advance(agents.BOOT_SECONDS + 1)
    assert bench.kinds() == ["ClusterLaunched", "ClusterFailed"]
    assert "not ready" in bench.wait_for(ClusterFailed).reason
    assert verbs(bench.cluster) == ["launch", "terminate"]


def test_a_cluster_that_dies_while_it_boots_did_not_come_up() -> None:
    bench = Bench(FakeCluster(polls_until_ready=1 << 60, lost_at_poll=3)).launch()
    assert bench.kinds() == ["ClusterLaunched", "ClusterFailed"]


def test_a_cluster_that_is_not_wanted_any_more_is_ended_while_it_boots() -> None:
    bench = Bench(FakeCluster(polls_until_ready=1 << 60)).launch()
    bench.wait_for(ClusterLaunched)
    bench.agent.terminate(step_failed=False)
    assert bench.kinds() == ["ClusterLaunched", "ClusterEnded"]
    assert verbs(bench.cluster) == ["launch", "terminate"]


def test_looks_that_fail_are_no_failure_of_jobs_and_slow_the_looking_down() -> None:
    class Foggy(FakeCluster):
        fog = 5

        def poll(self, job_ids: Sequence[str]) -> Observation:
            if job_ids and self.fog:
                self.fog -= 1
                raise ClusterError("throttled")
            return super().poll(job_ids)

    pauses: list[float | None] = []
    bench = Bench(Foggy()).up()
    pause = bench.agent._pause

    def counted(seconds: float | None) -> None:
        pauses.append(seconds)
        pause(seconds)

    bench.agent._pause = counted  # type: ignore[method-assign]
    outcome = bench.submit().outcome()
    assert isinstance(outcome, JobStatus)
    assert outcome.state is JobState.SUCCEEDED
    assert pauses.count(bench.cluster.poll_bounds.maximum) >= 5
    assert bench.notes.text.count("throttled") == 5
    bench.agent.leave()


def test_a_lost_cluster_is_told_before_its_jobs_end() -> None:
    bench = Bench(FakeCluster(script=lambda job, token: Ending(polls=None))).up()
    ended = bench.submit()
    order: list[str] = []
    on_end = ended.job.on_end

    def told(outcome: Outcome) -> None:
        order.extend(type(event).__name__ for event in bench.posted)
        on_end(outcome)

    ended.job.on_end = told
    bench.cluster.lose()
    assert isinstance(ended.outcome(), ClusterIsLost)
    assert order[-1] == "ClusterLost"
    assert bench.kinds() == ["ClusterLaunched", "ClusterReady", "ClusterLost"]
    assert verbs(bench.cluster)[-1] == "terminate", "nothing of it is left to be paid for"


def test_a_submit_that_finds_the_cluster_gone_tells_so_before_it_raises() -> None:
    bench = Bench(FakeCluster()).up()
    bench.cluster.lose()
    with pytest.raises(ClusterIsLost):
        bench.agent.submit(JOB, "sf-job")
    assert isinstance(bench.posted[-1], ClusterLost)
    assert bench.kinds() == ["ClusterLaunched", "ClusterReady", "ClusterLost"]


def test_an_adapter_that_breaks_while_it_is_looked_at_is_a_lost_cluster() -> None:
    class Broken(FakeCluster):
        def poll(self, job_ids: Sequence[str]) -> Observation:
            if job_ids:
                raise KeyError("State")
            return super().poll(job_ids)

    bench = Bench(Broken()).up()
    assert isinstance(bench.submit().outcome(), ClusterIsLost)
    assert bench.kinds()[-1] == "ClusterLost"
    assert verbs(bench.cluster)[-1] == "terminate"


@pytest.mark.parametrize(
    ("keep_alive", "keep_failed", "step_failed", "kept"),
    [
        (False, False, True, False),
        (True, False, False, True),
        (False, True, False, False),
        (False, True, True, True),
    ],
)
def test_a_profile_says_when_its_cluster_is_kept(
    keep_alive: bool, keep_failed: bool, step_failed: bool, kept: bool
) -> None:
    cluster = FakeCluster()
    cluster.keep_alive, cluster.keep_failed = keep_alive, keep_failed
    bench = Bench(cluster).up()
    bench.agent.terminate(step_failed=step_failed)
    ended = bench.wait_for(ClusterEnded)
    assert ended.kept is kept
    assert ("terminate" in verbs(cluster)) is not kept
    assert ("is left alive" in bench.notes.text) is kept


@pytest.mark.parametrize("error", [ClusterError("denied"), KeyError("ClusterId")])
def test_a_cluster_that_can_not_be_terminated_is_reported_and_blocks_nothing(error: Exception) -> None:
    class Stubborn(FakeCluster):
        def terminate(self) -> None:
            raise error

    bench = Bench(Stubborn()).up()
    bench.agent.terminate(step_failed=False)
    ended = bench.wait_for(ClusterEnded)
    assert not ended.kept
    assert "could not be terminated" in ended.reason
    assert "could not be terminated" in bench.notes.text


def test_leaving_ends_neither_cluster_nor_jobs() -> None:
    bench = Bench(FakeCluster(script=lambda job, token: Ending(polls=None))).up()
    ended = bench.submit()
    bench.agent.leave()
    assert bench.kinds() == ["ClusterLaunched", "ClusterReady"]
    assert verbs(bench.cluster) == ["launch", "submit"]
    assert not ended.is_told
    bench.agent.release(LeaseLost("the engine has left"))
    assert isinstance(ended.outcome(), LeaseLost)


def test_a_launch_that_is_under_way_when_the_engine_leaves_is_still_told() -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow(FakeCluster):
        def launch(self, token: str) -> str:
            begun.set()
            assert go.wait(PATIENCE)
            return super().launch(token)

    bench = Bench(Slow()).launch()
    assert begun.wait(PATIENCE)
    bench.agent.leave()
    assert not bench.agent.join(0.0)
    go.set()
    assert bench.kinds() == ["ClusterLaunched"]
    assert verbs(bench.cluster) == ["launch"]


def test_aborting_ends_the_cluster_with_what_runs_on_it() -> None:
    bench = Bench(FakeCluster(script=lambda job, token: Ending(polls=None))).up()
    ended = bench.submit()
    bench.agent.abort()
    assert isinstance(ended.outcome(), SynergyFlowError)
    assert bench.kinds()[-1] == "ClusterEnded"
    assert verbs(bench.cluster)[-1] == "terminate"


def test_aborting_on_a_cluster_that_is_kept_ends_the_jobs_alone() -> None:
    cluster = FakeCluster(script=lambda job, token: Ending(polls=None))
    cluster.keep_alive = True
    bench = Bench(cluster).up()
    bench.submit()
    bench.agent.abort()
    assert bench.wait_for(ClusterEnded).kept
    assert verbs(cluster) == ["launch", "submit", "kill"]


def test_reasons_are_masked() -> None:
    bench = Bench(
        FakeCluster(launch_error="key AKIA123 is not valid"), mask=lambda text: text.replace("AKIA123", "***")
    )
    bench.launch()
    assert bench.wait_for(ClusterFailed).reason == "key *** is not valid"


def test_cancel_that_the_cluster_refuses_is_reported_only() -> None:
    class Deaf(FakeCluster):
        def cancel(self, job_id: str, *, force: bool = False) -> None:
            raise ClusterError("not now")

    bench = Bench(Deaf(script=lambda job, token: Ending(polls=None))).up()
    ended = bench.submit()
    bench.agent.cancel(ended.job)
    assert "not now" in bench.notes.text
    assert not ended.is_told
    bench.agent.leave()


def test_a_job_that_was_refused_is_not_a_lost_cluster() -> None:
    def refuse(job: Job, token: str) -> Ending:
        return Ending(refused="no such program")

    bench = Bench(FakeCluster(script=refuse)).up()
    with pytest.raises(ClusterError, match="no such program"):
        bench.agent.submit(JOB, "sf-job")
    bench.agent.terminate(step_failed=True)
    assert bench.kinds()[-1] == "ClusterEnded"
