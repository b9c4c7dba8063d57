"""A flow as its user writes it: steps and what each depends on.

Every mistake is found when it is made. It raises at once, except while discovery loads the file: then it is noted in
`faults`, and the rest of the file goes on. Nothing here runs a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Literal

from synergyflow.config.suggest import did_you_mean, nearest
from synergyflow.core.graph import Graph
from synergyflow.core.timeperiod import TimeQualifier
from synergyflow.errors import DefinitionError, NotFoundError
from synergyflow.flow.action import Action
from synergyflow.flow.collecting import current_collector
from synergyflow.flow.fault import Fault
from synergyflow.flow.names import check_name, check_step_name
from synergyflow.flow.parameters import Parameter, declared_parameters
from synergyflow.flow.source import Source, calling_source, shown
from synergyflow.flow.step import Step


class FlowGraph:
    """A directed acyclic graph of steps. Two graphs are the same only if they are one object.

    Args:
        on_failure: "stop" starts no new step after a failed one; "continue" goes on with what does not depend on it.
        schedule: when the daemon starts the flow; None for never.
        time_qualifier: "hourly", "daily", "monthly" or "yearly"; None goes by the digits of the timeperiod.
        parameters: `Parameter` objects by name; short: a type (required) or a default.

    Raises:
        DefinitionError: here and in `append` and `enlist`, naming file, flow and step. The graph is left as it was.
    """

    def __init__(
        self,
        flow_name: str,
        *,
        on_failure: Literal["stop", "continue"] = "stop",
        schedule: str | None = None,
        time_qualifier: TimeQualifier | str | None = None,
        parameters: Mapping[str, Parameter | type | Any] | None = None,
    ) -> None:
        self.source: Source = calling_source()
        self.flow_name = flow_name if isinstance(flow_name, str) else repr(flow_name)
        self.on_failure = on_failure
        self.schedule = schedule
        self.time_qualifier: TimeQualifier | None = None
        self.parameters: Mapping[str, Parameter] = {}
        self._faults: list[Fault] = []
        self._steps: dict[str, Step] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._broken: set[str] = set()
        self._graph: Graph | None = None
        collector = current_collector()
        if collector is not None:
            collector.made.append(self)
        with self._noting(None):
            check_name(flow_name, "flow")
            _check_options(on_failure, schedule)
            self.time_qualifier = _qualifier(time_qualifier)
            self.parameters = MappingProxyType(declared_parameters(parameters))

    def append(
        self,
        name: str,
        dependent_on_names: Iterable[str] | str | None,
        main_action: Action,
        pre_actions: Iterable[Action] | Action | None = None,
        post_actions: Iterable[Action] | Action | None = None,
        skip: bool = False,
        **policy: Any,
    ) -> FlowGraph:
        """Add a step that waits for those named, which must have been added before; returns the graph itself."""
        with self._noting(name):
            check_step_name(name, self.flow_name, self._steps)
            parents = self._checked_parents(name, dependent_on_names)
            self._add(Step(name, main_action, pre_actions, post_actions, skip, **policy), parents)
        return self

    def enlist(self, step: Step, dependent_on_names: Iterable[str] | str | None) -> FlowGraph:
        """Add a step made before; otherwise as `append`."""
        name = getattr(step, "step_name", None)
        with self._noting(name):
            if not isinstance(step, Step):
                raise DefinitionError(f"enlist takes a Step, not {type(step).__name__}")
            check_step_name(step.step_name, self.flow_name, self._steps)
            self._add(step, self._checked_parents(step.step_name, dependent_on_names))
        return self

    def __len__(self) -> int:
        return len(self._steps)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return name in self._steps

    def __iter__(self) -> Iterator[str]:
        """Names of the steps, parents first, otherwise as defined."""
        return iter(self.graph)

    def __getitem__(self, name: str) -> Step:
        if name in self._steps:
            return self._steps[name]
        raise NotFoundError(
            f"flow {self.flow_name!r} has no step {name!r}",
            hint=did_you_mean(name, self._steps, what="its steps are"),
        )

    def __repr__(self) -> str:
        return f"<FlowGraph {self.flow_name}, {len(self)} steps>"

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, parents first, otherwise as defined."""
        return tuple(self._steps[name] for name in self.graph)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What discovery found wrong with it, in the order in which it was written."""
        return tuple(self._faults)

    @property
    def graph(self) -> Graph:
        """The shape of the flow, for planning; cached until a step is added.

        Raises:
            DefinitionError: the flow has faults.
        """
        if self._faults:
            raise self._faults[0].error(more=len(self._faults) - 1)
        if self._graph is None:
            specs = (step.spec(self._parents[name]) for name, step in self._steps.items())
            self._graph = Graph(specs, stop_on_failure=self.on_failure == "stop")
        return self._graph

    def all_dependant_steps(self, name: str) -> list[str]:
        """Names of every step derived from this one, itself not included, in topological order.

        Raises:
            NotFoundError: there is no such step.
        """
        derived = self.graph.descendants(self[name].step_name)
        return [step for step in self.graph if step in derived]

    def _add(self, step: Step, parents: tuple[str, ...]) -> None:
        self._steps[step.step_name] = step
        self._parents[step.step_name] = parents
        self._graph = None

    def _checked_parents(self, name: str, given: Iterable[str] | str | None) -> tuple[str, ...]:
        """The names of the parents, each once; those whose own definition is faulty are left out."""
        if given is None:
            return ()
        names = (given,) if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not all(isinstance(parent, str) for parent in names):
            raise DefinitionError(f"dependent_on_names is a list of names of steps, not {given!r}")
        for parent in names:
            if parent == name:
                raise DefinitionError(f"the steps form a cycle: {name} -> {name}", hint="a step can't wait for itself")
            if parent not in self._steps and parent not in self._broken:
                near = nearest(parent, self._steps)
                raise DefinitionError(
                    f"depends on {parent!r}, which is not a step of the flow",
                    hint=f"did you mean {near!r}?" if near else "append a step after those that it depends on",
                )
        return tuple(dict.fromkeys(parent for parent in names if parent in self._steps))

    @contextmanager
    def _noting(self, step_name: object) -> Iterator[None]:
        """Turn a mistake into a fault with file, flow and step: noted while discovery collects, else raised."""
        try:
            yield
        except DefinitionError as error:
            fault = self._fault(error, step_name)
            if current_collector() is None:
                raise fault.error() from None
            self._faults.append(fault)
            if isinstance(step_name, str):
                self._broken.add(step_name)

    def _fault(self, error: DefinitionError, step_name: object) -> Fault:
        source = calling_source()
        step = None if step_name is None else str(step_name)
        message = error.message.removeprefix(f"step {step!r}: ")
        return Fault(shown(source.file), source.line, self.flow_name, step, message, error.hint)


def _check_options(on_failure: object, schedule: object) -> None:
    if on_failure not in ("stop", "continue"):
        raise DefinitionError(f"on_failure is 'stop' or 'continue', not {on_failure!r}")
    if schedule is not None and (not isinstance(schedule, str) or not schedule.strip()):
        raise DefinitionError(f"schedule is text or None, not {schedule!r}")


def _qualifier(given: TimeQualifier | str | None) -> TimeQualifier | None:
    if given is None:
        return None
    try:
        return TimeQualifier(given)
    except ValueError:
        raise DefinitionError(
            f"time_qualifier can't be {given!r}", hint=did_you_mean(str(given), TimeQualifier, what="there are")
        ) from None
