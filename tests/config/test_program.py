"""Command lines that the program prints begin with words that call it again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from synergyflow.config.program import as_called, program


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script of an environment in a folder of a project; the shell finds nothing."""
    made = tmp_path / "project" / ".venv" / "bin" / "engine"
    made.parent.mkdir(parents=True)
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [".venv/bin/engine"])
    return made


def test_a_script_that_the_shell_does_not_find_is_called_by_its_path(script: Path) -> None:
    assert program() == ".venv/bin/engine"
    assert program(Path("below")) == "../.venv/bin/engine"


def test_a_far_script_is_called_by_the_shorter_path(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == str(script.relative_to("/"))
    assert program(Path("/a/b/c")) == str(script)


def test_a_script_that_the_shell_finds_is_called_by_its_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert program() == "engine"


def test_another_program_of_that_name_is_not_meant(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = script.parent.parent / "engine"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert program() == ".venv/bin/engine"


def test_a_module_is_called_as_a_module(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = script.with_name("python")
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "argv", ["/elsewhere/synergyflow/__main__.py"])
    assert program() == ".venv/bin/python -m synergyflow"
    script.rename(script.with_name("renamed"))
    monkeypatch.setenv("PATH", str(python.parent))
    assert program() == "python -m synergyflow"


def test_a_program_that_uses_the_library_is_told_of_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nightly.py"])
    assert program() == "engine"


def test_commands_in_a_text_are_given_as_they_work_here(script: Path) -> None:
    text = "first: engine recover --flow a; the engine runs; docs/engine run; engine --help"
    assert as_called(text) == (
        "first: .venv/bin/engine recover --flow a; the engine runs; docs/engine run; .venv/bin/engine --help"
    )
