"""Whatever is wrong with what is typed or written: exit code 2, three lines that name the culprit, nothing touched."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from synergyflow.cli.main import engine

CONTEXT = 'flows = ["flows"]\ncluster = "local"\nnumber_of_clusters = 2\n'
PROFILE = 'type = "local"\nslots = 2\n'
FLOWS = """
import datetime
from synergyflow import FailureAction, FlowGraph, IdentityAction, Parameter

good = FlowGraph("good", time_qualifier="daily").append("clean", [], IdentityAction())
good.append("count", ["clean"], IdentityAction()).append("never", ["clean"], IdentityAction(), skip=True)

failing = FlowGraph("failing").append("fetch", [], FailureAction("no feed")).append("load", ["fetch"], IdentityAction())

asking = FlowGraph("asking", parameters={
    "airport": str,
    "threshold": 15,
    "day": Parameter(datetime.date, default="2026-01-01"),
    "size": Parameter(str, default="small", choices=["small", "large"]),
}).append("ask", [], IdentityAction())

picky = FlowGraph("picky").append("pick", [], IdentityAction(), cluster="gpu")
"""
T = "2026010100"


@dataclass(frozen=True)
class Case:
    """One mistake: what is typed, what must be named, and what is written or done to the project before."""

    name: str
    typed: str
    culprit: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    before: Callable[[Path], object] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def context(text: str) -> Mapping[str, str]:
    return {"contexts/local.toml": text}


def definition(text: str) -> Mapping[str, str]:
    """A further file of flows."""
    imports = "from synergyflow import FlowGraph, IdentityAction, ShellCommandAction, SleepAction, Step\n"
    return {"flows/bad.py": imports + text}


def make_newer(root: Path) -> None:
    with closing(sqlite3.connect(root / "logs" / "synergyflow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def make_foreign(root: Path) -> None:
    with closing(sqlite3.connect(root / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")


def without_database(root: Path) -> None:
    shutil.rmtree(root / "logs")


TYPED = [
    Case("an unknown command", f"rnu --flow good -t {T}", "rnu"),
    Case("an unknown command of db", "db upgrad", "upgrad"),
    Case("no command of db", "db", "command"),
    Case("an unknown option", f"run --flow good --timeperiode {T}", "--timeperiode"),
    Case("an option without its value", "run --flow", "--flow"),
    Case("no flow", f"run --timeperiod {T}", "--flow"),
    Case("no timeperiod", "run --flow good", "--timeperiod"),
    Case("no step for run-one", f"run-one --flow good -t {T}", "--step"),
    Case("no step for run-from", f"run_from --flow good -t {T}", "--step"),
    Case("no flow to show", "show", "FLOW"),
    Case("no clusters at all", f"run --flow good -t {T} --clusters 0", "--clusters"),
    Case("fewer clusters than none", f"run --flow good -t {T} --clusters -1", "--clusters"),
    Case("clusters in words", f"run --flow good -t {T} --clusters two", "two"),
    Case("more clusters than anybody has", f"run --flow good -t {T} --clusters 1001", "1001"),
    Case("a word too much", f"run --flow good -t {T} now", "now"),
    Case("two flows to show", "show good failing", "failing"),
    Case("an unknown format", "show good --format svg", "svg"),
    Case("a drawing into a folder that is not there", "show good --format dot -o nowhere/good.dot", "nowhere"),
    Case("an unknown shell", "completion tcsh", "tcsh"),
    Case("a limit of nothing", "status --flow good --limit 0", "--limit"),
    Case("an attempt without a step", f"logs --flow good -t {T} --attempt 1", "--step"),
    Case("an attempt zero", f"logs --flow good -t {T} -s clean --attempt 0", "--attempt"),
    Case("a project over another one", "init .", "local.toml"),
    Case("a project in a file", "init flows/flows.py", "flows.py"),
    Case("a demonstration in somebody's folder", "demo --directory flows", "flows"),
]

NAMES = [
    *(
        Case(f"an unknown flow to {verb}", f"{verb} --flow goood -t {T}{more}", "goood")
        for verb, more in [
            ("run", ""),
            ("run", " --dry-run"),
            ("recover", ""),
            ("run-one", " -s clean"),
            ("run-from", " -s clean"),
            ("status", ""),
            ("history", ""),
            ("logs", ""),
        ]
    ),
    Case("an unknown flow whose recent runs are asked for", "status --flow goood", "goood"),
    Case("an unknown flow to draw", "show goood", "goood"),
    Case("an unknown flow to validate", "validate goood", "goood"),
    Case("an unknown step to run", f"run-one --flow good -t {T} -s cleen", "cleen"),
    Case("an unknown step to run from", f"run-from --flow good -t {T} -s cleen --dry-run", "cleen"),
    Case("an unknown step to read", f"logs --flow good -t {T} -s cleen", "cleen"),
    Case("an unknown step in the history", f"history --flow good -t {T} -s cleen", "cleen"),
    Case("an empty name of a step", f"run-one --flow good -t {T} --step=", "''"),
    Case("an attempt that was never made", f"logs --flow good -t {T} -s clean --attempt 7", "7"),
    Case("an unknown context", f"run --flow good -t {T} --context produktion", "produktion"),
    Case("an unknown context before the command", f"-c nearly run --flow good -t {T}", "nearly"),
    Case(
        "an unknown context in the environment", "flows", "elsewhere", environment={"SYNERGYFLOW_CONTEXT": "elsewhere"}
    ),
    Case("a context file that is not there", "flows -c contexts/locale.toml", "locale.toml"),
    Case("a context file that is none", "flows -c flows/flows.py", "flows.py"),
]

TIMEPERIODS = [
    Case(f"a timeperiod {why}", f"run --flow good --timeperiod {text}", text)
    for why, text in [
        ("too short", "20260101"),
        ("too long", "202601010000"),
        ("of letters", "januaryone"),
        ("in month 13", "2026130100"),
        ("on 30 February", "2026023000"),
        ("at hour 24", "2026010124"),
        ("of a day without a month", "2026000100"),
        ("of an hour for a daily flow", "2026010107"),
        ("of a month for a daily flow", "2026010000"),
        ("in other digits", "２０２６０１０１００"),
    ]
] + [Case("a timeperiod whose status is asked for", "status --flow good -t yesterday", "yesterday")]

CONTEXTS = [
    Case(f"a context with {name}", f"run --flow good -t {T}", culprit, context(text))
    for name, text, culprit in [
        ("broken TOML", "flows = [", "local.toml"),
        ("an unknown key", CONTEXT + 'flwos = ["x"]\n', "flwos"),
        ("text for a number", 'flows = ["flows"]\nnumber_of_clusters = "two"\n', "number_of_clusters"),
        ("no clusters", 'flows = ["flows"]\nnumber_of_clusters = 0\n', "number_of_clusters"),
        ("text for a list", 'flows = "flows"\n', "flows"),
        ("cluster and pool", CONTEXT + "pool = { local = 1 }\n", "pool"),
        ("an empty pool", 'flows = ["flows"]\npool = {}\n', "pool"),
        ("a pool of none", 'flows = ["flows"]\npool = { local = 0 }\n', "local"),
        ("an unknown profile", 'flows = ["flows"]\ncluster = "locale"\n', "locale"),
        ("an unknown profile in its pool", 'flows = ["flows"]\npool = { emr-big = 1 }\n', "emr-big"),
        ("a file for a log folder", CONTEXT + 'log_directory = "flows/flows.py"\n', "flows.py"),
        ("a flow file that is not there", 'flows = ["flwos"]\n', "flwos"),
        ("a secret written down", CONTEXT + '[secrets]\nTOKEN = "plain-to-see"\n', "TOKEN"),
        (
            "a secret in a variable that is not set",
            CONTEXT + '[secrets]\nTOKEN = { env = "NO_SUCH_ONE" }\n',
            "NO_SUCH_ONE",
        ),
        ("a secret in a file that is not there", CONTEXT + '[secrets]\nTOKEN = { file = "no.key" }\n', "no.key"),
        ("a reference of an unknown kind", CONTEXT + '[secrets]\nTOKEN = { vault = "x" }\n', "TOKEN"),
        ("a database URL that is none", CONTEXT + 'database_url = "nonsense"\n', "database_url"),
        ("an unknown kind of database", CONTEXT + 'database_url = "oracel://host/name"\n', "oracel"),
        ("a database in memory", CONTEXT + 'database_url = "sqlite://"\n', "SQLite"),
        ("a database that is something else", CONTEXT + 'database_url = "sqlite:///flows/flows.py"\n', "flows.py"),
        ("a database below a file", CONTEXT + 'database_url = "sqlite:///flows/flows.py/x.db"\n', "flows.py"),
        (
            "a server that is not there",
            CONTEXT + 'database_url = "postgresql://someone@127.0.0.1:1/flows?connect_timeout=2"\n',
            "127.0.0.1",
        ),
    ]
] + [
    Case("a context that is not UTF-8", "flows", "local.toml", {"contexts/local.toml": b"flows = ['\xff']\n"}),
    Case(
        "a secret that is too short",
        f"run --flow good -t {T}",
        "TOKEN",
        context(CONTEXT + '[secrets]\nTOKEN = { env = "SHORT" }\n'),
        environment={"SHORT": "abc"},
    ),
    Case("a newer database", f"run --flow good -t {T}", "newer", before=make_newer),
    Case("a newer database whose status is asked for", f"status --flow good -t {T}", "newer", before=make_newer),
    Case("a newer database to upgrade", "db upgrade", "newer", before=make_newer),
    Case(
        "somebody else's database",
        f"run --flow good -t {T}",
        "other.db",
        context(CONTEXT + 'database_url = "sqlite:///other.db"\n'),
        before=make_foreign,
    ),
    Case(
        "clusters for a mixed pool",
        f"run --flow good -t {T} --clusters 3",
        "--clusters",
        {**context('flows = ["flows"]\npool = { local = 1, other = 1 }\n'), "clusters/other.toml": PROFILE},
    ),
]

PROFILES = [
    Case(f"a profile with {name}", f"run --flow good -t {T}", culprit, {"clusters/local.toml": text})
    for name, text, culprit in [
        ("no type", "slots = 2\n", "type"),
        ("an unknown type", 'type = "lokal"\n', "lokal"),
        ("an unknown option", PROFILE + "slotts = 3\n", "slotts"),
        ("no slots", 'type = "local"\nslots = 0\n', "slots"),
        ("text for slots", 'type = "local"\nslots = "many"\n', "slots"),
        ("broken TOML", "type = local\n", "local.toml"),
    ]
]

PARAMETERS = [
    Case(f"a parameter {why}", f"run --flow asking -t {T} {given}", culprit)
    for why, given, culprit in [
        ("that is missing", "", "airport"),
        ("without a value", "--param airport", "airport"),
        ("without a name", "--param =JFK", "=JFK"),
        ("given twice", "--param airport=JFK --param airport=LGA", "airport"),
        ("that is unknown", "--param airport=JFK --param treshold=3", "treshold"),
        ("of the wrong type", "--param airport=JFK --param threshold=many", "many"),
        ("that is no whole number", "--param airport=JFK --param threshold=1.5", "1.5"),
        ("that is no date", "--param airport=JFK --param day=2026-02-30", "2026-02-30"),
        ("that is no choice", "--param airport=JFK --param size=huge", "huge"),
    ]
] + [Case("a parameter of a flow that has none", f"run --flow good -t {T} --param x=1 --dry-run", "'x'")]

MODES = [
    Case("recovering what was never run", "recover --flow good -t 2026020100", "2026020100"),
    Case("a step of what was never run", "run-one --flow good -t 2026020100 -s clean", "2026020100"),
    Case("a part of what was never run", "run-from --flow good -t 2026020100 -s clean", "2026020100"),
    Case("the status of what was never run", "status --flow good -t 2026020100", "2026020100"),
    Case("the history of what was never run", "history --flow good -t 2026020100", "2026020100"),
    Case("the logs of what was never run", "logs --flow good -t 2026020100", "2026020100"),
    Case("recovering without a database", f"recover --flow good -t {T}", "good", before=without_database),
    Case("history without a database", f"history --flow good -t {T}", "good", before=without_database),
    Case(
        "a plan without a database", f"run-one --flow good -t {T} -s clean --dry-run", "good", before=without_database
    ),
    Case("a step that is blocked", f"run-one --flow failing -t {T} -s load", "fetch"),
    Case("a part that is blocked", f"run-from --flow failing -t {T} -s load --dry-run", "fetch"),
    Case("a step that is skipped by definition", f"run-one --flow good -t {T} -s never", "never"),
    Case("a part that begins with a skipped step", f"run-from --flow good -t {T} -s never", "never"),
    Case("other parameters for a recovery", f"recover --flow asking -t {T} --param airport=LGA", "airport"),
    Case("a cluster that the context does not offer", f"run --flow picky -t {T}", "gpu"),
    Case(
        "a changed definition, strictly",
        f"recover --flow good -t {T} --strict",
        "clean",
        {"flows/flows.py": FLOWS.replace('"clean", [], IdentityAction()', '"clean", [], FailureAction("changed")')},
    ),
]

DEFINITIONS = [
    Case(f"a flow with {name}", f"run --flow bad -t {T}", culprit, definition(text))
    for name, text, culprit in [
        ("a step that waits for itself", 'FlowGraph("bad").append("a", ["a"], IdentityAction())', "a -> a"),
        ("an unknown dependency", 'FlowGraph("bad").append("a", ["b"], IdentityAction())', "'b'"),
        (
            "a step twice",
            'FlowGraph("bad").append("a", [], IdentityAction()).append("a", [], IdentityAction())',
            "'a'",
        ),
        ("a reserved name", 'FlowGraph("bad").append("start", [], IdentityAction())', "start"),
        ("a step of its own name", 'FlowGraph("bad").append("bad", [], IdentityAction())', "'bad'"),
        ("a name that leaves the log folder", 'FlowGraph("bad").append("../a", [], IdentityAction())', "../a"),
        ("a name that is too long", 'FlowGraph("bad").append("x" * 201, [], IdentityAction())', "201"),
        ("a name that is no text", 'FlowGraph("bad").append(7, [], IdentityAction())', "bad.py"),
        (
            "names that differ by case",
            'FlowGraph("bad").append("ab", [], IdentityAction()).append("AB", [], IdentityAction())',
            "'AB'",
        ),
        ("less than no retries", 'FlowGraph("bad").append("a", [], IdentityAction(), retries=-1)', "retries"),
        ("an unknown policy", 'FlowGraph("bad").append("a", [], IdentityAction(), retires=1)', "retires"),
        ("a timeout in words", 'FlowGraph("bad").append("a", [], IdentityAction(), timeout="1h")', "timeout"),
        ("a class for an action", 'FlowGraph("bad").append("a", [], IdentityAction)', "IdentityAction"),
        ("a function for an action", 'FlowGraph("bad").append("a", [], print)', "action"),
        ("an unknown qualifier", 'FlowGraph("bad", time_qualifier="weekly")', "weekly"),
        ("an unknown failure policy", 'FlowGraph("bad", on_failure="shrug")', "shrug"),
        ("a parameter of no known type", 'FlowGraph("bad", parameters={"x": list})', "'x'"),
        ("an import that fails", 'import no_such_module_here\nbad = FlowGraph("bad")', "flows/bad.py"),
        ("an error of its own", 'bad = FlowGraph("bad")\nraise RuntimeError("boom")', "boom"),
        ("an exit", 'import sys\nsys.exit("out of here")', "bad.py"),
        ("broken Python", "def (:", "bad.py"),
    ]
    for text in [text if text.startswith(("import", "bad", "def")) else f"bad = {text}"]
] + [
    Case(
        "a flow of a name that another has",
        f"run --flow good -t {T}",
        "bad.py",
        definition('other = FlowGraph("good").append("a", [], IdentityAction())'),
    ),
    Case(
        "a flow of a name that differs by case",
        f"run --flow GOOD -t {T}",
        "GOOD",
        definition('other = FlowGraph("GOOD").append("a", [], IdentityAction())'),
    ),
]

CASES = [*TYPED, *NAMES, *TIMEPERIODS, *CONTEXTS, *PROFILES, *PARAMETERS, *MODES, *DEFINITIONS]


@pytest.fixture(scope="module")
def worked_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which a flow was processed, one has failed, and one was run with a parameter."""
    root = tmp_path_factory.mktemp("project")
    for name, text in [
        ("contexts/local.toml", CONTEXT),
        ("clusters/local.toml", PROFILE),
        ("flows/flows.py", FLOWS),
    ]:
        (root / name).parent.mkdir()
        (root / name).write_text(text, encoding="utf-8")
    for words, code in [("good", 0), ("failing", 1), ("asking --param airport=JFK", 0)]:
        line = [sys.executable, "-m", "synergyflow", "run", "--timeperiod", T, "--flow", *words.split()]
        assert subprocess.run(line, cwd=root, capture_output=True, check=False).returncode == code
    return root


def digests(root: Path) -> dict[str, str]:
    """Every file below the folder with its content, but for what Python compiles on its way."""
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_is_refused_in_three_lines_and_changes_nothing(
    case: Case,
    worked_in: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "project"
    shutil.copytree(worked_in, root, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in case.files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if case.before is not None:
        case.before(root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("SYNERGYFLOW_CONTEXT", raising=False)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    before = digests(root)

    with pytest.raises(SystemExit) as ended:
        engine.main(case.typed.split())

    said = capsys.readouterr()
    assert ended.value.code == 2, said
    assert 1 <= len(said.err.splitlines()) <= 3, said.err
    assert said.err.startswith("error: ")
    assert case.culprit in said.err
    assert "Traceback" not in said.err + said.out
    assert said.out == ""
    assert digests(root) == before


def test_there_are_more_than_sixty_of_them_and_each_is_another() -> None:
    assert len({(case.typed, tuple(case.files.items()), case.before) for case in CASES}) == len(CASES) > 60
