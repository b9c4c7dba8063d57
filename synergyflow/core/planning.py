"""The four modes as one pure function: the recorded state and a definition in, a `Plan` out.

Nothing here asks a clock, a database or a provider. What must be known of the world (which interrupted steps still have
their cluster) comes in as an argument, so a plan that was shown is the plan that is carried out, or is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from synergyflow.core.allotment import allot
from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Decision, Plan, PlannedStep
from synergyflow.core.records import RunRecord, StepRecord
from synergyflow.core.states import FlowState, GroupState, StepState
from synergyflow.errors import NotFoundError, PlanRefused, RunOwned


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for.

    Attributes:
        step: the step that `run_one` and `run_from` are about.
        fingerprints: of every step's present definition.
        living: interrupted steps whose cluster still lives, so that their attempt can go on.
        strict: refuse to keep a step whose definition has changed since it was processed.
    """

    flow_name: str
    timeperiod: str
    mode: Mode
    fingerprints: Mapping[str, str]
    step: str | None = None
    living: Collection[str] = ()
    strict: bool = False


def plan(graph: Graph, record: RunRecord | None, capacity: Capacity, request: Request) -> Plan:
    """What the request means for this record.

    Raises:
        PlanRefused: the mode cannot begin: never run before, blocked, changed (`strict`), no fitting cluster.
        RunOwned: a living engine holds the flow run.
        NotFoundError: the step is not one of the flow.
    """
    if record is not None and record.is_held:
        raise RunOwned(
            f"{_run(request)} is in the hands of another engine: {record.owner}",
            hint="wait for it to finish, or stop that engine first",
        )
    steps = _Steps(graph, record, request)
    match request.mode:
        case Mode.RUN:
            decided = [steps.run(name, "every step runs", afresh=True) for name in graph]
        case Mode.RECOVER:
            decided = _recover(graph, _ran_before(record, request), steps)
        case Mode.RUN_ONE:
            decided = _freerun(graph, _ran_before(record, request), steps, request, {_wanted(graph, request)})
        case Mode.RUN_FROM:
            wanted = _wanted(graph, request)
            chosen = {wanted} | graph.descendants(wanted) | {name for name in graph if not steps.is_success(name)}
            decided = _freerun(graph, _ran_before(record, request), steps, request, chosen)
    to_run = [graph[step.name] for step in decided if step.runs]
    made = Plan(
        flow_name=request.flow_name,
        timeperiod=request.timeperiod,
        mode=request.mode,
        requested_step=request.step,
        revision=record.revision if record else None,
        steps=tuple(decided),
        clusters=allot(request.mode, capacity, to_run, graph),
        removed=tuple(sorted(name for name in (record.steps if record else ()) if name not in graph)),
        notes=tuple(_notes(record, request, decided)),
    )
    if request.strict and made.changed:
        raise PlanRefused(
            f"changed since they were processed: {', '.join(made.changed)}",
            hint=f"run-from {made.changed[0]} runs them again; without --strict they are kept as they are",
        )
    return made


class _Steps:
    """Makes the decision for one step from its record and definition."""

    def __init__(self, graph: Graph, record: RunRecord | None, request: Request) -> None:
        self._graph = graph
        self._records: Mapping[str, StepRecord] = record.steps if record else {}
        self._last_attempts: Mapping[str, int] = record.last_attempts if record else {}
        self._request = request

    def state(self, name: str) -> StepState:
        record = self._records.get(name)
        return record.state if record else StepState.EMBRYO

    def is_success(self, name: str) -> bool:
        return self.state(name).is_success

    def run(self, name: str, why: str, *, afresh: bool = False) -> PlannedStep:
        """A new attempt; `afresh` from its first action even if groups of the last attempt are complete."""
        spec = self._graph[name]
        if spec.skip:
            return self._planned(name, Decision.SKIP, "skipped by definition")
        first = 0 if afresh else self._first_action(spec)
        if first:
            why += f"; goes on at action {first + 1}, the groups before it are complete"
        return self._planned(name, Decision.RUN, why, attempt=self._last_attempt(name) + 1, first_action=first)

    def mend(self, name: str) -> PlannedStep:
        """What recovering means for a step that is not processed or noop."""
        record = self._records.get(name)
        if record is None or record.state is StepState.EMBRYO or self._graph[name].skip:
            return self.run(name, "never started")
        attempt = f"attempt {record.attempt}"
        match record.state:
            case StepState.IN_PROGRESS if self._can_go_on(record):
                why = f"{attempt} was interrupted and goes on where it was"
                first = record.actions_done
                return self._planned(name, Decision.CONTINUE, why, attempt=record.attempt, first_action=first)
            case StepState.IN_PROGRESS:
                return self.run(name, f"{attempt} was interrupted", afresh=True)
            case StepState.CANCELED:
                return self.run(name, f"{attempt} was canceled")
            case _:
                cause = f": {record.error.splitlines()[0]}" if record.error else ""
                return self.run(name, f"{attempt} failed{cause}")

    def keep(self, name: str, why: str | None = None) -> PlannedStep:
        return self._planned(name, Decision.KEEP, why or f"already {self.state(name)}")

    def leave(self, name: str, why: str) -> PlannedStep:
        return self._planned(name, Decision.LEAVE, why)

    def _planned(
        self, name: str, decision: Decision, why: str, *, attempt: int | None = None, first_action: int = 0
    ) -> PlannedStep:
        return PlannedStep(
            name=name,
            decision=decision,
            why=why,
            state=self.state(name),
            attempt=self._last_attempt(name) if attempt is None else attempt,
            first_action=first_action,
            changed=self._is_changed(name),
        )

    def _last_attempt(self, name: str) -> int:
        return self._last_attempts.get(name, 0)

    def _is_changed(self, name: str) -> bool:
        record = self._records.get(name)
        known = record.fingerprint if record else None
        return known is not None and known != self._request.fingerprints.get(name, known)

    def _can_go_on(self, record: StepRecord) -> bool:
        failed = GroupState.FAILED in record.groups  # it was being undone when its engine died
        return record.step_name in self._request.living and not failed and not self._is_changed(record.step_name)

    def _first_action(self, spec: StepSpec) -> int:
        """Where a new attempt of a step that resumes by group begins."""
        record = self._records.get(spec.name)
        if not spec.resume_by_group or record is None or record.rolled_back or self._is_changed(spec.name):
            return 0
        return first_action_of(spec, record.groups)


def first_action_of(spec: StepSpec, groups: tuple[GroupState, GroupState, GroupState]) -> int:
    """Number of the first action of the first group that is not complete."""
    first = 0
    for size, state in zip(spec.group_sizes, groups, strict=True):
        if state is not GroupState.COMPLETE:
            return first
        first += size
    return first


def _recover(graph: Graph, record: RunRecord, steps: _Steps) -> list[PlannedStep]:
    if record.state.is_success and not interrupted_freerun(record):
        return [
            steps.keep(name) if steps.is_success(name) else steps.leave(name, _left(steps.state(name)))
            for name in graph
        ]
    return [steps.keep(name) if steps.is_success(name) else steps.mend(name) for name in graph]


def _left(state: StepState) -> str:
    if state is StepState.EMBRYO:
        return "not part of the run that was processed"
    return f"left {state} by a freerun; run-one or run-from runs it again"


def _freerun(
    graph: Graph, record: RunRecord, steps: _Steps, request: Request, chosen: Collection[str]
) -> list[PlannedStep]:
    wanted = _wanted(graph, request)
    if not record.state.is_finished:
        raise PlanRefused(
            f"{_run(request)} is {record.state}: its engine was interrupted",
            hint=f"first: engine recover --flow {request.flow_name} --timeperiod {request.timeperiod}",
        )
    if graph[wanted].skip:
        raise PlanRefused(
            f"step {wanted!r} is skipped by its definition", hint="remove skip=True from the step to run it"
        )
    before = graph.ancestors(wanted)
    blocking = [name for name in graph if name in before and not steps.is_success(name)]
    if blocking:
        raise PlanRefused(
            f"step {wanted!r} is blocked by {', '.join(f'{name} ({steps.state(name)})' for name in blocking)}",
            hint=f"first: engine recover --flow {request.flow_name} --timeperiod {request.timeperiod}",
        )
    return [_freerun_step(name, wanted, chosen, graph, steps) for name in graph]


def _freerun_step(name: str, wanted: str, chosen: Collection[str], graph: Graph, steps: _Steps) -> PlannedStep:
    if name == wanted:
        return steps.run(name, "asked for", afresh=True)
    if name not in chosen:
        return steps.keep(name) if steps.is_success(name) else steps.leave(name, "not asked for")
    if not steps.is_success(name):
        return steps.mend(name)
    return steps.run(name, f"derived from {wanted}", afresh=True)


def _wanted(graph: Graph, request: Request) -> str:
    if request.step is None or request.step not in graph:
        raise NotFoundError(f"flow {request.flow_name!r} has no step {request.step!r}")
    return request.step


def _ran_before(record: RunRecord | None, request: Request) -> RunRecord:
    if record is None or record.last_execution is None:
        raise PlanRefused(
            f"{_run(request)} was never run before",
            hint=f"engine run --flow {request.flow_name} --timeperiod {request.timeperiod}",
        )
    return record


def interrupted_freerun(record: RunRecord) -> bool:
    """Whether the latest execution was a freerun that did not come to its end."""
    last = record.last_execution
    return last is not None and not last.mode.is_managed and last.state in ("in_progress", "canceled")


def _run(request: Request) -> str:
    return f"flow {request.flow_name!r} for {request.timeperiod}"


def _notes(record: RunRecord | None, request: Request, steps: list[PlannedStep]) -> list[str]:
    notes = []
    if not any(step.runs or step.decision is Decision.SKIP for step in steps):
        notes.append("nothing to do")
    if record is not None and record.owner is not None:
        notes.append(f"the last engine is gone: {record.owner}")
    if record is not None and request.mode is Mode.RUN:
        done = sum(1 for step in steps if step.state.is_success)
        if record.state.is_success:
            notes.append(f"the run is {record.state}: every step runs again")
        elif done:
            notes.append(f"{done} step(s) are done already and run again; recover would keep them")
    reset = {step.name for step in steps if step.decision is Decision.RUN}
    stray = [job for job in (record.open_jobs if record else ()) if job.step_name in reset]
    if stray:
        notes.append(f"{len(stray)} unfinished job(s) of the steps that run again are canceled first")
    if not request.mode.is_managed:
        notes.append(f"a freerun: the state of the flow run stays {record.state if record else FlowState.EMBRYO}")
    return notes
