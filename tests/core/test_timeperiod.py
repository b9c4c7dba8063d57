"""Timeperiods: what ten digits name, where it begins and ends, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from synergyflow.core.timeperiod import TimeQualifier, parse
from synergyflow.errors import NotFoundError

HOURLY, DAILY, MONTHLY, YEARLY = TimeQualifier.HOURLY, TimeQualifier.DAILY, TimeQualifier.MONTHLY, TimeQualifier.YEARLY


@pytest.mark.parametrize(
    ("text", "qualifier", "start", "end"),
    [
        ("2016060107", HOURLY, datetime(2016, 6, 1, 7, tzinfo=UTC), datetime(2016, 6, 1, 8, tzinfo=UTC)),
        ("2016060100", DAILY, datetime(2016, 6, 1, tzinfo=UTC), datetime(2016, 6, 2, tzinfo=UTC)),
        ("2016060000", MONTHLY, datetime(2016, 6, 1, tzinfo=UTC), datetime(2016, 7, 1, tzinfo=UTC)),
        ("2016000000", YEARLY, datetime(2016, 1, 1, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_digits_tell_an_hour_a_day_a_month_and_a_year(
    text: str, qualifier: TimeQualifier, start: datetime, end: datetime
) -> None:
    for timeperiod in (parse(text), parse(text, qualifier)):
        assert (timeperiod.qualifier, timeperiod.start, timeperiod.end) == (qualifier, start, end)
        assert str(timeperiod) == timeperiod.start_text == text


def test_hour_0_is_a_day_unless_the_flow_is_hourly() -> None:
    assert parse("2016060100").qualifier is DAILY

    hour = parse("2016060100", HOURLY)

    assert (hour.start, hour.end) == (datetime(2016, 6, 1, tzinfo=UTC), datetime(2016, 6, 1, 1, tzinfo=UTC))
    assert hour.end_text == "2016060101"


@pytest.mark.parametrize(
    ("text", "qualifier"),
    [
        ("2016060107", DAILY),
        ("2016060107", MONTHLY),
        ("2016060107", YEARLY),
        ("2016060100", MONTHLY),
        ("2016060100", YEARLY),
        ("2016060000", HOURLY),
        ("2016060000", DAILY),
        ("2016060000", YEARLY),
        ("2016000000", HOURLY),
        ("2016000000", DAILY),
        ("2016000000", MONTHLY),
    ],
)
def test_a_timeperiod_that_does_not_fit_the_flow_is_refused_with_both_lengths(
    text: str, qualifier: TimeQualifier
) -> None:
    with pytest.raises(NotFoundError) as refused:
        parse(text, qualifier)

    assert text in str(refused.value)
    assert qualifier.value in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2016",
        "201606010",
        "20160601070",
        "2016-06-01",
        "2016O60107",
        "+201606010",
        " 201606010",
        "२०१६०६०१०७",
        "2016060124",
        "2016063100",
        "2016130100",
        "2015022900",
        "1900022900",
        "2016000100",
        "2016000001",
        "2016060007",
        "0000000000",
        "0000010100",
        "9999000000",
        "9999120000",
        "9999123100",
        "9999123123",
    ],
)
def test_what_is_no_timeperiod_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        parse(text)

    assert repr(text) in str(refused.value)
    assert "2016060107" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("text", "qualifier", "end_text"),
    [
        ("2016123123", HOURLY, "2017010100"),
        ("2016022823", HOURLY, "2016022900"),
        ("2016022800", DAILY, "2016022900"),
        ("2015022800", DAILY, "2015030100"),
        ("2000022900", DAILY, "2000030100"),
        ("2016123100", DAILY, "2017010100"),
        ("2016020000", MONTHLY, "2016030000"),
        ("2016120000", MONTHLY, "2017010000"),
        ("2016000000", YEARLY, "2017000000"),
        ("0001010100", DAILY, "0001010200"),
        ("0999000000", YEARLY, "1000000000"),
        ("9999123122", HOURLY, "9999123123"),
        ("9999113000", DAILY, "9999120100"),
        ("9999110000", MONTHLY, "9999120000"),
        ("9998000000", YEARLY, "9999000000"),
    ],
)
def test_the_end_of_one_is_the_start_of_the_next(text: str, qualifier: TimeQualifier, end_text: str) -> None:
    timeperiod = parse(text, qualifier)

    assert timeperiod.end_text == end_text


@pytest.mark.parametrize(
    ("text", "qualifier", "count", "last"),
    [
        ("2016010100", HOURLY, 366 * 24, "2017010100"),
        ("2016010100", DAILY, 366, "2017010100"),
        ("2015010100", DAILY, 365, "2016010100"),
        ("2016010000", MONTHLY, 12, "2017010000"),
        ("1999000000", YEARLY, 2, "2001000000"),
    ],
)
def test_timeperiods_follow_each_other_without_gap(text: str, qualifier: TimeQualifier, count: int, last: str) -> None:
    timeperiod = parse(text, qualifier)

    for _ in range(count):
        following = timeperiod.next()
        assert following.start == timeperiod.end
        assert following == parse(timeperiod.end_text, qualifier)
        timeperiod = following

    assert timeperiod.text == last
