"""The story that `engine demo` tells: a run, a run that fails because of a late feed, its recovery, a run from a step.

Each act asks the engine as a user would and tells what the engine answered; nothing here knows what a step does.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path

from rich.console import Console

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, Mode
from synergyflow.bootstrap import catalogue_of
from synergyflow.demo import telling
from synergyflow.demo.acts import Act, act_of
from synergyflow.demo.project import Project, deliver, prepare
from synergyflow.engine.result import RunResult
from synergyflow.errors import EXIT_FAILED, EXIT_OK

FLOW = "flight_delays"
FIRST, SECOND = date(2013, 1, 1), date(2013, 1, 2)
LATE_STEP, CLEANING_STEP = "ingest_weather", "clean_flights"


def tell(directory: Path, console: Console) -> int:
    """Tell the story in that folder, afresh, and return the exit code: 0 if every act ended as it should.

    Raises:
        ConfigurationError: the folder is not the demonstration's, or the data set is not installed.
    """
    console.print(
        telling.paragraph(
            "Flights that left New York in 2013, a day at a time: delays, and what they owe to the weather."
        )
    )
    with console.status("preparing the folder and the weather feed"):
        project = prepare(directory, late=[SECOND])
    stage = _Stage(project, console)
    acts = []
    for act in (_run, _late_feed, _recover, _run_from):
        acts.append(act(stage))
        if not acts[-1].expected:
            console.print(telling.paragraph("This did not end as it should have; the story stops here."))
            break
    _close(stage, acts)
    return EXIT_OK if all(act.expected for act in acts) else EXIT_FAILED


class _Stage:
    """The project, its flow and the console, with the engine's modes as an act uses them."""

    def __init__(self, project: Project, console: Console) -> None:
        self.project = project
        self.console = console
        self.flow = self._flow()
        self.engine = ExecutionEngine(self.flow)

    def context(self, day: date) -> ExecutionContext:
        """The context of that day."""
        return ExecutionContext.load(str(self.project.context), FLOW, timeperiod_of(day))

    def perform(self, day: date, mode: Mode, carry_out: Callable[[ExecutionContext], RunResult]) -> RunResult:
        """Carry a mode out and tell what became of each step."""
        with self.console.status(f"{mode.value} {timeperiod_of(day)}"):
            result = carry_out(self.context(day))
        self.console.print(telling.result_table(result))
        return result

    def command(self, verb: str, *options: str) -> str:
        """A command line for this project."""
        return shlex.join(["engine", verb, *options, "--context", str(self.project.context)])

    def of_run(self, verb: str, day: date, *options: str) -> str:
        """A command line for the flow run of that day."""
        return self.command(verb, "--flow", FLOW, "--timeperiod", timeperiod_of(day), *options)

    def _flow(self) -> FlowGraph:
        environment = self.context(FIRST).environment
        assert environment is not None
        return catalogue_of(environment).get(FLOW)


def timeperiod_of(day: date) -> str:
    """The daily timeperiod of that day."""
    return f"{day:%Y%m%d}00"


def _run(stage: _Stage) -> Act:
    say = stage.console.print
    say(telling.heading(1, "A day on two clusters"))
    say(
        telling.paragraph(
            "Flights and weather are taken in, cleaned and counted side by side, then meet in the report."
        )
    )
    say(telling.command(stage.of_run("run", FIRST)))
    return act_of(stage.perform(FIRST, Mode.RUN, stage.engine.run))


def _late_feed(stage: _Stage) -> Act:
    say = stage.console.print
    say(telling.heading(2, "A feed that is late"))
    say(
        telling.paragraph(
            f"The weather of {SECOND} has not been delivered. Its step fails; what needs it does not start,",
            "while the branch that does not goes on.",
        )
    )
    say(telling.command(stage.of_run("run", SECOND)))
    return act_of(stage.perform(SECOND, Mode.RUN, stage.engine.run), fails_at=(LATE_STEP,))


def _recover(stage: _Stage) -> Act:
    say = stage.console.print
    say(telling.heading(3, "The feed arrives: recover"))
    path = deliver(stage.project, SECOND)
    say(telling.paragraph(f"{path} is there now. Recovering runs what failed and what waited for it, nothing else."))
    say(telling.command(stage.of_run("recover", SECOND)))
    say(telling.plan_table(stage.engine.plan(stage.context(SECOND), Mode.RECOVER)))
    return act_of(stage.perform(SECOND, Mode.RECOVER, stage.engine.recover))


def _run_from(stage: _Stage) -> Act:
    say = stage.console.print
    say(telling.heading(4, "Again, from one step on"))
    say(
        telling.paragraph(
            f"Say the rules of {CLEANING_STEP} were changed: it runs again, with all that is derived from it."
        )
    )
    say(telling.command(stage.of_run("run-from", SECOND, "--step", CLEANING_STEP)))
    say(telling.plan_table(stage.engine.plan(stage.context(SECOND), Mode.RUN_FROM, CLEANING_STEP)))
    return act_of(stage.perform(SECOND, Mode.RUN_FROM, lambda context: stage.engine.run_from(context, CLEANING_STEP)))


def _close(stage: _Stage, acts: list[Act]) -> None:
    say, context = stage.console.print, stage.context(SECOND)
    reports = [path for day in (FIRST, SECOND) if (path := stage.project.report(timeperiod_of(day))).exists()]
    say(telling.heading(len(acts) + 1, "What was run, and where it is"))
    say(telling.summary(acts))
    say(
        telling.places(
            [
                *(("report", str(path)) for path in reports),
                ("logs", str(context.log_directory / FLOW)),
                ("state", context.database_url),
                ("the flow", str(stage.project.directory / "flows" / f"{FLOW}.py")),
            ]
        )
    )
    say(telling.paragraph("Try next:"))
    say(
        telling.places(
            [
                ("how it stands", stage.of_run("status", SECOND)),
                ("every attempt", stage.of_run("history", SECOND)),
                ("why it failed", stage.of_run("logs", SECOND, "--step", LATE_STEP)),
                ("the graph", stage.command("show", FLOW)),
                ("another day", stage.of_run("run", date(2013, 2, 8))),
            ]
        )
    )
