"""Runs the command `engine` in a process of its own, in a project folder, and waits for what it does."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0
_PAUSE = threading.Event()
STARTED: list[subprocess.Popen[str]] = []


def make_project(folder: Path, flows: str, *, clusters: int = 2, more: str = "") -> Path:
    """A project folder with one file of flows."""
    (folder / "contexts").mkdir(parents=True)
    (folder / "clusters").mkdir()
    (folder / "clusters" / "local.toml").write_text('type = "local"\nslots = 4\n')
    (folder / "contexts" / "local.toml").write_text(
        f'flows = ["flows.py"]\ncluster = "local"\nnumber_of_clusters = {clusters}\n{more}'
    )
    (folder / "flows.py").write_text(textwrap.dedent(flows))
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "synergyflow", *arguments]


def engine(folder: Path, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run to the end; `check` is the exit code that is expected."""
    done = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, timeout=PATIENCE * 2, stdin=subprocess.DEVNULL
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def engine_json(folder: Path, *arguments: str, check: int | None = 0) -> Any:
    return json.loads(engine(folder, *arguments, "--json", check=check).stdout)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start in the background; output goes to a file that is never full."""
    output = (folder / "engine.out").open("a")
    process = subprocess.Popen(
        command(*arguments), cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, text=True
    )
    STARTED.append(process)
    return process


def end_all() -> None:
    """End what was started and still runs: a test that fails leaves nothing behind."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition holds; the pause is between looks, not in place of a signal."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        _PAUSE.wait(0.01)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
