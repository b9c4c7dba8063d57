"""`engine demo`: the story of a real flow on real data, told by `synergyflow.demo`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command


@command("demo")
@click.option(
    "--directory",
    "-d",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="The folder of the demonstration, made afresh.",
)
def demo_command(invocation: Invocation, directory: Path) -> int:
    """The flow flight_delays on the flights of 2013: a run, a run that fails, its recovery, a run from a step."""
    from rich.console import Console

    from synergyflow.cli.render import make_story_console
    from synergyflow.demo.story import tell

    directory = directory.absolute()
    if not invocation.json:
        return tell(directory, make_story_console())
    from synergyflow.cli.output import print_json

    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        code = tell(directory, Console(file=nowhere))
    print_json({"directory": directory, "exit_code": code})
    return code
