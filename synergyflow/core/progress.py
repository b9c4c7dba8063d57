"""A running flow as a state machine: events in, commands out. It performs nothing and asks nobody.

Owned by one thread. The same events give the same commands, whatever the hash seed or the clock: order comes from
priority, then from the stable topological order. Steps wait in `_waiting`, one heap for each need.

Rules of this file:
- a step starts when its parents are processed or noop, once, on a cluster that serves it and has a free slot; behind a
  parent that is kept it waits for what is worked on again before that one;
- its own failures spend `retries`, failures of the infrastructure a budget of their own;
- after a failure nothing new starts (`stop_on_failure`), or nothing derived from the failed step (else);
- a cluster is asked for when a step can use it, and ended when nothing left can;
- the run ends when nothing runs, nothing can start, and every cluster has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from synergyflow.core.commands import (
    CancelStep,
    Command,
    FinishRun,
    ScheduleRetry,
    SkipStep,
    StartStep,
)
from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    Event,
    RetryDue,
    StepEnded,
    StopRequested,
)
from synergyflow.core.fleet import Fleet, Need
from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.plan import Decision, Plan
from synergyflow.core.planning import first_action_of
from synergyflow.core.states import FlowState, StepState

INFRASTRUCTURE_RETRIES = 3


@dataclass(slots=True)
class _Step:
    """What is still to be known of a step that this execution works on."""

    spec: StepSpec
    position: int
    waiting_for: int
    attempt: int
    first_action: int
    continued: bool
    skip: bool
    retries_left: int
    infrastructure_left: int
    retries_made: int = 0
    state: StepState = StepState.EMBRYO
    cluster: str | None = None
    retry_pending: bool = False
    given_up: bool = False


@dataclass(slots=True)
class _Waiting:
    """Steps that could start now and ask for the same cluster, best first; `left` counts those not yet ended."""

    heap: list[tuple[int, int, str]] = field(default_factory=list)
    left: int = 0


class Progress:
    """Decides what happens next in one execution of a plan."""

    def __init__(self, graph: Graph, plan: Plan, *, infrastructure_retries: int = INFRASTRUCTURE_RETRIES) -> None:
        self._graph = graph
        self._steps: dict[str, _Step] = {}
        self._children: dict[str, list[str]] = {}
        self._all_noop = all(
            step.state is StepState.NOOP for step in plan.steps if step.decision in (Decision.KEEP, Decision.LEAVE)
        )
        self._fleet = Fleet(plan.clusters, replacements=infrastructure_retries)
        self._waiting: dict[Need, _Waiting] = {}
        self._to_skip: list[tuple[int, str]] = []
        self._running: set[str] = set()
        self._retrying: set[str] = set()
        self._failed: list[str] = []
        self._errors: list[str] = []
        self._halted = False
        self._interrupted = False
        self._cancel = False
        self._finished = False
        self._add_steps(plan, infrastructure_retries)

    @property
    def is_finished(self) -> bool:
        """Whether `FinishRun` has been commanded."""
        return self._finished

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the steps that were tried and given up, in that order."""
        return tuple(self._failed)

    def on(self, *events: Event) -> list[Command]:
        """Take note of the events, in their order, and say what to do now. Events that change nothing are ignored."""
        commands: list[Command] = []
        for event in events:
            self._note(event, commands)
        commands.extend(self._skip_steps())
        self._give_up_unservable()
        commands.extend(self._start_steps())
        commands.extend(self._fleet.launch(self._demand()))
        commands.extend(self._fleet.terminate(self._demand_left()))
        self._finish(commands)
        return commands

    # -- the plan, taken in ---------------------------------------------------------------------------------------

    def _add_steps(self, plan: Plan, infrastructure_retries: int) -> None:
        planned = {step.name: step for step in plan.steps if step.runs or step.decision is Decision.SKIP}
        positions = self._graph.positions
        before = _nearest_before(self._graph, planned)
        for name, step in planned.items():
            for earlier in before[name]:
                self._children.setdefault(earlier, []).append(name)
            spec = self._graph[name]
            self._steps[name] = _Step(
                spec=spec,
                position=positions[name],
                waiting_for=len(before[name]),
                attempt=step.attempt,
                first_action=step.first_action,
                continued=step.decision is Decision.CONTINUE,
                skip=step.decision is Decision.SKIP,
                retries_left=spec.retries,
                infrastructure_left=infrastructure_retries,
            )
            if not self._steps[name].skip:
                self._waiting.setdefault(Need.of(spec), _Waiting()).left += 1
        for open_step in self._steps.values():
            if open_step.waiting_for == 0:
                self._make_ready(open_step)

    # -- events ---------------------------------------------------------------------------------------------------

    def _note(self, event: Event, commands: list[Command]) -> None:
        match event:
            case ClusterReady():
                self._fleet.ready(event.cluster)
            case ClusterFailed():
                self._errors.append(f"cluster {event.cluster} did not come up: {event.reason}")
                self._fleet.failed(event.cluster)
            case ClusterLost():
                self._errors.append(f"cluster {event.cluster} was lost: {event.reason}")
                self._fleet.lost(event.cluster)
            case ClusterEnded():
                self._fleet.ended(event.cluster)
            case StepEnded() if event.step in self._running:
                self._step_ended(event, commands)
            case RetryDue() if event.step in self._retrying:
                self._retrying.discard(event.step)
                self._make_ready(self._steps[event.step])
            case StopRequested():
                self._stop(event, commands)
            case _:
                pass

    def _step_ended(self, event: StepEnded, commands: list[Command]) -> None:
        step = self._steps[event.step]
        self._running.discard(event.step)
        self._fleet.release(step.cluster, failed=event.state is StepState.INVALID)
        step.state = event.state
        if event.state.is_success:
            self._all_noop = self._all_noop and event.state is StepState.NOOP
            self._close(step)
            self._unblock_children(event.step)
        elif not self._try_again(step, event, commands):
            self._give_up(step, event.error)

    def _try_again(self, step: _Step, event: StepEnded, commands: list[Command]) -> bool:
        """Whether another attempt follows, and the command for it."""
        if self._halted or event.state is StepState.CANCELED:
            return False
        infrastructure = event.failure_class is not None and event.failure_class.is_infrastructure
        if (step.infrastructure_left if infrastructure else step.retries_left) <= 0:
            return False
        step.attempt += 1
        step.continued = False
        step.first_action = self._first_action(step.spec, event)
        self._retrying.add(step.spec.name)
        commands.append(
            ScheduleRetry(step.spec.name, step.attempt, self._delay(step, infrastructure), not infrastructure)
        )
        return True

    def _delay(self, step: _Step, infrastructure: bool) -> float:
        """Seconds before the next attempt; spends one of the budget that is to blame."""
        if infrastructure:
            step.infrastructure_left -= 1
            return 0.0
        delay = step.spec.retry_delay * step.spec.retry_backoff**step.retries_made
        step.retries_left -= 1
        step.retries_made += 1
        return delay

    @staticmethod
    def _first_action(spec: StepSpec, event: StepEnded) -> int:
        if not spec.resume_by_group or event.rolled_back:
            return 0
        return first_action_of(spec, event.groups)

    def _give_up(self, step: _Step, error: str | None) -> None:
        """The step will not be tried again in this execution."""
        step.given_up = True
        self._failed.append(step.spec.name)
        if error:
            self._errors.append(f"step {step.spec.name}: {error}")
        self._close(step)
        if self._graph.stop_on_failure:
            self._halt()
        else:
            self._block_descendants(step.spec.name)

    def _stop(self, event: StopRequested, commands: list[Command]) -> None:
        self._interrupted = True
        if event.reason not in self._errors:
            self._errors.append(event.reason)
        self._halt()
        if event.cancel and not self._cancel:
            self._cancel = True
            commands.extend(CancelStep(name) for name in sorted(self._running, key=self._graph.positions.__getitem__))

    def _halt(self) -> None:
        """Nothing new starts: what waits is left as it is; what waits for a further attempt has failed."""
        self._halted = True
        waiting_steps = {name for waiting in self._waiting.values() for _, _, name in waiting.heap}
        tried = {name for name in waiting_steps if self._steps[name].state is not StepState.EMBRYO}
        self._failed.extend(sorted(self._retrying | tried, key=self._graph.positions.__getitem__))
        self._retrying.clear()
        for waiting in self._waiting.values():
            waiting.heap.clear()
            waiting.left = 0

    def _block_descendants(self, name: str) -> None:
        for child in sorted(self._graph.descendants(name), key=self._graph.positions.__getitem__):
            step = self._steps.get(child)
            if step is not None and not step.given_up and step.state is StepState.EMBRYO:
                step.given_up = True
                self._close(step)

    def _close(self, step: _Step) -> None:
        if step.skip:
            return
        waiting = self._waiting[Need.of(step.spec)]
        waiting.left = max(0, waiting.left - 1)

    def _unblock_children(self, name: str) -> None:
        for child in self._children.get(name, ()):
            step = self._steps[child]
            step.waiting_for -= 1
            if step.waiting_for == 0 and not step.given_up:
                self._make_ready(step)

    def _make_ready(self, step: _Step) -> None:
        if step.skip:
            heappush(self._to_skip, (step.position, step.spec.name))
        elif not self._halted:
            heappush(self._waiting[Need.of(step.spec)].heap, (-step.spec.priority, step.position, step.spec.name))

    # -- decisions ------------------------------------------------------------------------------------------------

    def _skip_steps(self) -> Iterable[Command]:
        """Skipped steps whose turn has come become noop, which may bring the turn of others."""
        while self._to_skip and not self._halted:
            name = heappop(self._to_skip)[1]
            self._steps[name].state = StepState.NOOP
            self._unblock_children(name)
            yield SkipStep(name)

    def _give_up_unservable(self) -> None:
        """Steps that could start but have no cluster any more, and none to come, fail the run."""
        for need, waiting in self._waiting.items():
            while waiting.heap and not self._fleet.can_serve(need):
                name = heappop(waiting.heap)[2]
                which = f"cluster {need.cluster!r}" if need.cluster else "cluster"
                self._give_up(self._steps[name], f"no {which} is left to run on")

    def _start_steps(self) -> Iterable[Command]:
        while not self._halted:
            best = self._best()
            if best is None:
                return
            need, cluster = best
            name = heappop(self._waiting[need].heap)[2]
            step = self._steps[name]
            step.cluster, step.state = cluster, StepState.IN_PROGRESS
            self._fleet.occupy(cluster)
            self._running.add(name)
            yield StartStep(name, step.attempt, cluster, step.first_action, step.continued)

    def _best(self) -> tuple[Need, str] | None:
        """What the best startable step needs, and the cluster that it gets."""
        best: tuple[tuple[int, int, str], Need, str] | None = None
        for need, waiting in self._waiting.items():
            if waiting.heap and (best is None or waiting.heap[0] < best[0]):
                cluster = self._fleet.free(need)
                if cluster is not None:
                    best = (waiting.heap[0], need, cluster)
        return (best[1], best[2]) if best else None

    def _demand(self) -> dict[Need, int]:
        """How many steps wait that could start now, by what they need."""
        return {need: len(waiting.heap) for need, waiting in self._waiting.items() if waiting.heap}

    def _demand_left(self) -> dict[Need, int]:
        """How many steps have not come to their end, by what they need."""
        return {need: waiting.left for need, waiting in self._waiting.items() if waiting.left}

    def _finish(self, commands: list[Command]) -> None:
        if self._finished or self._running or self._retrying or not self._fleet.is_gone:
            return
        if any(waiting.heap for waiting in self._waiting.values()):
            return
        self._finished = True
        commands.append(FinishRun(self._outcome(), self._error(), self._interrupted, tuple(self._failed)))

    def _outcome(self) -> FlowState:
        done = all(step.state.is_success for step in self._steps.values())
        if self._interrupted or self._failed or not done:
            return FlowState.INVALID
        return FlowState.NOOP if self._all_noop else FlowState.PROCESSED

    def _error(self) -> str | None:
        if not self._errors or not (self._failed or self._interrupted):
            return None
        more = f"; and {len(self._errors) - 5} more" if len(self._errors) > 5 else ""
        return "; ".join(self._errors[:5]) + more


def _nearest_before(graph: Graph, planned: Collection[str]) -> dict[str, dict[str, None]]:
    """For each step the nearest ones before it that are worked on too; kept ones are looked through."""
    nearest: dict[str, dict[str, None]] = {}
    for name, spec in graph.specs.items():
        nearest[name] = {}
        for parent in spec.parents:
            nearest[name].update({parent: None} if parent in planned else nearest[parent])
    return nearest
