"""`engine history`: every execution of a flow run, and every attempt that each of them made. None is left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command, flow_option, step_option, timeperiod_option
from synergyflow.errors import EXIT_OK

_ROOM_FOR_ERRORS = 120

if TYPE_CHECKING:
    from synergyflow.cli.render import Page
    from synergyflow.core.records import ExecutionRecord
    from synergyflow.store.views import AttemptView


@command("history")
@flow_option
@timeperiod_option()
@step_option(required=False, help="The attempts of this step only.")
def history_command(invocation: Invocation, flow_name: str, timeperiod: str, step_name: str | None) -> int:
    """Every execution of a run, and every attempt at its steps."""
    from synergyflow.cli.records import record_of, require_step, store_of, views_of
    from synergyflow.cli.surroundings import environment_of

    environment = environment_of(invocation)
    with store_of(environment) as store:
        record = record_of(invocation, store, environment, flow_name, timeperiod)
    if step_name is not None:
        require_step(record, step_name)
    with views_of(environment) as views:
        executions = views.executions(flow_name, timeperiod)
        attempts = views.attempts(flow_name, timeperiod, step_name)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json(_document(flow_name, timeperiod, executions, attempts))
    else:
        from synergyflow.cli.render import Page

        _show(Page(), flow_name, timeperiod, executions, attempts)
    return EXIT_OK


def _document(
    flow_name: str, timeperiod: str, executions: Sequence[ExecutionRecord], attempts: Sequence[AttemptView]
) -> dict[str, Any]:
    from synergyflow.cli.documents import plain

    return {
        "flow": flow_name,
        "timeperiod": timeperiod,
        "executions": [plain(execution) for execution in executions],
        "attempts": [plain(attempt) for attempt in attempts],
    }


def _show(
    page: Page,
    flow_name: str,
    timeperiod: str,
    executions: Sequence[ExecutionRecord],
    attempts: Sequence[AttemptView],
) -> None:
    from synergyflow.observers.log_line import one_line
    from synergyflow.observers.sentences import count

    page.title(f"flow {one_line(flow_name)} {timeperiod}:", count(len(executions), "execution"))
    for number, execution in enumerate(executions, start=1):
        page.copyable("")
        _show_execution(page, number, execution)
        mine = [attempt for attempt in attempts if attempt.execution_id == execution.execution_id]
        if mine:
            _show_attempts(page, mine)


def _show_execution(page: Page, number: int, execution: ExecutionRecord) -> None:
    from rich.text import Text

    from synergyflow.cli.render import duration, moment
    from synergyflow.observers.log_line import one_line

    asked = f" {execution.requested_step}" if execution.requested_step else ""
    who = f"{execution.user}@{execution.host}" if execution.user else execution.host
    head = Text(f"{number}. {one_line(f'{execution.mode}{asked}')}", "bold")
    took = duration(execution.started_at, execution.finished_at)
    told = f"{moment(execution.started_at)} UTC{', ' + took if took else ''}, by {who}, pid {execution.pid}"
    page.copyable(Text("  ").join([head, page.state(execution.state), Text(one_line(told), "dim")]))
    if execution.error:
        page.copyable(Text(f"   {one_line(execution.error)}", "red"))


def _show_attempts(page: Page, attempts: Sequence[AttemptView]) -> None:
    """A row for each; where a terminal has no room for an error in its row, it follows below the table."""
    from rich.text import Text

    from synergyflow.observers.log_line import one_line

    is_narrow = page.console.is_terminal and page.console.width < _ROOM_FOR_ERRORS
    page.add(_attempts(page, attempts, errors=not is_narrow))
    for attempt in attempts if is_narrow else ():
        if attempt.error:
            page.copyable(Text(f"   {one_line(attempt.step_name)}, attempt {attempt.number}:", "bold red"))
            page.add(_below(attempt.error))


def _below(error: str) -> Any:
    from rich.padding import Padding

    from synergyflow.cli.render import bad

    return Padding(bad(error), (0, 0, 0, 5))


def _attempts(page: Page, attempts: Sequence[AttemptView], *, errors: bool) -> Any:
    from rich.padding import Padding

    from synergyflow.cli.render import bad, duration, quiet, row, table

    made = table("step", "attempt", "state", "cluster", "started (UTC)", "duration", *(["error"] if errors else []))
    for attempt in attempts:
        row(
            made,
            attempt.step_name,
            str(attempt.number),
            page.state(attempt.state),
            quiet(attempt.cluster),
            quiet(f"{attempt.started_at.astimezone(UTC):%H:%M:%S}"),
            duration(attempt.started_at, attempt.finished_at),
            *([bad(attempt.error)] if errors else []),
        )
    return Padding(made, (0, 0, 0, 3))
