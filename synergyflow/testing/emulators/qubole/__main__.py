"""Starts the emulator by hand: `python -m synergyflow.testing.emulators.qubole --port 8720`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from synergyflow.testing.emulators.qubole import Delays, QuboleEmulator
from synergyflow.testing.emulators.qubole.scripted import all_succeed

PORT = 8720


def main() -> None:
    """Serve until interrupted."""
    options = _options()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    emulator = QuboleEmulator(
        *(options.label or ["default"]),
        script=all_succeed if options.scripted else None,
        delays=Delays(start=options.delay, stop=options.delay),
        folder=options.folder,
        port=options.port,
    )
    with emulator:
        sys.stdout.write(f"Qubole at {emulator.url} (end it with Ctrl-C)\n")
        sys.stdout.write(f'in a profile: endpoint_url = "{emulator.url}"; any API token is good\n')
        sys.stdout.write(f"s3:// is the folder {emulator.objects}\n")
        sys.stdout.flush()
        stopped.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m synergyflow.testing.emulators.qubole", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help=f"of 127.0.0.1; 0 for any (default: {PORT})")
    parser.add_argument("--label", action="append", help="of a cluster that is there; may be repeated")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds that a cluster takes to start and to stop")
    parser.add_argument("--folder", type=Path, help="for objects and the work of commands (default: a temporary one)")
    parser.add_argument("--scripted", action="store_true", help="commands succeed at once instead of being run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
