"""Flows on scripted clusters in a temporary folder: what a test starts, waits for by signals, and looks into."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph
from synergyflow.core.events import Event, StepStarted
from synergyflow.core.jobs import Job, ShellJob
from synergyflow.core.plan import Plan
from synergyflow.core.records import RunRecord
from synergyflow.engine.engine import Engine
from synergyflow.engine.result import RunResult
from synergyflow.store.sql import SqlStore
from synergyflow.store.upgrade import upgrade
from synergyflow.store.views import AttemptView, ClusterView, Views
from synergyflow.testing import Ending, FakeCluster

PATIENCE = 60.0
TIMEPERIOD = "2013010100"
NEVER = Ending(polls=None)


def by_command(**endings: Ending) -> Callable[[Job, str], Ending]:
    """A script: shell jobs whose command is the name end as said, the others succeed at once."""

    def script(job: Job, token: str) -> Ending:
        assert isinstance(job, ShellJob)
        return endings.get(job.command, Ending())

    return script


class Watcher:
    """An observer that remembers what is durable, and lets tests wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def begin(self, plan: Plan) -> None:
        """Nothing happened yet."""

    def on(self, events: Sequence[Event]) -> None:
        with self._changed:
            self.events.extend(events)
            self._changed.notify_all()

    def of(self, kind: type[Event]) -> list[Any]:
        """Events of a kind so far."""
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[Event], count: int = 1, **values: Any) -> Any:
        """The event of that kind with these values; the `count`-th of them."""

        def found() -> list[Event]:
            return [
                event
                for event in self.events
                if isinstance(event, kind) and all(getattr(event, name) == value for name, value in values.items())
            ]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE), f"in vain: {kind} {values}"
            return found()[count - 1]

    def started(self) -> list[tuple[str, int, str]]:
        """Step, attempt and cluster of every start, in order."""
        return [(event.step, event.attempt, event.cluster) for event in self.of(StepStarted)]


class Running:
    """An engine at work in a thread of its own."""

    def __init__(self, engine: ExecutionEngine | Engine, watcher: Watcher, act: Callable[[], RunResult]) -> None:
        self.engine = engine
        self.watcher = watcher
        self._result: list[RunResult] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(act,), daemon=True)
        self._thread.start()

    def result(self) -> RunResult:
        """What it came to; raises what it raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the engine does not come to its end"
        if self._error:
            raise self._error[0]
        return self._result[0]

    def _run(self, act: Callable[[], RunResult]) -> None:
        try:
            self._result.append(act())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self._error.append(error)


class Workshop:
    """One folder, one SQLite database, one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'logs' / 'synergyflow.db'}"

    def context(self, flow: FlowGraph, timeperiod: str = TIMEPERIOD, **more: Any) -> ExecutionContext:
        return ExecutionContext(
            flow.flow_name, timeperiod, settings={"log_directory": str(self.folder / "logs")}, **more
        )

    def engine(
        self, flow: FlowGraph, *clusters: FakeCluster, store: SqlStore | None = None, watcher: Watcher | None = None
    ) -> ExecutionEngine:
        if store is not None:
            upgrade(self.url)
        observers = [watcher] if watcher is not None else []
        return ExecutionEngine(flow, store=store, clusters=clusters, observers=observers)

    def run(self, flow: FlowGraph, *clusters: FakeCluster, store: SqlStore | None = None) -> RunResult:
        return self.engine(flow, *clusters, store=store).run(self.context(flow))

    def recover(self, flow: FlowGraph, *clusters: FakeCluster) -> RunResult:
        return self.engine(flow, *clusters).recover(self.context(flow))

    def start(
        self, flow: FlowGraph, *clusters: FakeCluster, mode: str = "run", store: SqlStore | None = None
    ) -> Running:
        """Run in the background."""
        watcher = Watcher()
        engine = self.engine(flow, *clusters, store=store, watcher=watcher)
        return Running(engine, watcher, lambda: getattr(engine, mode)(self.context(flow)))

    def record(self, flow: FlowGraph) -> RunRecord:
        store = SqlStore(self.url)
        try:
            record = store.load(flow.flow_name, TIMEPERIOD)
        finally:
            store.close()
        assert record is not None
        return record

    def states(self, flow: FlowGraph) -> dict[str, str]:
        return {name: step.state.value for name, step in self.record(flow).steps.items()}

    def attempts(self, flow: FlowGraph, step: str) -> list[AttemptView]:
        with closing(Views(self.url)) as views:
            return [attempt for attempt in views.attempts(flow.flow_name, TIMEPERIOD) if attempt.step_name == step]

    def clusters(self, flow: FlowGraph) -> dict[str, ClusterView]:
        with closing(Views(self.url)) as views:
            return {cluster.name: cluster for cluster in views.clusters(flow.flow_name, TIMEPERIOD)}

    def kinds(self, flow: FlowGraph) -> list[str]:
        """The kinds of all events on record, in their order."""
        with closing(Views(self.url)) as views:
            return [event.kind for event in views.events_after(0)]

    def log(self, flow: FlowGraph, name: str | None = None) -> str:
        path = self.folder / "logs" / flow.flow_name / f"{name or flow.flow_name}.log"
        return path.read_text(encoding="utf-8")
