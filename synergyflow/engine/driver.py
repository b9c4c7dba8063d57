"""One execution of a plan, from its first act to its last: the loop that everything goes through.

Events come in by the inbox. For each batch: `Progress` decides, the journal records (events and the starts that they
allow in one commit), waiting threads and observers are told, and only then the commands are performed. Only this thread
writes.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    ClusterRequested,
    Event,
    RetryDue,
    RetryScheduled,
    RunBegan,
    RunEnded,
    StepEnded,
    StepSkipped,
    StepStarted,
    StopRequested,
)
from synergyflow.core.progress import Progress
from synergyflow.core.states import FlowState
from synergyflow.engine.fleet import Agents
from synergyflow.engine.inbox import Inbox, Posted
from synergyflow.engine.observing import Observers
from synergyflow.engine.step_run import StepRun
from synergyflow.engine.workers import Workers
from synergyflow.errors import LeaseLost, StoreError
from synergyflow.store.base import Lease, Store

PATIENCE_SECONDS = 300.0
COMMIT_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the driver works with."""

    progress: Progress
    store: Store
    lease: Lease
    revision: int
    agents: Agents
    inbox: Inbox
    observers: Observers
    make_run: Callable[[StartStep], StepRun]
    fingerprints: Mapping[str, str]
    timeouts: Mapping[str, float]
    workers: Workers
    logger: logging.Logger
    now: Callable[[], datetime]
    clock: Callable[[], float]


class Driver:
    """Carries one plan out. `run` is called once; `stop` may be called from any thread or signal handler."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._revision = parts.revision
        self._runs: dict[str, StepRun] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_count = 0
        self._leave: StopRequested | None = None
        self._lost = False
        self._ended: RunEnded | None = None

    def run(self) -> RunEnded:
        """Return the outcome once it is durable and every cluster has ended (or was left on purpose).

        Raises:
            LeaseLost: another engine has taken the flow run.
            StoreError: the database was out of reach for longer than the engine's patience.
        """
        try:
            self._turn([Posted(RunBegan(at=self._parts.now()))])
            while self._ended is None:
                self._turn(self._take())
            return self._ended
        finally:
            self._parts.inbox.close()
            self._parts.agents.leave()
            self._parts.workers.close(wait=self._ended is not None and self._leave is None)

    def stop(self, reason: str, *, cancel: bool) -> None:
        """Start nothing new; end what runs (`cancel`) or leave it to be adopted. May be repeated."""
        self._parts.inbox.post(StopRequested(at=self._parts.now(), reason=reason, cancel=cancel))

    def lose(self) -> None:
        """The lease is lost: stop without writing."""
        self._lost = True
        self._parts.inbox.post(RetryDue(at=self._parts.now(), step=""))

    # -- one turn of the loop -------------------------------------------------------------------------------------

    def _take(self) -> list[Posted]:
        """The next batch; timers that are due come first. An interrupt of this thread asks to cancel."""
        try:
            timeout = max(0.0, self._timers[0][0] - self._parts.clock()) if self._timers else None
            posted = self._parts.inbox.take(timeout)
        except KeyboardInterrupt:
            self.stop("interrupted from the keyboard", cancel=True)
            posted = self._parts.inbox.take(0.0)
        while self._timers and self._timers[0][0] <= self._parts.clock():
            heapq.heappop(self._timers)[2]()
        return posted

    def _turn(self, posted: Sequence[Posted]) -> None:
        if self._lost:
            raise LeaseLost("another engine has taken over the flow run")
        if not posted:
            return
        events = [item.event for item in posted]
        commands = self._parts.progress.on(*events)
        facts: list[Event] = [event for event in events if not isinstance(event, RetryDue | RunBegan)]
        facts.extend(fact for command in commands for fact in self._facts(command))
        self._leave = next((e for e in events if isinstance(e, StopRequested) and not e.cancel), self._leave)
        if self._leave is not None and not any(isinstance(command, FinishRun) for command in commands):
            commands = []
            facts = [fact for fact in facts if not isinstance(fact, StepStarted | ClusterRequested | RetryScheduled)]
            facts.append(self._left(self._leave))
        self._record(facts, posted)
        self._after(events)
        self._parts.observers.tell(facts)
        self._ended = next((fact for fact in facts if isinstance(fact, RunEnded)), None)
        if self._ended is None:
            for command in commands:
                self._perform(command)

    def _left(self, request: StopRequested) -> RunEnded:
        return RunEnded(at=self._parts.now(), state=FlowState.INVALID, error=request.reason, interrupted=True)

    def _record(self, facts: Sequence[Event], posted: Sequence[Posted]) -> None:
        """Commit, then let go who waits for it; who waits for what can't be recorded is refused."""
        try:
            self._commit(facts)
        except BaseException:
            for item in posted:
                item.refuse()
            raise
        for item in posted:
            item.settle()

    def _commit(self, facts: Sequence[Event]) -> None:
        """Write, or try again while patience lasts: remote work goes on meanwhile, nothing new starts."""
        if not facts:
            return
        began, tries, pause = self._parts.clock(), 0, threading.Event()
        while True:
            try:
                self._parts.store.commit(self._parts.lease, self._revision + 1, facts)
                self._revision += 1
                return
            except LeaseLost:
                raise
            except StoreError as error:
                if self._parts.clock() - began > PATIENCE_SECONDS:
                    raise
                wait = COMMIT_PAUSES[min(tries, len(COMMIT_PAUSES) - 1)]
                self._parts.logger.warning("the database did not take a commit, trying again in %s s: %s", wait, error)
                tries += 1
                pause.wait(wait)

    def _facts(self, command: Command) -> Sequence[Event]:
        """What is recorded of a command before it is performed."""
        now = self._parts.now()
        match command:
            case StartStep():
                return [
                    StepStarted(
                        at=now,
                        step=command.step,
                        attempt=command.attempt,
                        cluster=command.cluster,
                        fingerprint=self._parts.fingerprints[command.step],
                        first_action=command.first_action,
                        continued=command.continued,
                    )
                ]
            case SkipStep():
                return [StepSkipped(at=now, step=command.step)]
            case ScheduleRetry():
                retry_at = now + timedelta(seconds=command.delay)
                attempt, spends = command.attempt, command.spends_retry
                return [
                    RetryScheduled(at=now, step=command.step, attempt=attempt, retry_at=retry_at, spends_retry=spends)
                ]
            case LaunchCluster():
                return [self._parts.agents.requested(command)]
            case FinishRun():
                return [
                    RunEnded(
                        at=now,
                        state=command.state,
                        error=command.error,
                        interrupted=command.interrupted,
                        failed=command.failed,
                    )
                ]
            case TerminateCluster() | CancelStep():
                return []

    def _after(self, events: Sequence[Event]) -> None:
        """The ends of these attempts are durable: what was kept for them may go."""
        for event in events:
            if isinstance(event, StepEnded):
                run = self._runs.pop(event.step, None)
                if run is not None:
                    run.log.close()
                    self._parts.workers.submit(run.forget_jobs)

    # -- commands -------------------------------------------------------------------------------------------------

    def _perform(self, command: Command) -> None:
        match command:
            case StartStep():
                self._start(command)
            case CancelStep():
                self._end_step(command.step, "canceled")
            case ScheduleRetry():
                due = RetryDue(at=self._parts.now(), step=command.step)
                self._at(command.delay, lambda: self._parts.inbox.post(due))
            case LaunchCluster():
                self._parts.agents.launch(command)
            case TerminateCluster():
                self._parts.agents.terminate(command)
            case SkipStep() | FinishRun():
                pass

    def _start(self, command: StartStep) -> None:
        run = self._parts.make_run(command)
        self._runs[command.step] = run
        timeout = self._parts.timeouts.get(command.step)
        if timeout is not None:
            self._at(timeout, lambda: self._time_out(command, timeout))
        self._parts.workers.submit(self._advance, run, None)

    def _time_out(self, command: StartStep, timeout: float) -> None:
        run = self._runs.get(command.step)
        if run is not None and run.start is command:
            self._parts.logger.warning("step %s: the time-out of %g s is over, it is ended", command.step, timeout)
            self._end_step(command.step, "timeout")
            self._at(60.0, lambda: self._name_if_still_running(command))

    def _name_if_still_running(self, command: StartStep) -> None:
        run = self._runs.get(command.step)
        if run is not None and run.start is command:
            self._parts.logger.warning("step %s was asked to end and still runs code of its own", command.step)
            self._at(60.0, lambda: self._name_if_still_running(command))

    def _end_step(self, step: str, reason: str) -> None:
        run = self._runs.get(step)
        if run is not None:
            self._parts.workers.submit(run.end, reason)

    def _advance(self, run: StepRun, outcome: object) -> None:
        """In a worker: take the attempt up with the outcome that it waits for, until it waits again or has ended."""
        try:
            wait = run.work.send(outcome)  # type: ignore[arg-type]
            while True:
                try:
                    wait(lambda ended: self._resume(run, ended))
                    return
                except Exception as error:  # noqa: BLE001 - whatever a submit raises is the attempt's to handle
                    wait = run.work.throw(error)
        except StopIteration as ended:
            self._parts.inbox.post(ended.value)

    def _resume(self, run: StepRun, outcome: object) -> None:
        """In the thread that saw the end: hand the attempt to a worker, unless the execution is over."""
        self._parts.workers.submit(self._advance, run, outcome)

    def _at(self, delay: float, act: Callable[[], None]) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (self._parts.clock() + delay, self._timer_count, act))
