"""`engine db upgrade`: the tables of the context's database, created or brought to this program's version."""

from __future__ import annotations

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.errors import EXIT_OK


@click.group("db", no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
def db_command() -> None:
    """Create or migrate the tables of the database."""


@command("upgrade")
def upgrade_command(invocation: Invocation) -> int:
    """Create the tables, or migrate them to the version of this program. SQLite does so by itself when a run begins."""
    from synergyflow.cli.surroundings import environment_of
    from synergyflow.store.upgrade import upgrade

    old, new = upgrade(environment_of(invocation).database_url)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json({"old": old, "new": new})
    elif old == new:
        click.echo(f"the tables are at revision {new} already")
    else:
        click.echo(f"the tables went from {old or 'nothing'} to revision {new}")
    return EXIT_OK


db_command.add_command(upgrade_command)
