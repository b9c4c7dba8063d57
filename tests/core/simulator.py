"""A world in simulated time for one execution: it carries out commands and says what happened, in random order.

The world keeps its own count of clusters, slots and attempts, and breaks at the first command that breaks a rule. What
`Progress` keeps is never looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from synergyflow.core.commands import (
    CancelStep,
    Command,
    FinishRun,
    LaunchCluster,
    ScheduleRetry,
    SkipStep,
    StartStep,
    TerminateCluster,
)
from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    Event,
    RetryDue,
    RunBegan,
    StepEnded,
    StopRequested,
)
from synergyflow.core.graph import Graph
from synergyflow.core.plan import Plan, ProfileCapacity
from synergyflow.core.progress import Progress
from synergyflow.core.records import PENDING_GROUPS, StepRecord
from synergyflow.core.states import FailureClass, GroupState, StepState
from tests.core.book import START, Book
from tests.core.reference import (
    INFRASTRUCTURE,
    REPLACEMENTS,
    SUCCESS,
    Script,
    Specs,
    fits,
    resume_at,
    verdict,
    waits_for,
)

Groups = tuple[GroupState, GroupState, GroupState]


class RuleBroken(AssertionError):
    """What the product did, or failed to do, against its rules."""


@dataclass(frozen=True)
class Weather:
    """How rough the world is: chances for each cluster, and the times at which the execution is cut short."""

    launch_fails: float = 0.0
    cluster_lost: float = 0.0
    stop_at: int | None = None
    crash_at: int | None = None

    @property
    def is_calm(self) -> bool:
        return not (self.launch_fails or self.cluster_lost or self.is_cut_short)

    @property
    def is_cut_short(self) -> bool:
        return self.stop_at is not None or self.crash_at is not None


@dataclass
class SimulatedCluster:
    """One cluster as the world knows it."""

    profile: ProfileCapacity
    phase: str = "launching"
    running: set[str] = field(default_factory=set)
    step_failed: bool = False


class World:
    """Runs one plan. Afterwards `outcomes`, `finish`, `launched` and the book tell what came of it."""

    def __init__(
        self,
        random: Random,
        specs: Specs,
        plan: Plan,
        pool: Sequence[ProfileCapacity],
        book: Book,
        script: Script,
        weather: Weather,
        fingerprints: Mapping[str, str],
        *,
        stop_on_failure: bool,
    ) -> None:
        self.random, self.specs, self.plan, self.book, self.script = random, specs, plan, book, script
        self.weather, self.fingerprints, self.stop_on_failure = weather, fingerprints, stop_on_failure
        self.profiles = {profile.profile: profile for profile in pool}
        self.planned = {step.name: step for step in plan.steps if step.decision in ("run", "continue", "skip")}
        self.waits_for = {name: waits_for(specs, self.planned, name) for name in self.planned}
        self.outcomes: dict[str, list[str]] = {name: [] for name in self.planned}
        self.next_attempt = {name: (step.attempt, step.first_action) for name, step in self.planned.items()}
        self.running: dict[str, int] = {}
        self.place: dict[str, str] = {}
        self.retrying: set[str] = set()
        self.done: set[str] = set()
        self.launched: dict[str, SimulatedCluster] = {}
        self.lost: list[str] = []
        self.halted = False
        self.stopping = False
        self.finish: FinishRun | None = None
        self.log: list[Event | Command] = []
        self.time = 0
        self._heap: list[tuple[int, float, tuple[object, ...]]] = []
        self._progress = Progress(Graph(specs.values(), stop_on_failure=stop_on_failure), plan)

    # -- the clock --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """To the end of the execution, or to the moment at which its engine dies.

        Raises:
            RuleBroken: something was done that may not be, or nothing more happens although the run is not over.
        """
        self.book.begin(self.plan)
        if self.weather.stop_at is not None:
            self._later(self.weather.stop_at, "stop", self.random.random() < 0.5)
        self._feed([RunBegan(at=START)])
        bound = 60 + 60 * len(self.planned) + 20 * len(self.plan.clusters)
        for _ in range(bound):
            if self.finish is not None:
                return
            if not self._heap:
                raise RuleBroken("deadlock: nothing runs, nothing is awaited, and the run has not ended")
            self.time = self._heap[0][0]
            if self.weather.crash_at is not None and self.time >= self.weather.crash_at:
                return
            self._pass(self._due())
        raise RuleBroken("the execution does not come to its end")

    def _due(self) -> list[tuple[object, ...]]:
        """All that happens at this moment, in random order."""
        due = []
        while self._heap and self._heap[0][0] == self.time:
            due.append(heapq.heappop(self._heap)[2])
        return due

    def _pass(self, due: list[tuple[object, ...]]) -> None:
        """Tell it in random batches."""
        while due and self.finish is None:
            size = self.random.randint(1, len(due)) if len(due) > 1 else 1
            events: list[Event] = []
            for what, *details in due[:size]:
                events.extend(getattr(self, f"_{what}")(*details))
            del due[:size]
            if events:
                self._feed(events)

    def _later(self, delay: int, *what: object) -> None:
        heapq.heappush(self._heap, (self.time + delay, self.random.random(), what))

    def _now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    # -- what happens -----------------------------------------------------------------------------------------------

    def _stop(self, cancel: bool) -> list[Event]:
        self.halted = self.stopping = True
        if not cancel:
            self._later(self.random.randint(0, 20), "stop", True)
        return [StopRequested(at=self._now(), reason="asked to stop", cancel=cancel)]

    def _ready(self, name: str) -> list[Event]:
        self.launched[name].phase = "ready"
        if self.random.random() < self.weather.cluster_lost:
            self._later(self.random.randint(0, 25), "lose", name)
        return [ClusterReady(at=self._now(), cluster=name)]

    def _fail(self, name: str) -> list[Event]:
        self.launched[name].phase = "failed"
        return [ClusterFailed(at=self._now(), cluster=name, reason="no capacity")]

    def _lose(self, name: str) -> list[Event]:
        cluster = self.launched[name]
        if cluster.phase != "ready":
            return []
        cluster.phase = "lost"
        self.lost.append(name)
        for step in sorted(cluster.running):
            self._later(self.random.randint(0, 2), "end", step, self.running[step], "cluster_lost")
        return [ClusterLost(at=self._now(), cluster=name, reason="reclaimed")]

    def _ended(self, name: str) -> list[Event]:
        self.launched[name].phase = "ended"
        return [ClusterEnded(at=self._now(), cluster=name)]

    def _due_again(self, name: str) -> list[Event]:
        self.retrying.discard(name)
        return [RetryDue(at=self._now(), step=name)]

    def _end(self, name: str, attempt: int, outcome: str) -> list[Event]:
        if self.running.get(name) != attempt:
            return []
        cluster = self.launched[self.place[name]]
        if cluster.phase == "lost" and outcome != "cluster_lost":
            return []
        del self.running[name]
        cluster.running.discard(name)
        self.outcomes[name].append(outcome)
        ended = self._ended_as(name, attempt, outcome)
        cluster.step_failed |= ended.state is StepState.INVALID
        if ended.state.is_success:
            self.done.add(name)
        elif self.stop_on_failure and verdict(self.specs[name], self.outcomes[name]) in ("invalid", "canceled"):
            self.halted = True
        return [ended]

    def _ended_as(self, name: str, attempt: int, outcome: str) -> StepEnded:
        groups = self._groups(outcome in SUCCESS)
        failure = None if outcome in SUCCESS else FailureClass(outcome)
        state = StepState(outcome) if outcome in (*SUCCESS, "canceled") else StepState.INVALID
        ended = StepEnded(
            at=self._now(),
            step=name,
            attempt=attempt,
            state=state,
            error=None if failure is None else f"{outcome} in attempt {attempt}",
            failure_class=failure,
            groups=groups,
            rolled_back=failure is not None and self.random.random() < 0.2,
        )
        record = StepRecord(
            step_name=name,
            state=state,
            attempt=attempt,
            groups=groups,
            rolled_back=ended.rolled_back,
            fingerprint=self.fingerprints[name],
            cluster=self.place[name],
            error=ended.error,
            failure_class=failure,
        )
        self.book.write(record)
        self.next_attempt[name] = (attempt + 1, resume_at(self.specs[name], record))
        return ended

    def _groups(self, success: bool) -> Groups:
        if success:
            return (GroupState.COMPLETE, GroupState.COMPLETE, GroupState.COMPLETE)
        failed = self.random.randrange(3)
        states = [GroupState.COMPLETE] * failed + [GroupState.FAILED] + [GroupState.PENDING] * 2
        return (states[0], states[1], states[2])

    # -- what is commanded ------------------------------------------------------------------------------------------

    def _feed(self, events: Sequence[Event]) -> None:
        commands = self._progress.on(*events)
        self.log.extend((*events, *commands))
        looked = False
        for command in commands:
            if not looked and not isinstance(command, ScheduleRetry | CancelStep | SkipStep):
                looked = True
                self._note_what_cannot_run()
            self._require(self.finish is None, f"{command} after the end")
            match command:
                case StartStep():
                    self._start(command)
                case SkipStep():
                    self._skip(command)
                case LaunchCluster():
                    self._launch(command)
                case TerminateCluster():
                    self._terminate(command)
                case ScheduleRetry():
                    self._retry(command)
                case CancelStep():
                    self._cancel(command, events)
                case FinishRun():
                    self._finish(command)
        if not looked:
            self._note_what_cannot_run()
        if self.finish is None and not self.halted:
            self._require_no_idling()

    def _note_what_cannot_run(self) -> None:
        """A step whose turn has come and that no cluster is left for stops the flow as a failed one does."""
        if self.stop_on_failure and any(self.is_stranded(name) for name in self.planned):
            self.halted = True

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise RuleBroken(f"at {self.time}: {otherwise}")

    def _may_begin(self, name: str) -> bool:
        fresh = name not in self.running and name not in self.retrying and name not in self.done
        return fresh and self.waits_for[name] <= self.done

    def _start(self, command: StartStep) -> None:
        name, cluster = command.step, self.launched.get(command.cluster)
        expected = self.next_attempt.get(name)
        self._require(name in self.planned and self.planned[name].decision != "skip", f"{command}: not to be run")
        self._require(not self.halted, f"{command} after a step was given up")
        self._require(self._may_begin(name), f"{command}: it runs, it waits, it is done, or its parents are not")
        self._require(verdict(self.specs[name], self.outcomes[name]) == "open", f"{command}: its retries are spent")
        self._require((command.attempt, command.first_action) == expected, f"{command}, but expected {expected}")
        continued = self.planned[name].decision == "continue" and not self.outcomes[name]
        self._require(command.continued == continued, f"{command}: continued is {continued}")
        if cluster is None or cluster.phase != "ready":
            raise RuleBroken(f"at {self.time}: {command}: its cluster is {cluster and cluster.phase}")
        self._require(len(cluster.running) < cluster.profile.slots, f"{command}: its cluster has no free slot")
        self._require(fits(self.specs[name], cluster.profile), f"{command}: its cluster is not what it asks for")
        known = self.book.last_attempts.get(name, 0)
        self._require(command.attempt > known or continued, f"{command}: attempt {known} was made already")
        self._begin_attempt(name, command, cluster)

    def _begin_attempt(self, name: str, command: StartStep, cluster: SimulatedCluster) -> None:
        self.running[name], self.place[name] = command.attempt, command.cluster
        cluster.running.add(name)
        done = self.random.randint(0, sum(self.specs[name].group_sizes))
        self.book.write(
            StepRecord(
                step_name=name,
                state=StepState.IN_PROGRESS,
                attempt=command.attempt,
                actions_done=done,
                groups=self._groups(False) if self.random.random() < 0.3 else PENDING_GROUPS,
                fingerprint=self.fingerprints[name],
                cluster=command.cluster,
            )
        )
        outcome = self.script(name, len(self.outcomes[name]))
        self._later(self.random.randint(0, 9), "end", name, command.attempt, outcome)

    def _skip(self, command: SkipStep) -> None:
        name = command.step
        self._require(name in self.planned and self.planned[name].decision == "skip", f"{command}: not to be skipped")
        self._require(not self.halted, f"{command} after a step was given up")
        self._require(self._may_begin(name), f"{command}: done already, or before its parents")
        self.done.add(name)
        self.book.write(StepRecord(step_name=name, state=StepState.NOOP, fingerprint=self.fingerprints[name]))

    def _launch(self, command: LaunchCluster) -> None:
        profile = self.profiles[command.profile]
        alive = [c for c in self.launched.values() if c.profile is profile and c.phase in ("launching", "ready")]
        planned = sum(cluster.profile == command.profile for cluster in self.plan.clusters)
        self._require(not self.halted, f"{command} after a step was given up")
        self._require(command.cluster not in self.launched, f"{command}: launched before")
        self._require(len(alive) < planned, f"{command}: more of that profile than planned")
        total = len(self.plan.clusters) + min(len(self.lost), REPLACEMENTS)
        self._require(len(self.launched) < total, f"{command}: more than planned and replaced")
        self.launched[command.cluster] = SimulatedCluster(profile)
        self._require(self._is_wanted(profile), f"{command}: no step waits that no launching cluster is there for")
        fails = self.random.random() < self.weather.launch_fails
        self._later(self.random.randint(0, 6), "fail" if fails else "ready", command.cluster)

    def _is_wanted(self, profile: ProfileCapacity) -> bool:
        """Whether as many steps wait for a cluster such as this one as are on their way to them."""
        coming = [cluster.profile for cluster in self.launched.values() if cluster.phase == "launching"]
        runnable = [spec for name, spec in self.specs.items() if name in self.planned and self._may_begin(name)]
        for spec in runnable:
            asking = [other for other in runnable if (other.cluster, other.job_kinds) == (spec.cluster, spec.job_kinds)]
            if fits(spec, profile) and sum(fits(spec, other) for other in coming) <= len(asking):
                return True
        return False

    def _terminate(self, command: TerminateCluster) -> None:
        cluster = self.launched[command.cluster]
        self._require(cluster.phase == "ready", f"{command}: it is {cluster.phase}")
        self._require(not cluster.running, f"{command}: {sorted(cluster.running)} run on it")
        self._require(command.step_failed == cluster.step_failed, f"{command}: step_failed is {cluster.step_failed}")
        cluster.phase = "ending"
        self._later(self.random.randint(0, 3), "ended", command.cluster)

    def _cancel(self, command: CancelStep, events: Sequence[Event]) -> None:
        """The step ends as canceled, unless its own end comes first."""
        just_ended = any(isinstance(event, StepEnded) and event.step == command.step for event in events)
        self._require(command.step in self.running or just_ended, f"{command}: it does not run")
        if not just_ended:
            self._later(self.random.randint(0, 4), "end", command.step, self.running[command.step], "canceled")

    def _retry(self, command: ScheduleRetry) -> None:
        name, outcomes = command.step, self.outcomes[command.step]
        infrastructure = outcomes[-1] in INFRASTRUCTURE
        own_before = sum(outcome not in INFRASTRUCTURE for outcome in outcomes[:-1])
        spec = self.specs[name]
        delay = 0.0 if infrastructure else spec.retry_delay * spec.retry_backoff**own_before
        self._require(verdict(spec, outcomes) == "open", f"{command}: its retries are spent")
        self._require(command.attempt == self.next_attempt[name][0], f"{command}: not the next attempt")
        self._require(command.spends_retry is not infrastructure, f"{command}: after {outcomes[-1]}")
        self._require(command.delay == delay, f"{command}: expected a delay of {delay}")
        self.retrying.add(name)
        self._later(int(command.delay), "due_again", name)

    def _finish(self, command: FinishRun) -> None:
        self._require(not self.running, f"{command} while {sorted(self.running)} run")
        alive = [name for name, c in self.launched.items() if c.phase not in ("failed", "lost", "ended")]
        self._require(not alive, f"{command} while {alive} are alive")
        self.finish = command
        self.book.finish(self.plan, command)

    def _require_no_idling(self) -> None:
        """No step may wait that could start, and no idle cluster be kept that nothing can use."""
        room = [c for c in self.launched.values() if c.phase == "ready" and len(c.running) < c.profile.slots]
        if not room:
            return
        blocked = self.blocked()
        left = {name for name in self.planned if name not in self.done and name not in blocked}
        for name in left - self.running.keys():
            if self.planned[name].decision != "skip" and self._may_begin(name):
                waits = any(fits(self.specs[name], cluster.profile) for cluster in room)
                self._require(not waits, f"step {name} waits although a cluster has room for it")
        for cluster in room:
            used = cluster.running or any(
                fits(self.specs[name], cluster.profile) for name in left if self.planned[name].decision != "skip"
            )
            self._require(bool(used), "an idle cluster is kept that no step can use")

    def blocked(self) -> Collection[str]:
        """Steps given up, and those that wait for one of them."""
        found: set[str] = set()
        for name in self.planned:
            spent = verdict(self.specs[name], self.outcomes[name]) in ("invalid", "canceled")
            if spent or self.is_stranded(name) or self.waits_for[name] & found:
                found.add(name)
        return found

    def is_stranded(self, name: str) -> bool:
        """Whether the turn of the step has come and no cluster is left that it could run on."""
        return self._may_begin(name) and not self._can_still_run(name)

    def _can_still_run(self, name: str) -> bool:
        """Whether a cluster for the step is alive, or may yet be launched."""
        if self.planned[name].decision == "skip":
            return True
        spec = self.specs[name]
        if any(fits(spec, c.profile) and c.phase in ("launching", "ready") for c in self.launched.values()):
            return True
        return any(count > 0 and fits(spec, self.profiles[profile]) for profile, count in self.launchable().items())

    def launchable(self) -> dict[str, int]:
        """How many more clusters of each profile may be asked for."""
        counts: dict[str, int] = {}
        for cluster in self.plan.clusters:
            counts[cluster.profile] = counts.get(cluster.profile, 0) + (cluster.name not in self.launched)
        replaced: dict[str, int] = {}
        for name in self.lost[:REPLACEMENTS]:
            profile = self.launched[name].profile.profile
            replaced[profile] = replaced.get(profile, 0) + 1
        planned = {cluster.name for cluster in self.plan.clusters}
        for profile, number in replaced.items():
            made = sum(c.profile.profile == profile for name, c in self.launched.items() if name not in planned)
            counts[profile] = counts.get(profile, 0) + number - made
        return counts
