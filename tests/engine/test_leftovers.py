"""Jobs that a dead engine left running are ended, and confirmed so, before anything takes their place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from synergyflow.clusters.base import Cluster, Observation
from synergyflow.core.jobs import ShellJob
from synergyflow.core.records import JobRecord
from synergyflow.engine.job_watch import FORCE_SECONDS
from synergyflow.engine.leftovers import end_and_confirm, end_leftovers, look_up
from synergyflow.errors import ClusterError, ClusterLost
from synergyflow.testing import Ending, FakeCluster, ManualClock
from tests.engine.conftest import Notes

JOB = ShellJob(command="work")
ENDLESS = Ending(polls=None)


class Ticking:
    """A clock that moves on by so many seconds with each look at it."""

    def __init__(self, seconds: float) -> None:
        self._clock, self._seconds = ManualClock(), seconds

    def __call__(self) -> float:
        self._clock.advance(self._seconds)
        return self._clock.monotonic()


def cluster_with_job(ending: Ending = ENDLESS, kind: type[FakeCluster] = FakeCluster) -> tuple[FakeCluster, str]:
    cluster = kind(script=lambda job, token: ending)
    cluster.launch("sf-cluster")
    return cluster, cluster.submit(JOB, "sf-job")


def record(token: str = "sf-job") -> JobRecord:
    return JobRecord(
        token=token,
        step_name="load",
        attempt=1,
        action=0,
        ordinal=0,
        kind="shell",
        digest="0",
        cluster="fake-1",
        profile="fake",
    )


def test_a_running_job_is_canceled_and_confirmed() -> None:
    cluster, job_id = cluster_with_job()
    end_and_confirm(cluster, job_id, Ticking(0.1))
    assert cluster.poll([job_id]).jobs[job_id].state.is_final
    assert "kill" not in cluster.verbs()


def test_a_job_that_does_not_listen_is_forced() -> None:
    cluster, job_id = cluster_with_job(Ending(polls=None, minds_cancel=False))
    end_and_confirm(cluster, job_id, Ticking(1.0))
    assert cluster.verbs()[-2:] == ["cancel", "kill"]


def test_a_job_that_ended_by_itself_is_left_alone() -> None:
    cluster, job_id = cluster_with_job(Ending())
    end_and_confirm(cluster, job_id, Ticking(1.0))
    assert cluster.verbs() == ["launch", "submit"]


def test_a_job_that_can_not_be_ended_is_not_taken_for_ended() -> None:
    class Immortal(FakeCluster):
        def cancel(self, job_id: str, *, force: bool = False) -> None:
            """Nothing helps."""

    cluster, job_id = cluster_with_job(kind=Immortal)
    with pytest.raises(ClusterError, match="can't be confirmed"):
        end_and_confirm(cluster, job_id, Ticking(FORCE_SECONDS / 4))


def test_a_cluster_that_does_not_answer_at_once_is_asked_again() -> None:
    class Foggy(FakeCluster):
        fog = 3

        def poll(self, job_ids: Sequence[str]) -> Observation:
            self.fog -= 1
            if self.fog >= 0:
                raise ClusterError("throttled")
            return super().poll(job_ids)

    cluster, job_id = cluster_with_job(kind=Foggy)
    end_and_confirm(cluster, job_id, Ticking(0.1))
    assert cluster.poll([job_id]).jobs[job_id].state.is_final


def test_a_cluster_that_never_answers_leaves_it_unconfirmed_and_says_why() -> None:
    class Mute(FakeCluster):
        def poll(self, job_ids: Sequence[str]) -> Observation:
            raise ClusterError("throttled")

    cluster, job_id = cluster_with_job(kind=Mute)
    with pytest.raises(ClusterError, match="throttled"):
        end_and_confirm(cluster, job_id, Ticking(FORCE_SECONDS / 4))


def test_a_negative_look_up_counts_only_after_the_settling_time() -> None:
    class Settling(FakeCluster):
        settling_seconds = 0.001
        looks = 0

        def find(self, token: str) -> str | None:
            self.looks += 1
            return super().find(token) if self.looks > 1 else None

    cluster, job_id = cluster_with_job(kind=Settling)
    assert look_up(cluster, "sf-job") == job_id
    assert look_up(cluster, "sf-none") is None
    assert isinstance(cluster, Settling)
    assert cluster.looks == 4


def test_each_leftover_is_ended_and_forgotten() -> None:
    forgotten: list[str] = []

    class Forgetful(FakeCluster):
        def forget(self, job_id: str) -> None:
            forgotten.append(job_id)

    cluster, job_id = cluster_with_job(kind=Forgetful)
    ended = list(end_leftovers([record(), record("sf-never-came")], lambda job: cluster, Ticking(0.1), Notes()))
    assert [job.token for job in ended] == ["sf-job", "sf-never-came"]
    assert forgotten == [job_id]


def test_jobs_of_a_cluster_that_is_gone_are_gone() -> None:
    class Gone(FakeCluster):
        def find(self, token: str) -> str | None:
            raise ClusterLost("no cluster of that id")

    assert len(list(end_leftovers([record()], lambda job: Gone(), Ticking(0.1), Notes()))) == 1


def test_those_that_were_ended_before_one_could_not_be_are_known() -> None:
    cluster, _ = cluster_with_job()
    ended: list[str] = []

    def reach(job: JobRecord) -> Cluster:
        if job.token == "sf-elsewhere":
            raise ClusterError("no answer from there")
        return cluster

    def end_all() -> None:
        for job in end_leftovers([record(), record("sf-elsewhere")], reach, Ticking(0.1), Notes()):
            ended.append(job.token)

    with pytest.raises(ClusterError, match="no answer"):
        end_all()
    assert ended == ["sf-job"]
