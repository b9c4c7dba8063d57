"""What the shell offers for a half-typed word: contexts, flows, steps of the flow given.

A shell that waits for an answer can't be told of errors: whatever is wrong, nothing is offered.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from synergyflow.cli.invocation import CONTEXT_VARIABLE, DEFAULT_CONTEXT

if TYPE_CHECKING:
    from synergyflow.flow.registry import Catalogue

Names = Callable[[click.Context], Iterable[str]]
Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _offering(names: Names) -> Completion:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
            try:
                return sorted(name for name in names(context) if name.startswith(incomplete))
            except Exception:  # noqa: BLE001 - there is nobody to tell
                return []

    return complete


def _contexts(context: click.Context) -> Iterable[str]:
    from pathlib import Path

    here = Path.cwd()
    return {path.stem for folder in (here, *here.parents) for path in (folder / "contexts").glob("*.toml")}


def _flows(context: click.Context) -> Iterable[str]:
    return _catalogue(context).flows


def _steps(context: click.Context) -> Iterable[str]:
    return _catalogue(context).get(context.params["flow_name"])


def _catalogue(context: click.Context) -> Catalogue:
    from synergyflow.bootstrap import catalogue_of
    from synergyflow.config.environment import load_environment

    at: click.Context | None = context
    named = None
    while at is not None and named is None:
        named, at = at.params.get("common_context"), at.parent
    return catalogue_of(load_environment(named or os.environ.get(CONTEXT_VARIABLE) or DEFAULT_CONTEXT))


complete_contexts = _offering(_contexts)
complete_flows = _offering(_flows)
complete_steps = _offering(_steps)
