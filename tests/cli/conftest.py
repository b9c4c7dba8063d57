"""A project in a temporary folder, and the command line as a function: words in, exit code and texts out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synergyflow.cli.main import engine

CONTEXT = 'flows = ["flows"]\ncluster = "local"\nnumber_of_clusters = 2\n'
PROFILE = 'type = "local"\nslots = 2\n'
FLOWS = """
from pathlib import Path
from synergyflow import FlowGraph, IdentityAction, PythonAction, ShellCommandAction

def load(logger):
    logger.info("looking for the feed [bold]now[/bold]")
    if not Path("feed").exists():
        raise RuntimeError("the feed has not arrived")

good = FlowGraph("good", time_qualifier="daily", schedule="0 4 * * *").append("clean", [], IdentityAction())
good.append("count", ["clean"], ShellCommandAction("echo counted"))

feed = FlowGraph("feed", parameters={"airport": "JFK", "limit": 3})
feed.append("extract", [], ShellCommandAction("echo extracted"))
feed.append("load", ["extract"], PythonAction(load))
feed.append("report", ["load"], IdentityAction())
"""


@dataclass(frozen=True)
class Answer:
    """What one call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


class Project:
    """Calls the program in a folder: in this process, or in one of its own where that matters."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str) -> Answer:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            engine.main(list(words))
        said = self._capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, said.out, said.err)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """The program in a process of its own, its output in pipes."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen([sys.executable, "-m", "synergyflow", *words], cwd=self.root, text=True, **pipes)
        self.started.append(process)
        return process

    def end_all(self) -> None:
        """End what was started and still runs: a test that fails leaves nothing behind."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def write(self, name: str, content: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Project]:
    """A project with a flow that succeeds and one that fails until its feed is there; nothing was run yet."""
    made = Project(tmp_path, capsys)
    made.write("contexts/local.toml", CONTEXT)
    made.write("clusters/local.toml", PROFILE)
    made.write("flows/flows.py", FLOWS)
    monkeypatch.chdir(tmp_path)
    for name in ("SYNERGYFLOW_CONTEXT", "COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.end_all()
