"""`engine logs`: the lines of one flow run, as they stand in the log files, and further ones as they come."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command, flow_option, step_option, timeperiod_option, whole_number
from synergyflow.errors import EXIT_INTERRUPTED, EXIT_OK, NotFoundError

if TYPE_CHECKING:
    from synergyflow.config.environment import Environment
    from synergyflow.store.base import Store

_SECONDS_BETWEEN_LOOKS = 0.5
_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@command("logs")
@flow_option
@timeperiod_option()
@step_option(required=False, help="The log of this step only; the flow's own name: engine and clusters only.")
@click.option("--attempt", callback=whole_number(1), metavar="N", help="The lines of that attempt at the step only.")
@click.option("--follow", "-F", is_flag=True, help="Go on with new lines until no engine works on the run any more.")
def logs_command(
    invocation: Invocation, flow_name: str, timeperiod: str, step_name: str | None, attempt: int | None, follow: bool
) -> int:
    """The log lines of a run; without a step those of engine and all steps, by time."""
    from synergyflow.cli.records import record_of, require_step, store_of
    from synergyflow.cli.surroundings import environment_of

    if attempt is not None and (step_name is None or follow):
        raise click.UsageError("--attempt needs --step and goes without --follow", click.get_current_context())
    environment = environment_of(invocation)
    with store_of(environment) as store:
        record = record_of(invocation, store, environment, flow_name, timeperiod)
        if step_name is not None:
            require_step(record, step_name, flow_name)
        if follow:
            lines = _followed(store, environment, flow_name, timeperiod, step_name)
        elif attempt is not None:
            assert step_name is not None
            lines = _of_attempt(environment, flow_name, timeperiod, step_name, attempt)
        else:
            lines = _present(environment, flow_name, timeperiod, step_name)
        return _print(invocation, flow_name, timeperiod, step_name, lines)


def _present(environment: Environment, flow_name: str, timeperiod: str, step_name: str | None) -> Iterator[str]:
    from synergyflow.observers.log_reader import read_run

    return read_run(environment.log_directory, flow_name, timeperiod, step_name)


def _of_attempt(
    environment: Environment, flow_name: str, timeperiod: str, step_name: str, number: int
) -> Iterator[str]:
    """The lines between the positions that the attempt recorded, as far as they are its own."""
    from synergyflow.cli.records import views_of
    from synergyflow.observers.log_reader import read_run

    with views_of(environment) as views:
        attempts = {attempt.number: attempt for attempt in views.attempts(flow_name, timeperiod, step_name)}
    found = attempts.get(number)
    if found is None:
        numbers = ", ".join(map(str, attempts)) or "none"
        raise NotFoundError(
            f"step {step_name!r} of flow {flow_name!r} has no attempt {number} for {timeperiod}",
            hint=f"its attempts are {numbers}",
        )
    lines = read_run(
        environment.log_directory, flow_name, timeperiod, step_name, begin=found.log_begin, end=found.log_end
    )
    mark = f" {timeperiod}#{number} "
    return (line for line in lines if mark in line[:60])


def _followed(
    store: Store, environment: Environment, flow_name: str, timeperiod: str, step_name: str | None
) -> Iterator[str]:
    from synergyflow.observers.log_reader import follow

    def is_held() -> bool:
        record = store.load(flow_name, timeperiod)
        return record is not None and record.is_held

    stop = _over(is_held, time.monotonic)
    return follow(environment.log_directory, flow_name, timeperiod, step_name, stop=stop)


def _over(is_held: Callable[[], bool], clock: Callable[[], float]) -> Callable[[], bool]:
    """Whether nobody works on the run any more; asks the database now and then only."""
    due = clock()

    def over() -> bool:
        nonlocal due
        if clock() < due:
            return False
        due = clock() + _SECONDS_BETWEEN_LOOKS
        return not is_held()

    return over


def _print(invocation: Invocation, flow_name: str, timeperiod: str, step_name: str | None, lines: Iterable[str]) -> int:
    try:
        if invocation.json:
            _print_document({"flow": flow_name, "timeperiod": timeperiod, "step": step_name}, lines)
        else:
            _print_lines(lines)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_OK


def _print_lines(lines: Iterable[str]) -> None:
    is_terminal = sys.stdout.isatty()
    for line in lines:
        colour = _COLOURS.get(_level(line)) if is_terminal else None
        click.secho(line, fg=colour)


def _level(line: str) -> str:
    words = line.split(" ", 4)
    return words[3] if len(words) == 5 else ""


def _print_document(head: dict[str, str | None], lines: Iterable[str]) -> None:
    """One document, written line by line: a log may be larger than the memory."""
    start = json.dumps(head)[:-1]
    sys.stdout.write(f'{start}, "lines": [')
    for index, line in enumerate(lines):
        sys.stdout.write(f"{',' if index else ''}\n  {json.dumps(line)}")
    sys.stdout.write("\n]}\n")
    sys.stdout.flush()
