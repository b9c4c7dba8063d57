"""Values of a database as the text of a CSV file, so that nothing is rounded, translated or made up.

Most drivers give values of the right Python type. SQLite has fewer types than its columns declare, so there the
declared type decides what a number or text means.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Reading = Callable[[Any], Any]


def csv_text(value: Any, null: str) -> str:
    """The text for one value: `null` for None, ISO for dates and times, hexadecimal digits for bytes."""
    match value:
        case None:
            return null
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=lambda item: csv_text(item, null))
        case _:
            return str(value)


def sqlite_reading(column_type: Any) -> Reading | None:
    """How to read what SQLite stores in a column declared like this; None where it is what it seems."""
    from sqlalchemy import types

    if isinstance(column_type, types.Boolean):
        return lambda value: bool(value) if value in (0, 1) else value
    if isinstance(column_type, types.DateTime):
        return lambda value: _iso(value, datetime.datetime.fromisoformat)
    if isinstance(column_type, types.Numeric) and not isinstance(column_type, types.Float):
        scale = column_type.scale
        return lambda value: _decimal(value, scale)
    return None


def _iso(value: Any, parse: Callable[[str], datetime.datetime]) -> Any:
    """The moment that a text names; the text itself where it names none."""
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except ValueError:
        return value


def _decimal(value: Any, scale: int | None) -> Any:
    """The number with the decimals that the column declares, provided that none is lost."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    exact = Decimal(repr(value))
    if not scale or not exact.is_finite() or -int(exact.as_tuple().exponent) > scale:
        return exact
    return Decimal(format(exact, f".{scale}f"))
