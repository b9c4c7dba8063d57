"""Fixtures for EMR: an emulator whose steps really run, and one whose steps do what a test says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synergyflow.testing.emulators.emr import EmrEmulator
from synergyflow.testing.emulators.emr.scripted import all_succeed


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the emulator takes, which are any."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")


@pytest.fixture
def emulator(credentials: None) -> Iterator[EmrEmulator]:
    """Steps are processes."""
    with EmrEmulator() as emulator:
        yield emulator


@pytest.fixture
def scripted(credentials: None) -> Iterator[EmrEmulator]:
    """Steps succeed at once."""
    with EmrEmulator(script=all_succeed) as emulator:
        yield emulator
