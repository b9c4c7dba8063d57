"""What the simulated world knows of one execution, counted by itself, and the rules that this count can tell broken.

What `Progress` keeps is never looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from synergyflow.core.commands import Command, FinishRun
from synergyflow.core.events import Event
from synergyflow.core.plan import Plan, ProfileCapacity
from tests.core.book import Book
from tests.core.reference import REPLACEMENTS, Script, Specs, fits, verdict, waits_for


class RuleBroken(AssertionError):
    """What the product did, or failed to do, against its rules."""


@dataclass(frozen=True)
class Weather:
    """How rough the world is: chances for each cluster, and the times at which the execution is cut short."""

    launch_fails: float = 0.0
    cluster_lost: float = 0.0
    stop_at: int | None = None
    crash_at: int | None = None

    @property
    def is_calm(self) -> bool:
        return not (self.launch_fails or self.cluster_lost or self.is_cut_short)

    @property
    def is_cut_short(self) -> bool:
        return self.stop_at is not None or self.crash_at is not None


@dataclass
class SimulatedCluster:
    """One cluster as the world knows it."""

    profile: ProfileCapacity
    phase: str = "launching"
    running: set[str] = field(default_factory=set)
    step_failed: bool = False


class Count:
    """Steps, attempts and clusters of one execution. Afterwards it tells, with the book, what came of it."""

    def __init__(
        self,
        random: Random,
        specs: Specs,
        plan: Plan,
        pool: Sequence[ProfileCapacity],
        book: Book,
        script: Script,
        weather: Weather,
        fingerprints: Mapping[str, str],
        *,
        stop_on_failure: bool,
    ) -> None:
        self.random, self.specs, self.plan, self.book, self.script = random, specs, plan, book, script
        self.weather, self.fingerprints, self.stop_on_failure = weather, fingerprints, stop_on_failure
        self.profiles = {profile.profile: profile for profile in pool}
        self.planned = {step.name: step for step in plan.steps if step.decision in ("run", "continue", "skip")}
        self.waits_for = {name: waits_for(specs, self.planned, name) for name in self.planned}
        self.outcomes: dict[str, list[str]] = {name: [] for name in self.planned}
        self.next_attempt = {name: (step.attempt, step.first_action) for name, step in self.planned.items()}
        self.running: dict[str, int] = {}
        self.place: dict[str, str] = {}
        self.retrying: set[str] = set()
        self.done: set[str] = set()
        self.launched: dict[str, SimulatedCluster] = {}
        self.lost: list[str] = []
        self.halted = False
        self.stopping = False
        self.finish: FinishRun | None = None
        self.log: list[Event | Command] = []
        self.time = 0

    def require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise RuleBroken(f"at {self.time}: {otherwise}")

    def may_begin(self, name: str) -> bool:
        fresh = name not in self.running and name not in self.retrying and name not in self.done
        return fresh and self.waits_for[name] <= self.done

    def is_open(self, name: str) -> bool:
        """Whether an attempt at the step would still be made."""
        return self.planned[name].decision != "skip" and verdict(self.specs[name], self.outcomes[name]) == "open"

    def blocked(self) -> Collection[str]:
        """Steps given up, and those that wait for one of them."""
        found: set[str] = set()
        for name in self.planned:
            spent = verdict(self.specs[name], self.outcomes[name]) in ("invalid", "canceled")
            if spent or self.is_stranded(name) or self.waits_for[name] & found:
                found.add(name)
        return found

    def is_stranded(self, name: str) -> bool:
        """Whether the turn of the step has come and no cluster is left that it could run on."""
        return self.may_begin(name) and not self.can_still_run(name)

    def can_still_run(self, name: str) -> bool:
        """Whether a cluster for the step is alive, or may yet be launched."""
        if self.planned[name].decision == "skip":
            return True
        spec = self.specs[name]
        if any(fits(spec, c.profile) and c.phase in ("launching", "ready") for c in self.launched.values()):
            return True
        return any(count > 0 and fits(spec, self.profiles[profile]) for profile, count in self.launchable().items())

    def launchable(self) -> dict[str, int]:
        """How many more clusters of each profile may be asked for."""
        counts: dict[str, int] = {}
        for cluster in self.plan.clusters:
            counts[cluster.profile] = counts.get(cluster.profile, 0) + (cluster.name not in self.launched)
        replaced: dict[str, int] = {}
        for name in self.lost[:REPLACEMENTS]:
            profile = self.launched[name].profile.profile
            replaced[profile] = replaced.get(profile, 0) + 1
        planned = {cluster.name for cluster in self.plan.clusters}
        for profile, number in replaced.items():
            made = sum(c.profile.profile == profile for name, c in self.launched.items() if name not in planned)
            counts[profile] = counts.get(profile, 0) + number - made
        return counts

    def on_their_way(self) -> list[ProfileCapacity]:
        return [cluster.profile for cluster in self.launched.values() if cluster.phase == "launching"]

    def helped(self, coming: Sequence[ProfileCapacity]) -> int:
        """How many of the steps whose turn has come could have one of these clusters each."""
        steps = [name for name in self.planned if self.is_open(name) and self.may_begin(name)]
        given: dict[int, str] = {}

        def place(name: str, tried: set[int]) -> bool:
            for number, profile in enumerate(coming):
                if number not in tried and fits(self.specs[name], profile):
                    tried.add(number)
                    if number not in given or place(given[number], tried):
                        given[number] = name
                        return True
            return False

        return sum(place(name, set()) for name in steps)

    def require_no_idling(self) -> None:
        """No step may wait that could start, and no idle cluster be kept, or awaited, that nothing can use."""
        live = [c for c in self.launched.values() if c.phase in ("launching", "ready")]
        room = [c for c in live if c.phase == "ready" and len(c.running) < c.profile.slots]
        blocked = self.blocked() if live else ()
        left = [name for name in self.planned if name not in self.done and name not in blocked]
        left = [name for name in left if self.planned[name].decision != "skip"]
        for name in left:
            if name not in self.running and self.may_begin(name):
                waits = any(fits(self.specs[name], cluster.profile) for cluster in room)
                self.require(not waits, f"step {name} waits although a cluster has room for it")
        for cluster in live:
            used = bool(cluster.running) or any(fits(self.specs[name], cluster.profile) for name in left)
            self.require(used, "an idle cluster is kept that no step can use")

    def require_clusters_are_coming(self) -> None:
        """No step may wait for a cluster that could be on its way and is not."""
        coming = self.on_their_way()
        helped = self.helped(coming)
        for profile, count in self.launchable().items():
            enough = count <= 0 or self.helped([*coming, self.profiles[profile]]) == helped
            self.require(enough, f"no cluster of {profile} is launched although a step waits for one")
