"""One execution of a plan under a lease: ends what earlier ones left, has the plan driven, gives the lease back.

Whatever goes wrong between the beginning and the end, the execution ends as `invalid` with the reason, unless the flow
run is no longer ours to write to.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from synergyflow.clusters.base import Cluster
from synergyflow.core.events import Event, JobEnded, RunEnded, StepStarted
from synergyflow.core.jobs import JobState
from synergyflow.core.plan import Decision, Plan
from synergyflow.core.records import JobRecord
from synergyflow.core.states import FlowState
from synergyflow.engine.assembling import Assignment, driver_for, utc_now
from synergyflow.engine.driver import Driver
from synergyflow.engine.heartbeat import Heartbeat
from synergyflow.engine.leftovers import end_leftovers
from synergyflow.engine.observing import Observers
from synergyflow.engine.recording import Recorder
from synergyflow.engine.step_run import describe
from synergyflow.errors import ClusterError, LeaseLost, SynergyFlowError


class Execution:
    """Carries one assignment out, once. `stop` and `lose` may be called from any thread."""

    def __init__(self, assignment: Assignment) -> None:
        self._given = assignment
        self._lost = threading.Event()
        self._logger = logging.getLogger(__name__)
        self._recorder = Recorder(
            assignment.store,
            assignment.lease,
            is_lost=self._lost.is_set,
            on_given_up=lambda: assignment.disown(assignment.lease.owner),
            logger=lambda: self._logger,
            clock=time.monotonic,
        )
        self._driver: Driver | None = None
        self._stop_asked: tuple[str, bool] | None = None
        self.executed: set[str] = set()

    def run(self) -> RunEnded:
        """The outcome, durable.

        Raises:
            LeaseLost: another engine has taken the flow run.
            StoreError: the database was out of reach for too long.
        """
        with Heartbeat(self._given.store, self._given.lease, self.lose, lambda: self._logger):
            ended = self._prepared() or self._driven()
        error = f": {ended.error}" if ended.error else ""
        self._logger.info("%s: %s%s", self._given.plan.mode, ended.state, error)
        return ended

    def stop(self, reason: str, *, cancel: bool) -> None:
        """See `Driver.stop`; asked before the driver is there, it is told when it is."""
        self._stop_asked = (reason, cancel)
        if self._driver is not None:
            self._driver.stop(reason, cancel=cancel)

    def lose(self) -> None:
        """The lease is lost: stop without writing."""
        self._lost.set()
        if self._driver is not None:
            self._driver.lose()

    # -- before anything starts -----------------------------------------------------------------------------------

    def _prepared(self) -> RunEnded | None:
        """Make the driver and end what is left of earlier executions; the end of this one if that can't be done."""
        given, made = self._given, self._given.plan
        try:
            self._logger = given.log_book.flow_logger(made.flow_name, made.timeperiod, given.lease.execution_id)
            self._logger.info("%s: %d of %d steps to run", made.mode, len(made.to_run), len(made.steps))
            self._end_leftovers()
            observers = Observers([_Tally(self.executed), *given.observers], self._logger)
            self._driver = driver_for(given, self._recorder, observers, self._lost, self._logger)
            observers.begin(made)
        except LeaseLost:
            raise
        except ClusterError as error:
            return self._give_back(error)
        except BaseException as error:
            if not isinstance(error, SynergyFlowError):
                self._logger.exception("the execution can't begin")
            self._give_back(error)
            raise
        return None

    def _driven(self) -> RunEnded:
        assert self._driver is not None
        if self._stop_asked is not None:
            self._driver.stop(self._stop_asked[0], cancel=self._stop_asked[1])
        return self._driver.run()

    def _end_leftovers(self) -> None:
        """End what steps that run again had left running, and record it.

        Raises:
            SynergyFlowError: a job may still run, so nothing may be started in its place.
        """
        reset = {step.name for step in self._given.plan.steps if step.decision in (Decision.RUN, Decision.SKIP)}
        stray = [job for job in self._given.open_jobs if job.step_name in reset]
        ended: list[Event] = []
        try:
            for job in end_leftovers(stray, self._reach, time.monotonic, self._logger):
                ended.append(_canceled(job))
                if self._stop_asked is not None:
                    break
        finally:
            self._recorder.write(ended)

    def _reach(self, job: JobRecord) -> Cluster:
        """The cluster that a job was given to, without launching anything."""
        return self._given.maker.reach(job.cluster, job.profile, job.cluster_id)

    def _give_back(self, error: BaseException) -> RunEnded:
        """End the execution as invalid, and the lease with it, before anything has begun."""
        text = self._given.context.masker.text(describe(error))
        ended = RunEnded(at=utc_now(), state=FlowState.INVALID, error=text)
        self._recorder.write_off((), ended)
        return ended


def _canceled(job: JobRecord) -> JobEnded:
    canceled = JobState.CANCELED.value
    return JobEnded(at=utc_now(), token=job.token, state=canceled, step=job.step_name, attempt=job.attempt)


class _Tally:
    """An observer that notes which steps were executed."""

    def __init__(self, executed: set[str]) -> None:
        self._executed = executed

    def begin(self, plan: Plan) -> None:
        """Nothing is executed yet."""

    def on(self, events: Sequence[Event]) -> None:
        """Note the starts."""
        self._executed.update(event.step for event in events if isinstance(event, StepStarted))
