"""A naive model of the four modes and of what may come of an execution, to hold the real one against.

It is written from the rules in plain sets and loops, takes no function of the product and knows no clock, cluster or
order of events. Where timing decides, it says what is possible instead of what happens.

- `predict`: what happens to each step when a mode begins on a record, or why it is refused.
- `verdict`: what the outcomes of a step's attempts amount to.
- `expected_ends`: the exact ends of an execution whose failures stop nobody else.
- `possible_ends`: every end that some order of events can bring about, by trying them all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from synergyflow.core.graph import StepSpec
from synergyflow.core.plan import ProfileCapacity
from synergyflow.core.records import RunRecord, StepRecord

SUCCESS = ("processed", "noop")
INFRASTRUCTURE = ("boot_failure", "cluster_lost", "job_lost", "engine_lost")
INFRASTRUCTURE_BUDGET = 3
REPLACEMENTS = 3

Specs = Mapping[str, StepSpec]
Script = Callable[[str, int], str]


@dataclass(frozen=True)
class Refused:
    """The mode cannot begin. `held`: because another engine holds the run."""

    why: str
    held: bool = False


@dataclass
class Prediction:
    """What each step is in for: `decision`, first action and number of the attempt; and bounds on the clusters."""

    decision: dict[str, str] = field(default_factory=dict)
    first_action: dict[str, int] = field(default_factory=dict)
    attempt: dict[str, int] = field(default_factory=dict)
    clusters: tuple[int, int] = (0, 0)

    @property
    def worked_on(self) -> set[str]:
        return {name for name, decision in self.decision.items() if decision in ("run", "continue", "skip")}


def before(specs: Specs, name: str) -> set[str]:
    """Every step that must have come first."""
    found: set[str] = set()
    while True:
        more = {parent for step in (found | {name}) for parent in specs[step].parents} - found
        if not more:
            return found
        found |= more


def after(specs: Specs, name: str) -> set[str]:
    """Every step derived from this one."""
    return {step for step in specs if name in before(specs, step)}


def waits_for(specs: Specs, worked_on: Collection[str], name: str) -> set[str]:
    """The nearest steps before this one that are worked on too; steps that are kept are looked through."""
    found: set[str] = set()
    seen: set[str] = set()
    stack = list(specs[name].parents)
    while stack:
        step = stack.pop()
        if step in worked_on:
            found.add(step)
        elif step not in seen:
            seen.add(step)
            stack.extend(specs[step].parents)
    return found


# -- the four modes ---------------------------------------------------------------------------------------------------


def predict(
    specs: Specs,
    record: RunRecord | None,
    pool: Sequence[ProfileCapacity],
    mode: str,
    *,
    step: str | None = None,
    living: Collection[str] = (),
    fingerprints: Mapping[str, str] | None = None,
) -> Prediction | Refused:
    """What the contract says of this mode on this record."""
    if record is not None and record.owner is not None and record.owner_is_alive:
        return Refused("another engine holds the run", held=True)
    if mode != "run" and (record is None or record.last_execution is None):
        return Refused("never run before")
    states = {name: _state(record, name) for name in specs}
    if mode in ("run_one", "run_from"):
        assert step is not None
        assert record is not None
        if record.state not in ("processed", "noop", "invalid"):
            return Refused("interrupted: recover first")
        if specs[step].skip:
            return Refused("a freerun of a skipped step")
        if any(states[name] not in SUCCESS for name in before(specs, step)):
            return Refused("blocked")
    made = Prediction()
    reset = _reset(specs, record, states, mode, step)
    for name in specs:
        _decide(made, name, specs[name], record, reset, states, living, fingerprints or {})
    to_run = [specs[name] for name in specs if made.decision[name] in ("run", "continue")]
    for spec in to_run:
        if not _profiles(spec, pool):
            return Refused("no cluster for a step")
    made.clusters = _clusters(specs, to_run, pool, mode)
    return made


def _state(record: RunRecord | None, name: str) -> str:
    known = record.steps.get(name) if record is not None else None
    return known.state.value if known is not None else "embryo"


def _reset(
    specs: Specs, record: RunRecord | None, states: dict[str, str], mode: str, step: str | None
) -> dict[str, bool]:
    """The steps to be worked on; True for those that start all over, False for those that are mended."""
    open_steps = {name: False for name in specs if states[name] not in SUCCESS}
    if mode == "run":
        return dict.fromkeys(specs, True)
    assert record is not None
    if mode == "recover":
        last = record.last_execution
        assert last is not None
        unfinished_freerun = last.mode in ("run_one", "run_from") and last.state in ("in_progress", "canceled")
        return {} if record.state in SUCCESS and not unfinished_freerun else open_steps
    assert step is not None
    if mode == "run_one":
        return {step: True}
    derived = {name: True for name in after(specs, step) if states[name] in SUCCESS}
    return {**open_steps, **derived, step: True}


def _decide(
    made: Prediction,
    name: str,
    spec: StepSpec,
    record: RunRecord | None,
    reset: Mapping[str, bool],
    states: Mapping[str, str],
    living: Collection[str],
    fingerprints: Mapping[str, str],
) -> None:
    last = record.last_attempts.get(name, 0) if record is not None else 0
    known = record.steps.get(name) if record is not None else None
    made.first_action[name], made.attempt[name] = 0, last
    if name not in reset:
        made.decision[name] = "keep" if states[name] in SUCCESS else "leave"
        return
    if spec.skip:
        made.decision[name] = "skip"
        return
    made.decision[name], made.attempt[name] = "run", last + 1
    if known is None or reset[name]:
        return
    changed = known.fingerprint is not None and known.fingerprint != fingerprints.get(name)
    if known.state == "in_progress":
        if name in living and not changed and "failed" not in known.groups:
            made.decision[name], made.attempt[name] = "continue", known.attempt
            made.first_action[name] = known.actions_done
        return
    if not changed:
        made.first_action[name] = resume_at(spec, known)


def resume_at(spec: StepSpec, ended: StepRecord) -> int:
    """The action at which a new attempt begins after this one."""
    if not spec.resume_by_group or ended.rolled_back:
        return 0
    done = 0
    for number in range(3):
        if ended.groups[number] != "complete":
            break
        done += spec.group_sizes[number]
    return done


# -- clusters ---------------------------------------------------------------------------------------------------------


def fits(spec: StepSpec, profile: ProfileCapacity) -> bool:
    """Whether a cluster of the profile is what the step asks for, and can run its jobs."""
    asked = spec.cluster is None or spec.cluster == profile.profile or spec.cluster in profile.labels
    return asked and all(kind in profile.job_kinds for kind in spec.job_kinds)


def _profiles(spec: StepSpec, pool: Sequence[ProfileCapacity]) -> set[str]:
    return {profile.profile for profile in pool if profile.count and fits(spec, profile)}


def _clusters(specs: Specs, to_run: Sequence[StepSpec], pool: Sequence[ProfileCapacity], mode: str) -> tuple[int, int]:
    """Least and greatest number of clusters that the contract allows to plan for."""
    nominal = sum(profile.count for profile in pool)
    if not to_run:
        return 0, 0
    if mode == "run":
        return nominal, nominal
    if mode == "run_one":
        return 1, 1
    served = [_profiles(spec, pool) for spec in to_run]
    usable = sum(profile.count for profile in pool if any(profile.profile in serving for serving in served))
    fewest = _fewest(served)
    asked = max(fewest, len({frozenset(serving) for serving in served}))
    if mode == "recover":
        least, most = most_at_once(specs, [spec.name for spec in to_run])
    else:
        least = most = max(1, len(to_run) * nominal // len(specs))
    return min(usable, max(min(nominal, least), fewest)), min(usable, max(min(nominal, most), asked))


def _fewest(served: Sequence[set[str]]) -> int:
    """The smallest number of profiles such that every step has one of them."""
    names = sorted(set().union(*served))
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            if all(serving.intersection(chosen) for serving in served):
                return size
    return 0


def most_at_once(specs: Specs, names: Sequence[str]) -> tuple[int, int]:
    """How many of these steps can be at work together: the most of which none comes before another; or bounds on it."""
    if len(names) > 16:
        return 1, len(names)
    related = {name: before(specs, name) | after(specs, name) for name in names}
    most = _largest(list(names), related)
    return most, most


def _largest(names: list[str], related: Mapping[str, set[str]]) -> int:
    if not names:
        return 0
    first, rest = names[0], names[1:]
    beside = [name for name in rest if name not in related[first]]
    with_it = 1 + _largest(beside, related)
    return with_it if len(beside) == len(rest) else max(with_it, _largest(rest, related))


# -- what comes of an execution ---------------------------------------------------------------------------------------


def verdict(spec: StepSpec, outcomes: Sequence[str]) -> str:
    """What the attempts of one execution amount to; `open` while another one is due."""
    own = infrastructure = 0
    for outcome in outcomes:
        if outcome in (*SUCCESS, "canceled"):
            return outcome
        if outcome in INFRASTRUCTURE:
            infrastructure += 1
        else:
            own += 1
        if own > spec.retries or infrastructure > INFRASTRUCTURE_BUDGET:
            return "invalid"
    return "open"


def attempts_needed(spec: StepSpec, name: str, script: Script) -> list[str]:
    """The outcomes of a step's attempts, one after the other, where nothing disturbs it."""
    outcomes = [script(name, 0)]
    while verdict(spec, outcomes) == "open":
        outcomes.append(script(name, len(outcomes)))
    return outcomes


def expected_ends(specs: Specs, worked_on: Collection[str], skipped: Collection[str], script: Script) -> dict[str, str]:
    """The end of each step where branches go on after a failure: `unstarted`, or what its attempts amount to."""
    ends: dict[str, str] = {}
    while len(ends) < len(worked_on):
        for name in worked_on:
            first = waits_for(specs, worked_on, name)
            if name in ends or any(step not in ends for step in first):
                continue
            if any(ends[step] not in SUCCESS for step in first):
                ends[name] = "unstarted"
            elif name in skipped:
                ends[name] = "noop"
            else:
                ends[name] = verdict(specs[name], attempts_needed(specs[name], name, script))
    return ends


Ends = frozenset[tuple[str, str, int]]


def possible_ends(specs: Specs, worked_on: Collection[str], skipped: Collection[str], script: Script) -> set[Ends]:
    """Every set of (step, end, attempts) that some order of events leads to where the first failure stops the rest.

    A step is `unstarted`, `running`, `waiting` (for its next attempt) or at its end.
    """
    first = {name: waits_for(specs, worked_on, name) for name in worked_on}
    begin = frozenset((name, "unstarted", 0) for name in worked_on)
    found: set[Ends] = set()
    seen: set[tuple[Ends, bool]] = set()
    todo: list[tuple[Ends, bool]] = [(begin, False)]
    while todo:
        now = todo.pop()
        if now in seen:
            continue
        seen.add(now)
        following = list(_moves(specs, first, skipped, script, *now))
        todo.extend(following)
        if not following:
            found.add(now[0])
    return found


def _moves(
    specs: Specs, first: Mapping[str, set[str]], skipped: Collection[str], script: Script, now: Ends, halted: bool
) -> list[tuple[Ends, bool]]:
    states = {name: state for name, state, _ in now}
    moves: list[tuple[Ends, bool]] = []
    for entry in now:
        name, state, attempts = entry
        rest = now - {entry}
        if state in ("unstarted", "waiting") and not halted:
            if all(states[step] in SUCCESS for step in first[name]):
                to = (name, "noop", 0) if name in skipped else (name, "running", attempts + 1)
                moves.append((rest | {to}, False))
        elif state == "waiting":
            moves.append((rest | {(name, "invalid", attempts)}, True))
        elif state == "running":
            end = verdict(specs[name], [script(name, number) for number in range(attempts)])
            if end == "open":
                moves.append((rest | {(name, "invalid" if halted else "waiting", attempts)}, halted))
            else:
                moves.append((rest | {(name, end, attempts)}, halted or end == "invalid"))
    return moves


def flow_state(recorded: Mapping[str, str], ends: Mapping[str, str]) -> str:
    """The outcome of an execution: `recorded` are the states of the steps that it did not work on."""
    if any(end not in SUCCESS for end in ends.values()):
        return "invalid"
    every = [*recorded.values(), *ends.values()]
    return "noop" if all(state == "noop" for state in every) else "processed"
