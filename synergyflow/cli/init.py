"""`engine init`: a new project folder. Nothing that is there already is ever overwritten."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.cli.project_files import FILES
from synergyflow.config.program import program
from synergyflow.errors import EXIT_OK, ConfigurationError

_TIMEPERIOD = "2026010100"


@command("init")
@click.argument("directory", type=click.Path(path_type=Path), default=Path("."), metavar="[DIR]")
def init_command(invocation: Invocation, directory: Path) -> int:
    """Make a new project: a context, a cluster profile, and a first flow that runs."""
    _refuse_to_overwrite(directory)
    try:
        for name, content in FILES.items():
            _create(directory / name, content)
    except OSError as error:
        where = error.filename or directory
        raise ConfigurationError(
            f"{str(where)!r} can't be made: {error.strerror or error}", hint="choose another folder: engine init DIR"
        ) from None
    commands = _commands(directory)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json({"directory": directory.absolute(), "files": list(FILES), "commands": commands})
        return EXIT_OK
    for name in FILES:
        click.echo(f"made {directory / name}")
    click.echo("Now try:")
    for line in commands:
        click.echo(f"  {line}")
    return EXIT_OK


def _refuse_to_overwrite(directory: Path) -> None:
    if os.path.lexists(directory) and not directory.is_dir():
        raise ConfigurationError(f"{str(directory)!r} is not a folder", hint="choose another one: engine init DIR")
    there = [name for name in FILES if os.path.lexists(directory / name)]
    if there:
        raise ConfigurationError(
            f"{str(directory / there[0])!r} is there already, and nothing is overwritten",
            hint="choose another folder: engine init DIR",
        )


def _create(path: Path, content: str) -> None:
    """Write a file that must not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(content)


def _commands(directory: Path) -> list[str]:
    """What to type next, as it stands: from the folder that one is in."""
    run = f"--flow hello --timeperiod {_TIMEPERIOD}"
    if directory.absolute() == Path.cwd():
        return [f"{program()} run {run}", f"{program()} status {run}"]
    there, engine = shlex.quote(str(directory)), program(directory)
    return [f"cd {there} && {engine} run {run}", f"{engine} status {run}"]
