"""`engine completion`: the script that lets a shell complete commands, options, contexts, flows and steps."""

from __future__ import annotations

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.cli.output import print_json
from synergyflow.errors import EXIT_OK


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(invocation: Invocation, shell: str) -> int:
    """Print the completion script for a shell.

    \b
    bash:  engine completion bash > ~/.local/share/bash-completion/completions/engine
    zsh:   engine completion zsh > ~/.zfunc/_engine      (a folder of $fpath)
    fish:  engine completion fish > ~/.config/fish/completions/engine.fish
    """
    from click.shell_completion import get_completion_class

    from synergyflow.cli.main import PROGRAM, engine

    maker = get_completion_class(shell)
    assert maker is not None
    script = maker(engine, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source()
    if invocation.json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
    return EXIT_OK
