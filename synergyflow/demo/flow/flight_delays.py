"""Delays of the flights that left New York on one day: by airline, by airport, by hour and by the weather.

Two branches, flights and weather, run side by side and meet in `weather_effect`. All files lie below
`flight_delays/TIMEPERIOD` of the context's bucket; the weather comes from a feed that delivers a file a day.
What is computed lives in `synergyflow.demo.computation`, what the report looks like in `synergyflow.demo.report`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from synergyflow import CpAction, Filesystem, FlowGraph, MkdirAction, Parameter, PythonAction, ShellCommandAction
from synergyflow.demo import computation, dataset, report
from synergyflow.demo.computation import Cleaned, Tally, WeatherTally
from synergyflow.demo.tables import Row, read_table, read_tallies, write_table, write_tallies

FEED = "feed/weather/{timeperiod}.csv"
FOLDER = "flight_delays/{timeperiod}"
ARCHIVE = (
    'cd "data/flight_delays/$SYNERGYFLOW_TIMEPERIOD"'
    " && gzip -9 -n -c clean/flights.csv > archive/flights.csv.part"
    " && mv archive/flights.csv.part archive/flights.csv.gz"
    " && wc -c clean/flights.csv archive/flights.csv.gz"
)


def day_of(timeperiod: str) -> date:
    """The day that a daily timeperiod names."""
    return datetime.strptime(timeperiod[:8], "%Y%m%d").replace(tzinfo=UTC).date()


def path_of(timeperiod: str, name: str) -> str:
    """Where the file of that name lies for this timeperiod."""
    return f"{FOLDER.format(timeperiod=timeperiod)}/{name}"


def ingest_flights(filesystem: Filesystem, timeperiod: str, logger: logging.Logger) -> None:
    """Take the day's flights out of the file of the whole year."""
    rows = dataset.flights_of(day_of(timeperiod))
    if not rows:
        raise ValueError(f"there are no flights for {timeperiod}: the data covers 2013")
    write_table(filesystem, path_of(timeperiod, "raw/flights.csv"), list(rows[0]), rows)
    logger.info("%d flights", len(rows))


def check_weather_feed(filesystem: Filesystem, timeperiod: str) -> None:
    """Fail if the day's weather has not arrived."""
    path = FEED.format(timeperiod=timeperiod)
    if not filesystem.exists(path):
        raise FileNotFoundError(f"the weather of {day_of(timeperiod)} has not arrived: the feed has no {path}")


def clean_flights(filesystem: Filesystem, timeperiod: str, logger: logging.Logger) -> None:
    """Keep the flights that have a delay; set aside, and count, those that were cancelled or diverted."""
    cleaned = computation.clean_flights(read_table(filesystem, path_of(timeperiod, "raw/flights.csv")))
    write_cleaned(filesystem, timeperiod, "flights", computation.FLIGHT_COLUMNS, cleaned)
    logger.info("%d flights kept, dropped: %s", len(cleaned.kept), cleaned.reasons() or "none")


def clean_weather(filesystem: Filesystem, timeperiod: str, logger: logging.Logger) -> None:
    """Keep one plausible observation for each airport and hour."""
    cleaned = computation.clean_weather(read_table(filesystem, path_of(timeperiod, "raw/weather.csv")))
    write_cleaned(filesystem, timeperiod, "weather", computation.WEATHER_COLUMNS, cleaned)
    logger.info("%d observations kept, dropped: %s", len(cleaned.kept), cleaned.reasons() or "none")


def read_flights(filesystem: Filesystem, timeperiod: str) -> tuple[list[Row], list[Row]]:
    """The flights that have a delay, and those that were dropped."""
    kept, dropped = (path_of(timeperiod, f"clean/{name}.csv") for name in ("flights", "flights_dropped"))
    return read_table(filesystem, kept), read_table(filesystem, dropped)


def write_cleaned(filesystem: Filesystem, timeperiod: str, name: str, columns: Sequence[str], cleaned: Cleaned) -> None:
    """Write what was kept, and what was dropped with the reason."""
    write_table(filesystem, path_of(timeperiod, f"clean/{name}.csv"), columns, cleaned.kept)
    write_table(filesystem, path_of(timeperiod, f"clean/{name}_dropped.csv"), [*columns, "reason"], cleaned.dropped)


def delays_by(
    name: str,
    columns: Sequence[str],
    filesystem: Filesystem,
    timeperiod: str,
    parameters: Mapping[str, Any],
    logger: logging.Logger,
) -> None:
    """Add up flights and minutes for each value of each of these columns."""
    flown, dropped = read_flights(filesystem, timeperiod)
    threshold = parameters["delay_threshold"]
    tallies = [one for by in columns for one in computation.tally(flown, dropped, by=by, threshold=threshold)]
    write_tallies(filesystem, path_of(timeperiod, f"tables/{name}.csv"), Tally, tallies)
    logger.info("%d groups", len(tallies))


def weather_effect(
    filesystem: Filesystem, timeperiod: str, parameters: Mapping[str, Any], logger: logging.Logger
) -> None:
    """Add up departures for each kind of weather at their airport in their hour."""
    flown, dropped = read_flights(filesystem, timeperiod)
    observations = read_table(filesystem, path_of(timeperiod, "clean/weather.csv"))
    threshold = parameters["delay_threshold"]
    tallies = computation.weather_effect(flown, dropped, observations, threshold=threshold)
    write_tallies(filesystem, path_of(timeperiod, "tables/weather.csv"), WeatherTally, tallies)
    logger.info("%d flights against %d observations", len(flown) + len(dropped), len(observations))


def write_report(
    filesystem: Filesystem, timeperiod: str, parameters: Mapping[str, Any], logger: logging.Logger
) -> None:
    """Tell it all on one page."""
    tables = {
        name: read_tallies(filesystem, path_of(timeperiod, f"tables/{name}.csv"), Tally)
        for name in ("carriers", "airports", "hours")
    }
    day = report.Day(
        day=day_of(timeperiod),
        threshold=parameters["delay_threshold"],
        carriers=tables["carriers"],
        origins=[one for one in tables["airports"] if one.role == "origin"],
        destinations=[one for one in tables["airports"] if one.role == "dest"],
        hours=tables["hours"],
        weather=read_tallies(filesystem, path_of(timeperiod, "tables/weather.csv"), WeatherTally),
        carrier_names=dataset.carrier_names(),
        airport_names=dataset.airport_names(),
    )
    path = path_of(timeperiod, "report.html")
    with filesystem.open_for_writing(path) as page:
        page.write(report.page(day).encode("utf-8"))
    logger.info("the report is %s", path)


flight_delays = FlowGraph(
    "flight_delays",
    time_qualifier="daily",
    on_failure="continue",
    parameters={"delay_threshold": Parameter(int, default=15, help="minutes from which on a flight counts as late")},
)
flight_delays.append(
    "ingest_flights",
    [],
    PythonAction(ingest_flights, isolated=True),
    pre_actions=[MkdirAction(f"{FOLDER}/raw")],
    retries=1,
    timeout=300,
).append(
    "ingest_weather",
    [],
    CpAction(FEED, f"{FOLDER}/raw/weather.csv"),
    pre_actions=[PythonAction(check_weather_feed), MkdirAction(f"{FOLDER}/raw")],
).append(
    "clean_flights",
    ["ingest_flights"],
    PythonAction(clean_flights),
    pre_actions=[MkdirAction(f"{FOLDER}/clean")],
).append(
    "clean_weather",
    ["ingest_weather"],
    PythonAction(clean_weather),
    pre_actions=[MkdirAction(f"{FOLDER}/clean")],
).append(
    "archive_flights",
    ["clean_flights"],
    ShellCommandAction(ARCHIVE),
    pre_actions=[MkdirAction(f"{FOLDER}/archive")],
    timeout=300,
).append(
    "delays_by_carrier",
    ["clean_flights"],
    PythonAction(delays_by, "carriers", ["carrier"]),
    pre_actions=[MkdirAction(f"{FOLDER}/tables")],
).append(
    "delays_by_airport",
    ["clean_flights"],
    PythonAction(delays_by, "airports", ["origin", "dest"]),
    pre_actions=[MkdirAction(f"{FOLDER}/tables")],
).append(
    "delays_by_hour",
    ["clean_flights"],
    PythonAction(delays_by, "hours", ["hour"]),
    pre_actions=[MkdirAction(f"{FOLDER}/tables")],
).append(
    "weather_effect",
    ["clean_flights", "clean_weather"],
    PythonAction(weather_effect),
    pre_actions=[MkdirAction(f"{FOLDER}/tables")],
).append(
    "report",
    ["delays_by_carrier", "delays_by_airport", "delays_by_hour", "weather_effect"],
    PythonAction(write_report),
)
