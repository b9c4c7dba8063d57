"""Performs what `Progress` commands, and says beforehand what is to be recorded of it.

Attempts are begun, ended and timed here, in the driver's thread; they are advanced by workers.
"""

from __future__ import annotations

import logging
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
from synergyflow.core.events import Event, RetryDue, RetryScheduled, RunEnded, StepEnded, StepSkipped, StepStarted
from synergyflow.core.states import FailureClass, StepState
from synergyflow.engine.fleet import Agents
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.step_run import StepRun, describe
from synergyflow.engine.timers import Timers
from synergyflow.engine.workers import Workers

REMINDER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformerParts:
    """What commands are performed with. `make_run` makes an attempt; `timeouts` are seconds by step."""

    agents: Agents
    inbox: Inbox
    workers: Workers
    make_run: Callable[[StartStep], StepRun]
    fingerprints: Mapping[str, str]
    timeouts: Mapping[str, float]
    logger: logging.Logger
    mask: Callable[[str], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]


class Performer:
    """The hands of the driver, used by its thread alone."""

    def __init__(self, parts: PerformerParts) -> None:
        self._parts = parts
        self._runs: dict[str, StepRun] = {}
        self._timers = Timers()

    # -- beforehand -----------------------------------------------------------------------------------------------

    def facts(self, command: Command) -> Sequence[Event]:
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

    # -- performing -----------------------------------------------------------------------------------------------

    def perform(self, command: Command) -> None:
        """Do it, or have it done; what comes of it is posted."""
        match command:
            case StartStep():
                self._start(command)
            case CancelStep():
                self._end(command.step, "canceled")
            case ScheduleRetry():
                due = RetryDue(at=self._parts.now(), step=command.step)
                self._later(command.delay, command, lambda: self._parts.inbox.post(due))
            case LaunchCluster():
                self._parts.agents.launch(command)
            case TerminateCluster():
                self._parts.agents.terminate(command)
            case SkipStep() | FinishRun():
                pass

    def is_over(self, ended: StepEnded) -> None:
        """The end of this attempt is durable: what was kept for it may go."""
        run = self._runs.pop(ended.step, None)
        if run is not None:
            self._timers.forget(run.start)
            self._parts.workers.submit(run.tidy_up)

    def next_time(self) -> float | None:
        """When something is due, by the clock of the parts."""
        return self._timers.next_time()

    def do_what_is_due(self) -> None:
        """Time-outs, retries and reminders whose time has come."""
        for act in self._timers.due(self._parts.clock()):
            act()

    # -- all at once ----------------------------------------------------------------------------------------------

    def abandon_all(self) -> None:
        """The engine leaves: no attempt begins anything more. May be repeated."""
        for run in self._runs.values():
            run.abandon()

    def ends_of_all(self, error: BaseException) -> list[StepEnded]:
        """The end of each attempt that is under way, where the engine can't carry it to its own."""
        return [run.broken(error) for run in self._runs.values()]

    def close_logs(self) -> None:
        """Of the attempts that did not come to their end here."""
        for run in self._runs.values():
            run.close_log()
        self._runs.clear()

    # -- attempts -------------------------------------------------------------------------------------------------

    def _start(self, command: StartStep) -> None:
        try:
            run = self._parts.make_run(command)
        except Exception as error:
            self._parts.logger.exception("step %s can't be started", command.step)
            self._parts.inbox.post(self._not_started(command, error))
            return
        self._runs[command.step] = run
        timeout = self._parts.timeouts.get(command.step)
        if timeout is not None:
            self._later(timeout, command, lambda: self._time_out(command, timeout))
        self._parts.workers.submit(self._advance, run, None)

    def _not_started(self, command: StartStep, error: Exception) -> StepEnded:
        return StepEnded(
            at=self._parts.now(),
            step=command.step,
            attempt=command.attempt,
            state=StepState.INVALID,
            error=self._parts.mask(describe(error)),
            failure_class=FailureClass.ENGINE_LOST,
            actions_done=command.first_action,
        )

    def _time_out(self, command: StartStep, timeout: float) -> None:
        self._parts.logger.warning("step %s: the time-out of %g s is over, it is ended", command.step, timeout)
        self._end(command.step, "timeout")

    def _end(self, step: str, reason: str) -> None:
        run = self._runs.get(step)
        if run is not None:
            self._parts.workers.submit(run.end, reason)
            self._later(REMINDER_SECONDS, run.start, lambda: self._remind(run))

    def _remind(self, run: StepRun) -> None:
        self._parts.logger.warning("step %s was asked to end and still runs code of its own", run.start.step)
        self._later(REMINDER_SECONDS, run.start, lambda: self._remind(run))

    def _later(self, delay: float, about: StartStep | ScheduleRetry, act: Callable[[], None]) -> None:
        self._timers.at(self._parts.clock() + delay, about, act)

    def _advance(self, run: StepRun, outcome: object) -> None:
        """In a worker: take the attempt up with the outcome that it waits for, until it waits again or has ended."""
        try:
            wait = run.work.send(outcome)  # type: ignore[arg-type]
            while True:
                try:
                    wait(lambda ended: self._resume(run, ended))
                    return
                except BaseException as error:  # noqa: BLE001 - whatever a submit raises is the attempt's to handle
                    wait = run.work.throw(error)
        except StopIteration as ended:
            if ended.value is not None:
                self._parts.inbox.post(ended.value)
        except BaseException as error:
            self._parts.logger.exception("step %s: unexpected", run.start.step)
            self._parts.inbox.post(run.broken(error))

    def _resume(self, run: StepRun, outcome: object) -> None:
        """In the thread that saw the end: hand the attempt to a worker, unless the execution is over."""
        self._parts.workers.submit(self._advance, run, outcome)
