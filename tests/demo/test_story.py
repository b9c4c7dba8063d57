"""The story from end to end, on real data: what it runs, what it does not run again, and what it leaves behind."""

from __future__ import annotations

import gzip
import re
import sqlite3
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from synergyflow import ExecutionContext, ExecutionEngine
from synergyflow.core.states import FlowState, StepState
from synergyflow.demo import story
from synergyflow.demo.computation import clean_flights
from synergyflow.demo.dataset import flights_of
from synergyflow.demo.project import Project, prepare

FLIGHTS = ["archive_flights", "clean_flights", "delays_by_airport", "delays_by_carrier", "delays_by_hour"]
WEATHER = ["clean_weather", "ingest_weather", "report", "weather_effect"]
FROM_CLEANING = [*FLIGHTS, "report", "weather_effect"]


@dataclass(frozen=True)
class Told:
    project: Project
    text: str
    code: int

    def rows(self, query: str) -> list[tuple[object, ...]]:
        database = sqlite3.connect(self.project.directory / "logs" / "synergyflow.db")
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Told:
    """The story, told twice in the same folder; the second one is looked at."""
    directory, out = tmp_path_factory.mktemp("story") / "demo", StringIO()
    assert story.tell(directory, Console(file=StringIO())) == 0
    code = story.tell(directory, Console(file=out, width=200))
    return Told(Project(directory), out.getvalue(), code)


def test_story_ends_well_and_says_what_each_execution_did(told: Told) -> None:
    assert told.code == 0
    summary = re.findall(r"(?m)^ *(run|recover|run_from) +(\d{10}) +. (\w+) +(\S+) +(\S+) +(\S+) +[\d.]+ *$", told.text)
    assert summary == [
        ("run", "2013010100", "processed", "10", "–", "–"),
        ("run", "2013010200", "invalid", "7", "–", "3"),
        ("recover", "2013010200", "processed", "4", "6", "–"),
        ("run_from", "2013010200", "processed", "7", "3", "–"),
    ]


def test_database_has_every_execution_and_exactly_the_attempts_that_were_needed(told: Told) -> None:
    executions = told.rows("SELECT id, mode, state FROM execution ORDER BY id")
    assert [row[1:] for row in executions] == [
        ("run", "processed"),
        ("run", "invalid"),
        ("recover", "processed"),
        ("run_from", "processed"),
    ]
    attempts = told.rows("SELECT execution_id, step_name FROM attempt ORDER BY execution_id, step_name")
    made = [sorted(str(name) for execution, name in attempts if execution == row[0]) for row in executions]
    assert made[0] == sorted({*FLIGHTS, *WEATHER, "ingest_flights"})
    assert made[1] == sorted([*FLIGHTS, "ingest_flights", "ingest_weather"])
    assert made[2] == WEATHER
    assert made[3] == sorted(FROM_CLEANING)
    assert told.rows("SELECT DISTINCT state FROM flow") == [("processed",)]


def test_first_run_uses_both_clusters_and_says_so(told: Told) -> None:
    used = told.rows("SELECT DISTINCT cluster FROM attempt WHERE execution_id = 1 ORDER BY cluster")
    assert used == [("local-1",), ("local-2",)]
    assert "attempt 1 on local-1" in told.text
    assert "attempt 1 on local-2" in told.text


def test_step_whose_feed_was_late_says_so_in_its_log(told: Told) -> None:
    log = (told.project.directory / "logs" / "flight_delays" / "ingest_weather.log").read_text(encoding="utf-8")
    assert "the weather of 2013-01-02 has not arrived" in log
    assert "the weather of 2013-01-02 has not arrived" in told.text


def test_all_that_the_story_points_to_is_there(told: Told) -> None:
    pointed = re.findall(r"(?m)^  (?:arrived|report|logs|state|flow) +(\S+)$", told.text)
    assert len(pointed) == 6
    assert all(Path(path).exists() for path in pointed)


def test_commands_to_try_name_the_context_of_the_folder(told: Told) -> None:
    commands = re.findall(r"(?m)^  (engine .+)$", told.text)
    assert len(commands) == 5
    assert all(line.endswith(f"--context {told.project.context}") for line in commands)


@pytest.mark.parametrize("timeperiod", ["2013010100", "2013010200"])
def test_report_tells_the_totals_of_sql_over_the_raw_flights(
    told: Told, raw: sqlite3.Connection, timeperiod: str
) -> None:
    day = str(int(timeperiod[6:8]))
    query = """
        SELECT count(*), sum(dep_time = 'NA'), sum(arr_delay <> 'NA'), sum(arr_delay <> 'NA' AND arr_delay + 0 >= 15)
        FROM flights WHERE month = '1' AND day = ?
    """
    scheduled, cancelled, flown, late = raw.execute(query, (day,)).fetchone()
    page = re.sub(r"<[^>]+>", " ", told.project.report(timeperiod).read_text(encoding="utf-8"))
    text = " ".join(page.split())
    assert f"{late} of {flown} flights" in text
    assert f"Scheduled {scheduled} flights of" in text
    assert f"{cancelled} cancelled" in text


def test_archive_holds_the_cleaned_flights(told: Told) -> None:
    folder = told.project.report("2013010200").parent
    with gzip.open(folder / "archive" / "flights.csv.gz") as archive:
        assert archive.read() == (folder / "clean" / "flights.csv").read_bytes()


def test_a_day_without_any_weather_has_a_report_that_says_so(tmp_path: Path, data_folder: Path) -> None:
    project = prepare(tmp_path / "demo", late=[])
    context = ExecutionContext.load(str(project.context), story.FLOW, "2013123100")
    result = ExecutionEngine(story.FLOW).run(context)
    assert result.state is FlowState.PROCESSED
    cleaned = clean_flights(flights_of(date(2013, 12, 31)))
    page = project.report("2013123100").read_text(encoding="utf-8")
    assert page.count("not observed") == 3
    assert f"{len(cleaned.kept)} flights" in page


def test_a_day_outside_of_the_data_fails_with_a_reason(tmp_path: Path, data_folder: Path) -> None:
    project = prepare(tmp_path / "demo", late=[])
    context = ExecutionContext.load(str(project.context), story.FLOW, "2014010100")
    result = ExecutionEngine(story.FLOW).run(context)
    assert result.state is FlowState.INVALID
    assert "the data covers 2013" in str(result.steps["ingest_flights"].error)
    assert result.steps["report"].state is StepState.EMBRYO
