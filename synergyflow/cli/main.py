"""The command `engine`: which commands there are, and how each call of the program begins and ends.

Commands live in the files beside this one, which are imported when they are asked for: `engine --help` loads none of
them. Nothing but Click and what is as light may be imported here.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

import synergyflow
from synergyflow.cli import failures
from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import take_common_options, with_common_options
from synergyflow.errors import NotFoundError

PROGRAM = "engine"


class Entry(NamedTuple):
    """Where a command is found, and the line that `engine --help` has for it."""

    module: str
    help: str


SECTIONS: Mapping[str, Mapping[str, Entry]] = {
    "Run a flow": {
        "run": Entry("modes", "Run every step of a flow for a timeperiod."),
        "recover": Entry("modes", "Run what a failed or interrupted run has left to do."),
        "run-one": Entry("modes", "Run one step again."),
        "run-from": Entry("modes", "Run a step again, and everything derived from it."),
    },
    "Look at runs": {
        "status": Entry("status", "State of a run and its steps, or the recent runs of a flow."),
        "history": Entry("history", "Every execution of a run and every attempt at its steps."),
        "logs": Entry("logs", "The log lines of a run."),
    },
    "Look at flows": {
        "flows": Entry("flows", "Which flows there are."),
        "show": Entry("show", "The graph of a flow, drawn here or for Graphviz and Mermaid."),
        "validate": Entry("validate", "What is wrong with flows, context and cluster profiles."),
    },
    "Set up": {
        "init": Entry("init", "Make a new project with a first flow that runs."),
        "demo": Entry("demo", "A real flow on real data: run, fail, recover."),
        "db": Entry("db", "Create or migrate the tables of the database."),
        "emulate": Entry("emulate", "A stand-in for EMR, Dataproc or Qubole on this machine."),
        "completion": Entry("completion", "Print the completion script for a shell."),
    },
}
COMMANDS: Mapping[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Program(click.Group):
    """A group whose commands are imported when they are used, and whose errors are told by `failures`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported; `run_one` is `run-one`."""
        name = cmd_name.replace("_", "-")
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"synergyflow.cli.{COMMANDS[name].module}")
        command: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does it, with our own words for a command that there is not."""
        if args and not args[0].startswith("-") and args[0].replace("_", "-") not in COMMANDS:
            from synergyflow.config.suggest import did_you_mean

            hint = did_you_mean(args[0], COMMANDS, what="commands", most=len(COMMANDS))
            raise NotFoundError(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, from the table above."""
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in entries.items()], col_max=14)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run the program and exit; completion, which the shell asks for by a variable, is Click's own."""
        if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
            return super().main(args, PROGRAM, **extra)
        argv = list(sys.argv[1:] if args is None else args) or ["--help"]
        _tolerate_other_encodings()
        sys.exit(self._carried_out(argv))

    def _carried_out(self, argv: list[str]) -> int:
        """The exit code of the call; whatever it raises has been told."""
        invocation = Invocation.of(argv)
        try:
            with self.make_context(PROGRAM, list(argv), obj=invocation) as context:
                code = self.invoke(context)
            sys.stdout.flush()
        except click.exceptions.Exit as ended:
            code = ended.exit_code
        except BrokenPipeError:
            _silence_stdout()
            code = invocation.outcome
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that tells of every failure
            code = failures.tell(error, invocation)
        return code if isinstance(code, int) else 0


def _tolerate_other_encodings() -> None:
    """Write what an encoding lacks as an escape: a name of a flow must not end the program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Nobody reads any more: let the interpreter's last flush go nowhere."""
    with suppress(OSError, ValueError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=Program,
    name=PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="engine COMMAND --help says more of each. First steps: engine init my_project",
)
@click.version_option(synergyflow.__version__, prog_name="synergyflow", message="%(prog)s %(version)s")
@with_common_options
@click.pass_context
def engine(context: click.Context, /, **common: Any) -> None:
    """Run flows of steps, see what became of them, and run again what is needed and nothing else."""
    take_common_options(context, common)


def main() -> None:
    """The entry point of `engine` and `python -m synergyflow`."""
    engine.main()
