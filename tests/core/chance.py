"""What is left to chance: pools, steps, the outcomes of attempts, and how rough the world is.

Everything comes from the generator that is handed in, in a fixed order, so a case is the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from synergyflow.core.graph import StepSpec
from synergyflow.core.jobs import JobKind
from synergyflow.core.plan import ProfileCapacity
from tests.core.reference import Prediction, Script
from tests.core.world import Weather

ALL_KINDS = frozenset(JobKind)
SOME_KINDS = frozenset({JobKind.SHELL, JobKind.PYTHON})
SIZES = (1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 14)


def make_pool(random: Random) -> tuple[ProfileCapacity, ...]:
    profiles: list[ProfileCapacity] = []
    left = random.randint(1, 4)
    while left and len(profiles) < 3:
        count = random.randint(1, left)
        left -= count
        several = random.random() < 0.25
        profiles.append(
            ProfileCapacity(
                profile=f"profile{len(profiles)}",
                count=count,
                slots=random.randint(1, 3),
                labels=frozenset(label for label in ("big", "near") if several and random.random() < 0.6),
                job_kinds=ALL_KINDS if random.random() < 0.8 else SOME_KINDS,
            )
        )
    return tuple(profiles)


def make_steps(random: Random, pool: Sequence[ProfileCapacity]) -> dict[str, StepSpec]:
    size = random.choice(SIZES) if random.random() < 0.99 else random.choice((0, 60))
    density = random.choice((0.1, 0.3, 0.3, 0.6, 1.0))
    flaky = random.random() < 0.5
    asks = random.random() < 0.4
    offered = [profile.profile for profile in pool] + sorted({label for profile in pool for label in profile.labels})
    names = [f"step{number}" for number in range(size)]
    specs = []
    for number, name in enumerate(names):
        near = names[max(0, number - 4) : number]
        specs.append(
            StepSpec(
                name=name,
                parents=tuple(parent for parent in near if random.random() < density),
                skip=random.random() < 0.06,
                priority=random.choice((0, 0, 0, 1, 5, -3)),
                cluster=random.choice(offered) if asks and random.random() < 0.5 else None,
                retries=random.choice((0, 1, 2, 3)) if flaky else 0,
                retry_delay=random.choice((0.0, 1.0, 5.0)),
                retry_backoff=random.choice((1.0, 2.0)),
                resume_by_group=random.random() < 0.3,
                group_sizes=(random.randint(0, 2), 1, random.randint(0, 2)),
                job_kinds=frozenset({JobKind.SPARK}) if asks and random.random() < 0.15 else frozenset(),
            )
        )
    random.shuffle(specs)
    return {spec.name: spec for spec in specs}


def make_script(random: Random, specs: Mapping[str, StepSpec], predicted: Prediction) -> Script:
    """What each attempt of each step would come to, where no cluster is lost under it."""
    bad = random.choice((0.0, 0.1, 0.3, 0.6))
    noop = random.choice((0.0, 0.1, 0.1, 1.0))
    outcomes = {}
    for name in specs:
        if predicted.decision[name] in ("run", "continue"):
            outcomes[name] = [_make_outcome(random, bad, noop) for _ in range(specs[name].retries + 5)]
    return lambda name, number: outcomes[name][min(number, len(outcomes[name]) - 1)]


def _make_outcome(random: Random, bad: float, noop: float) -> str:
    if random.random() < bad:
        return random.choice(("user_code", "user_code", "user_code", "timeout", "job_lost", "boot_failure"))
    return "noop" if random.random() < noop else "processed"


def make_weather(random: Random) -> Weather:
    chance = random.random()
    if chance < 0.55:
        return Weather()
    stop = random.randint(0, 40) if chance > 0.94 else None
    crash = random.randint(1, 40) if 0.85 < chance <= 0.94 else None
    rough = random.choice((0.0, 0.2, 0.5))
    return Weather(launch_fails=random.choice((0.0, 0.2, 0.6)), cluster_lost=rough, stop_at=stop, crash_at=crash)
