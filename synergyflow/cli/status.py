"""`engine status`: how a flow run stands, or how the recent ones of a flow do. Reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command, flow_option, timeperiod_option, whole_number
from synergyflow.core.planning import interrupted_freerun
from synergyflow.core.states import StepState
from synergyflow.errors import EXIT_OK, NotFoundError

if TYPE_CHECKING:
    from synergyflow.config.environment import Environment
    from synergyflow.core.records import RunRecord, StepRecord

_FAILED_SHOWN = 5


@command("status")
@flow_option
@timeperiod_option(required=False)
@click.option("--limit", callback=whole_number(1), default=20, show_default=True, help="How many recent runs to list.")
def status_command(invocation: Invocation, flow_name: str, timeperiod: str | None, limit: int) -> int:
    """State of a run and of each step; without a timeperiod the recent runs of the flow."""
    from synergyflow.cli.surroundings import environment_of

    environment = environment_of(invocation)
    if timeperiod is None:
        return _recent(invocation, environment, flow_name, limit)
    return _one(invocation, environment, flow_name, timeperiod)


# -- one run --------------------------------------------------------------------------------------------------------


def _one(invocation: Invocation, environment: Environment, flow_name: str, timeperiod: str) -> int:
    from synergyflow.cli.records import record_of, store_of

    with store_of(environment) as store:
        record = record_of(invocation, store, environment, flow_name, timeperiod)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json(_document(record))
    else:
        _show(invocation, record, datetime.now(UTC))
    return EXIT_OK


def _document(record: RunRecord) -> dict[str, Any]:
    from synergyflow.cli.documents import plain

    return {
        "flow": record.flow_name,
        "timeperiod": record.timeperiod,
        "state": record.state,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "error": record.error,
        "parameters": record.parameters,
        "is_held": record.is_held,
        "owner": plain(record.owner) if record.owner is not None else None,
        "last_execution": plain(record.last_execution) if record.last_execution is not None else None,
        "steps": {name: plain(step) for name, step in record.steps.items()},
    }


def _show(invocation: Invocation, record: RunRecord, now: datetime) -> None:
    from rich.text import Text

    from synergyflow.cli.render import Page, counted, duration, error_block, moment
    from synergyflow.observers.log_line import one_line

    page = Page()
    page.title(f"flow {one_line(record.flow_name)} {record.timeperiod}", page.state(record.state))
    page.copyable(Text.assemble(("began   ", "dim"), f"{moment(record.started_at)} UTC"))
    last = record.last_execution
    if last is not None:
        asked = f" {last.requested_step}" if last.requested_step else ""
        who = f" by {last.user}@{last.host}" if last.user else ""
        took = duration(last.started_at, last.finished_at, now if record.is_held else None)
        when = f", began {moment(last.started_at)} UTC{', ' + took if took else ''}"
        page.copyable(Text.assemble(("last    ", "dim"), one_line(f"{last.mode}{asked}: {last.state}{who}{when}")))
    if record.owner is not None:
        what = "held by " if record.is_held else "its engine is gone: "
        page.copyable(Text.assemble((what, "cyan" if record.is_held else "yellow"), one_line(str(record.owner))))
    page.copyable(Text.assemble(("steps   ", "dim"), counted(step.state for step in record.steps.values()) or "none"))
    page.copyable("")
    page.add(_table(page, list(record.steps.values()), now if record.is_held else None))
    failed = [step for step in record.steps.values() if step.state is StepState.INVALID and step.error]
    for step in failed[:_FAILED_SHOWN]:
        page.copyable("")
        page.copyable(error_block(f"step {one_line(step.step_name)}, attempt {step.attempt}", step.error or ""))
    if not failed and record.error:
        page.copyable("")
        page.copyable(error_block("why", record.error))
    page.copyable("")
    page.commands(_next(invocation, record, failed))


def _table(page: Any, steps: Sequence[StepRecord], now: datetime | None) -> Any:
    from synergyflow.cli.render import bad, duration, quiet, row, table

    made = table("step", "state", "attempt", "cluster", "duration", "error")
    for step in steps:
        row(
            made,
            step.step_name,
            page.state(step.state),
            str(step.attempt or ""),
            quiet(step.cluster),
            duration(step.started_at, step.finished_at, now if step.state is StepState.IN_PROGRESS else None),
            bad(step.error),
        )
    return made


def _next(invocation: Invocation, record: RunRecord, failed: Sequence[StepRecord]) -> list[tuple[str, str]]:
    """What a reader of this may want to type."""
    run = ("--flow", record.flow_name, "--timeperiod", record.timeperiod)
    if record.is_held:
        return [("follow", invocation.command("logs", *run, "--follow"))]
    if record.last_execution is None:
        return [("run", invocation.command("run", *run))]
    look = [("look", invocation.command("logs", *run, "--step", step.step_name)) for step in failed[:1]]
    if not record.state.is_success or interrupted_freerun(record):
        return [*look, ("then try", invocation.command("recover", *run))]
    if failed:
        return [*look, ("then try", invocation.command("run-from", *run, "--step", failed[0].step_name))]
    return [("history", invocation.command("history", *run))]


# -- recent runs ----------------------------------------------------------------------------------------------------


def _recent(invocation: Invocation, environment: Environment, flow_name: str, limit: int) -> int:
    records = _recent_records(environment, flow_name, limit)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json({"flow": flow_name, "runs": [_line_document(record) for record in records]})
    else:
        _show_recent(invocation, environment, flow_name, records, datetime.now(UTC))
    return EXIT_OK


def _recent_records(environment: Environment, flow_name: str, limit: int) -> list[RunRecord]:
    """The runs begun last, latest first; none for a flow that is defined and was never run.

    Raises:
        NotFoundError: the flow has no runs and is not defined either.
    """
    from synergyflow.cli.records import store_of, views_of
    from synergyflow.cli.surroundings import known_flow

    with store_of(environment) as store, views_of(environment) as views:
        try:
            runs = views.recent_runs(flow_name, limit)
        except NotFoundError:
            runs = ()
        records = [store.load(flow_name, run.timeperiod) for run in runs]
    if not runs:
        known_flow(environment, flow_name)
    return [record for record in records if record is not None]


def _line_document(record: RunRecord) -> dict[str, Any]:
    last = record.last_execution
    return {
        "timeperiod": record.timeperiod,
        "state": record.state,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "last_mode": last.mode if last is not None else None,
        "is_held": record.is_held,
        "failed": _failed(record),
        "error": record.error,
    }


def _failed(record: RunRecord) -> list[str]:
    return [step.step_name for step in record.steps.values() if step.state is StepState.INVALID]


def _show_recent(
    invocation: Invocation, environment: Environment, flow_name: str, records: Sequence[RunRecord], now: datetime
) -> None:
    from synergyflow.cli.render import Page, bad, duration, moment, quiet, row, table
    from synergyflow.cli.surroundings import known_flow, needed_parameters
    from synergyflow.observers.log_line import one_line

    page = Page()
    if not records:
        page.title(f"flow {one_line(flow_name)} has no runs yet")
        line = f"{invocation.command('run', '--flow', flow_name)} --timeperiod YYYYMMDDHH"
        page.commands([("run", line + needed_parameters(known_flow(environment, flow_name)))])
        return
    page.title(f"flow {one_line(flow_name)}, its latest runs")
    made = table("timeperiod", "state", "started (UTC)", "duration", "last mode", "failed steps")
    for record in records:
        last = record.last_execution
        row(
            made,
            record.timeperiod,
            page.state(record.state),
            quiet(moment(record.started_at)),
            duration(record.started_at, record.finished_at, now if record.is_held else None),
            str(last.mode) if last is not None else "",
            bad(", ".join(_failed(record))),
        )
    page.add(made)
