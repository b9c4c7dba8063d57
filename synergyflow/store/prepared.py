"""Statements of the journal as SQL text, made once for each database and then executed as they are.

A commit is on the way of every step, so it does not pay for building and compiling. What the types of columns would do
to a value is done here by the type of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import Insert, UpdateBase

from synergyflow.store.column_types import storable, to_json


class Prepared:
    """Executes statements with explicit parameters. Safe to be used from several threads."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._moment: Callable[[datetime], Any] = _aware if dialect.name == "postgresql" else _text_in_utc
        self._known: dict[UpdateBase, tuple[str, dict[str, Any]]] = {}

    def execute(self, connection: Connection, statement: UpdateBase, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute the statement with each row of parameters, all with the same names; how many rows were changed.

        Raises:
            DBAPIError: whatever the driver raised, as if SQLAlchemy had executed the statement itself.
        """
        with self._cursor(connection, statement) as cursor:
            sql, values = self._ready(statement, rows)
            if len(values) > 1:
                cursor.executemany(sql, values)
            else:
                cursor.execute(sql, values[0])
            return int(cursor.rowcount)

    def returned(self, connection: Connection, statement: UpdateBase, row: Mapping[str, Any]) -> Any:
        """Execute a statement that changes one row and returns one value of it: that value. Raises as `execute`."""
        with self._cursor(connection, statement) as cursor:
            sql, values = self._ready(statement, [row])
            cursor.execute(sql, values[0])
            return cursor.fetchall()[0][0]

    @contextmanager
    def _cursor(self, connection: Connection, statement: UpdateBase) -> Iterator[DBAPICursor]:
        """The driver's own cursor, in the transaction of the connection."""
        cursor = connection.connection.cursor()
        try:
            yield cursor
        except self._dialect.loaded_dbapi.Error as error:
            raise DBAPIError(str(statement), None, error) from error
        finally:
            cursor.close()

    def _ready(
        self, statement: UpdateBase, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str, Sequence[Mapping[str, Any]]]:
        """SQL and values as the driver takes them."""
        known = self._known.get(statement)
        if known is None:
            known = self._known[statement] = self._compiled(statement, rows[0])
        sql, constants = known
        return sql, [{**constants, **{name: self._value(value) for name, value in row.items()}} for row in rows]

    def _compiled(self, statement: UpdateBase, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The SQL text, and the values that are part of the statement itself."""
        compiled = statement.compile(
            dialect=self._dialect,
            column_keys=list(row) if isinstance(statement, Insert) else None,
        )
        constants = {name: self._value(value) for name, value in compiled.params.items() if name not in row}
        return str(compiled), constants

    def _value(self, value: Any) -> Any:
        """As the driver takes it."""
        if value is None or type(value) in (int, bool):
            return value
        if isinstance(value, str):
            return value if value.isascii() and "\0" not in value else storable(value)
        if isinstance(value, datetime):
            return self._moment(value)
        return to_json(value)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"a moment without time zone: {value.isoformat()}")
    return value


def _text_in_utc(value: datetime) -> str:
    """As SQLAlchemy writes moments into SQLite."""
    moment = _aware(value).astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ", timespec="microseconds")
