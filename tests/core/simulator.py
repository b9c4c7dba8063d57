"""A world in simulated time for one execution: it carries out commands and says what happened, in random order.

It breaks at the first command that breaks a rule.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from synergyflow.core.commands import (
    CancelStep,
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
)
from tests.core.world import Count, RuleBroken, SimulatedCluster, Weather

Groups = tuple[GroupState, GroupState, GroupState]


class World(Count):
    """Runs one plan."""

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
        super().__init__(
            random, specs, plan, pool, book, script, weather, fingerprints, stop_on_failure=stop_on_failure
        )
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
        cluster = self.launched[name]
        if cluster.phase == "launching":
            cluster.phase = "ready"
        elif cluster.phase != "ending":
            return []
        if self.random.random() < self.weather.cluster_lost:
            self._later(self.random.randint(0, 25), "lose", name)
        return [ClusterReady(at=self._now(), cluster=name)]

    def _fail(self, name: str) -> list[Event]:
        if self.launched[name].phase not in ("launching", "ending"):
            return []
        if self.launched[name].phase != "launching":
            return []
        self.launched[name].phase = "failed"
        return [ClusterFailed(at=self._now(), cluster=name, reason="no capacity")]

    def _lose(self, name: str) -> list[Event]:
        cluster = self.launched[name]
        if cluster.phase not in ("ready", "ending"):
            return []
        if cluster.phase == "ready":
            self.lost.append(name)
        cluster.phase = "lost"
        for step in sorted(cluster.running):
            self._later(self.random.randint(0, 2), "end", step, self.running[step], "cluster_lost")
        return [ClusterLost(at=self._now(), cluster=name, reason="reclaimed")]

    def _ended(self, name: str) -> list[Event]:
        if self.launched[name].phase != "ending":
            return []
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
            self.require(self.finish is None, f"{command} after the end")
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
            self.require_no_idling()
            self.require_clusters_are_coming()

    def _note_what_cannot_run(self) -> None:
        """A step whose turn has come and that no cluster is left for stops the flow as a failed one does."""
        if self.stop_on_failure and any(self.is_stranded(name) for name in self.planned):
            self.halted = True

    def _start(self, command: StartStep) -> None:
        name, cluster = command.step, self.launched.get(command.cluster)
        expected = self.next_attempt.get(name)
        self.require(name in self.planned and self.planned[name].decision != "skip", f"{command}: not to be run")
        self.require(not self.halted, f"{command} after a step was given up")
        self.require(self.may_begin(name), f"{command}: it runs, it waits, it is done, or its parents are not")
        self.require(verdict(self.specs[name], self.outcomes[name]) == "open", f"{command}: its retries are spent")
        self.require((command.attempt, command.first_action) == expected, f"{command}, but expected {expected}")
        continued = self.planned[name].decision == "continue" and not self.outcomes[name]
        self.require(command.continued == continued, f"{command}: continued is {continued}")
        if cluster is None or cluster.phase != "ready":
            raise RuleBroken(f"at {self.time}: {command}: its cluster is {cluster and cluster.phase}")
        self.require(len(cluster.running) < cluster.profile.slots, f"{command}: its cluster has no free slot")
        self.require(fits(self.specs[name], cluster.profile), f"{command}: its cluster is not what it asks for")
        known = self.book.last_attempts.get(name, 0)
        self.require(command.attempt > known or continued, f"{command}: attempt {known} was made already")
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
        self.require(name in self.planned and self.planned[name].decision == "skip", f"{command}: not to be skipped")
        self.require(not self.halted, f"{command} after a step was given up")
        self.require(self.may_begin(name), f"{command}: done already, or before its parents")
        self.done.add(name)
        self.book.write(StepRecord(step_name=name, state=StepState.NOOP, fingerprint=self.fingerprints[name]))

    def _launch(self, command: LaunchCluster) -> None:
        profile = self.profiles[command.profile]
        alive = [c for c in self.launched.values() if c.profile is profile and c.phase in ("launching", "ready")]
        planned = sum(cluster.profile == command.profile for cluster in self.plan.clusters)
        self.require(not self.halted, f"{command} after a step was given up")
        self.require(command.cluster not in self.launched, f"{command}: launched before")
        self.require(len(alive) < planned, f"{command}: more of that profile than planned")
        total = len(self.plan.clusters) + min(len(self.lost), REPLACEMENTS)
        self.require(len(self.launched) < total, f"{command}: more than planned and replaced")
        coming = self.on_their_way()
        helps = self.helped([*coming, profile]) > self.helped(coming)
        self.require(helps, f"{command}: every step that it could help has a cluster on its way")
        self.launched[command.cluster] = SimulatedCluster(profile)
        fails = self.random.random() < self.weather.launch_fails
        self._later(self.random.randint(0, 6), "fail" if fails else "ready", command.cluster)

    def _terminate(self, command: TerminateCluster) -> None:
        cluster = self.launched[command.cluster]
        self.require(cluster.phase in ("launching", "ready"), f"{command}: it is {cluster.phase}")
        self.require(not cluster.running, f"{command}: {sorted(cluster.running)} run on it")
        self.require(command.step_failed == cluster.step_failed, f"{command}: step_failed is {cluster.step_failed}")
        cluster.phase = "ending"
        self._later(self.random.randint(0, 3), "ended", command.cluster)

    def _cancel(self, command: CancelStep, events: Sequence[Event]) -> None:
        """The step ends as canceled, unless its own end comes first."""
        just_ended = any(isinstance(event, StepEnded) and event.step == command.step for event in events)
        self.require(command.step in self.running or just_ended, f"{command}: it does not run")
        if not just_ended:
            self._later(self.random.randint(0, 4), "end", command.step, self.running[command.step], "canceled")

    def _retry(self, command: ScheduleRetry) -> None:
        name, outcomes = command.step, self.outcomes[command.step]
        infrastructure = outcomes[-1] in INFRASTRUCTURE
        own_before = sum(outcome not in INFRASTRUCTURE for outcome in outcomes[:-1])
        spec = self.specs[name]
        delay = 0.0 if infrastructure else spec.retry_delay * spec.retry_backoff**own_before
        self.require(verdict(spec, outcomes) == "open", f"{command}: its retries are spent")
        self.require(command.attempt == self.next_attempt[name][0], f"{command}: not the next attempt")
        self.require(command.spends_retry is not infrastructure, f"{command}: after {outcomes[-1]}")
        self.require(command.delay == delay, f"{command}: expected a delay of {delay}")
        self.retrying.add(name)
        self._later(int(command.delay), "due_again", name)

    def _finish(self, command: FinishRun) -> None:
        self.require(not self.running, f"{command} while {sorted(self.running)} run")
        alive = [name for name, c in self.launched.items() if c.phase not in ("failed", "lost", "ended")]
        self.require(not alive, f"{command} while {alive} are alive")
        self.finish = command
        self.book.finish(self.plan, command)
