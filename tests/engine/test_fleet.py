"""The agents of an execution: made when asked for, and the engine's own host when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from synergyflow.clusters.base import Cluster
from synergyflow.core.commands import LaunchCluster, TerminateCluster
from synergyflow.core.events import ClusterEnded, ClusterFailed, ClusterReady, Event
from synergyflow.core.jobs import ShellJob
from synergyflow.engine.fleet import Agents, FleetParts
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.job_watch import Outcome, WatchedJob
from synergyflow.errors import ClusterError, ConfigurationError, LeaseLost
from synergyflow.testing import FakeCluster, ManualClock
from tests.engine.conftest import Notes
from tests.engine.workshop import NEVER

PATIENCE = 60.0
LAUNCH = LaunchCluster("fake-1", "fake")


class Maker:
    """Hands out what it was given, one after the other; an exception is raised."""

    def __init__(self, *clusters: Cluster | Exception) -> None:
        self._clusters = list(clusters)

    def make(self, name: str, profile: str) -> Cluster:
        made = self._clusters.pop(0)
        if isinstance(made, Exception):
            raise made
        return made

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        return self.make(name, profile)

    def host(self) -> Cluster:
        return self.make("host", "host")

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        return False


class Bench:
    def __init__(self, *clusters: Cluster | Exception) -> None:
        self.inbox, clock, self.notes = Inbox(), ManualClock(), Notes()
        self.agents = Agents(
            FleetParts(
                maker=Maker(*clusters),
                inbox=self.inbox,
                logger=self.notes,
                token=lambda name: f"sf-{name}",
                now=clock.now,
                clock=clock.monotonic,
                mask=lambda text: text.replace("s3cret", "***"),
            )
        )

    def next(self, kind: type[Event]) -> Event:
        """The next event of that kind."""
        while True:
            for posted in self.inbox.take(PATIENCE) or pytest.fail("nothing comes"):
                if isinstance(posted.event, kind):
                    return posted.event


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*clusters: Cluster | Exception) -> Bench:
        made.append(Bench(*clusters))
        return made[-1]

    yield make
    for bench in made:
        assert bench.agents.leave(PATIENCE)


def test_asking_for_a_cluster_launches_nothing_yet(make: Callable[..., Bench]) -> None:
    cluster = FakeCluster()
    bench = make(cluster)
    requested = bench.agents.requested(LAUNCH)
    assert (requested.cluster, requested.type, requested.token) == ("fake-1", "fake", "sf-fake-1")
    assert cluster.ledger == []
    bench.agents.launch(LAUNCH)
    bench.next(ClusterReady)
    bench.agents.terminate(TerminateCluster("fake-1"))
    bench.next(ClusterEnded)
    assert cluster.verbs() == ["launch", "terminate"]


@pytest.mark.parametrize("error", [ConfigurationError("no s3cret profile"), KeyError("s3cret")])
def test_a_cluster_that_can_not_be_made_fails_when_it_is_launched(make: Callable[..., Bench], error: Exception) -> None:
    bench = make(error)
    assert bench.agents.requested(LAUNCH).type == ""
    bench.agents.launch(LAUNCH)
    failed = bench.next(ClusterFailed)
    assert isinstance(failed, ClusterFailed)
    assert "***" in failed.reason
    bench.agents.terminate(TerminateCluster("fake-1"))


def test_the_host_is_up_when_it_is_given_and_there_is_one(make: Callable[..., Bench]) -> None:
    host = FakeCluster("host", polls_until_ready=3)
    bench = make(host)
    agents = [bench.agents.host() for _ in range(2)]
    assert agents[0] is agents[1]
    assert agents[0].submit(ShellJob(command="work"), "sf-job") == "job-1"
    assert host.verbs() == ["launch", "submit"]


def test_a_host_that_can_not_be_used_says_so_and_may_be_asked_for_again(make: Callable[..., Bench]) -> None:
    bench = make(FakeCluster("host", launch_error="no folder"), FakeCluster("host"))
    with pytest.raises(ClusterError, match="no folder"):
        bench.agents.host()
    assert bench.agents.host().cluster.cluster_id is not None


def test_the_host_is_none_of_the_clusters_of_the_plan(make: Callable[..., Bench]) -> None:
    bench = make(FakeCluster("host"))
    bench.agents.host()
    assert bench.inbox.take(0.0) == []


def test_who_waits_for_a_job_on_any_of_them_is_released(make: Callable[..., Bench]) -> None:
    bench = make(FakeCluster("host", script=lambda job, token: NEVER))
    agent, released, outcomes = bench.agents.host(), threading.Event(), list[Outcome]()
    job_id = agent.submit(ShellJob(command="work"), "sf-job")
    agent.watch(WatchedJob(job_id, lambda chunk: None, lambda outcome: (outcomes.append(outcome), released.set()), 0.0))
    assert bench.agents.leave(PATIENCE)
    bench.agents.release(LeaseLost("gone"))
    assert released.wait(PATIENCE)
    assert isinstance(outcomes[0], LeaseLost)


def test_aborting_ends_clusters_and_host(make: Callable[..., Bench]) -> None:
    cluster, host = FakeCluster(), FakeCluster("host")
    bench = make(cluster, host)
    bench.agents.requested(LAUNCH)
    bench.agents.launch(LAUNCH)
    bench.next(ClusterReady)
    bench.agents.host()
    assert bench.agents.abort()
    assert cluster.verbs()[-1] == host.verbs()[-1] == "terminate"
