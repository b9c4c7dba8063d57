"""Everything that can be found wrong without running anything: context, profiles, database address, flows, steps.

One fault never hides another: each check stands by itself, and its error becomes a `Fault`.
"""

from __future__ import annotations

from collections.abc import Callable

from synergyflow import bootstrap
from synergyflow.config.context import ExecutionContext
from synergyflow.config.environment import Environment
from synergyflow.config.paths import shown
from synergyflow.config.profile import Profile
from synergyflow.core.allotment import allot
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Capacity
from synergyflow.errors import SynergyFlowError
from synergyflow.flow.fault import Fault
from synergyflow.flow.fingerprint import fingerprint, uncopyable
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.registry import Catalogue
from synergyflow.flow.source import shown as shown_source
from synergyflow.flow.step import Step

_ANY_TIMEPERIOD = "2000010100"


def faults_of_context(environment: Environment) -> list[Fault]:
    """What is wrong with the profiles of the pool, the address of the database and the folder of the logs."""
    context = _context(environment)
    place = shown(environment.path)
    faults = []
    for profile, _ in environment.pool:
        faults += _caught(shown(profile.path) if profile.path else profile.name, _making(profile, context))
    faults += _caught(place, lambda: bootstrap.open_store(context).close())
    faults += _caught(place, lambda: bootstrap.open_log_book(context).close())
    return faults


def capacity_of(environment: Environment) -> Capacity:
    """The pool of a context whose profiles have no faults."""
    return bootstrap.capacity_of(environment.pool, bootstrap.site_of(_context(environment)))


def faults_of_flows(catalogue: Catalogue, capacity: Capacity | None, flow_name: str | None) -> list[Fault]:
    """What is wrong with the definitions, or with that of one flow. Without a capacity clusters are not looked at.

    Raises:
        NotFoundError: there is no flow of that name.
    """
    if flow_name is not None and flow_name in catalogue.broken:
        return list(catalogue.broken[flow_name])
    flows = list(catalogue.flows.values()) if flow_name is None else [catalogue.get(flow_name)]
    found = list(catalogue.faults) if flow_name is None else []
    return [*found, *(fault for flow in flows for step in flow.steps for fault in _of_step(flow, step, capacity))]


def _of_step(flow: FlowGraph, step: Step, capacity: Capacity | None) -> list[Fault]:
    names = ", ".join(repr(name) for name in uncopyable(step))
    faults = []
    if names:
        hint = "make in run() what can't be copied, such as connections and locks, not in the constructor"
        faults.append(_fault(flow, step, f"can't be copied: action {names}", hint))
    try:
        fingerprint(step)
        if capacity is not None and not step.skip:
            allot(Mode.RUN_ONE, capacity, [flow.graph[step.step_name]], flow.graph)
    except SynergyFlowError as error:
        faults.append(_fault(flow, step, error.message.removeprefix(f"step {step.step_name!r} "), error.hint))
    return faults


def _fault(flow: FlowGraph, step: Step, message: str, hint: str | None) -> Fault:
    return Fault(shown_source(flow.source.file), flow.source.line, flow.flow_name, step.step_name, message, hint)


def _caught(file: str, check: Callable[[], object]) -> list[Fault]:
    """The error that a check raises, as a fault of that file."""
    try:
        check()
    except SynergyFlowError as error:
        return [Fault(file, None, None, None, error.message.removeprefix(f"{file}: "), error.hint)]
    return []


def _making(profile: Profile, context: ExecutionContext) -> Callable[[], object]:
    return lambda: bootstrap.make_cluster(f"{profile.name}-0", profile, bootstrap.site_of(context))


def _context(environment: Environment) -> ExecutionContext:
    return ExecutionContext("validate", _ANY_TIMEPERIOD, environment=environment)
