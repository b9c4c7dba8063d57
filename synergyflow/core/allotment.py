"""How many clusters a plan may launch, and of which profiles."""

from __future__ import annotations

from collections.abc import Sequence

from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, PlannedCluster, ProfileCapacity
from synergyflow.errors import PlanRefused

_EXACT_UP_TO = 200


def allot(mode: Mode, capacity: Capacity, to_run: Sequence[StepSpec], graph: Graph) -> tuple[PlannedCluster, ...]:
    """The clusters for these steps, as the table of the four modes says; none if there is nothing to run.

    Raises:
        PlanRefused: a step asks for what no profile of the pool offers.
    """
    if not to_run:
        return ()
    serving = {spec.name: _serving(spec, capacity) for spec in to_run}
    pool = _pool(capacity)
    needed = _cover(pool, to_run, serving)
    count = max(_count(mode, capacity.nominal, to_run, graph), len(needed))
    if mode is Mode.RUN_ONE:
        count = 1
    useful = {profile for profiles in serving.values() for profile in profiles}
    spare = [cluster for cluster in pool if cluster not in needed and (mode is Mode.RUN or cluster.profile in useful)]
    chosen = [*needed, *spare][:count]
    return tuple(cluster for cluster in pool if cluster in chosen)


def _count(mode: Mode, nominal: int, to_run: Sequence[StepSpec], graph: Graph) -> int:
    match mode:
        case Mode.RUN:
            return nominal
        case Mode.RECOVER:
            return min(nominal, _most_at_once(to_run, graph))
        case Mode.RUN_ONE:
            return 1
        case Mode.RUN_FROM:
            return max(1, len(to_run) * nominal // len(graph))


def _most_at_once(to_run: Sequence[StepSpec], graph: Graph) -> int:
    """How many of these steps can be at work at once; for very many of them, unless they are a chain, just a bound."""
    wanted = {spec.name for spec in to_run}
    depth: dict[str, int] = {}
    for name, spec in graph.specs.items():
        depth[name] = (name in wanted) + max((depth[parent] for parent in spec.parents), default=0)
    if len({depth[name] for name in wanted}) == len(wanted):
        return 1
    return _fewest_chains([spec.name for spec in to_run], graph) if len(wanted) <= _EXACT_UP_TO else len(wanted)


def _fewest_chains(names: Sequence[str], graph: Graph) -> int:
    """Chains needed to cover the steps; as many, no more, are independent of each other (Dilworth's theorem)."""
    earlier = {name: graph.ancestors(name) for name in names}
    next_of: dict[str, str] = {}

    def follow(name: str, tried: set[str]) -> bool:
        for other in names:
            if other in earlier[name] and other not in tried:
                tried.add(other)
                if other not in next_of or follow(next_of[other], tried):
                    next_of[other] = name
                    return True
        return False

    return len(names) - sum(follow(name, set()) for name in names)


def _serving(spec: StepSpec, capacity: Capacity) -> list[str]:
    """Names of the profiles that the step can go to."""
    wanted = [profile for profile in capacity.profiles if profile.serves(spec.cluster)]
    if not wanted:
        offered = ", ".join(profile.profile for profile in capacity.profiles) or "none"
        raise PlanRefused(
            f"step {spec.name!r} asks for cluster {spec.cluster!r}, which the context does not offer",
            hint=f"it offers: {offered}",
        )
    able = [profile.profile for profile in wanted if spec.job_kinds <= profile.job_kinds]
    if not able:
        missing = ", ".join(sorted(kind.value for kind in spec.job_kinds - wanted[0].job_kinds))
        raise PlanRefused(
            f"step {spec.name!r} runs {missing} jobs, which cluster {wanted[0].profile!r} can't",
            hint="give the step a cluster that can, or add one to the context's pool",
        )
    return able


def _pool(capacity: Capacity) -> list[PlannedCluster]:
    """Every cluster that the context offers, profiles taking turns."""
    most = max((profile.count for profile in capacity.profiles), default=0)
    return [
        _cluster(profile, number)
        for number in range(1, most + 1)
        for profile in capacity.profiles
        if number <= profile.count
    ]


def _cluster(profile: ProfileCapacity, number: int) -> PlannedCluster:
    return PlannedCluster(
        name=f"{profile.profile}-{number}",
        profile=profile.profile,
        slots=profile.slots,
        labels=profile.labels,
        job_kinds=profile.job_kinds,
    )


def _cover(
    pool: Sequence[PlannedCluster], to_run: Sequence[StepSpec], serving: dict[str, list[str]]
) -> list[PlannedCluster]:
    """The fewest first clusters of the pool (greedily) such that each step has one that it can go to."""
    chosen: list[PlannedCluster] = []
    have: set[str] = set()
    for spec in sorted(to_run, key=lambda spec: len(serving[spec.name])):
        if not have.intersection(serving[spec.name]):
            cluster = next(cluster for cluster in pool if cluster.profile in serving[spec.name])
            chosen.append(cluster)
            have.add(cluster.profile)
    return chosen
