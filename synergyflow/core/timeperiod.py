"""Timeperiods: ten digits `YYYYMMDDHH` that name an hour, a day, a month or a year, in UTC.

`2016060107` is an hour, `2016060100` a day, `2016060000` a month, `2016000000` a year. Hour 0 of a day has the
digits of that day, so the time qualifier of the flow decides; without one the digits do, and hour 00 is a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from synergyflow.errors import NotFoundError

_EXAMPLES = "2016060107 (hour), 2016060100 (day), 2016060000 (month), 2016000000 (year)"


class TimeQualifier(StrEnum):
    """How long a timeperiod of a flow lasts."""

    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class Timeperiod:
    """A span of time: `start` is inclusive, `end` exclusive."""

    text: str
    qualifier: TimeQualifier
    start: datetime
    end: datetime

    def __str__(self) -> str:
        return self.text

    @property
    def start_text(self) -> str:
        """The start in the notation of timeperiods."""
        return self.text

    @property
    def end_text(self) -> str:
        """The end, which no longer belongs to it, in the notation of timeperiods."""
        return _text(self.end, self.qualifier)

    def next(self) -> Timeperiod:
        """The timeperiod of the same length that begins where this one ends."""
        return _timeperiod(self.end, self.qualifier)


def parse(text: str, qualifier: TimeQualifier | None = None) -> Timeperiod:
    """The timeperiod that `text` names, for a flow of the given qualifier.

    Raises:
        NotFoundError: it is not ten digits, not a date, or does not fit the qualifier.
    """
    if len(text) != 10 or not text.isascii() or not text.isdigit():
        raise NotFoundError(f"timeperiod {text!r} is not ten digits YYYYMMDDHH", hint=f"for example {_EXAMPLES}")
    year, month, day, hour = int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[8:])
    if (hour and not day) or (day and not month):
        raise NotFoundError(
            f"timeperiod {text!r} names a part of a day or month without it", hint=f"for example {_EXAMPLES}"
        )
    by_digits = _by_digits(month, day, hour)
    actual = _fitted(text, by_digits, qualifier)
    try:
        start = datetime(year, month or 1, day or 1, hour, tzinfo=UTC)
        return _timeperiod(start, actual)
    except (ValueError, OverflowError):
        raise NotFoundError(
            f"timeperiod {text!r} is no date of the calendar", hint=f"for example {_EXAMPLES}"
        ) from None


def _by_digits(month: int, day: int, hour: int) -> TimeQualifier:
    if hour:
        return TimeQualifier.HOURLY
    if day:
        return TimeQualifier.DAILY
    return TimeQualifier.MONTHLY if month else TimeQualifier.YEARLY


def _fitted(text: str, by_digits: TimeQualifier, wanted: TimeQualifier | None) -> TimeQualifier:
    """The qualifier to use, or a refusal; only hour 0 may be read otherwise than by its digits."""
    if wanted is None or wanted is by_digits:
        return by_digits
    if wanted is TimeQualifier.HOURLY and by_digits is TimeQualifier.DAILY:
        return wanted
    raise NotFoundError(
        f"timeperiod {text!r} is {by_digits.value} by its digits, but the flow is {wanted.value}",
        hint=f"timeperiods look like {_EXAMPLES}",
    )


def _timeperiod(start: datetime, qualifier: TimeQualifier) -> Timeperiod:
    return Timeperiod(_text(start, qualifier), qualifier, start, _end(start, qualifier))


def _end(start: datetime, qualifier: TimeQualifier) -> datetime:
    match qualifier:
        case TimeQualifier.HOURLY:
            return start + timedelta(hours=1)
        case TimeQualifier.DAILY:
            return start + timedelta(days=1)
        case TimeQualifier.MONTHLY:
            return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        case TimeQualifier.YEARLY:
            return start.replace(year=start.year + 1)


def _text(moment: datetime, qualifier: TimeQualifier) -> str:
    match qualifier:
        case TimeQualifier.HOURLY:
            return f"{moment:%Y%m%d%H}".rjust(10, "0")
        case TimeQualifier.DAILY:
            return f"{moment:%Y%m%d}00".rjust(10, "0")
        case TimeQualifier.MONTHLY:
            return f"{moment:%Y%m}0000".rjust(10, "0")
        case TimeQualifier.YEARLY:
            return f"{moment:%Y}000000".rjust(10, "0")
