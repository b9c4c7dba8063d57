"""The clusters of one execution as `Progress` sees them: which may be launched, which have a free slot, which may go.

A cluster is asked for when a step that could start finds no free slot, so a chain uses one and a fan spreads over all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from synergyflow.core.commands import Command, LaunchCluster, TerminateCluster
from synergyflow.core.graph import StepSpec
from synergyflow.core.jobs import JobKind
from synergyflow.core.plan import PlannedCluster


@dataclass(frozen=True, slots=True)
class Need:
    """What a step asks of its cluster: a profile or label (None: any), and the kinds of jobs that it can run."""

    cluster: str | None
    job_kinds: frozenset[JobKind]

    @classmethod
    def of(cls, spec: StepSpec) -> Need:
        """What this step asks for."""
        return cls(spec.cluster, spec.job_kinds)


class _Phase(Enum):
    PLANNED = 0
    LAUNCHING = 1
    READY = 2
    ENDING = 3
    GONE = 4


@dataclass(slots=True)
class _Member:
    planned: PlannedCluster
    phase: _Phase = _Phase.PLANNED
    busy: int = 0
    step_failed: bool = False

    def serves(self, need: Need) -> bool:
        named = need.cluster is None or need.cluster == self.planned.profile or need.cluster in self.planned.labels
        return named and need.job_kinds <= self.planned.job_kinds


class Fleet:
    """Keeps count. Names come from the plan; a replacement of a lost cluster is named after it."""

    def __init__(self, planned: Sequence[PlannedCluster], *, replacements: int) -> None:
        self._members = {cluster.name: _Member(cluster) for cluster in planned}
        self._replacements_left = replacements

    @property
    def is_gone(self) -> bool:
        """Whether no cluster is alive or on its way."""
        return all(member.phase in (_Phase.PLANNED, _Phase.GONE) for member in self._members.values())

    def ready(self, name: str) -> None:
        """The cluster takes jobs now."""
        if self._members[name].phase is _Phase.LAUNCHING:
            self._members[name].phase = _Phase.READY

    def failed(self, name: str) -> None:
        """The cluster did not come up."""
        self._members[name].phase = _Phase.GONE

    def lost(self, name: str) -> None:
        """The cluster is gone; another of its kind may take its place, within the budget of replacements."""
        member = self._members[name]
        if member.phase is _Phase.GONE:
            return
        was_wanted = member.phase is not _Phase.ENDING
        member.phase = _Phase.GONE
        if was_wanted and self._replacements_left > 0:
            self._replacements_left -= 1
            replacement = _replacement(member.planned, self._members)
            self._members[replacement.name] = _Member(replacement)

    def ended(self, name: str) -> None:
        """The cluster was terminated, or given out of our hands."""
        self._members[name].phase = _Phase.GONE

    def occupy(self, name: str) -> None:
        """One slot is taken."""
        self._members[name].busy += 1

    def release(self, name: str | None, *, failed: bool) -> None:
        """One slot is free again; `failed` if the step that held it failed."""
        if name is not None:
            self._members[name].busy -= 1
            self._members[name].step_failed |= failed

    def free(self, need: Need) -> str | None:
        """The least busy ready cluster with a free slot for a step that needs this."""
        best: _Member | None = None
        for member in self._members.values():
            has_room = member.phase is _Phase.READY and member.busy < member.planned.slots and member.serves(need)
            if has_room and (best is None or member.busy < best.busy):
                best = member
        return best.planned.name if best else None

    def can_serve(self, need: Need) -> bool:
        """Whether a fitting cluster is alive, on its way, or may still be launched."""
        return any(
            member.phase in (_Phase.PLANNED, _Phase.LAUNCHING, _Phase.READY) and member.serves(need)
            for member in self._members.values()
        )

    def launch(self, waiting: Mapping[Need, int]) -> Iterable[Command]:
        """Ask for a cluster for each waiting step that none is on its way for; one on its way counts for one step."""
        planned = [member for member in self._members.values() if member.phase is _Phase.PLANNED]
        if not planned or not waiting:
            return []
        promises = _Promises(waiting)
        for member in self._members.values():
            if member.phase is _Phase.LAUNCHING:
                promises.make(member)
        commands: list[Command] = []
        for member in planned:
            if promises.make(member):
                member.phase = _Phase.LAUNCHING
                commands.append(LaunchCluster(member.planned.name, member.planned.profile))
        return commands

    def terminate(self, left: Mapping[Need, int]) -> Iterable[Command]:
        """End every cluster, ready and idle or still coming up, that no unfinished step could use."""
        commands: list[Command] = []
        for member in self._members.values():
            lives = member.phase in (_Phase.LAUNCHING, _Phase.READY)
            if lives and not member.busy and not any(map(member.serves, left)):
                member.phase = _Phase.ENDING
                commands.append(TerminateCluster(member.planned.name, member.step_failed))
        return commands


class _Promises:
    """Which cluster on its way is meant for which waiting steps. A promise may move to another step to make room."""

    def __init__(self, waiting: Mapping[Need, int]) -> None:
        self._open = dict(waiting)
        self._made: dict[Need, list[_Member]] = {need: [] for need in waiting}

    def make(self, member: _Member) -> bool:
        """Whether a waiting step is found for the cluster, over and above those that have one."""
        return self._find(member, set())

    def _find(self, member: _Member, tried: set[Need]) -> bool:
        for need, holders in self._made.items():
            if need in tried or not member.serves(need):
                continue
            tried.add(need)
            if self._open[need] > 0:
                self._open[need] -= 1
                holders.append(member)
                return True
            for position, holder in enumerate(holders):
                if self._find(holder, tried):
                    holders[position] = member
                    return True
        return False


def _replacement(lost: PlannedCluster, members: Mapping[str, _Member]) -> PlannedCluster:
    number = 1 + sum(1 for member in members.values() if member.planned.profile == lost.profile)
    return PlannedCluster(
        name=f"{lost.profile}-{number}",
        profile=lost.profile,
        slots=lost.slots,
        labels=lost.labels,
        job_kinds=lost.job_kinds,
    )
