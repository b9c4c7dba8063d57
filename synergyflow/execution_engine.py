"""`ExecutionEngine`, as users know it: a flow, four modes, a result. A façade over `bootstrap`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from synergyflow import bootstrap
from synergyflow.core.modes import Mode
from synergyflow.errors import ConfigurationError

if TYPE_CHECKING:
    from synergyflow.clusters.base import Cluster
    from synergyflow.config.context import ExecutionContext
    from synergyflow.core.plan import Plan
    from synergyflow.engine.engine import Engine
    from synergyflow.engine.ports import Observer
    from synergyflow.engine.result import RunResult
    from synergyflow.flow.flow_graph import FlowGraph
    from synergyflow.store.base import Store


class ExecutionEngine:
    """Runs and recovers one flow.

    Args:
        flow: the flow, or its name among the flows of the context.
        store: where state is kept; by default the database of the context.
        clusters: what to run on; by default the pool of the context.
        logger: also told what happens, beside the log files.

    Every mode returns a `RunResult` and raises only for what could not start (`SynergyFlowError`): a flow that ran and
    failed is a result with the state `invalid`.
    """

    def __init__(
        self,
        flow: FlowGraph | str,
        store: Store | None = None,
        clusters: Sequence[Cluster] | None = None,
        logger: logging.Logger | None = None,
        *,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._flow = flow
        self._store = store
        self._clusters = clusters
        self._observers = [*observers, *([_logging_observer(logger)] if logger is not None else [])]
        self._engine: Engine | None = None

    def run(self, context: ExecutionContext) -> RunResult:
        """Every step of the flow, from the start."""
        return self._mode(context, Mode.RUN)

    def recover(self, context: ExecutionContext) -> RunResult:
        """The steps not yet processed, after a run that did not end well."""
        return self._mode(context, Mode.RECOVER)

    def run_one(self, context: ExecutionContext, step_name: str) -> RunResult:
        """That step alone, again; the state of the flow run stays as it is."""
        return self._mode(context, Mode.RUN_ONE, step_name)

    def run_from(self, context: ExecutionContext, step_name: str) -> RunResult:
        """That step, all derived from it, and all not yet processed; the state of the flow run stays as it is."""
        return self._mode(context, Mode.RUN_FROM, step_name)

    def plan(
        self, context: ExecutionContext, mode: Mode | str, step_name: str | None = None, *, strict: bool = False
    ) -> Plan:
        """What a mode would do now. Changes nothing."""
        with closing(self._for(context)) as engine:
            return engine.plan(Mode(mode), step_name, strict=strict)

    def execute(self, context: ExecutionContext, plan: Plan) -> RunResult:
        """Carry out a plan that was made before; refused if the record has moved on since."""
        with closing(self._for(context)) as engine:
            return engine.execute(plan)

    def stop(self, reason: str, *, cancel: bool = True) -> None:
        """Ask what runs to stop, from another thread or a signal handler; with `cancel` jobs are ended, else left."""
        if self._engine is not None:
            self._engine.stop(reason, cancel=cancel)

    def _mode(self, context: ExecutionContext, mode: Mode, step_name: str | None = None) -> RunResult:
        with closing(self._for(context)) as engine:
            return engine.execute(engine.plan(mode, step_name, upgrade=True))

    def _for(self, context: ExecutionContext) -> Engine:
        flow = self._resolve(context)
        if flow.flow_name != context.flow_name:
            raise ConfigurationError(
                f"the context is for flow {context.flow_name!r}, the engine for {flow.flow_name!r}",
                hint="make the context with the name of the flow",
            )
        self._engine = bootstrap.make_engine(
            flow, context, store=self._store, clusters=self._clusters, observers=self._observers
        )
        return self._engine

    def _resolve(self, context: ExecutionContext) -> FlowGraph:
        if not isinstance(self._flow, str):
            return self._flow
        if context.environment is None:
            raise ConfigurationError(
                f"flow {self._flow!r} is given by name, but the context was not loaded from a file",
                hint="give the FlowGraph, or use ExecutionContext.load",
            )
        return bootstrap.catalogue_of(context.environment).get(self._flow)


def _logging_observer(logger: logging.Logger) -> Observer:
    from synergyflow.observers.log_observer import LogObserver

    return LogObserver(logger)
