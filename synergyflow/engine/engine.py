"""Plans and carries out the four modes for one flow run. The parts come from `bootstrap`; the decisions from `core`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from synergyflow.clusters.base import Cluster
from synergyflow.config.context import ExecutionContext
from synergyflow.core.commands import StartStep
from synergyflow.core.events import Event, JobEnded, RunEnded, StepStarted
from synergyflow.core.jobs import JobState
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Decision, Plan
from synergyflow.core.planning import Request, plan
from synergyflow.core.progress import Progress
from synergyflow.core.records import JobRecord, Owner, RunRecord
from synergyflow.core.states import FlowState, StepState
from synergyflow.engine.driver import Driver, Parts
from synergyflow.engine.fleet import Agents, FleetParts
from synergyflow.engine.heartbeat import Heartbeat
from synergyflow.engine.inbox import Inbox
from synergyflow.engine.leftovers import end_leftovers
from synergyflow.engine.observing import Observers
from synergyflow.engine.ports import ClusterMaker, LogBook, Observer
from synergyflow.engine.result import RunResult, StepResult
from synergyflow.engine.step_cluster import AttemptKey, StepCluster
from synergyflow.engine.step_run import StepRun, Surroundings
from synergyflow.engine.workers import Workers
from synergyflow.errors import ClusterError, PlanRefused
from synergyflow.flow.fingerprint import fingerprint
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.parameters import bind_parameters, from_json, to_json
from synergyflow.store.base import Lease, Store

SPARE_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """The concrete parts that `bootstrap` chose."""

    store: Store
    maker: ClusterMaker
    capacity: Capacity
    log_book: LogBook
    owner: Callable[[], Owner]
    observers: Sequence[Observer] = ()
    prepare: Callable[[], None] = lambda: None


class Engine:
    """Works on one flow in one context. A plan is made by `plan` and carried out, once, by `execute`."""

    def __init__(self, flow: FlowGraph, context: ExecutionContext, parts: EngineParts) -> None:
        self._flow = flow
        self._context = context.qualified(flow.time_qualifier)
        self._parts = parts
        self._driver: Driver | None = None
        self._stop_asked: tuple[str, bool] | None = None

    def plan(self, mode: Mode, step: str | None = None, *, strict: bool = False) -> Plan:
        """What the mode would do now. Changes nothing.

        Raises:
            PlanRefused, RunOwned, NotFoundError: see `core.planning.plan`; also parameters that do not fit.
        """
        record = self._parts.store.load(self._flow.flow_name, self._context.timeperiod)
        request = Request(
            flow_name=self._flow.flow_name,
            timeperiod=self._context.timeperiod,
            mode=mode,
            step=step,
            fingerprints=self._fingerprints(),
            living=self._living(record),
            strict=strict,
        )
        made = plan(self._flow.graph, record, self._parts.capacity, request)
        self._parameters(mode, record)
        return made

    def execute(self, made: Plan) -> RunResult:
        """Carry the plan out and return what came of it.

        Raises:
            PlanOutdated, RunOwned: the record moved on since; nothing was changed.
            SchemaError, StoreError: the database can't be used.
        """
        began = time.monotonic()
        self._parts.prepare()
        record = self._parts.store.load(self._flow.flow_name, self._context.timeperiod)
        if record is not None and _is_done_already(made, record):
            return self._result(made, record, RunEnded(at=_now(), state=record.state), None, set(), began)
        parameters = self._parameters(made.mode, record)
        lease = self._parts.store.begin(
            made, self._parts.owner(), parameters=to_json(parameters), fingerprints=self._fingerprints()
        )
        logger = self._parts.log_book.flow_logger(made.flow_name, made.timeperiod, lease.execution_id)
        tally = _Tally()
        ended = self._carry_out(made, record, lease, parameters, tally, logger)
        after = self._parts.store.load(made.flow_name, made.timeperiod)
        assert after is not None
        return self._result(made, after, ended, lease.execution_id, tally.executed, began)

    def stop(self, reason: str, *, cancel: bool) -> None:
        """Ask the execution to stop, from any thread or signal handler: see `Driver.stop`."""
        self._stop_asked = (reason, cancel)
        if self._driver is not None:
            self._driver.stop(reason, cancel=cancel)

    def _lose(self) -> None:
        if self._driver is not None:
            self._driver.lose()

    def close(self) -> None:
        """Give back what the store holds. May be repeated; nothing can be asked for afterwards."""
        self._parts.store.close()

    # -- carrying out ---------------------------------------------------------------------------------------------

    def _carry_out(
        self,
        made: Plan,
        record: RunRecord | None,
        lease: Lease,
        parameters: Mapping[str, Any],
        tally: _Tally,
        logger: logging.Logger,
    ) -> RunEnded:
        logger.info("%s: %d of %d steps to run", made.mode, len(made.to_run), len(made.steps))
        observers = Observers([tally, *self._parts.observers], logger)
        inbox = Inbox()
        agents = Agents(self._fleet_parts(inbox, lease, logger))
        with Heartbeat(self._parts.store, lease, self._lose, logger):
            open_jobs = record.open_jobs if record is not None else ()
            try:
                revision = self._end_leftovers(made, open_jobs, lease, logger)
            except ClusterError as error:
                ended = RunEnded(at=_now(), state=FlowState.INVALID, error=self._context.masker.text(str(error)))
                self._parts.store.commit(lease, lease.revision + 1, [ended])
                return ended
            driver = Driver(
                Parts(
                    progress=Progress(self._flow.graph, made),
                    store=self._parts.store,
                    lease=lease,
                    revision=revision,
                    agents=agents,
                    inbox=inbox,
                    observers=observers,
                    make_run=self._run_maker(made, lease, parameters, agents, inbox, open_jobs),
                    fingerprints=self._fingerprints(),
                    timeouts={s.step_name: s.timeout for s in self._flow.steps if s.timeout is not None},
                    workers=Workers(sum(cluster.slots for cluster in made.clusters) + SPARE_WORKERS),
                    logger=logger,
                    now=_now,
                    clock=time.monotonic,
                )
            )
            self._driver = driver
            observers.begin(made)
            if self._stop_asked is not None:
                driver.stop(self._stop_asked[0], cancel=self._stop_asked[1])
            ended = driver.run()
        logger.info("%s: %s%s", made.mode, ended.state, f": {ended.error}" if ended.error else "")
        return ended

    def _fleet_parts(self, inbox: Inbox, lease: Lease, logger: logging.Logger) -> FleetParts:
        installation = self._parts.store.installation()

        def token(cluster: str) -> str:
            return "sf-" + sha256(f"{installation}\x1f{lease.execution_id}\x1f{cluster}".encode()).hexdigest()[:32]

        maker = self._parts.maker
        return FleetParts(maker=maker, inbox=inbox, logger=logger, token=token, now=_now, clock=time.monotonic)

    def _run_maker(
        self,
        made: Plan,
        lease: Lease,
        parameters: Mapping[str, Any],
        agents: Agents,
        inbox: Inbox,
        open_jobs: Sequence[JobRecord],
    ) -> Callable[[StartStep], StepRun]:
        """Makes the attempt that a command asks for."""
        context = self._context.with_parameters(parameters)
        installation = self._parts.store.installation()
        going_on = {(step.name, step.attempt) for step in made.steps if step.decision is Decision.CONTINUE}
        known = {job.token: job for job in open_jobs if (job.step_name, job.attempt) in going_on}

        def make(start: StartStep) -> StepRun:
            log = self._parts.log_book.open_step(made.flow_name, start.step, made.timeperiod, start.attempt)
            key = AttemptKey(
                installation=installation,
                flow_name=made.flow_name,
                timeperiod=made.timeperiod,
                step=start.step,
                attempt=start.attempt,
            )
            mask = context.masker.text
            cluster = StepCluster(key, agents[start.cluster], agents.host, inbox, log, known, _now, mask)
            surroundings = Surroundings(context=context, cluster=cluster, log=log, inbox=inbox, now=_now, mask=mask)
            return StepRun(self._flow[start.step], start, surroundings)

        return make

    def _end_leftovers(self, made: Plan, open_jobs: Sequence[JobRecord], lease: Lease, logger: logging.Logger) -> int:
        """End what steps that run again had left running; the revision of the record afterwards."""
        reset = {step.name for step in made.steps if step.decision in (Decision.RUN, Decision.SKIP)}
        stray = [job for job in open_jobs if job.step_name in reset]
        if not stray:
            return lease.revision
        ended = end_leftovers(stray, self._reach, time.monotonic, logger)
        events = [
            JobEnded(at=_now(), token=job.token, state=JobState.CANCELED.value, step=job.step_name, attempt=job.attempt)
            for job in ended
        ]
        self._parts.store.commit(lease, lease.revision + 1, events)
        return lease.revision + 1

    def _reach(self, job: JobRecord) -> Cluster:
        """The cluster that a job was given to, without launching anything."""
        cluster = self._parts.maker.make(job.cluster, job.profile)
        if job.cluster_id is not None:
            cluster.attach(job.cluster_id)
        return cluster

    # -- what is asked for ----------------------------------------------------------------------------------------

    def _parameters(self, mode: Mode, record: RunRecord | None) -> dict[str, Any]:
        """The parameters of this execution, checked: those given, or for all modes but `run` those recorded.

        Raises:
            ConfigurationError: one is unknown, missing or of the wrong type.
            PlanRefused: others are given than those that were recorded.
        """
        declared = self._flow.parameters
        given = dict(self._context.parameters)
        if mode is Mode.RUN or record is None:
            return bind_parameters(declared, given)
        recorded = from_json(declared, record.parameters)
        checked = bind_parameters(declared, {**recorded, **given})
        other = [name for name in given if name in recorded and checked[name] != recorded[name]]
        if other:
            name = other[0]
            raise PlanRefused(
                f"parameter {name!r} was {recorded[name]!r} when the flow was run, and {mode} keeps it",
                hint=f"leave --param {name} out, or start over with engine run",
            )
        return checked

    def _fingerprints(self) -> dict[str, str]:
        return {step.step_name: fingerprint(step) for step in self._flow.steps}

    def _living(self, record: RunRecord | None) -> set[str]:
        """Interrupted steps whose cluster still lives."""
        if record is None or record.is_held:
            return set()
        return {
            step.step_name
            for step in record.steps.values()
            if step.state is StepState.IN_PROGRESS and self._lives(record, step.cluster)
        }

    def _lives(self, record: RunRecord, name: str | None) -> bool:
        cluster = record.clusters.get(name) if name is not None else None
        if cluster is None or record.last_execution is None:
            return False
        return self._parts.maker.still_lives(cluster.profile, cluster.cluster_id, record.last_execution.process)

    # -- the result -----------------------------------------------------------------------------------------------

    def _result(
        self,
        made: Plan,
        record: RunRecord,
        ended: RunEnded,
        execution_id: int | None,
        executed: set[str],
        began: float,
    ) -> RunResult:
        steps = {}
        for planned in made.steps:
            known = record.steps.get(planned.name)
            steps[planned.name] = StepResult(
                name=planned.name,
                state=known.state if known else StepState.EMBRYO,
                attempt=known.attempt if known else 0,
                executed=planned.name in executed,
                error=known.error if known else None,
                failure_class=known.failure_class if known else None,
            )
        return RunResult(
            flow_name=made.flow_name,
            timeperiod=made.timeperiod,
            state=ended.state,
            steps=steps,
            failed=ended.failed,
            duration=time.monotonic() - began,
            plan=made,
            error=ended.error,
            interrupted=ended.interrupted,
            execution_id=execution_id,
        )


class _Tally:
    """An observer that counts which steps were executed."""

    def __init__(self) -> None:
        self.executed: set[str] = set()

    def begin(self, made: Plan) -> None:
        """Nothing is executed yet."""

    def on(self, events: Sequence[Event]) -> None:
        """Note the starts."""
        self.executed.update(event.step for event in events if isinstance(event, StepStarted))


def _is_done_already(made: Plan, record: RunRecord) -> bool:
    return made.mode is Mode.RECOVER and made.nothing_to_do and record.state.is_success


def _now() -> datetime:
    return datetime.now(UTC)
