"""Fixtures for Dataproc: emulators whose jobs really run, or do what a test says, or wait for the test's clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synergyflow.testing import ManualClock
from synergyflow.testing.emulators.dataproc import DataprocEmulator, Ending

TOKEN = "sf-00000000000000000000000000000001"


@pytest.fixture
def emulator() -> Iterator[DataprocEmulator]:
    """Jobs are processes."""
    with DataprocEmulator() as emulator:
        yield emulator


@pytest.fixture
def endless() -> Iterator[DataprocEmulator]:
    """Jobs run until the test ends them."""
    with DataprocEmulator(script=lambda job: Ending(seconds=None)) as emulator:
        yield emulator


@pytest.fixture
def clock() -> ManualClock:
    """Time that the test moves."""
    return ManualClock()
