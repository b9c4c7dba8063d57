"""What commands work with: the context of the invocation, its flows, a flow run in it. Nothing is printed or changed.

As soon as a context is loaded the invocation knows its secrets, so that no error shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synergyflow import bootstrap
from synergyflow.cli.invocation import Invocation
from synergyflow.config.context import ExecutionContext
from synergyflow.config.environment import Environment, load_environment
from synergyflow.config.paths import shown
from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from synergyflow.flow.flow_graph import FlowGraph
    from synergyflow.flow.registry import Catalogue


def environment_of(invocation: Invocation) -> Environment:
    """The context that the invocation names.

    Raises:
        NotFoundError, ConfigurationError: see `load_environment`.
    """
    assert invocation.context is not None
    environment = load_environment(invocation.context)
    invocation.masker = environment.masker
    invocation.log_directory = environment.log_directory
    return environment


def catalogue_of(environment: Environment) -> Catalogue:
    """The flows of a context."""
    return bootstrap.catalogue_of(environment)


def flow_of(environment: Environment, flow_name: str) -> FlowGraph:
    """The flow of that name.

    Raises:
        NotFoundError, DefinitionError: see `Catalogue.get`; the former names the file of the context.
    """
    try:
        return catalogue_of(environment).get(flow_name)
    except NotFoundError as error:
        bare, there = f"there is no flow {flow_name!r}", f"there is no flow {flow_name!r} in {shown(environment.path)}"
        raise NotFoundError(error.message.replace(bare, there, 1), hint=error.hint) from None


def context_of(
    environment: Environment,
    flow: FlowGraph,
    timeperiod: str,
    *,
    clusters: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> ExecutionContext:
    """The execution context of a flow run; `clusters` takes the place of the context's own number.

    Raises:
        NotFoundError: the timeperiod is none, or does not fit the flow.
        ConfigurationError: a number of clusters for a pool of several profiles.
    """
    if clusters is not None and len(environment.pool) > 1:
        profiles = ", ".join(profile.name for profile, _ in environment.pool)
        raise ConfigurationError(
            f"--clusters can't say which clusters: the context has a pool of several profiles ({profiles})",
            hint=f"change the pool in {environment.path}, or use a context with one profile",
        )
    context = ExecutionContext(
        flow.flow_name,
        timeperiod,
        number_of_clusters=environment.number_of_clusters if clusters is None else clusters,
        parameters=parameters,
        environment=environment,
    )
    return context.qualified(flow.time_qualifier)


def parsed_parameters(given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a mapping; types are checked where the flow's declarations are known.

    Raises:
        ConfigurationError: a word without `=`, without a name, or a name twice.
    """
    found: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"--param {word!r} is not NAME=VALUE", hint="for example --param threshold=15")
        if name in found:
            raise ConfigurationError(f"--param {name} is given twice", hint="give each parameter once")
        found[name] = value
    return found


def checked_timeperiod(environment: Environment, flow_name: str, timeperiod: str) -> str:
    """`timeperiod`, if it is one.

    Raises:
        NotFoundError: it is none.
    """
    return ExecutionContext(flow_name, timeperiod, environment=environment).timeperiod


def needed_parameters(flow: FlowGraph | None) -> str:
    """What a suggested `engine run` must say besides: a `--param` for each that has no default."""
    import shlex

    declared = flow.parameters.items() if flow is not None else ()
    needed = [name for name, parameter in declared if parameter.is_required]
    return "".join(f" --param {shlex.quote(name)}=…" for name in needed)


def known_flow(environment: Environment, flow_name: str) -> FlowGraph | None:
    """For commands that look at the past: a flow that has gone from the definitions may still have runs.

    It is None if it is defined and can't be used.

    Raises:
        NotFoundError: it is not defined, with what it may have been meant to be.
    """
    catalogue = catalogue_of(environment)
    known = [*catalogue.flows, *catalogue.broken]
    if flow_name not in known:
        hint = did_you_mean(flow_name, known, what="flows are") or "the context's `flows` names no usable flow"
        raise NotFoundError(
            f"there is no flow {flow_name!r}, neither in {shown(environment.path)} nor in the database", hint=hint
        )
    return catalogue.flows.get(flow_name)
