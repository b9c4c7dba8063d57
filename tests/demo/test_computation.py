"""What the demonstration computes equals what SQL computes from the raw rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date

import pytest

from synergyflow.demo.computation import Cleaned, clean_flights, clean_weather, tally, weather_effect

THRESHOLD = 15

TALLY = """
    SELECT {by}, count(*),
           sum(dep_time <> 'NA' AND arr_delay <> 'NA'),
           sum(dep_time = 'NA'),
           sum(dep_time <> 'NA' AND arr_delay = 'NA'),
           sum(arr_delay <> 'NA' AND CAST(arr_delay AS INTEGER) >= ?),
           sum(CASE WHEN arr_delay <> 'NA' THEN CAST(dep_delay AS INTEGER) ELSE 0 END),
           sum(CASE WHEN arr_delay <> 'NA' THEN CAST(arr_delay AS INTEGER) ELSE 0 END),
           sum(CASE WHEN arr_delay <> 'NA' AND CAST(arr_delay AS INTEGER) >= ?
               THEN CAST(arr_delay AS INTEGER) ELSE 0 END)
    FROM flights WHERE month = ? AND day = ? GROUP BY {by} ORDER BY count(*) DESC, {by}
"""

WEATHER = """
    WITH usable AS (
        SELECT origin, hour, {column} AS value, min(rowid) FROM weather
        WHERE month = :month AND day = :day AND wind_speed <> 'NA' AND CAST(wind_speed AS REAL) <= 150
        GROUP BY origin, hour
    ), joined AS (
        SELECT CASE WHEN value IS NULL THEN 'not observed' ELSE {kind} END AS kind, dep_delay, arr_delay
        FROM flights LEFT JOIN usable USING (origin, hour) WHERE month = :month AND day = :day
    )
    SELECT kind, count(*), sum(arr_delay <> 'NA'), sum(arr_delay = 'NA'),
           sum(arr_delay <> 'NA' AND CAST(dep_delay AS INTEGER) >= :threshold),
           sum(CASE WHEN arr_delay <> 'NA' THEN CAST(dep_delay AS INTEGER) ELSE 0 END)
    FROM joined GROUP BY kind ORDER BY kind
"""

KINDS = {
    "wind": (
        "wind_speed",
        "CASE WHEN value + 0 < 10 THEN 'under 10 mph' WHEN value + 0 < 20 THEN '10 to 20 mph' "
        "ELSE '20 mph and more' END",
    ),
    "visibility": (
        "visib",
        "CASE WHEN value + 0 >= 10 THEN '10 miles' WHEN value + 0 >= 3 THEN '3 to 10 miles' ELSE 'under 3 miles' END",
    ),
    "precipitation": ("precip", "CASE WHEN value + 0 > 0 THEN 'rain or snow' ELSE 'dry' END"),
}


def sql_tally(raw: sqlite3.Connection, by: str, day: date) -> Sequence[tuple[object, ...]]:
    return raw.execute(TALLY.format(by=by), (THRESHOLD, THRESHOLD, str(day.month), str(day.day))).fetchall()


@pytest.mark.parametrize("by", ["carrier", "origin", "dest", "hour"])
def test_totals_equal_those_of_sql_over_the_raw_flights(
    by: str, day: date, flights: Cleaned, raw: sqlite3.Connection
) -> None:
    tallies = tally(flights.kept, flights.dropped, by=by, threshold=THRESHOLD)
    assert [astuple(one)[1:] for one in tallies] == sql_tally(raw, by, day)
    assert {one.role for one in tallies} == {by}


@pytest.mark.parametrize("condition", KINDS)
def test_effect_of_the_weather_equals_that_of_sql_over_the_raw_rows(
    condition: str, day: date, flights: Cleaned, weather: Cleaned, raw: sqlite3.Connection
) -> None:
    column, kind = KINDS[condition]
    tallies = weather_effect(flights.kept, flights.dropped, weather.kept, threshold=THRESHOLD)
    found = sorted(astuple(one)[1:] for one in tallies if one.condition == condition and one.scheduled)
    values = {"month": str(day.month), "day": str(day.day), "threshold": THRESHOLD}
    assert found == raw.execute(WEATHER.format(column=column, kind=kind), values).fetchall()


def test_no_flight_is_lost_or_counted_twice(day: date, flights: Cleaned, raw: sqlite3.Connection) -> None:
    query = "SELECT count(*) FROM flights WHERE month = ? AND day = ?"
    (scheduled,) = raw.execute(query, (str(day.month), str(day.day))).fetchone()
    assert len(flights.kept) + len(flights.dropped) == scheduled
    assert sum(flights.reasons().values()) == len(flights.dropped)


def test_the_days_are_worth_testing(raw: sqlite3.Connection) -> None:
    missing = raw.execute("SELECT count(*) FROM flights WHERE month = '2' AND day = '8' AND dep_time = 'NA'")
    assert missing.fetchone() == (472,)
    no_weather = raw.execute("SELECT count(*) FROM weather WHERE month = '12' AND day = '31'")
    assert no_weather.fetchone() == (0,)


def flight(**changed: str) -> dict[str, str]:
    row = {"carrier": "UA", "flight": "1", "origin": "EWR", "dest": "IAH", "hour": "5"}
    return {**row, "dep_time": "517", "dep_delay": "0", "arr_delay": "0", **changed}


def observation(**changed: str) -> dict[str, str]:
    return {"origin": "EWR", "hour": "5", "wind_speed": "9.2", "visib": "10", "precip": "0", **changed}


def test_a_flight_that_never_left_is_cancelled_and_one_without_an_arrival_delay_diverted() -> None:
    cleaned = clean_flights([flight(), flight(dep_time="NA", arr_delay="NA"), flight(arr_delay="NA")])
    assert len(cleaned.kept) == 1
    assert cleaned.reasons() == {"cancelled": 1, "diverted": 1}


def test_a_flight_is_late_from_the_threshold_on() -> None:
    flown = [flight(arr_delay="14"), flight(arr_delay="15"), flight(arr_delay="-3")]
    (total,) = tally(flown, [], by="carrier", threshold=15)
    assert (total.late, total.late_minutes, total.arrival_minutes) == (1, 15, 26)


def test_a_group_of_nothing_but_cancelled_flights_is_still_told() -> None:
    cleaned = clean_flights([flight(dep_time="NA", dep_delay="NA", arr_delay="NA")])
    (total,) = tally(cleaned.kept, cleaned.dropped, by="carrier", threshold=15)
    assert (total.scheduled, total.flown, total.cancelled) == (1, 0, 1)


def test_weather_that_is_incomplete_implausible_or_repeated_is_dropped_with_its_reason() -> None:
    rows = [
        observation(wind_speed="NA"),
        observation(wind_speed="1048.36058"),
        observation(),
        observation(wind_speed="12"),
        observation(hour="6"),
    ]
    cleaned = clean_weather(rows)
    assert [row["wind_speed"] for row in cleaned.kept] == ["9.2", "9.2"]
    assert cleaned.reasons() == {"implausible": 1, "incomplete": 1, "repeated": 1}


def test_a_flight_without_an_observation_counts_as_not_observed_under_each_condition() -> None:
    tallies = weather_effect([flight(hour="7", dep_delay="20")], [], [observation()], threshold=15)
    counted = {one.condition: (one.kind, one.late) for one in tallies if one.scheduled}
    assert counted == dict.fromkeys(("wind", "visibility", "precipitation"), ("not observed", 1))
