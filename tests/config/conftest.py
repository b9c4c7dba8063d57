"""A project folder to write contexts and profiles into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synergyflow.config.environment import Environment, load_environment

Load = Callable[[str], Environment]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with empty `contexts/` and one profile, `clusters/local.toml`."""
    root = tmp_path / "project"
    (root / "contexts").mkdir(parents=True)
    (root / "clusters").mkdir()
    (root / "clusters" / "local.toml").write_text('type = "local"\n')
    return root


@pytest.fixture
def load(project: Path) -> Load:
    """Writes a text to `contexts/here.toml` and loads that."""

    def write_and_load(text: str) -> Environment:
        (project / "contexts" / "here.toml").write_text(text)
        return load_environment("here", project)

    return write_and_load
