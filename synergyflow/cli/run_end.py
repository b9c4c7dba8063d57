"""The last lines of a run on the command line: where the logs of what failed are, or that there was nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synergyflow.cli.invocation import Invocation

if TYPE_CHECKING:
    from synergyflow.config.context import ExecutionContext
    from synergyflow.engine.result import RunResult

_MOST = 10


def show_end(invocation: Invocation, context: ExecutionContext, result: RunResult) -> None:
    """Print what the watcher of the run has not said."""
    from rich.text import Text

    from synergyflow.cli.render import Page
    from synergyflow.observers.log_line import one_line

    page = Page()
    name, timeperiod = result.flow_name, result.timeperiod
    if result.execution_id is None:
        page.copyable(Text(one_line(f"flow {name} {timeperiod} is {result.state}: there is nothing to do"), "green"))
        status = invocation.command("status", "--flow", name, "--timeperiod", timeperiod)
        page.commands([("look", status)])
        return
    folder = context.log_directory / name
    for step in result.failed[:_MOST]:
        page.copyable(Text(f"  log file:   {folder / f'{step}.log'}", "dim"))
    if not result.failed and not result.succeeded:
        page.copyable(Text(f"  log file:   {folder / f'{name}.log'}", "dim"))
