"""The cluster as an attempt sees it: every job has an identity, and is submitted once whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from synergyflow.clusters.base import Observation
from synergyflow.core.events import Event, JobEnded, JobIntended, JobSubmitted
from synergyflow.core.jobs import Job, JobIdentity, JobKind, JobState, PythonJob, ShellJob, digest_of
from synergyflow.core.records import JobRecord
from synergyflow.engine import leftovers, step_cluster
from synergyflow.engine.agent import AgentParts, ClusterAgent
from synergyflow.engine.gate import Gate
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.job_watch import Outcome
from synergyflow.engine.step_cluster import AttemptKey, StepCluster
from synergyflow.errors import (
    ClusterError,
    ClusterLost,
    JobCanceled,
    JobFailed,
    JobLost,
    LeaseLost,
    NothingToDo,
    StepTimeout,
)
from synergyflow.testing import Call, Ending, FakeCluster, ManualClock
from tests.engine.conftest import Notes

PATIENCE = 60.0
NOW = datetime(2013, 1, 1, tzinfo=UTC)
KEY = AttemptKey(installation="i", flow_name="flights", timeperiod="2013010100", step="load", attempt=3)
JOB, OTHER_JOB = ShellJob(command="work"), ShellJob(command="other work")


def token(action: int, ordinal: int) -> str:
    return JobIdentity("i", "flights", "2013010100", "load", 3, action, ordinal).token


class Journal:
    """Takes what is posted, in order, and says that it is durable. `before` is called for each event first."""

    def __init__(self, inbox: Inbox) -> None:
        self.events: list[Event] = []
        self.before: Callable[[Event], None] = lambda event: None
        self._inbox = inbox
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._stopped = False
        self._thread.start()

    def _take(self) -> None:
        while not self._stopped:
            for posted in self._inbox.take(0.05):
                self.before(posted.event)
                self.events.append(posted.event)
                posted.settle()

    def close(self) -> None:
        """All that was posted so far is in `events` afterwards."""
        self._stopped = True
        self._thread.join(PATIENCE)
        self.events.extend(posted.event for posted in self._inbox.take(0.0))
        self._inbox.close()

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Log(Notes):
    """The log of an attempt, of which only jobs' lines are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: list[tuple[str, bytes]] = []
        self.fails: OSError | None = None

    def logger(self, action: str | None) -> Log:
        return self

    def output(self, action: str, chunk: bytes) -> None:
        self.printed.append((action, chunk))

    def end_output(self, action: str) -> None:
        if self.fails is not None:
            raise self.fails

    def last_lines(self, count: int) -> list[str]:
        return [line.decode() for _, chunk in self.printed for line in chunk.splitlines()][-count:]


class Bench:
    def __init__(
        self,
        cluster: FakeCluster,
        known: Mapping[str, JobRecord] | None = None,
        host: Callable[[], ClusterAgent] | None = None,
    ) -> None:
        self.cluster, self.inbox, self.gate, self.log = cluster, Inbox(), Gate(), Log()
        self.journal = Journal(self.inbox)
        self.agent = launched(cluster)
        self.steps = StepCluster(
            KEY, self.agent, host or self._no_host, self.inbox, self.gate, self.log, known or {}, lambda: NOW, masked
        )
        self.steps.at(0, "act")

    @staticmethod
    def _no_host() -> ClusterAgent:
        raise ClusterError("this test has no host")

    def close(self) -> None:
        self.agent.leave()
        self.agent.join(PATIENCE)
        self.journal.close()

    def submits(self) -> list[str]:
        return [call.subject for call in self.cluster.ledger if call.verb == "submit"]


def masked(text: str) -> str:
    return text.replace("s3cret", "***")


def launched(cluster: FakeCluster) -> ClusterAgent:
    clock = ManualClock()
    parts = AgentParts(post=lambda event: None, logger=Notes(), mask=masked, now=clock.now, clock=clock.monotonic)
    agent = ClusterAgent(cluster, "sf-cluster", parts)
    agent.launch()
    agent.wait_until_up()
    return agent


Make = Callable[..., Bench]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes benches, and clears them away."""
    monkeypatch.setattr(step_cluster, "LOOK_UP_PAUSES", (0.0, 0.0, 0.0))
    made: list[Bench] = []

    def make(cluster: FakeCluster | None = None, **more: Any) -> Bench:
        made.append(Bench(cluster or FakeCluster(), **more))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def interrupted(provider_of: FakeCluster, job: Job, action: int = 0, ordinal: int = 0) -> dict[str, JobRecord]:
    """What is on record of a job that an engine submitted before it died."""
    provider_of.launch("sf-cluster")
    provider_of.submit(job, token(action, ordinal))
    return known(job, action, ordinal)


def known(job: Job, action: int = 0, ordinal: int = 0) -> dict[str, JobRecord]:
    its = token(action, ordinal)
    return {
        its: JobRecord(
            token=its,
            step_name="load",
            attempt=3,
            action=action,
            ordinal=ordinal,
            kind=job.kind.value,
            digest=digest_of(job),
            cluster="fake-1",
            profile="fake",
        )
    }


# -- identity ----------------------------------------------------------------------------------------------------------


def test_jobs_are_numbered_within_their_action(make: Make) -> None:
    bench = make()
    bench.steps.run_job(JOB)
    bench.steps.run_job(JOB)
    bench.steps.at(1, "second")
    bench.steps.run_job(JOB)
    assert bench.submits() == [token(0, 0), token(0, 1), token(1, 0)]


def test_the_number_of_a_job_does_not_depend_on_how_soon_the_one_before_ended(make: Make) -> None:
    bench = make()
    moved_on = threading.Event()

    def next_action(outcome: Outcome) -> None:
        bench.steps.at(1, "second")
        moved_on.set()

    watch = bench.agent.watch

    def watch_and_wait(job: Any) -> None:
        watch(job)
        assert moved_on.wait(PATIENCE), "the job ended, and the attempt went on, before this call returns"

    bench.agent.watch = watch_and_wait  # type: ignore[method-assign]
    bench.steps.start(JOB, next_action)
    bench.agent.watch = watch  # type: ignore[method-assign]
    bench.steps.run_job(JOB)
    assert bench.submits() == [token(0, 0), token(1, 0)]


def test_the_intent_is_durable_before_the_cluster_is_asked(make: Make) -> None:
    bench = make()
    submits_at_intent: list[list[str]] = []

    def before(event: Event) -> None:
        if isinstance(event, JobIntended):
            submits_at_intent.append(bench.submits())

    bench.journal.before = before
    bench.steps.run_job(JOB)
    assert submits_at_intent == [[]]
    assert bench.submits() == [token(0, 0)]


def test_what_happened_to_a_job_is_on_record_in_order(make: Make) -> None:
    bench = make(FakeCluster(script=lambda job, token: Ending(message="took s3cret", output=b"done\n")))
    bench.steps.run_job(JOB)
    bench.journal.close()
    assert [type(event) for event in bench.journal.events] == [JobIntended, JobSubmitted, JobEnded]
    (ended,) = bench.journal.of(JobEnded)
    assert (ended.token, ended.state, ended.exit_code, ended.message) == (token(0, 0), "succeeded", 0, "took ***")
    assert bench.log.printed == [("act", b"done\n")]


# -- outcomes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (Ending(state=JobState.FAILED, exit_code=4, output=b"line one\nno such table\n"), JobFailed),
        (Ending(state=JobState.CANCELED, exit_code=None), JobCanceled),
        (Ending(state=JobState.LOST, exit_code=None), JobLost),
        (Ending(refused="queue does not exist"), JobFailed),
    ],
)
def test_a_job_that_does_not_succeed_raises_what_became_of_it(make: Make, ending: Ending, error: type) -> None:
    bench = make(FakeCluster(script=lambda job, token: ending))
    with pytest.raises(error) as raised:
        bench.steps.run_job(JOB)
    bench.journal.close()
    assert bench.journal.of(JobEnded)[0].state == ("failed" if ending.refused else ending.state.value)
    if ending.output:
        assert "no such table" in str(raised.value), "its last words are told"


def test_a_job_may_say_that_there_is_nothing_to_do(make: Make) -> None:
    bench = make(FakeCluster(script=lambda job, token: Ending(state=JobState.FAILED, exit_code=75)))
    with pytest.raises(NothingToDo):
        bench.steps.run_job(ShellJob(command="work", nothing_to_do_exit_code=75))


def test_a_job_that_the_cluster_can_not_run_is_refused_before_it_is_intended(make: Make) -> None:
    bench = make(FakeCluster(job_kinds=frozenset({JobKind.SPARK})))
    with pytest.raises(JobFailed, match="can't run shell jobs"):
        bench.steps.run_job(JOB)
    bench.journal.close()
    assert bench.journal.events == []


def test_python_jobs_go_to_the_host_where_the_cluster_can_not_run_them(make: Make) -> None:
    host = FakeCluster("host")
    agent = launched(host)
    bench = make(FakeCluster(job_kinds=frozenset({JobKind.SHELL})), host=lambda: agent)
    bench.steps.run_job(PythonJob(payload=b""))
    assert "submit" in host.verbs()
    assert bench.submits() == []
    bench.journal.close()
    assert bench.journal.of(JobIntended)[0].cluster == "host"
    agent.leave()


def test_a_log_that_can_not_take_the_end_of_the_output_does_not_hold_the_job_up(make: Make) -> None:
    bench = make()
    bench.log.fails = OSError(28, "No space left on device")
    assert bench.steps.run_job(JOB).state is JobState.SUCCEEDED


# -- adoption ----------------------------------------------------------------------------------------------------------


def test_a_job_of_an_interrupted_attempt_is_found_again_and_not_submitted_twice(make: Make) -> None:
    before = FakeCluster(script=lambda job, token: Ending(output=b"from before\n"))
    bench = make(FakeCluster(provider=before.provider), known=interrupted(before, JOB))
    assert bench.steps.run_job(JOB).state is JobState.SUCCEEDED
    assert bench.submits() == []
    bench.journal.close()
    assert bench.journal.of(JobIntended) == []
    assert bench.journal.of(JobSubmitted)[0].adopted
    assert bench.log.printed == [("act", b"from before\n")]


def test_the_result_of_a_job_that_ended_meanwhile_is_its_own(make: Make) -> None:
    before = FakeCluster(script=lambda job, token: Ending(state=JobState.FAILED, exit_code=9))
    bench = make(FakeCluster(provider=before.provider), known=interrupted(before, JOB))
    with pytest.raises(JobFailed, match="exit code 9"):
        bench.steps.run_job(JOB)


def test_an_intent_that_never_reached_the_cluster_is_submitted_under_the_same_name(make: Make) -> None:
    bench = make(known=known(JOB))
    bench.steps.run_job(JOB)
    assert bench.submits() == [token(0, 0)]
    bench.journal.close()
    assert bench.journal.of(JobIntended) == [], "it is on record already"


def test_a_job_that_was_canceled_while_nobody_watched_is_lost_not_failed(make: Make) -> None:
    before = FakeCluster(script=lambda job, token: Ending(state=JobState.CANCELED, exit_code=None))
    bench = make(FakeCluster(provider=before.provider), known=interrupted(before, JOB))
    with pytest.raises(JobLost, match="while no engine watched"):
        bench.steps.run_job(JOB)


def test_another_request_in_the_same_place_ends_the_old_job_and_the_attempt(make: Make) -> None:
    before = FakeCluster(script=lambda job, token: Ending(polls=None))
    bench = make(FakeCluster(provider=before.provider), known=interrupted(before, JOB))
    with pytest.raises(JobLost, match="another job"):
        bench.steps.run_job(OTHER_JOB)
    assert bench.submits() == []
    assert before.provider.jobs["job-1"].status.state is JobState.CANCELED
    bench.journal.close()
    assert [event.state for event in bench.journal.of(JobEnded)] == ["canceled"]


def test_an_old_job_that_does_not_end_keeps_another_from_taking_its_place(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Immortal(FakeCluster):
        def cancel(self, job_id: str, *, force: bool = False) -> None:
            """Nothing helps."""

    monkeypatch.setattr(leftovers, "FORCE_SECONDS", 0.01)
    before = FakeCluster(script=lambda job, token: Ending(polls=None))
    bench = make(Immortal(provider=before.provider), known=interrupted(before, JOB))
    with pytest.raises(JobFailed, match="does not end"):
        bench.steps.run_job(OTHER_JOB)
    bench.journal.close()
    assert bench.journal.of(JobEnded) == [], "it stays on record as open"


# -- answers that never came -------------------------------------------------------------------------------------------


class Unclear(FakeCluster):
    """Raises at each submit; `takes` says whether the job runs all the same, `mute` how often `find` fails."""

    takes = True
    mute = 0

    def submit(self, job: Job, token: str) -> str:
        if self.takes:
            super().submit(job, token)
        else:
            self.ledger.append(Call("submit", token))
        raise ClusterError("the connection was reset")

    def find(self, token: str) -> str | None:
        self.mute -= 1
        if self.mute >= 0:
            raise ClusterError("no answer either")
        return super().find(token)


def test_a_job_whose_submit_was_not_answered_is_looked_for_and_goes_on(make: Make) -> None:
    cluster = Unclear()
    cluster.mute = 2
    bench = make(cluster)
    assert bench.steps.run_job(JOB).state is JobState.SUCCEEDED
    assert bench.submits() == [token(0, 0)]


def test_a_job_that_the_cluster_did_not_take_is_an_infrastructure_failure(make: Make) -> None:
    cluster = Unclear()
    cluster.takes = False
    bench = make(cluster)
    with pytest.raises(ClusterError, match="connection was reset") as raised:
        bench.steps.run_job(JOB)
    assert not isinstance(raised.value, JobFailed)
    bench.journal.close()
    assert [event.state for event in bench.journal.of(JobEnded)] == ["lost"]


def test_a_job_of_which_nothing_can_be_learned_is_not_taken_for_lost(make: Make) -> None:
    cluster = Unclear()
    cluster.mute = 1000
    bench = make(cluster)
    with pytest.raises(JobFailed, match="can't be told") as raised:
        bench.steps.run_job(JOB)
    assert "recover" in str(raised.value.hint)
    bench.journal.close()
    assert bench.journal.of(JobEnded) == [], "it stays on record as open, so that recover looks for it"


def test_a_submit_to_a_cluster_that_is_gone_is_a_lost_cluster(make: Make) -> None:
    bench = make()
    bench.cluster.lose()
    with pytest.raises(ClusterLost):
        bench.steps.run_job(JOB)
    bench.journal.close()
    assert [event.state for event in bench.journal.of(JobEnded)] == ["lost"]


# -- being ended -------------------------------------------------------------------------------------------------------


class Gated(FakeCluster):
    """Tells when a job is first looked at."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seen = threading.Event()

    def poll(self, job_ids: Sequence[str]) -> Observation:
        if job_ids:
            self.seen.set()
        return super().poll(job_ids)


@pytest.mark.parametrize(("reason", "error"), [("timeout", StepTimeout), ("canceled", JobCanceled)])
def test_ending_an_attempt_ends_its_job_and_refuses_further_ones(make: Make, reason: str, error: type) -> None:
    cluster = Gated(script=lambda job, token: Ending(polls=None))
    bench = make(cluster)
    raised: list[BaseException] = []

    def run() -> None:
        for _ in range(2):
            with pytest.raises(error) as caught:
                bench.steps.run_job(JOB)
            raised.append(caught.value)

    runner = threading.Thread(target=run, daemon=True)
    runner.start()
    assert cluster.seen.wait(PATIENCE)
    bench.steps.end_by(reason)
    runner.join(PATIENCE)
    assert len(raised) == 2
    assert len(bench.submits()) == 1
    assert "cancel" in cluster.verbs()
    bench.steps.reopen()
    cluster._script = lambda job, token: Ending()
    assert bench.steps.run_job(JOB).state is JobState.SUCCEEDED


def test_a_job_whose_submit_was_under_way_when_the_attempt_was_ended_is_ended_too(make: Make) -> None:
    bench = make()

    def script(job: Job, token: str) -> Ending:
        bench.steps.end_by("canceled")
        return Ending(polls=None)

    bench.cluster._script = script
    with pytest.raises(JobCanceled):
        bench.steps.run_job(JOB)
    assert "cancel" in bench.cluster.verbs()


def test_nothing_is_submitted_once_the_engine_leaves(make: Make) -> None:
    bench = make(known=known(JOB))
    bench.gate.close()
    with pytest.raises(LeaseLost):
        bench.steps.run_job(JOB)
    assert bench.submits() == []


def test_nothing_is_submitted_whose_intent_can_not_be_recorded(make: Make) -> None:
    bench = make()
    bench.journal.close()
    with pytest.raises(LeaseLost):
        bench.steps.run_job(JOB)
    assert bench.submits() == []


def test_who_waits_for_a_job_that_nobody_looks_after_any_more_is_told(make: Make) -> None:
    cluster = Gated(script=lambda job, token: Ending(polls=None))
    bench = make(cluster)
    released = threading.Event()

    def run() -> None:
        with pytest.raises(LeaseLost):
            bench.steps.run_job(JOB)
        released.set()

    threading.Thread(target=run, daemon=True).start()
    assert cluster.seen.wait(PATIENCE)
    bench.agent.leave()
    bench.agent.join(PATIENCE)
    bench.agent.release(LeaseLost("the engine has left"))
    assert released.wait(PATIENCE)
