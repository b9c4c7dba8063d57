"""The story that `engine demo` tells: a run, a run that fails because of a late feed, its recovery, a run from a step.

Each scene asks the engine as a user would and tells what the engine answered; nothing here knows what a step does.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

from synergyflow import ExecutionContext, ExecutionEngine, Mode
from synergyflow.config.program import program
from synergyflow.demo import telling
from synergyflow.demo.acts import Act, Whereabouts, act_of
from synergyflow.demo.project import Project, deliver, prepare
from synergyflow.errors import EXIT_FAILED, EXIT_OK

FLOW = "flight_delays"
FIRST, SECOND, STORM = date(2013, 1, 1), date(2013, 1, 2), date(2013, 2, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One execution and what is said before it.

    Attributes:
        delivers: whether the day's weather arrives first.
        fails_at: the steps that are to fail in it.
    """

    title: str
    told: str
    day: date
    mode: Mode
    step: str | None = None
    delivers: bool = False
    fails_at: tuple[str, ...] = ()

    @property
    def shows_plan(self) -> bool:
        """Whether the plan is worth a look: not where simply everything runs."""
        return self.mode is not Mode.RUN


SCENES = (
    Scene(
        title="A day on two clusters",
        told="Flights and weather are taken in, cleaned and counted side by side; they meet in the report.",
        day=FIRST,
        mode=Mode.RUN,
    ),
    Scene(
        title="A feed that is late",
        told="The weather of the next day has not been delivered. Its step fails and what needs it does not start, "
        "while the branch of the flights, which does not, goes on.",
        day=SECOND,
        mode=Mode.RUN,
        fails_at=("ingest_weather",),
    ),
    Scene(
        title="The feed arrives: recover",
        told="The file is there now. Recovering runs the step that failed and those that waited for it, nothing else.",
        day=SECOND,
        mode=Mode.RECOVER,
        delivers=True,
    ),
    Scene(
        title="Again, from one step on",
        told="Say that the rules of cleaning are to be applied anew: that step runs again, with all derived from it.",
        day=SECOND,
        mode=Mode.RUN_FROM,
        step="clean_flights",
    ),
)


def tell(directory: Path, console: Console) -> int:
    """Tell the story in that folder, afresh, and return the exit code: 0 if every execution ended as it should.

    Raises:
        ConfigurationError: the folder is not the demonstration's, or the data set is not installed.
    """
    with console.status("preparing the project folder"):
        project = prepare(directory, late=[SECOND])
    console.print(telling.opening(_shown(directory)))
    acts: list[Act] = []
    for number, scene in enumerate(SCENES, start=1):
        console.print(telling.heading(number, scene.title))
        acts.append(_play(scene, project, console))
        if not acts[-1].expected:
            console.print(telling.paragraph("This did not end as it should have, so the story stops here."))
            break
    _close(project, acts, console)
    return EXIT_OK if all(act.expected for act in acts) else EXIT_FAILED


def _play(scene: Scene, project: Project, console: Console) -> Act:
    """Carry one scene out: the plan that is shown is the one that is executed."""
    console.print(telling.paragraph(scene.told))
    if scene.delivers:
        console.print(telling.places([("arrived", _shown(deliver(project, scene.day)))]), soft_wrap=True)
    step = () if scene.step is None else ("--step", scene.step)
    line = _of_run(project, scene.mode.value.replace("_", "-"), scene.day, *step)
    console.print(telling.command(line), soft_wrap=True)
    where = Whereabouts()
    context, engine = _context(project, scene.day), ExecutionEngine(FLOW, observers=[where])
    plan = engine.plan(context, scene.mode, scene.step)
    if scene.shows_plan:
        console.print(telling.plan_table(plan))
    with console.status(f"{scene.mode.value} {context.timeperiod}"):
        result = engine.execute(context, plan)
    console.print(telling.result_table(result, where.cluster_of))
    return act_of(result, fails_at=scene.fails_at)


def _close(project: Project, acts: list[Act], console: Console) -> None:
    """Say what was run, what was not run again, where everything is and what to try."""
    context = _context(project, SECOND)
    reports = [path for day in (FIRST, SECOND) if (path := project.report(_timeperiod(day))).exists()]
    found = [
        *(("report", _shown(path)) for path in reports),
        ("logs", _shown(context.log_directory / FLOW)),
        ("state", _shown(Path(context.database_url.removeprefix("sqlite:///")))),
        ("flow", _shown(project.flow)),
    ]
    next_steps = [
        ("how the second day stands", _of_run(project, "status", SECOND)),
        ("its executions and attempts", _of_run(project, "history", SECOND)),
        ("what the step that failed has logged", _of_run(project, "logs", SECOND, "--step", "ingest_weather")),
        ("the graph of the flow", _command(project, "show", FLOW)),
        ("the day of the blizzard", _of_run(project, "run", STORM)),
    ]
    console.print(telling.heading(len(acts) + 1, "What was run, where it is, what to try next"))
    console.print(telling.summary(acts))
    console.print(telling.places(found), soft_wrap=True)
    console.print(telling.commands(next_steps), soft_wrap=True)


def _context(project: Project, day: date) -> ExecutionContext:
    return ExecutionContext.load(str(project.context), FLOW, _timeperiod(day))


def _timeperiod(day: date) -> str:
    return f"{day:%Y%m%d}00"


def _of_run(project: Project, verb: str, day: date, *options: str) -> str:
    return _command(project, verb, "--flow", FLOW, "--timeperiod", _timeperiod(day), *options)


def _command(project: Project, verb: str, *options: str) -> str:
    """A command line for this project."""
    return f"{program()} {shlex.join([verb, *options, '--context', _shown(project.context)])}"


def _shown(path: Path) -> str:
    """The path as somebody would type it here."""
    path, here = path.absolute(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
