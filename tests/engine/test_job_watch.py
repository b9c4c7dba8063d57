"""Jobs in flight: all output before the end, one end for each, and whoever must end is ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from synergyflow.clusters.base import LogChunk
from synergyflow.core.jobs import JobState, JobStatus, ShellJob
from synergyflow.engine import job_watch
from synergyflow.engine.job_watch import FORCE_SECONDS, POLITE_SECONDS, JobWatch, Outcome, WatchedJob
from synergyflow.errors import ClusterError, ClusterLost, LeaseLost
from synergyflow.testing import Call, Ending, FakeCluster, ManualClock
from tests.engine.conftest import Notes

JOB = ShellJob(command="work")


@dataclass
class Told:
    """What was told of a job, in order."""

    output: list[bytes] = field(default_factory=list)
    ends: list[Outcome] = field(default_factory=list)

    def take(self, chunk: bytes) -> None:
        assert not self.ends, "output after the end"
        self.output.append(chunk)


class Bench:
    """A launched cluster under watch, looked at by hand."""

    def __init__(self, ending: Ending, cluster: FakeCluster | None = None) -> None:
        self.clock, self.notes = ManualClock(), Notes()
        self.cluster = cluster or FakeCluster()
        self.cluster._script = lambda job, token: ending
        self.cluster.launch("sf-cluster")
        self.watch = JobWatch(self.cluster, self.clock.monotonic, self.notes)

    def submit(self, token: str = "sf-job") -> tuple[WatchedJob, Told]:
        told = Told()
        job = WatchedJob(self.cluster.submit(JOB, token), told.take, told.ends.append, self.clock.monotonic())
        self.watch.add(job)
        return job, told

    def look(self) -> bool:
        return self.watch.tick(self.cluster.poll(self.watch.job_ids()).jobs)

    def verbs(self) -> list[str]:
        return [call.verb for call in self.cluster.ledger if call.verb in ("cancel", "kill")]


def test_all_output_is_passed_on_before_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_watch, "CHUNK", 3)
    monkeypatch.setattr(job_watch, "CHUNKS_PER_TICK", 2)
    bench = Bench(Ending(output=b"0123456789"))
    _, told = bench.submit()
    looks = 0
    while not told.ends:
        assert bench.look()
        looks += 1
    assert told.output == [b"012", b"345", b"678", b"9"]
    assert looks > 1, "one look passes on a bounded amount"
    assert [end.state for end in told.ends if isinstance(end, JobStatus)] == [JobState.SUCCEEDED]
    assert len(bench.watch) == 0


def test_nothing_moves_while_a_job_runs_silently() -> None:
    bench = Bench(Ending(polls=None))
    _, told = bench.submit()
    assert not bench.look()
    assert told.ends == []


def test_one_look_serves_all_jobs() -> None:
    bench = Bench(Ending())
    told = [bench.submit(f"sf-{number}")[1] for number in range(50)]
    bench.look()
    assert all(len(each.ends) == 1 for each in told)
    assert [call.verb for call in bench.cluster.ledger].count("poll") == 1


def test_a_job_is_asked_politely_first_and_forced_when_it_does_not_listen() -> None:
    bench = Bench(Ending(polls=None, minds_cancel=False))
    job, told = bench.submit()
    bench.watch.cancel(job)
    bench.watch.cancel(job)
    bench.look()
    assert bench.verbs() == ["cancel"]
    bench.clock.advance(POLITE_SECONDS)
    bench.look()
    assert bench.verbs() == ["cancel", "kill"]
    bench.look()
    assert [end.state for end in told.ends if isinstance(end, JobStatus)] == [JobState.CANCELED]


def test_a_job_that_outlives_force_is_given_up_as_lost() -> None:
    class Immortal(FakeCluster):
        def cancel(self, job_id: str, *, force: bool = False) -> None:
            self.ledger.append(Call("kill" if force else "cancel", job_id))

    bench = Bench(Ending(polls=None), Immortal())
    job, told = bench.submit()
    bench.watch.cancel(job)
    for seconds in (POLITE_SECONDS, FORCE_SECONDS):
        bench.clock.advance(seconds)
        bench.look()
    assert bench.verbs() == ["cancel", "kill"]
    (end,) = told.ends
    assert isinstance(end, JobStatus)
    assert end.state is JobState.LOST
    assert "forced" in end.message


def test_a_cluster_that_can_not_be_asked_to_end_a_job_is_asked_again() -> None:
    class Deaf(FakeCluster):
        deaf = 2

        def cancel(self, job_id: str, *, force: bool = False) -> None:
            self.deaf -= force
            if not force or self.deaf >= 0:
                raise ClusterError("no answer")
            super().cancel(job_id, force=force)

    bench = Bench(Ending(polls=None), Deaf())
    job, told = bench.submit()
    with pytest.raises(ClusterError):
        bench.watch.cancel(job)
    for _ in range(3):
        assert not told.ends
        bench.clock.advance(POLITE_SECONDS)
        bench.look()
    bench.look()
    assert [end.state for end in told.ends if isinstance(end, JobStatus)] == [JobState.CANCELED]
    assert bench.notes.text.count("no answer") == 2


def test_a_job_that_ended_is_not_canceled_any_more() -> None:
    bench = Bench(Ending())
    job, _ = bench.submit()
    bench.look()
    bench.watch.cancel(job)
    assert bench.verbs() == []


def test_jobs_end_with_their_cluster_also_those_that_come_later() -> None:
    bench = Bench(Ending(polls=None))
    _, told = bench.submit("sf-1")
    bench.watch.lose("reclaimed")
    _, later = bench.submit("sf-2")
    for each in (told, later):
        (end,) = each.ends
        assert isinstance(end, ClusterLost)
        assert "reclaimed" in str(end)


def test_the_first_reason_for_the_end_of_all_holds() -> None:
    bench = Bench(Ending(polls=None))
    bench.watch.lose("reclaimed")
    bench.watch.end_all(LeaseLost("later"))
    _, told = bench.submit()
    assert isinstance(told.ends[0], ClusterLost)


def test_output_that_can_not_be_fetched_any_more_does_not_hold_the_end_back() -> None:
    class Silent(FakeCluster):
        def fetch_log(self, job_id: str, position: int = 0, limit: int = 1 << 20) -> LogChunk:
            raise ClusterError("the log is gone")

    bench = Bench(Ending(polls=1), Silent())
    _, told = bench.submit()
    bench.look()
    assert told.ends == [], "while the job runs the log may come back"
    bench.look()
    assert b"the log is gone" in told.output[0]
    assert len(told.ends) == 1


def test_a_log_that_can_not_be_written_costs_output_but_no_job() -> None:
    bench = Bench(Ending(output=b"lines"))
    ends: list[Outcome] = []

    def full(chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    bench.watch.add(WatchedJob(bench.cluster.submit(JOB, "sf-1"), full, ends.append, 0.0))
    _, told = bench.submit("sf-2")
    bench.look()
    assert len(ends) == len(told.ends) == 1
    assert told.output == [b"lines"]
    assert bench.notes.text.count("can't be passed on") == 1


def test_an_end_that_can_not_be_told_harms_no_other_job() -> None:
    bench = Bench(Ending())

    def broken(outcome: Outcome) -> None:
        raise ValueError("of all things")

    bench.watch.add(WatchedJob(bench.cluster.submit(JOB, "sf-1"), lambda chunk: None, broken, 0.0))
    _, told = bench.submit("sf-2")
    bench.look()
    assert len(told.ends) == 1
    assert "of all things" in bench.notes.text


def test_the_age_is_that_of_the_youngest_job() -> None:
    bench = Bench(Ending(polls=None))
    assert bench.watch.youngest() is None
    bench.submit("sf-1")
    bench.clock.advance(100.0)
    bench.submit("sf-2")
    bench.clock.advance(10.0)
    assert bench.watch.youngest() == 10.0
