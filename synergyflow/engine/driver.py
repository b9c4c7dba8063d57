"""One execution of a plan, from its first act to its last: the loop that everything goes through.

Events come in by the inbox. For each batch: `Progress` decides, the journal records (events and the starts that they
allow in one commit), waiting threads and observers are told, and only then the commands are performed. Only this thread
writes. How commands are performed is in `performing`, how commits persist in `recording`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from synergyflow.core.events import (
    Event,
    RetryDue,
    RunBegan,
    RunEnded,
    StepEnded,
    StopRequested,
)
from synergyflow.core.progress import Progress
from synergyflow.core.states import FlowState
from synergyflow.engine.fleet import Agents
from synergyflow.engine.gate import Gate
from synergyflow.engine.inbox import Inbox, Posted
from synergyflow.engine.observing import Observers
from synergyflow.engine.performing import Performer
from synergyflow.engine.recording import Recorder
from synergyflow.engine.workers import Workers
from synergyflow.errors import LeaseLost, StoreError

GATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the driver works with. `lost` is set when the lease is; `mask` hides secrets in texts that are recorded."""

    progress: Progress
    recorder: Recorder
    performer: Performer
    agents: Agents
    inbox: Inbox
    gate: Gate
    lost: threading.Event
    observers: Observers
    workers: Workers
    logger: logging.Logger
    mask: Callable[[str], str]
    now: Callable[[], datetime]
    clock: Callable[[], float]


class Driver:
    """Carries one plan out. `run` is called once; `stop` and `lose` by any thread or signal handler."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._leaving = False
        self._ended: RunEnded | None = None

    def run(self) -> RunEnded:
        """Return the outcome once it is durable and every cluster has ended (or was left on purpose).

        Raises:
            LeaseLost: another engine has taken the flow run; what runs is left to it.
            StoreError: the database was out of reach for longer than the engine's patience; all clusters have ended.
        """
        try:
            self._turn([Posted(RunBegan(at=self._parts.now())), *self._parts.inbox.take(0.0)])
            while self._ended is None:
                self._turn(self._take())
        except LeaseLost:
            self._stop_starting()
            self._parts.agents.leave()
            raise
        except BaseException as error:
            self._break_off(error)
            raise
        finally:
            self._parts.inbox.close()
            finished = self._ended is not None and not self._leaving
            self._parts.workers.close(wait=finished)
            self._parts.agents.leave(None if finished else 0.0)
            self._parts.agents.release(LeaseLost("the engine has ended, and does not look after this job any more"))
            self._parts.performer.close_logs()
        return self._ended

    def stop(self, reason: str, *, cancel: bool) -> None:
        """Start nothing new; end what runs (`cancel`) or leave it to be adopted. May be repeated."""
        self._parts.inbox.post(StopRequested(at=self._parts.now(), reason=reason, cancel=cancel))
        self._parts.recorder.hurry()

    def lose(self) -> None:
        """The lease is lost: stop without writing."""
        self._parts.lost.set()
        self._parts.recorder.hurry()
        self._parts.inbox.post(RetryDue(at=self._parts.now(), step=""))

    # -- one turn of the loop -------------------------------------------------------------------------------------

    def _take(self) -> list[Posted]:
        """The next batch, with the timers that are due by then done."""
        next_time = self._parts.performer.next_time()
        timeout = None if next_time is None else max(0.0, next_time - self._parts.clock())
        posted = self._parts.inbox.take(timeout)
        self._parts.performer.do_what_is_due()
        return posted

    def _turn(self, posted: Sequence[Posted]) -> None:
        """Decide, record, tell, perform. Who waits for what is not recorded is refused, whatever happens."""
        try:
            if self._parts.lost.is_set():
                raise LeaseLost("another engine has taken over the flow run")
            if not posted:
                return
            events = [item.event for item in posted]
            commands = self._parts.progress.on(*events)
            leave = next((e for e in events if isinstance(e, StopRequested) and not e.cancel), None)
            if leave is not None:
                self._leave(leave, posted)
                return
            facts = [*_facts(events), *(fact for command in commands for fact in self._parts.performer.facts(command))]
            self._parts.recorder.write(facts)
        except BaseException:
            for item in posted:
                item.refuse()
            raise
        for item in posted:
            item.settle()
        self._tell(facts)
        if self._ended is None:
            for command in commands:
                self._parts.performer.perform(command)

    def _tell(self, facts: Sequence[Event]) -> None:
        """These are durable."""
        for fact in facts:
            if isinstance(fact, StepEnded):
                self._parts.performer.is_over(fact)
            elif isinstance(fact, RunEnded):
                self._ended = fact
        self._parts.observers.tell(facts)

    # -- ends that are not the plan's -----------------------------------------------------------------------------

    def _stop_starting(self) -> None:
        """From now on nothing begins anywhere: no job, no action."""
        self._parts.gate.close()
        self._parts.performer.abandon_all()

    def _leave(self, request: StopRequested, posted: Sequence[Posted]) -> None:
        """Go, and let what runs go on, to be adopted. What is just being launched or submitted is waited for a little,

        so that it is on record; what somebody wants to do once it is recorded is refused instead.
        """
        self._leaving = True
        self._stop_starting()
        if not (self._parts.gate.wait_until_empty(GATE_SECONDS) and self._parts.agents.leave()):
            self._parts.logger.warning("left without the answer to a call that was under way")
        known = [*posted, *self._parts.inbox.take(0.0)]
        facts = _facts([item.event for item in known if not item.is_awaited])
        ended = RunEnded(
            at=self._parts.now(),
            state=FlowState.INVALID,
            error=self._parts.mask(request.reason),
            interrupted=True,
            failed=self._parts.progress.failed,
        )
        try:
            self._parts.recorder.write([*facts, ended])
        finally:
            for item in known:
                item.refuse()
        self._tell([*facts, ended])

    def _break_off(self, error: BaseException) -> None:
        """The engine can't go on: all clusters are ended (unless left on purpose), and what can be is recorded."""
        text = self._parts.mask(f"{error}" if isinstance(error, StoreError) else f"{type(error).__name__}: {error}")
        self._parts.logger.error("the engine can't go on: %s", text)
        self._stop_starting()
        if not self._leaving:
            self._parts.logger.warning("all clusters are ended")
            self._parts.agents.abort()
        posted = self._parts.inbox.take(0.0)
        facts = [*_facts([item.event for item in posted if not item.is_awaited])]
        over = {fact.step for fact in [*self._parts.recorder.unclear, *facts] if isinstance(fact, StepEnded)}
        if not self._leaving:
            facts.extend(end for end in self._parts.performer.ends_of_all(error) if end.step not in over)
        for item in posted:
            item.refuse()
        ended = RunEnded(at=self._parts.now(), state=FlowState.INVALID, error=text, failed=self._parts.progress.failed)
        self._parts.recorder.write_off(facts, ended)


def _facts(events: Sequence[Event]) -> list[Event]:
    """What the journal keeps of what was posted."""
    return [event for event in events if not isinstance(event, RetryDue | RunBegan)]
