"""A local cluster with a spool of its own, and a way to wait for a fact."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synergyflow.clusters.local import LocalCluster
from synergyflow.config.profile import Profile

PATIENCE = 60.0


def wait_until(fact: Callable[[], Any]) -> Any:
    """The first truthy answer of `fact`."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not (answer := fact()):
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.005)
    return answer


def make_local(folder: Path, **options: Any) -> LocalCluster:
    """A local cluster that keeps everything below `folder`, not launched."""
    (folder / "work").mkdir(exist_ok=True)
    return LocalCluster(
        "local-1",
        Profile(name="local", options=options),
        spool_directory=folder / "spool",
        filesystem_root=folder / "data",
        working_directory=folder / "work",
        polite_seconds=0.2,
    )
