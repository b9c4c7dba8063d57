"""The report is one page that tells the totals, needs nothing else and is safe to open."""

from __future__ import annotations

import re
import sqlite3
from datetime import date
from html.parser import HTMLParser

import pytest

from synergyflow.demo.computation import Cleaned, Tally, tally, weather_effect
from synergyflow.demo.dataset import airport_names, carrier_names
from synergyflow.demo.report import Day, page

VOID = {"meta"}


class Page(HTMLParser):
    """Collects tags, texts and attributes, and insists that every element is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def report_of(day: date, flights: Cleaned, weather: Cleaned, **changed: object) -> str:
    def tallies(by: str) -> list[Tally]:
        return tally(flights.kept, flights.dropped, by=by, threshold=15)

    told = {
        "day": day,
        "threshold": 15,
        "carriers": tallies("carrier"),
        "origins": tallies("origin"),
        "destinations": tallies("dest"),
        "hours": tallies("hour"),
        "weather": weather_effect(flights.kept, flights.dropped, weather.kept, threshold=15),
        "carrier_names": carrier_names(),
        "airport_names": airport_names(),
    }
    return page(Day(**{**told, **changed}))  # type: ignore[arg-type]


def test_report_tells_the_totals_that_sql_finds_in_the_raw_flights(
    day: date, flights: Cleaned, weather: Cleaned, raw: sqlite3.Connection
) -> None:
    query = """
        SELECT count(*), sum(dep_time = 'NA'), sum(dep_time <> 'NA' AND arr_delay = 'NA'),
               sum(arr_delay <> 'NA' AND CAST(arr_delay AS INTEGER) >= 15), sum(arr_delay <> 'NA')
        FROM flights WHERE month = ? AND day = ?
    """
    scheduled, cancelled, diverted, late, flown = raw.execute(query, (str(day.month), str(day.day))).fetchone()
    text = Page(report_of(day, flights, weather)).text
    assert f"Scheduled {scheduled} flights of" in text
    assert f"{cancelled} cancelled, {diverted} diverted" in text
    assert f"{late} of {flown} flights" in text


def test_report_names_every_airline_in_full_with_its_number_of_flights(
    day: date, flights: Cleaned, weather: Cleaned, raw: sqlite3.Connection
) -> None:
    text = Page(report_of(day, flights, weather)).text
    query = "SELECT carrier, count(*) FROM flights WHERE month = ? AND day = ? GROUP BY carrier"
    for code, count in raw.execute(query, (str(day.month), str(day.day))):
        assert f"{carrier_names()[code]} {code} {count} " in text


def test_report_needs_nothing_from_elsewhere(day: date, flights: Cleaned, weather: Cleaned) -> None:
    text = report_of(day, flights, weather)
    shown = Page(text)
    assert shown.open == []
    assert not {"script", "link", "img", "iframe", "base"} & set(shown.tags)
    assert not {"src", "href"} & {name for name, _ in shown.attributes}
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_chart_has_a_column_for_each_hour_of_the_day(
    day: date, flights: Cleaned, weather: Cleaned, raw: sqlite3.Connection
) -> None:
    text = report_of(day, flights, weather)
    query = "SELECT count(DISTINCT hour) FROM flights WHERE month = ? AND day = ?"
    (hours,) = raw.execute(query, (str(day.month), str(day.day))).fetchone()
    assert text.count('<g class="column">') == 2 * hours
    assert "svg" in Page(text).tags


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'A "quoted" & <b>bold</b> line'])
def test_names_are_shown_as_text_whatever_they_contain(
    name: str, day: date, flights: Cleaned, weather: Cleaned
) -> None:
    text = report_of(day, flights, weather, carrier_names=dict.fromkeys(carrier_names(), name))
    shown = Page(text)
    assert name in shown.text
    assert not {"script", "b"} & set(shown.tags)


def test_the_same_tallies_give_the_same_page(day: date, flights: Cleaned, weather: Cleaned) -> None:
    assert report_of(day, flights, weather) == report_of(day, flights, weather)


def test_a_day_on_which_nothing_flew_has_a_report_as_well() -> None:
    row = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "hour": "5", "reason": "cancelled"}
    text = Page(report_of(date(2013, 1, 1), Cleaned([], [row]), Cleaned([], []), carrier_names={}, airport_names={}))
    assert "0 of 0 flights" in text.text
    assert "1 cancelled, 0 diverted" in text.text
