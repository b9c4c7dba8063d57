"""Plans the four modes for one flow run and has the plans carried out. The parts come from `bootstrap`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synergyflow.config.context import ExecutionContext
from synergyflow.core.events import RunEnded
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Plan
from synergyflow.core.planning import Request, plan
from synergyflow.core.records import Owner, RunRecord
from synergyflow.core.states import StepState
from synergyflow.engine.aside import run_aside
from synergyflow.engine.assembling import Assignment, utc_now
from synergyflow.engine.execution import Execution
from synergyflow.engine.ports import ClusterMaker, LogBook, Observer
from synergyflow.engine.result import RunResult, StepResult
from synergyflow.errors import ConfigurationError, PlanRefused, SchemaOutdated, StoreError, StoreUnavailable
from synergyflow.flow.fingerprint import fingerprint
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.parameters import bind_parameters, from_json, to_json
from synergyflow.store.base import Store

LOAD_PAUSES = (0.1, 1.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """The concrete parts that `bootstrap` chose.

    `store_is_shared`: it was given by the caller, who goes on to use it. `prepare` brings the tables to this program's
    version; `disown` is told of an owner that could not give back what it held.
    """

    store: Store
    maker: ClusterMaker
    capacity: Capacity
    log_book: LogBook
    owner: Callable[[], Owner]
    observers: Sequence[Observer] = ()
    store_is_shared: bool = False
    prepare: Callable[[], None] = lambda: None
    disown: Callable[[Owner], None] = lambda owner: None


class Engine:
    """Works on one flow in one context. A plan is made by `plan` and carried out, once, by `execute`."""

    def __init__(self, flow: FlowGraph, context: ExecutionContext, parts: EngineParts) -> None:
        self._flow = flow
        self._context = context.qualified(flow.time_qualifier)
        self._parts = parts
        self._execution: Execution | None = None
        self._stop_asked: tuple[str, bool] | None = None

    def plan(self, mode: Mode, step: str | None = None, *, strict: bool = False, upgrade: bool = False) -> Plan:
        """What the mode would do now. Changes nothing, but with `upgrade` an older database that may upgrade itself.

        Raises:
            PlanRefused, RunOwned, NotFoundError: see `core.planning.plan`; also parameters that do not fit.
        """
        record = self._load(upgrade=upgrade)
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
        """Carry the plan out and return what came of it. A `KeyboardInterrupt` meanwhile stops it: first what runs is
        ended, at the second one it is left running.

        Raises:
            PlanOutdated, RunOwned: the record moved on since; nothing was changed.
            SchemaError, StoreError: the database can't be used.
        """
        return run_aside(lambda: self._execute(made), self._on_break)

    def _on_break(self, breaks_before: int) -> None:
        self.stop("interrupted", cancel=breaks_before == 0)

    def _execute(self, made: Plan) -> RunResult:
        began = time.monotonic()
        self._parts.prepare()
        record = self._load(upgrade=False)
        if record is not None and _is_done_already(made, record):
            return _result(made, record, RunEnded(at=utc_now(), state=record.state), time.monotonic() - began)
        parameters = self._parameters(made.mode, record)
        fingerprints = self._fingerprints()
        execution = Execution(
            Assignment(
                flow=self._flow,
                context=self._context.with_parameters(parameters),
                plan=made,
                lease=self._parts.store.begin(
                    made, self._parts.owner(), parameters=to_json(parameters), fingerprints=fingerprints
                ),
                open_jobs=record.open_jobs if record is not None else (),
                fingerprints=fingerprints,
                store=self._parts.store,
                maker=self._parts.maker,
                log_book=self._parts.log_book,
                observers=self._parts.observers,
                disown=self._parts.disown,
            )
        )
        self._execution = execution
        if self._stop_asked is not None:
            execution.stop(self._stop_asked[0], cancel=self._stop_asked[1])
        ended = execution.run()
        after = self._load_in_the_end()
        if after is None:
            raise StoreError(
                f"the record of flow {made.flow_name!r} for {made.timeperiod} is gone, and the database with it",
                hint="put the database back from its backup; the log files tell what was done",
            )
        return _result(made, after, ended, time.monotonic() - began, execution.executed)

    def stop(self, reason: str, *, cancel: bool) -> None:
        """Ask the execution to stop, from any thread or signal handler: see `Driver.stop`."""
        self._stop_asked = (reason, cancel)
        if self._execution is not None:
            self._execution.stop(reason, cancel=cancel)

    def close(self) -> None:
        """Give back what logs and store hold. May be repeated; nothing can be asked for afterwards."""
        self._parts.log_book.close()
        if not self._parts.store_is_shared:
            self._parts.store.close()

    # -- what is known and asked for ------------------------------------------------------------------------------

    def _load(self, *, upgrade: bool) -> RunRecord | None:
        try:
            return self._parts.store.load(self._flow.flow_name, self._context.timeperiod)
        except SchemaOutdated:
            if not upgrade:
                raise
        self._parts.prepare()
        return self._parts.store.load(self._flow.flow_name, self._context.timeperiod)

    def _load_in_the_end(self) -> RunRecord | None:
        """As recorded; the run is over, so a database that is busy is asked again."""
        for pause in LOAD_PAUSES:
            try:
                return self._load(upgrade=False)
            except StoreUnavailable:
                threading.Event().wait(pause)
        return self._load(upgrade=False)

    def _parameters(self, mode: Mode, record: RunRecord | None) -> dict[str, Any]:
        """The parameters of this execution, checked: those given, or for all modes but `run` those recorded.

        Raises:
            ConfigurationError: one is unknown, missing, of the wrong type, or holds a secret.
            PlanRefused: others are given than those that were recorded.
        """
        declared = self._flow.parameters
        given = dict(self._context.parameters)
        if mode is Mode.RUN or record is None:
            checked = bind_parameters(declared, given)
            self._refuse_secrets(checked)
            return checked
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

    def _refuse_secrets(self, parameters: Mapping[str, Any]) -> None:
        """Parameters are recorded and shown, so none may hold a secret."""
        for name, value in parameters.items():
            if self._context.masker.text(str(value)) != str(value):
                raise ConfigurationError(
                    f"parameter {name!r} holds a secret of the context, and parameters are recorded",
                    hint="let the action read it from self.context.secrets",
                )

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


def _is_done_already(made: Plan, record: RunRecord) -> bool:
    return made.mode is Mode.RECOVER and made.nothing_to_do and record.state.is_success


def _result(
    made: Plan, record: RunRecord, ended: RunEnded, duration: float, executed: set[str] | None = None
) -> RunResult:
    """The outcome; `executed` is None where there was nothing to carry out."""
    steps = {}
    for planned in made.steps:
        known = record.steps.get(planned.name)
        steps[planned.name] = StepResult(
            name=planned.name,
            state=known.state if known else StepState.EMBRYO,
            attempt=known.attempt if known else 0,
            executed=executed is not None and planned.name in executed,
            error=known.error if known else None,
            failure_class=known.failure_class if known else None,
        )
    last = record.last_execution
    return RunResult(
        flow_name=made.flow_name,
        timeperiod=made.timeperiod,
        state=ended.state,
        steps=steps,
        failed=ended.failed,
        duration=duration,
        plan=made,
        error=ended.error,
        interrupted=ended.interrupted,
        execution_id=last.execution_id if executed is not None and last is not None else None,
    )
