"""One engine and its flow run, told shortly: plans, owners and events with values that a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from synergyflow.core import events as facts
from synergyflow.core.events import Event
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedCluster, PlannedStep
from synergyflow.core.records import Owner, RunRecord, StepRecord
from synergyflow.core.states import FailureClass, FlowState, GroupState, StepState
from synergyflow.store.base import Lease, Store
from synergyflow.store.ownership import current_owner

FLOW = "flights"
DAY = "2013010100"
NOON = datetime(2013, 1, 1, 12, tzinfo=UTC)
STEPS = ("load", "clean", "report")
COMPLETE = (GroupState.COMPLETE, GroupState.COMPLETE, GroupState.COMPLETE)
DEAD = Owner(host="elsewhere", pid=4242, process="boot:1:1", since=NOON, user="ada")


def a_step(name: str, decision: Decision = Decision.RUN, **changed: Any) -> PlannedStep:
    """A planned step; the first attempt at it unless said otherwise."""
    values: dict[str, Any] = {"state": StepState.EMBRYO, "attempt": 1 if decision is Decision.RUN else 0}
    return PlannedStep(name=name, decision=decision, why="asked for", **(values | changed))


def a_plan(*steps: PlannedStep, mode: Mode = Mode.RUN, revision: int | None = None, **changed: Any) -> Plan:
    """A plan for the flow run; all its steps run for the first time unless some are given."""
    values: dict[str, Any] = {
        "flow_name": FLOW,
        "timeperiod": DAY,
        "requested_step": None,
        "steps": steps or tuple(a_step(name) for name in STEPS),
        "clusters": (PlannedCluster(name="local-1", profile="local", slots=4, labels=frozenset({"small", "near"})),),
    }
    return Plan(mode=mode, revision=revision, **(values | changed))


def started(step: str, attempt: int = 1, **changed: Any) -> facts.StepStarted:
    """The step started on the first cluster."""
    values = {"at": NOON, "cluster": "local-1", "fingerprint": f"{step} as written"}
    return facts.StepStarted(step=step, attempt=attempt, **(values | changed))


def ended(step: str, attempt: int = 1, state: StepState = StepState.PROCESSED, **changed: Any) -> facts.StepEnded:
    """The attempt came to its end, a good one unless said otherwise."""
    values: dict[str, Any] = {"at": NOON + timedelta(minutes=1)}
    if state is StepState.PROCESSED:
        values |= {"groups": COMPLETE, "actions_done": 1}
    return facts.StepEnded(step=step, attempt=attempt, state=state, **(values | changed))


def failed(step: str, attempt: int = 1, **changed: Any) -> facts.StepEnded:
    """The attempt failed by its own fault."""
    values: dict[str, Any] = {"error": "no such column", "failure_class": FailureClass.USER_CODE}
    return ended(step, attempt, StepState.INVALID, **(values | changed))


def intended(step: str, token: str, attempt: int = 1, **changed: Any) -> facts.JobIntended:
    """A submit is intended."""
    values: dict[str, Any] = {"action": 0, "ordinal": 0, "digest": "0123456789abcdef", "kind": "shell"}
    values |= {"at": NOON, "cluster": "local-1", "profile": "local", "cluster_id": "c-1"}
    return facts.JobIntended(step=step, token=token, attempt=attempt, **(values | changed))


def over(state: FlowState = FlowState.PROCESSED, **changed: Any) -> facts.RunEnded:
    """The execution is over."""
    return facts.RunEnded(**({"at": NOON + timedelta(hours=1), "state": state} | changed))


class Story:
    """What one engine does with its flow run, commit by commit."""

    def __init__(self, store: Store, url: str) -> None:
        self.store = store
        self.url = url
        self.lease: Lease | None = None
        self.revision = 0

    def begins(
        self, plan: Plan | None = None, owner: Owner | None = None, parameters: Mapping[str, Any] | None = None
    ) -> Lease:
        """Begin an execution; the plan rests on the record as it stands."""
        record = self.store.load(FLOW, DAY)
        plan = replace(plan or a_plan(), revision=record.revision if record else None)
        fingerprints = {step.name: f"{step.name} as written" for step in plan.steps}
        self.lease = self.store.begin(
            plan, owner or current_owner(), parameters=parameters or {}, fingerprints=fingerprints
        )
        self.revision = self.lease.revision
        return self.lease

    def happens(self, *events: Event) -> None:
        """Commit the events."""
        assert self.lease is not None
        self.store.commit(self.lease, self.revision + 1, events)
        self.revision += 1

    def all_processed(self, names: Iterable[str] = STEPS) -> None:
        """Every step is processed at its first attempt, and the run ends."""
        for name in names:
            self.happens(started(name), ended(name))
        self.happens(over())

    @property
    def record(self) -> RunRecord:
        """The flow run as committed."""
        record = self.store.load(FLOW, DAY)
        assert record is not None
        return record

    def step(self, name: str) -> StepRecord:
        """A step as committed."""
        return self.record.steps[name]
