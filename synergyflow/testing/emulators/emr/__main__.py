"""Starts the emulator by hand: `python -m synergyflow.testing.emulators.emr --port 8700`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from synergyflow.testing.emulators.emr import Delays, EmrEmulator
from synergyflow.testing.emulators.emr.scripted import all_succeed


def main() -> None:
    """Serve until interrupted."""
    options = _options()
    delays = Delays(
        starting=options.delay, bootstrapping=options.delay, terminating=options.delay, logs=options.log_delay
    )
    script = all_succeed if options.scripted else None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with EmrEmulator(script=script, delays=delays, folder=options.folder, port=options.port) as emulator:
        sys.stdout.write(f"EMR and its part of S3 at {emulator.url} (end it with Ctrl-C)\n")
        sys.stdout.write(f'in a profile: endpoint_url = "{emulator.url}"\n')
        sys.stdout.flush()
        stopped.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m synergyflow.testing.emulators.emr", description=__doc__)
    parser.add_argument("--port", type=int, default=8700, help="of 127.0.0.1; 0 for any (default: 8700)")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds that a cluster spends in each state")
    parser.add_argument("--log-delay", type=float, default=0.0, help="seconds until the log of a step is in S3")
    parser.add_argument("--folder", type=Path, help="for objects and the work of steps (default: a temporary one)")
    parser.add_argument("--scripted", action="store_true", help="steps succeed at once instead of being run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
