"""Random flows by the ten thousand, in simulated time, against the naive model of `reference`.

`SYNERGYFLOW_CASES=n` plays n cases instead. A failure names its case: `python -m tests.core.cases replay NUMBER`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from synergyflow.core.commands import CancelStep, LaunchCluster, ScheduleRetry, SkipStep, StartStep, TerminateCluster
from synergyflow.core.events import ClusterFailed, ClusterLost, StepEnded, StopRequested
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan
from synergyflow.errors import PlanRefused, RunOwned
from tests.core.cases import Asked, Entry, check, digest

CASES = int(os.environ.get("SYNERGYFLOW_CASES", "21600"))
CHUNKS = 24
DIGESTED = 300
PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_plan_and_progress_do_what_the_model_says(chunk: int) -> None:
    numbers = range(chunk, CASES, CHUNKS)

    played = [check(number) for number in numbers]

    assert len(played) == len(numbers)
    assert all(played)


def test_the_random_cases_leave_nothing_out() -> None:
    met: Counter[object] = Counter()

    for number in range(2000):
        for entry in check(number):
            met.update(_traits(entry))

    wanted = {
        *Mode,
        *Decision,
        *(StartStep, SkipStep, LaunchCluster, TerminateCluster, ScheduleRetry, CancelStep),
        *(ClusterFailed, ClusterLost, StopRequested, StepEnded),
        *("refused", "held", "continued", "resumed", "spends a retry", "spends none", "failed on it"),
    }
    assert {trait: met[trait] for trait in wanted if met[trait] < 10} == {}


def _traits(entry: Entry) -> list[object]:
    match entry:
        case Asked(made=RunOwned()):
            return ["held"]
        case Asked(made=PlanRefused()):
            return ["refused"]
        case Asked(mode=mode, made=Plan(steps=steps)):
            return [mode, *(step.decision for step in steps)]
        case StartStep(continued=continued, first_action=first):
            return [StartStep, "continued" if continued else "resumed" if first else "begun"]
        case ScheduleRetry(spends_retry=spends):
            return [ScheduleRetry, "spends a retry" if spends else "spends none"]
        case TerminateCluster(step_failed=True):
            return [TerminateCluster, "failed on it"]
        case _:
            return [type(entry)]


@pytest.mark.parametrize("hash_seed", ["0", "1", "424242"])
def test_the_hash_seed_changes_neither_a_plan_nor_a_command(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.core.cases", "digest", str(DIGESTED)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.strip() == digest(DIGESTED)
