"""Options that several commands share, and the decorator that makes a function a command of ours."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from synergyflow.cli.completing import complete_contexts, complete_flows, complete_steps
from synergyflow.cli.invocation import CONTEXT_VARIABLE, DEFAULT_CONTEXT, Invocation

Function = TypeVar("Function", bound=Callable[..., Any])

_COMMON = (
    click.option(
        "--context",
        "-c",
        "common_context",
        metavar="NAME|FILE",
        shell_complete=complete_contexts,
        help=f"A name under contexts/, or a .toml file.  [default: {DEFAULT_CONTEXT}, or {CONTEXT_VARIABLE}]",
    ),
    click.option("--json", "common_json", is_flag=True, help="Print one JSON document, for programs."),
    click.option("--debug", "common_debug", is_flag=True, help="Show the traceback of an error."),
)


def with_common_options(function: Function) -> Function:
    """Add the options that every command takes, before and after its name."""
    for option in reversed(_COMMON):
        function = option(function)
    return function


def take_common_options(context: click.Context, given: Mapping[str, Any]) -> Invocation:
    """Note what was given in the invocation; what stands nearer to the end of the line wins."""
    invocation: Invocation = context.obj
    named = given["common_context"]
    if named is not None or invocation.context is None:
        invocation.context = named if named is not None else os.environ.get(CONTEXT_VARIABLE) or DEFAULT_CONTEXT
    invocation.json = invocation.json or given["common_json"]
    invocation.debug = invocation.debug or given["common_debug"]
    return invocation


def command(name: str) -> Callable[[Callable[..., int]], click.Command]:
    """Make a function of an `Invocation` and its own options a command; what it returns is the exit code."""

    def decorate(function: Callable[..., int]) -> click.Command:
        @functools.wraps(function)
        def call(**options: Any) -> int:
            common = {key: options.pop(key) for key in list(options) if key.startswith("common_")}
            return function(take_common_options(click.get_current_context(), common), **options)

        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        made: click.Command = click.command(name, context_settings=settings)(with_common_options(call))
        made.params.sort(key=lambda parameter: (parameter.name or "").startswith("common_"))  # own options first
        return made

    return decorate


flow_option = click.option(
    "--flow", "-f", "flow_name", required=True, metavar="FLOW", shell_complete=complete_flows, help="Name of the flow."
)
flow_argument = click.argument("flow_name", metavar="FLOW", shell_complete=complete_flows)


def timeperiod_option(*, required: bool = True) -> Callable[[Function], Function]:
    """`--timeperiod T`."""
    return click.option(
        "--timeperiod",
        "-t",
        required=required,
        metavar="YYYYMMDDHH",
        help="2016060107 an hour, 2016060100 a day, 2016060000 a month, 2016000000 a year.",
    )


def step_option(*, required: bool, help: str) -> Callable[[Function], Function]:
    """`--step S`."""
    return click.option(
        "--step", "-s", "step_name", required=required, metavar="STEP", shell_complete=complete_steps, help=help
    )


def whole_number(least: int, most: int | None = None) -> Callable[[click.Context, click.Parameter, Any], int | None]:
    """A callback for an option that takes a whole number within bounds; None stays None."""

    def convert(context: click.Context, parameter: click.Parameter, value: Any) -> int | None:
        if value is None:
            return None
        text = str(value)
        number = int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10 else None
        if number is None or number < least or (most is not None and number > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise click.BadParameter(f"{text!r} is not a whole number {bounds}", context, parameter)
        return number

    return convert
