"""Random cases: a flow, a pool and a sequence of modes on one record, each step of the way held against the model.

A case is known by the seed and its number, and is the same whenever and wherever it is made. From the project's folder
`python -m tests.core.cases digest N` prints a digest of every command of the first N cases, `replay NUMBER` shows one.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from synergyflow.core.commands import Command
from synergyflow.core.events import Event
from synergyflow.core.graph import Graph, StepSpec
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity, Plan, ProfileCapacity
from synergyflow.core.planning import Request, plan
from synergyflow.errors import PlanRefused, RunOwned
from tests.core.book import Book
from tests.core.chance import make_pool, make_script, make_steps, make_weather
from tests.core.reference import (
    SUCCESS,
    Prediction,
    Refused,
    Script,
    attempts_needed,
    expected_ends,
    flow_state,
    possible_ends,
    predict,
    verdict,
)
from tests.core.simulator import World
from tests.core.world import RuleBroken

SEED = "synergyflow"


@dataclass(frozen=True)
class Asked:
    """A mode that was asked for, and the plan or refusal that came of it."""

    mode: Mode
    step: str | None
    made: Plan | PlanRefused


Entry = Asked | Event | Command


@dataclass
class Case:
    """One flow run and what becomes of it."""

    random: Random
    specs: dict[str, StepSpec]
    pool: tuple[ProfileCapacity, ...]
    stop_on_failure: bool
    fingerprints: dict[str, str]
    book: Book
    log: list[Entry]


def make_case(number: int, seed: str = SEED) -> Case:
    """The case of that number."""
    random = Random(f"{seed}:{number}")
    pool = make_pool(random)
    specs = make_steps(random, pool)
    fingerprints = dict.fromkeys(specs, "first")
    return Case(random, specs, pool, random.random() < 0.5, fingerprints, Book(), [])


def play(case: Case) -> None:
    """Mode after mode, until chance ends it."""
    random = case.random
    execute(case, Mode.RUN if random.random() < 0.97 or not case.specs else random.choice(list(Mode)))
    while random.random() < 0.65:
        if random.random() < 0.08:
            _edit(case)
        modes = [Mode.RECOVER, Mode.RECOVER, Mode.RECOVER, Mode.RUN_ONE, Mode.RUN_FROM, Mode.RUN_FROM, Mode.RUN]
        execute(case, random.choice(modes))


def execute(case: Case, mode: Mode) -> None:
    """One mode: what is planned must be what the model predicts, what comes of it what the model allows."""
    random = case.random
    step = random.choice(list(case.specs)) if case.specs and not mode.is_managed else None
    if step is None and not mode.is_managed:
        return
    record = case.book.record(alive=random.random() < 0.1)
    interrupted = [name for name, known in case.book.steps.items() if known.state == "in_progress"]
    living = [name for name in interrupted if random.random() < 0.6]
    predicted = predict(case.specs, record, case.pool, mode, step=step, living=living, fingerprints=case.fingerprints)
    request = Request(
        flow_name="flow", timeperiod="2016060107", mode=mode, fingerprints=case.fingerprints, step=step, living=living
    )
    made: Plan | PlanRefused
    try:
        made = plan(
            Graph(case.specs.values(), stop_on_failure=case.stop_on_failure), record, Capacity(case.pool), request
        )
    except PlanRefused as refusal:
        made = refusal
    case.log.append(Asked(mode, step, made))
    if isinstance(predicted, Refused) or isinstance(made, PlanRefused):
        _compare_refusals(predicted, made)
        return
    _compare_plans(case, predicted, made)
    if mode is Mode.RECOVER and record is not None and record.state.is_success and not predicted.worked_on:
        return
    _carry_out(case, made, predicted)


def _edit(case: Case) -> None:
    """The definition changes between two executions."""
    random, names = case.random, list(case.specs)
    if not names:
        return
    name = random.choice(names)
    if random.random() < 0.5:
        case.fingerprints[name] = f"edited {len(case.log)}"
    elif random.random() < 0.5:
        case.specs[name] = replace(case.specs[name], skip=not case.specs[name].skip)
    elif random.random() < 0.5:
        added = f"added{len(case.log)}"
        case.specs[added] = StepSpec(name=added, parents=(name,))
        case.fingerprints[added] = "first"
    else:
        del case.specs[name]
        for other, spec in case.specs.items():
            case.specs[other] = replace(spec, parents=tuple(parent for parent in spec.parents if parent != name))


# -- what was decided -------------------------------------------------------------------------------------------------


def _compare_refusals(predicted: Prediction | Refused, made: Plan | PlanRefused) -> None:
    if not (isinstance(predicted, Refused) and isinstance(made, PlanRefused)):
        raise RuleBroken(f"predicted {predicted}, made {made!r}")
    if predicted.held != isinstance(made, RunOwned):
        raise RuleBroken(f"predicted {predicted}, refused with {made!r}")


def _compare_plans(case: Case, predicted: Prediction, made: Plan) -> None:
    for name, found, expected in (
        ("decision", {step.name: step.decision.value for step in made.steps}, predicted.decision),
        ("first action", {step.name: step.first_action for step in made.steps}, predicted.first_action),
        ("attempt", {step.name: step.attempt for step in made.steps}, predicted.attempt),
    ):
        if found != expected:
            wrong = {step: (found.get(step), expected.get(step)) for step in case.specs}
            raise RuleBroken(f"{name} (made, predicted): { {k: v for k, v in wrong.items() if v[0] != v[1]} }")
    least, most = predicted.clusters
    if not least <= len(made.clusters) <= most:
        raise RuleBroken(f"{len(made.clusters)} clusters, where {least} to {most} are right")
    if made.nothing_to_do != (not predicted.worked_on):
        raise RuleBroken(f"nothing_to_do is {made.nothing_to_do}")
    offered = {profile.profile: profile.count for profile in case.pool}
    for profile, count in offered.items():
        if sum(cluster.profile == profile for cluster in made.clusters) > count:
            raise RuleBroken(f"more clusters of {profile} than the context offers")


# -- what came of it --------------------------------------------------------------------------------------------------


def _carry_out(case: Case, made: Plan, predicted: Prediction) -> None:
    random = case.random
    state_before = case.book.state
    script = make_script(random, case.specs, predicted)
    world = World(
        random,
        case.specs,
        made,
        case.pool,
        case.book,
        script,
        make_weather(random),
        case.fingerprints,
        stop_on_failure=case.stop_on_failure,
    )
    try:
        world.run()
    finally:
        case.log.extend(world.log)
    if world.finish is None:
        return
    if not made.mode.is_managed and case.book.state != state_before:
        raise RuleBroken("a freerun decided the state of the flow run")
    ends = _ends(case, world)
    _check_ends(case, world, ends)
    if world.weather.is_calm:
        _check_exactly(case, world, predicted, script, ends)
    recorded = {name: known.state for name, known in case.book.steps.items() if name in case.specs and name not in ends}
    expected = "invalid" if world.stopping else flow_state(recorded, ends)
    if world.finish.state != expected or world.finish.interrupted != world.stopping:
        raise RuleBroken(f"{world.finish}, expected {expected}, stopping {world.stopping}; steps {ends}")


def _ends(case: Case, world: World) -> dict[str, str]:
    """The end of each step that was worked on, in the words of the model."""
    ends = {}
    for name in world.planned:
        state = case.book.steps[name].state.value
        ends[name] = state if world.outcomes[name] or name in world.done else "unstarted"
    return ends


def _check_ends(case: Case, world: World, ends: dict[str, str]) -> None:
    """What holds whatever the order of events was, given what each attempt came to."""
    assert world.finish is not None
    failed = set(world.finish.failed)
    if len(failed) != len(world.finish.failed):
        raise RuleBroken(f"named twice as failed: {world.finish.failed}")
    given_up = False
    for name in world.planned:
        amounts_to = verdict(case.specs[name], world.outcomes[name])
        stranded = world.is_stranded(name)
        given_up |= amounts_to in ("invalid", "canceled") or stranded
        may_start = world.waits_for[name] <= world.done
        if ends[name] in SUCCESS:
            right = name not in failed and (amounts_to == ends[name] or world.planned[name].decision == "skip")
        elif amounts_to != "open":
            right = name in failed and ends[name] == amounts_to
        elif world.outcomes[name]:
            right = name in failed and (world.halted or stranded)
        else:
            right = (world.halted or not may_start or stranded) and (name in failed) <= stranded
        if not right:
            raise RuleBroken(
                f"step {name} ended {ends[name]} after {world.outcomes[name]}; failed are {sorted(failed)}"
            )
    if failed and not (given_up or world.stopping):
        raise RuleBroken(f"{sorted(failed)} failed, but no step was given up")
    if not case.stop_on_failure and not world.stopping:
        spared = [name for name, end in ends.items() if end == "unstarted" and not world.is_stranded(name)]
        if any(world.waits_for[name] <= world.done for name in spared):
            raise RuleBroken(f"{spared} never started although nothing before them failed")


def _check_exactly(case: Case, world: World, predicted: Prediction, script: Script, ends: dict[str, str]) -> None:
    """What the script alone decides, in a world without accidents."""
    assert world.finish is not None
    skipped = {name for name, decision in predicted.decision.items() if decision == "skip"}
    expected = expected_ends(case.specs, predicted.worked_on, skipped, script)
    if not case.stop_on_failure or "invalid" not in expected.values():
        if ends != expected:
            raise RuleBroken(f"ended {ends}, expected {expected}")
        for name in predicted.worked_on - skipped:
            needed = attempts_needed(case.specs[name], name, script) if expected[name] != "unstarted" else []
            if world.outcomes[name] != needed:
                raise RuleBroken(f"step {name}: attempts {world.outcomes[name]}, expected {needed}")
        if set(world.finish.failed) != {name for name, end in expected.items() if end == "invalid"}:
            raise RuleBroken(f"{world.finish}, expected {expected}")
    elif len(ends) <= 5:
        found = frozenset((name, end, len(world.outcomes[name])) for name, end in ends.items())
        possible = possible_ends(case.specs, predicted.worked_on, skipped, script)
        if found not in possible:
            raise RuleBroken(f"ended {sorted(found)}, which is none of the {len(possible)} possible ends")


# -- whole cases -----------------------------------------------------------------------------------------------------


def check(number: int, seed: str = SEED) -> Sequence[Entry]:
    """Play one case; a failure names it, so that it can be played again."""
    case = make_case(number, seed)
    try:
        play(case)
    except Exception as broken:  # an error of any kind is what is looked for, and must name its case
        raise RuleBroken(
            f"case {number} of seed {seed!r} (again: python -m tests.core.cases replay {number}): {broken!r}"
        ) from broken
    return case.log


def digest(count: int) -> str:
    """Of every plan and every command of the first cases."""
    found = hashlib.sha256()
    for number in range(count):
        for entry in check(number):
            found.update(_text(entry).encode())
    return found.hexdigest()


def _text(entry: Entry) -> str:
    """The entry without its sets, whose order in print is not fixed."""
    if not isinstance(entry, Asked):
        return repr(entry)
    if isinstance(entry.made, PlanRefused):
        return repr((entry.mode, entry.step, str(entry.made), entry.made.hint))
    made = entry.made
    clusters = [cluster.name for cluster in made.clusters]
    return repr((entry.mode, entry.step, made.steps, clusters, made.removed, made.notes))


def replay(number: int) -> None:
    """Show what happens in one case."""
    case = make_case(number)
    print(f"on failure: {'stop' if case.stop_on_failure else 'continue'}", *case.pool, *case.specs.values(), sep="\n")
    try:
        play(case)
    finally:
        print(*map(_text, case.log), sep="\n")


if __name__ == "__main__":
    if sys.argv[1] == "digest":
        print(digest(int(sys.argv[2])))
    else:
        replay(int(sys.argv[2]))
