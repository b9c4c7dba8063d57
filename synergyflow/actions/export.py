"""A table or query of a SQL database as a CSV file on the cluster's filesystem.

Rows are streamed: whatever the size of the table, no more than a chunk of it is in memory. The file appears whole or
not at all. SQLAlchemy is loaded only when an export runs; messages never have the database's password.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from synergyflow.actions.csv_values import Reading, csv_text, sqlite_reading
from synergyflow.actions.surroundings import expanded, path_text
from synergyflow.errors import ActionError, DefinitionError
from synergyflow.flow.action import Action, ExecutionCluster

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, CursorResult, Engine

SETTING = "export_database_url"


class ExportAction(Action):
    """Writes a table, or what a query gives, to a CSV file in UTF-8.

    Args:
        table_name: a table or view, with its schema if need be (`schema.table`).
        query: SQL, which may use `:timeperiod`, `:start_timeperiod`, `:end_timeperiod`, `:flow_name` and, each by its
            name, parameters of the flow.
        database_url: of SQLAlchemy; the context's setting `export_database_url` unless given.
        database_secret: name of the context's secret that holds the URL instead.
        path: of the file; `<timeperiod>/<table>.csv` unless given. `{timeperiod}` and its kin are filled in.
        null: what stands for NULL.
        chunk_size: rows in memory at a time.
    """

    def __init__(
        self,
        table_name: str | None = None,
        query: str | None = None,
        database_url: str | None = None,
        path: str | os.PathLike[str] | None = None,
        delimiter: str = ",",
        header: bool = True,
        null: str = "",
        chunk_size: int = 5000,
        *,
        database_secret: str | None = None,
        action_name: str = "export",
        log_tag: str | None = None,
        skip: bool = False,
    ) -> None:
        super().__init__(action_name, log_tag, skip)
        if bool(table_name) == bool(query):
            raise DefinitionError("an export takes either a table_name or a query", hint="give exactly one of them")
        if database_url is not None and database_secret is not None:
            raise DefinitionError("an export takes either a database_url or a database_secret")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            raise DefinitionError(f"delimiter is one character, not {delimiter!r}")
        if isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1:
            raise DefinitionError(f"chunk_size is a number of rows, not {chunk_size!r}")
        self.table_name = table_name
        self.query = query
        self.database_url = database_url
        self.database_secret = database_secret
        self.path = None if path is None else path_text(path)
        self.delimiter = delimiter
        self.header = header
        self.null = null
        self.chunk_size = chunk_size

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Stream the rows into the file.

        Raises:
            ActionError: the database can't be reached, has no such table or refuses the query; nothing is left behind.
        """
        path = expanded(self.path or f"{{timeperiod}}/{self.table_name or self.action_name}.csv", self)
        with self._connection() as connection, self._translated(connection.engine.url):
            result, readings = self._rows(connection)
            with execution_cluster.filesystem.open_for_writing(path) as stream:
                rows, size = self._write(stream, result, readings)
        self.logger.info("exported %d rows, %d bytes of %s to %s", rows, size, self._what(), path)

    def _what(self) -> str:
        return f"table {self.table_name}" if self.table_name else "the query"

    # -- the database ---------------------------------------------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        engine = self._engine(self._url())
        try:
            with self._translated(engine.url):
                connection = engine.connect()
            with connection:
                yield connection
        finally:
            engine.dispose()

    def _url(self) -> URL:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        where, text = self._configured_url()
        try:
            url = make_url(text)
        except ArgumentError:
            raise ActionError(
                f"{where} is no database URL", hint="for example postgresql+psycopg://host/name"
            ) from None
        return self._existing(url)

    def _configured_url(self) -> tuple[str, str]:
        """Where the URL comes from, and what it is."""
        if self.database_secret is not None:
            where, text = f"the secret {self.database_secret!r}", self.context.secrets.get(self.database_secret)
        elif self.database_url is not None:
            where, text = "database_url", self.database_url
        else:
            where, text = f"the setting {SETTING!r}", self.settings.get(SETTING)
        if not text:
            raise ActionError(f"{where} is not there, so there is no database to export from", hint="see the context")
        return where, str(text)

    def _existing(self, url: URL) -> URL:
        """The URL, a SQLite file of it below the context's root, and there: connecting would make an empty one."""
        name = url.database
        if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
            return url
        file = Path(self.context.root, name)
        if not file.is_file():
            raise ActionError(f"there is no database {file}", hint="relative paths start at the folder above contexts/")
        return url.set(database=str(file))

    def _engine(self, url: URL) -> Engine:
        from sqlalchemy import create_engine
        from sqlalchemy.exc import NoSuchModuleError
        from sqlalchemy.pool import NullPool

        try:
            return create_engine(url, poolclass=NullPool, hide_parameters=True)
        except (ImportError, NoSuchModuleError) as error:
            raise ActionError(
                f"there is no driver for {url.drivername}: {error}", hint="install the Python package of that database"
            ) from None

    @contextmanager
    def _translated(self, url: URL) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split())
            password = url.password
            cause = cause.replace(str(password), "***") if password else cause
            shown = url.render_as_string(hide_password=True)
            raise ActionError(f"{self._what()} can't be exported from {shown}: {cause}") from None

    # -- the rows -------------------------------------------------------------------------------------------------

    def _rows(self, connection: Connection) -> tuple[CursorResult[Any], list[Reading | None]]:
        """The rows as the driver gives them, and for each column how to read it."""
        statement, readings = self._query() if self.query else self._table(connection)
        streamed = connection.execution_options(stream_results=True, yield_per=self.chunk_size)
        return streamed.execute(statement), readings

    def _query(self) -> tuple[Any, list[Reading | None]]:
        from sqlalchemy import text

        statement = text(self.query or "")
        known = {
            **self.parameters,
            "timeperiod": self.timeperiod,
            "start_timeperiod": self.start_timeperiod,
            "end_timeperiod": self.end_timeperiod,
            "flow_name": self.flow_name,
        }
        wanted = statement.compile().params
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise ActionError(f"the query names :{unknown[0]}, which has no value", hint=r"a plain colon is written \:")
        return statement.bindparams(**{name: known[name] for name in wanted}), []

    def _table(self, connection: Connection) -> tuple[Any, list[Reading | None]]:
        from sqlalchemy import MetaData, Table, select, type_coerce
        from sqlalchemy.exc import NoSuchTableError
        from sqlalchemy.types import NullType

        schema, _, name = str(self.table_name).rpartition(".")
        try:
            table = Table(name, MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
        except NoSuchTableError:
            shown = connection.engine.url.render_as_string(hide_password=True)
            raise ActionError(f"there is no table {self.table_name!r} in {shown}") from None
        is_sqlite = connection.dialect.name == "sqlite"
        readings = [sqlite_reading(column.type) if is_sqlite else None for column in table.columns]
        return select(*(type_coerce(column, NullType()).label(column.name) for column in table.columns)), readings

    # -- the file -------------------------------------------------------------------------------------------------

    def _write(
        self, stream: BinaryIO, result: CursorResult[Any], readings: Sequence[Reading | None]
    ) -> tuple[int, int]:
        """Write header and rows; how many rows and bytes that were."""
        rows, size = 0, self._write_rows(stream, [list(result.keys())] if self.header else [])
        for chunk in result.partitions(self.chunk_size):
            if self.stopping.is_set():
                raise ActionError(f"the export of {self._what()} was stopped after {rows} rows")
            size += self._write_rows(stream, [self._texts(row, readings) for row in chunk])
            rows += len(chunk)
        return rows, size

    def _texts(self, row: Sequence[Any], readings: Sequence[Reading | None]) -> list[str]:
        if not readings:
            return [csv_text(value, self.null) for value in row]
        read = (reading(value) if reading else value for value, reading in zip(row, readings, strict=True))
        return [csv_text(value, self.null) for value in read]

    def _write_rows(self, stream: BinaryIO, rows: Sequence[Sequence[str]]) -> int:
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\n").writerows(rows)
        data = text.getvalue().encode()
        stream.write(data)
        return len(data)
