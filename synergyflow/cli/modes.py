"""`engine run`, `recover`, `run-one`, `run-from`: ask for a plan, show it or carry it out, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command, flow_option, step_option, timeperiod_option, whole_number
from synergyflow.core.modes import Mode
from synergyflow.errors import EXIT_FAILED, EXIT_OK, PlanRefused

if TYPE_CHECKING:
    from synergyflow.config.context import ExecutionContext
    from synergyflow.core.plan import Plan
    from synergyflow.engine.engine import Engine
    from synergyflow.engine.result import RunResult
    from synergyflow.flow.flow_graph import FlowGraph

_SHARED = (
    flow_option,
    timeperiod_option(),
    click.option("--clusters", "-n", callback=whole_number(1, 1000), metavar="N", help="How many clusters to use."),
    click.option("--param", "-p", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the flow."),
    click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    click.option("--strict", is_flag=True, help="Refuse to keep steps whose definition has changed."),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one of the four commands was asked for."""

    mode: Mode
    flow_name: str
    timeperiod: str
    clusters: int | None = None
    params: tuple[str, ...] = ()
    dry_run: bool = False
    strict: bool = False
    step_name: str | None = field(default=None)


def _mode_options(function: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_SHARED):
        function = option(function)
    return function


@command("run")
@_mode_options
def run_command(invocation: Invocation, **asked: Any) -> int:
    """Run every step of a flow for a timeperiod, from the start."""
    return _perform(invocation, _Asked(Mode.RUN, **asked))


@command("recover")
@_mode_options
def recover_command(invocation: Invocation, **asked: Any) -> int:
    """Run what a failed or interrupted run has left to do, and nothing else."""
    return _perform(invocation, _Asked(Mode.RECOVER, **asked))


@command("run-one")
@_mode_options
@step_option(required=True, help="The step to run again.")
def run_one_command(invocation: Invocation, **asked: Any) -> int:
    """Run one step again; the state of the run stays as it is."""
    return _perform(invocation, _Asked(Mode.RUN_ONE, **asked))


@command("run-from")
@_mode_options
@step_option(required=True, help="The step to begin with.")
def run_from_command(invocation: Invocation, **asked: Any) -> int:
    """Run a step again, everything derived from it, and what is not processed; the state of the run stays as it is."""
    return _perform(invocation, _Asked(Mode.RUN_FROM, **asked))


def _perform(invocation: Invocation, asked: _Asked) -> int:
    from synergyflow.cli.surroundings import context_of, environment_of, flow_of, parsed_parameters

    parameters = parsed_parameters(asked.params)
    environment = environment_of(invocation)
    flow = flow_of(environment, asked.flow_name)
    if asked.step_name is not None:
        flow[asked.step_name]
    context = context_of(environment, flow, asked.timeperiod, clusters=asked.clusters, parameters=parameters)
    if asked.dry_run:
        return _show(invocation, asked, flow, context)
    return _carry_out(invocation, asked, flow, context)


def _show(invocation: Invocation, asked: _Asked, flow: FlowGraph, context: ExecutionContext) -> int:
    """Print the plan."""
    from synergyflow.bootstrap import make_engine

    with closing(make_engine(flow, context)) as engine:
        plan = _planned(engine, asked, flow, upgrade=False)
    parameters = _parameters(asked, flow, context)
    if invocation.json:
        from synergyflow.cli.documents import plan_document
        from synergyflow.cli.output import print_json

        print_json(_masked(plan_document(plan, parameters), context))
    else:
        from synergyflow.cli.plan_view import show_plan
        from synergyflow.cli.render import Page

        show_plan(Page(), plan, parameters)
    return EXIT_OK


def _carry_out(invocation: Invocation, asked: _Asked, flow: FlowGraph, context: ExecutionContext) -> int:
    """Run, and say what came of it; the engine has told the rest on the way."""
    from synergyflow.bootstrap import make_engine
    from synergyflow.cli.signals import stopping_on_signals
    from synergyflow.cli.terminal import Terminal
    from synergyflow.cli.watching import watching

    with (
        Terminal() as terminal,
        watching(invocation, context) as watchers,
        closing(make_engine(flow, context, observers=watchers)) as engine,
    ):
        plan = _planned(engine, asked, flow, upgrade=True)

        def leave() -> None:
            for watcher in watchers:
                watcher.abandon()
            terminal.restore()

        with stopping_on_signals(engine.stop, leave) as signals:
            result = engine.execute(plan)
    invocation.outcome = _exit_code(result, signals.exit_code)
    if invocation.json:
        from synergyflow.cli.documents import result_document
        from synergyflow.cli.output import print_json

        print_json(_masked(result_document(result, _parameters(asked, flow, context)), context))
    else:
        from synergyflow.cli.run_end import show_end

        show_end(invocation, context, result)
    return invocation.outcome


def _planned(engine: Engine, asked: _Asked, flow: FlowGraph, *, upgrade: bool) -> Plan:
    """The plan; if it is refused for want of a first run, the run to try names the parameters that it needs."""
    from synergyflow.cli.surroundings import needed_parameters

    try:
        return engine.plan(asked.mode, asked.step_name, strict=asked.strict, upgrade=upgrade)
    except PlanRefused as error:
        if error.hint and error.hint.startswith("engine run "):
            error.hint += needed_parameters(flow)
        raise


def _exit_code(result: RunResult, signaled: int | None) -> int:
    if result.interrupted:
        return signaled if signaled is not None else EXIT_FAILED
    return EXIT_OK if result.succeeded else EXIT_FAILED


def _parameters(asked: _Asked, flow: FlowGraph, context: ExecutionContext) -> Mapping[str, str]:
    """What the flow's parameters are in this run, as text; all modes but `run` keep those recorded."""
    from synergyflow.bootstrap import open_store
    from synergyflow.flow.parameters import bind_parameters, from_json

    recorded: Mapping[str, Any] = {}
    if asked.mode is not Mode.RUN:
        store = open_store(context)
        record = store.load(flow.flow_name, context.timeperiod)
        store.close()
        recorded = from_json(flow.parameters, record.parameters) if record is not None else {}
    known = {name: value for name, value in recorded.items() if name in flow.parameters}
    bound = bind_parameters(flow.parameters, {**known, **context.parameters})
    return {name: context.masker.text(str(value)) for name, value in bound.items()}


def _masked(document: Any, context: ExecutionContext) -> Any:
    """The document with every text in it masked."""
    match document:
        case str():
            return context.masker.text(str(document))
        case dict():
            return {key: _masked(value, context) for key, value in document.items()}
        case list() | tuple():
            return [_masked(value, context) for value in document]
        case _:
            return document
