"""The shape of a flow: which step waits for which. Order is stable: as defined, parents first.

What a step *does* is not known here; `StepSpec` holds just what planning and scheduling need of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush

from synergyflow.core.jobs import JobKind
from synergyflow.errors import DefinitionError, NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """What plan and progress know of a step.

    Attributes:
        parents: names of the steps that must be processed or noop before this one starts.
        skip: the step is not run and counts as noop.
        priority: of the steps that could start, higher ones start first.
        cluster: the profile or label that the step needs; None goes anywhere.
        retries: how many further attempts the step's own failures are worth.
        retry_delay: seconds before the first retry; each further one waits `retry_backoff` times as long.
        resume_by_group: a new attempt begins at the first group that is not complete.
        group_sizes: number of pre, main and post actions.
        job_kinds: kinds of jobs that the step is known to hand to its cluster.
    """

    name: str
    parents: tuple[str, ...] = ()
    skip: bool = False
    priority: int = 0
    cluster: str | None = None
    retries: int = 0
    retry_delay: float = 0.0
    retry_backoff: float = 1.0
    resume_by_group: bool = False
    group_sizes: tuple[int, int, int] = (0, 1, 0)
    job_kinds: frozenset[JobKind] = frozenset()


class Graph:
    """An immutable, acyclic graph of steps.

    Raises:
        DefinitionError: a name twice, an unknown parent, or a cycle (which is named).
    """

    def __init__(self, specs: Iterable[StepSpec], *, stop_on_failure: bool = True) -> None:
        self.stop_on_failure = stop_on_failure
        given: dict[str, StepSpec] = {}
        for spec in specs:
            if spec.name in given:
                raise DefinitionError(f"step {spec.name!r} is defined twice")
            given[spec.name] = spec
        for spec in given.values():
            for parent in spec.parents:
                if parent not in given:
                    raise DefinitionError(f"step {spec.name!r} depends on {parent!r}, which is not a step of the flow")
        self._children: dict[str, list[str]] = {name: [] for name in given}
        for spec in given.values():
            for parent in dict.fromkeys(spec.parents):
                self._children[parent].append(spec.name)
        self._specs = {name: given[name] for name in _topological(given, self._children)}

    def __len__(self) -> int:
        return len(self._specs)

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __getitem__(self, name: str) -> StepSpec:
        try:
            return self._specs[name]
        except KeyError:
            raise NotFoundError(f"there is no step {name!r}") from None

    @property
    def specs(self) -> Mapping[str, StepSpec]:
        """Every step by name, parents before children."""
        return self._specs

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The place of each step in the stable topological order, from 0."""
        return {name: position for position, name in enumerate(self._specs)}

    def children(self, name: str) -> tuple[str, ...]:
        """The steps that wait for this one directly."""
        return tuple(self._children[name])

    def descendants(self, name: str) -> frozenset[str]:
        """Every step derived from this one, itself not included."""
        return self._reach(name, self._children.__getitem__)

    def ancestors(self, name: str) -> frozenset[str]:
        """Every step before this one, itself not included."""
        return self._reach(name, lambda step: self._specs[step].parents)

    def _reach(self, name: str, neighbours: Callable[[str], Iterable[str]]) -> frozenset[str]:
        found: set[str] = set()
        stack = list(neighbours(name))
        while stack:
            step = stack.pop()
            if step not in found:
                found.add(step)
                stack.extend(neighbours(step))
        return frozenset(found)


def _topological(specs: Mapping[str, StepSpec], children: Mapping[str, list[str]]) -> list[str]:
    """Parents first; among steps that could come next, the one defined first."""
    rank = {name: position for position, name in enumerate(specs)}
    names = list(specs)
    waiting = {name: len(set(spec.parents)) for name, spec in specs.items()}
    ready: list[int] = [rank[name] for name, count in waiting.items() if count == 0]
    order: list[str] = []
    while ready:
        name = names[heappop(ready)]
        order.append(name)
        for child in children[name]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heappush(ready, rank[child])
    if len(order) < len(specs):
        cycle = _find_cycle(specs, {name for name, count in waiting.items() if count})
        raise DefinitionError("the steps form a cycle: " + " -> ".join(cycle))
    return order


def _find_cycle(specs: Mapping[str, StepSpec], stuck: set[str]) -> list[str]:
    """One cycle among the steps that never became ready, first step repeated at the end, in order of execution."""
    name = next(step for step in specs if step in stuck)
    seen: list[str] = []
    while name not in seen:
        seen.append(name)
        name = next(parent for parent in specs[name].parents if parent in stuck)
    cycle = [*seen[seen.index(name) :], name]
    return cycle[::-1]
