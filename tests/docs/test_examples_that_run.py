"""The flows of the page on writing flows that are said to run, in a project as `engine init` makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synergyflow.cli.main import engine

from .pages import ROOT, blocks

T = "2026010100"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project with all examples in one file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNERGYFLOW_CONTEXT", raising=False)
    with pytest.raises(SystemExit):
        engine.main(["init"])
    page = blocks(ROOT / "docs/writing-flows.md")
    code = "\n".join(block.text for block in page if block.language == "python")
    (tmp_path / "flows" / "page.py").write_text(code, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("flow", "more", "state"),
    [
        ("sales", [], "processed"),
        ("inbox", [], "noop"),
        ("old", [], "processed"),
        ("report", ["--param", "limit=10"], "processed"),
        ("own", [], "processed"),
    ],
)
def test_an_example_runs_as_the_page_says(
    project: Path, capsys: pytest.CaptureFixture[str], flow: str, more: list[str], state: str
) -> None:
    (project / "data").mkdir()
    for name in ("report.html", f"report.{T}"):
        (project / "data" / name).write_text("<p>told</p>")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        engine.main(["run", "--flow", flow, "--timeperiod", T, "--json", *more])
    assert json.loads(capsys.readouterr().out)["state"] == state
    assert ended.value.code == 0
