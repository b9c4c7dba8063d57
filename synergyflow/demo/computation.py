"""What the demonstration computes: pure functions from rows to rows and tallies, exact in whole minutes.

No file, clock or logger lives here. A delay is in minutes, negative where a flight was early. A flight is *late*
if its delay reaches the threshold; shares and averages are left to whoever shows them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, str]

CANCELLED = "cancelled"
DIVERTED = "diverted"
NOT_OBSERVED = "not observed"

FLIGHT_COLUMNS = ("carrier", "flight", "origin", "dest", "hour", "dep_delay", "arr_delay")
WEATHER_COLUMNS = ("origin", "hour", "wind_speed", "visib", "precip")

_MISSING = "NA"
_STRONGEST_WIND = 150.0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Rows that can be computed with, and those that can't, each with its `reason`."""

    kept: list[dict[str, str]]
    dropped: list[dict[str, str]]

    def reasons(self) -> dict[str, int]:
        """How many rows were dropped for each reason."""
        return dict(sorted(Counter(row["reason"] for row in self.dropped).items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Exact totals of one group of flights, called `key`.

    `late` and `late_minutes` count arrivals; `departure_minutes` and `arrival_minutes` add up all delays, early ones
    being negative. `scheduled` is the sum of `flown`, `cancelled` and `diverted`.
    """

    role: str
    key: str
    scheduled: int
    flown: int
    cancelled: int
    diverted: int
    late: int
    departure_minutes: int
    arrival_minutes: int
    late_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherTally:
    """Exact totals of the flights that were to leave under one kind of weather; `late` counts departures."""

    condition: str
    kind: str
    scheduled: int
    flown: int
    not_flown: int
    late: int
    departure_minutes: int


def clean_flights(rows: Iterable[Row]) -> Cleaned:
    """Flights that left and arrived; those that were cancelled or did not arrive where they should, set aside."""
    cleaned = Cleaned([], [])
    for row in rows:
        flight = {name: row[name] for name in FLIGHT_COLUMNS}
        if row["dep_time"] == _MISSING:
            cleaned.dropped.append({**flight, "reason": CANCELLED})
        elif row["arr_delay"] == _MISSING:
            cleaned.dropped.append({**flight, "reason": DIVERTED})
        else:
            cleaned.kept.append(flight)
    return cleaned


def clean_weather(rows: Iterable[Row]) -> Cleaned:
    """One plausible observation for each airport and hour; of several the first counts."""
    cleaned = Cleaned([], [])
    seen: set[tuple[str, str]] = set()
    for row in rows:
        observation = {name: row[name] for name in WEATHER_COLUMNS}
        reason = _flaw(observation, seen)
        if reason:
            cleaned.dropped.append({**observation, "reason": reason})
        else:
            cleaned.kept.append(observation)
            seen.add((row["origin"], row["hour"]))
    return cleaned


def _flaw(observation: Row, seen: set[tuple[str, str]]) -> str | None:
    if _MISSING in observation.values():
        return "incomplete"
    if float(observation["wind_speed"]) > _STRONGEST_WIND:
        return "implausible"
    return "repeated" if (observation["origin"], observation["hour"]) in seen else None


def tally(flown: Iterable[Row], dropped: Iterable[Row], *, by: str, threshold: int) -> list[Tally]:
    """Totals for each value of the column `by`, the largest group first, groups of one size by name."""
    delays: dict[str, list[tuple[int, int]]] = defaultdict(list)
    missed: dict[str, Counter[str]] = defaultdict(Counter)
    for row in flown:
        delays[row[by]].append((int(row["dep_delay"]), int(row["arr_delay"])))
    for row in dropped:
        missed[row[by]][row["reason"]] += 1
    tallies = [_tally(by, key, delays[key], missed[key], threshold) for key in delays.keys() | missed.keys()]
    return sorted(tallies, key=lambda one: (-one.scheduled, one.key))


def _tally(role: str, key: str, delays: Sequence[tuple[int, int]], missed: Counter[str], threshold: int) -> Tally:
    late = [arrival for _, arrival in delays if arrival >= threshold]
    return Tally(
        role=role,
        key=key,
        scheduled=len(delays) + missed.total(),
        flown=len(delays),
        cancelled=missed[CANCELLED],
        diverted=missed[DIVERTED],
        late=len(late),
        departure_minutes=sum(departure for departure, _ in delays),
        arrival_minutes=sum(arrival for _, arrival in delays),
        late_minutes=sum(late),
    )


def weather_effect(
    flown: Iterable[Row], dropped: Iterable[Row], observations: Iterable[Row], *, threshold: int
) -> list[WeatherTally]:
    """Totals for each kind of wind, visibility and precipitation at the airport in the hour of departure.

    Each condition counts every flight once; one without an observation counts as `NOT_OBSERVED`.
    """
    weather = {(row["origin"], row["hour"]): row for row in observations}
    departures = [(weather.get((row["origin"], row["hour"])), int(row["dep_delay"])) for row in flown]
    missed = [weather.get((row["origin"], row["hour"])) for row in dropped]
    return [
        found
        for condition, (kinds, kind_of) in _CONDITIONS.items()
        for found in _effect(condition, kinds, kind_of, departures, missed, threshold)
    ]


def _effect(
    condition: str,
    kinds: Sequence[str],
    kind_of: Callable[[Row], str],
    departures: Sequence[tuple[Row | None, int]],
    missed: Sequence[Row | None],
    threshold: int,
) -> list[WeatherTally]:
    def named(observation: Row | None) -> str:
        return kind_of(observation) if observation else NOT_OBSERVED

    delays: dict[str, list[int]] = {kind: [] for kind in (*kinds, NOT_OBSERVED)}
    for observation, delay in departures:
        delays[named(observation)].append(delay)
    not_flown = Counter(named(observation) for observation in missed)
    return [
        WeatherTally(
            condition=condition,
            kind=kind,
            scheduled=len(found) + not_flown[kind],
            flown=len(found),
            not_flown=not_flown[kind],
            late=sum(delay >= threshold for delay in found),
            departure_minutes=sum(found),
        )
        for kind, found in delays.items()
    ]


def _wind(observation: Row) -> str:
    speed = float(observation["wind_speed"])
    if speed < 10:
        return "under 10 mph"
    return "10 to 20 mph" if speed < 20 else "20 mph and more"


def _visibility(observation: Row) -> str:
    miles = float(observation["visib"])
    if miles >= 10:
        return "10 miles"
    return "3 to 10 miles" if miles >= 3 else "under 3 miles"


def _precipitation(observation: Row) -> str:
    return "rain or snow" if float(observation["precip"]) > 0 else "dry"


_CONDITIONS: dict[str, tuple[tuple[str, ...], Callable[[Row], str]]] = {
    "wind": (("under 10 mph", "10 to 20 mph", "20 mph and more"), _wind),
    "visibility": (("10 miles", "3 to 10 miles", "under 3 miles"), _visibility),
    "precipitation": (("dry", "rain or snow"), _precipitation),
}
