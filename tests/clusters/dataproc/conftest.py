"""Fixtures for Dataproc: an emulator whose jobs really run, and one whose jobs end when the test says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from synergyflow.testing.emulators.dataproc import DataprocEmulator


@pytest.fixture
def emulator() -> Iterator[DataprocEmulator]:
    """Jobs are processes."""
    from synergyflow.testing.emulators.dataproc import DataprocEmulator

    with DataprocEmulator() as emulator:
        yield emulator


@pytest.fixture
def endless() -> Iterator[DataprocEmulator]:
    """Jobs run until the test ends them."""
    from synergyflow.testing.emulators.dataproc import DataprocEmulator, Ending

    with DataprocEmulator(script=lambda job: Ending(seconds=None)) as emulator:
        yield emulator
