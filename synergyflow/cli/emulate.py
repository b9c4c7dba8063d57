"""`engine emulate NAME`: a stand-in cloud on loopback, to try a production context on this machine.

The emulators are in `synergyflow.testing`, which production code does not import. Nor does this file: it names the
module that the process then becomes.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import NoReturn

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.errors import ConfigurationError

HOST = "127.0.0.1"

NEEDS: Mapping[str, tuple[str, str] | None] = {
    "emr": None,
    "dataproc": ("google.cloud.dataproc_v1", "gcp"),
    "qubole": None,
}
"""The emulators, with the library that each needs and the extra that brings it."""


@command("emulate")
@click.argument("name", metavar="emr|dataproc|qubole", type=click.Choice(list(NEEDS)))
@click.option("--port", "-p", type=click.IntRange(0, 65535), metavar="P", help="Of 127.0.0.1; 0 is any that is free.")
def emulate_command(invocation: Invocation, name: str, port: int | None) -> int:
    """Start a stand-in for a cloud on this machine; its jobs really run, as processes here. Ctrl-C ends it.

    It says what to write into a cluster profile so that a context uses it. Nothing is paid for, and nothing leaves
    this machine.
    """
    _require_library(name)
    if port is not None or invocation.json:
        port = _usable(port or 0)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json({"emulator": name, "host": HOST, "port": port, "pid": os.getpid()})
    _become(name, port, quiet=invocation.json)


def _require_library(name: str) -> None:
    needed = NEEDS[name]
    if needed is None:
        return
    module, extra = needed
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ConfigurationError(
            f"the emulator of {name} needs {module}, which is not installed",
            hint=f'pip install "synergyflow[{extra}]"',
        )


def _usable(port: int) -> int:
    """The port, or one that is free for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {HOST} can't be used: {error.strerror}", hint="give another one, or --port 0"
            ) from None
        number: int = probe.getsockname()[1]
        return number


def _become(name: str, port: int | None, *, quiet: bool) -> NoReturn:
    """Go on as the emulator, in this process: it gets the signals, and its end is the end."""
    sys.stdout.flush()
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    arguments = [] if port is None else ["--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", f"synergyflow.testing.emulators.{name}", *arguments])
