"""Tables and states on terminals of any kind, and the last log line for the live view."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import subprocess
import sys
import termios
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from synergyflow.cli.output import print_json
from synergyflow.cli.plan_view import show_plan
from synergyflow.cli.render import Page, counted, duration, make_console, moment, row, table
from synergyflow.cli.watching import last_line_of
from synergyflow.core.modes import Mode
from synergyflow.core.plan import Decision, Plan, PlannedCluster, PlannedStep
from synergyflow.core.states import StepState

NOW = datetime(2026, 1, 1, 4, 5, 6, tzinfo=UTC)
STATES = [state.value for state in StepState]


def plan(count: int) -> Plan:
    why = "attempt 1 failed: " + "a long reason [/bold] " * 8
    steps = tuple(
        PlannedStep(name=f"step_{n}", decision=Decision.RUN, why=why, state=StepState.INVALID, attempt=2)
        for n in range(count)
    )
    return Plan(
        flow_name="a[bold]b",
        timeperiod="2026010100",
        mode=Mode.RECOVER,
        requested_step=None,
        revision=3,
        steps=steps,
        clusters=(PlannedCluster(name="local-1", profile="local", slots=4),),
        removed=("gone",),
        notes=("the last engine is gone",),
    )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_plan_fits_any_terminal_and_loses_nothing(width: int, terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, no_color=True, color_system=None, markup=False)
    show_plan(Page(console), plan(3), {"limit": "3"})
    text = stream.getvalue()
    for part in ("step_2", "a[bold]b", "[/bold]", "gone", "limit = 3", "the last engine is gone"):
        assert part in text
    assert max(len(line) for line in text.splitlines() if "step_" in line) <= width


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_each_state_has_a_shape_of_its_own_in_any_encoding(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    page = Page(Console(file=stream, width=80))
    told = [page.state(state) for state in STATES]
    assert len({text.plain.split()[0] for text in told}) == len(STATES)
    assert all(text.plain.encode(encoding) for text in told)
    assert page.state("unheard of").plain == "? unheard of"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert make_console().no_color


def test_rows_of_a_pipe_are_one_line_each_without_blanks_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    made = table("name", "error")
    row(made, "x", "e" * 500)
    row(made, "y" * 300, "")
    Page().add(made)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line == line.rstrip() for line in lines)


def test_times_are_in_utc_and_durations_in_words() -> None:
    assert moment(NOW) == "2026-01-01 04:05:06"
    assert moment(None) == ""
    assert duration(NOW, NOW + timedelta(minutes=3, seconds=5)) == "3m 05s"
    assert duration(NOW, None) == ""
    assert duration(NOW, None, NOW + timedelta(seconds=2)) == "2.0s"
    assert counted(["invalid", "processed", "processed"]) == "2 processed, 1 invalid"


def test_documents_hold_states_times_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"state": StepState.NOOP, "at": NOW, "path": Path("/x"), "set": {"b", "a"}})
    assert json.loads(capsys.readouterr().out) == {
        "state": "noop",
        "at": "2026-01-01T04:05:06+00:00",
        "path": "/x",
        "set": ["a", "b"],
    }
    with pytest.raises(TypeError):
        print_json({"x": object()})


LINE = "2026-01-01T00:00:00.000Z 2026010100#1 step.shell INFO {}\n"


@pytest.mark.parametrize(
    ("content", "last"),
    [
        ("", ""),
        (LINE.format("one") + LINE.format("two words"), "two words"),
        (LINE.format("whole") + LINE.format("not yet").rstrip("\n"), "whole"),
        (LINE.format("mine") + LINE.replace("2026010100", "2026010200").format("another's"), "mine"),
        (LINE.format("x" * 9000), ""),
    ],
    ids=["nothing", "the last one", "an unfinished one", "another run's", "one too long to look for"],
)
def test_the_last_line_of_a_log_is_that_of_the_run(tmp_path: Path, content: str, last: str) -> None:
    path = tmp_path / "step.log"
    path.write_text(content)
    assert last_line_of(path, "2026010100") == last


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    assert last_line_of(tmp_path / "none.log", "2026010100") == ""


def on_a_terminal(project: Any, flow: str, *, interrupts: int = 0) -> tuple[int, str, bool]:
    """Run a flow on a terminal of its own: exit code, what was drawn, and whether the terminal is as it was.

    Each interrupt is typed once the answer to the one before is to be seen.
    """
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    line = [sys.executable, "-m", "synergyflow", "run", "--flow", flow, "--timeperiod", "2026010100"]
    process = subprocess.Popen(
        line, cwd=project.root, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_control
    )
    said = b""
    signs = [b"running", b"stopping:"][:interrupts]
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            said += os.read(ours, 65536)
        if signs and signs[0] in said:
            signs.pop(0)
            os.write(ours, b"\x03")
    is_restored = termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)
    return process.wait(), said.decode(), is_restored


def _control() -> None:
    """Make stdin the terminal that sends this process its signals."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_a_live_view_and_is_given_back(project: Any) -> None:
    code, said, is_restored = on_a_terminal(project, "feed")
    assert (code, is_restored) == (1, True)
    assert "\x1b[?25l" in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")
    assert "step load failed" in said


DEAF = """
from pathlib import Path
from synergyflow import FlowGraph, PythonAction

def work():
    while not Path("go").exists():
        pass

deaf = FlowGraph("deaf").append("work", [], PythonAction(work))
"""


@pytest.mark.usefixtures("terminal")
def test_the_terminal_is_given_back_even_if_the_program_is_ended_at_once(project: Any) -> None:
    project.write("flows/deaf.py", DEAF)
    code, said, is_restored = on_a_terminal(project, "deaf", interrupts=2)
    assert (code, is_restored) == (130, True)
    assert "^C" not in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")
