"""`python -m synergyflow.testing.emulators.dataproc --port P`: the emulator by hand, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from synergyflow.testing.emulators.dataproc import DataprocEmulator, Delays, settings


def main(arguments: list[str] | None = None) -> int:
    """Serve, and say how to use it."""
    parser = argparse.ArgumentParser(prog="dataproc emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of Dataproc (gRPC); default: any that is free")
    parser.add_argument("--storage-port", type=int, default=0, help="of the storage (HTTP); default: any that is free")
    parser.add_argument("--folder", type=Path, help="keeps buckets and working directories; default: a temporary one")
    parser.add_argument("--create-seconds", type=float, default=2.0, help="until a cluster runs")
    given = parser.parse_args(arguments)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with DataprocEmulator(
        folder=given.folder,
        port=given.port,
        storage_port=given.storage_port,
        delays=Delays(create=given.create_seconds, delete=1.0),
    ) as emulator:
        lines = [
            f"Dataproc on {emulator.endpoint}, storage on {emulator.storage_url}; jobs run on this machine.",
            "To try a context of yours as it is:",
            f"    export DATAPROC_EMULATOR_HOST={emulator.endpoint}",
            f"    export STORAGE_EMULATOR_HOST={emulator.storage_url}",
            "Or with a profile of its own, clusters/NAME.toml:",
            *(f"    {line}" for line in settings(emulator)),
            "Stop it with Ctrl-C.",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
