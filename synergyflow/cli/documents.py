"""The values of the product as documents for `--json`. Keys bear the names of the attributes and are kept stable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from synergyflow.core.plan import Plan

if TYPE_CHECKING:
    from synergyflow.engine.result import RunResult
    from synergyflow.flow.fault import Fault
    from synergyflow.flow.step import Step


def plan_document(plan: Plan, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A plan, with the parameters that it would run with."""
    return {
        "flow": plan.flow_name,
        "timeperiod": plan.timeperiod,
        "mode": plan.mode,
        "step": plan.requested_step,
        "revision": plan.revision,
        "nothing_to_do": plan.nothing_to_do,
        "steps": [plain(step) for step in plan.steps],
        "clusters": [{"name": one.name, "profile": one.profile, "slots": one.slots} for one in plan.clusters],
        "changed": list(plan.changed),
        "removed": list(plan.removed),
        "notes": list(plan.notes),
        "parameters": dict(parameters),
    }


def result_document(result: RunResult, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What an execution came to."""
    return {
        "flow": result.flow_name,
        "timeperiod": result.timeperiod,
        "state": result.state,
        "interrupted": result.interrupted,
        "execution": result.execution_id,
        "duration": round(result.duration, 3),
        "failed": list(result.failed),
        "error": result.error,
        "steps": {name: plain(step) for name, step in result.steps.items()},
        "plan": plan_document(result.plan, parameters),
    }


def fault_document(fault: Fault) -> dict[str, Any]:
    """A mistake in a definition."""
    return plain(fault)


def step_document(step: Step, parents: tuple[str, ...]) -> dict[str, Any]:
    """A step as defined."""
    return {
        "name": step.step_name,
        "dependent_on": list(parents),
        "skip": step.skip,
        "actions": [{"group": group, "name": action.log_name} for group, action in step.actions],
        "policy": plain(step.policy),
    }


def plain(value: Any) -> dict[str, Any]:
    """A frozen value as a mapping of its fields; what it holds follows as it is printed."""
    assert is_dataclass(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}
