"""Qubole clusters on an emulator: made quickly, and without a wait that a test would feel."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synergyflow.clusters.qubole import QuboleCluster
from synergyflow.config.profile import Profile
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing.emulators.qubole import QuboleEmulator

LABEL = "etl"
TOKEN_VARIABLE = "QUBOLE_TOKEN_OF_A_TEST"
TOKEN = "token-of-a-test"


def make_qubole(
    emulator: QuboleEmulator,
    folder: Path,
    *,
    slots: int = 4,
    paused: list[float] | None = None,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> QuboleCluster:
    """A cluster of the emulator, not launched. `paused` gets what it would have waited."""
    quick = {"poll_minimum": 0.002, "poll_maximum": 0.01, "log_interval": 0.0}
    given = {"label": LABEL, "endpoint_url": emulator.url, "api_token_env": TOKEN_VARIABLE, **quick, **options}
    return QuboleCluster(
        "qubole-1",
        Profile(name="qubole", type="qubole", slots=slots, options=given),
        filesystem=LocalFilesystem(folder / "data"),
        clock=clock,
        pause=(paused if paused is not None else []).append,
    )
