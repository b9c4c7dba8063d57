"""Which version of the tables a database has, found without Alembic; and the refusal of any but this program's."""

from __future__ import annotations

from sqlalchemy import Connection, String, column, inspect, select, table

from synergyflow.errors import SchemaError, SchemaOutdated
from synergyflow.store.faults import shown
from synergyflow.store.schema import REVISION

VERSION_TABLE = "alembic_version"
_VERSION = select(column("version_num", String)).select_from(table(VERSION_TABLE))


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at, None where our tables were never made."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(_VERSION).scalar_one_or_none()


def is_empty(connection: Connection) -> bool:
    """Whether nobody has made any table yet: so an SQLite file is left whose creation was broken off."""
    return not inspect(connection).get_table_names()


def require_current(connection: Connection) -> None:
    """Return if the tables are those that this program works on.

    Raises:
        SchemaError: they are missing, older or newer.
    """
    found = revision_of(connection)
    if found != REVISION:
        raise refusal(connection, found)


def refusal(connection: Connection, found: str | None) -> SchemaError:
    """Why this program can't work on tables of that revision, and what to do."""
    where = f"database {shown(connection.engine.url)}"
    if found is None:
        return SchemaError(f"{where} has no tables of synergyflow yet", hint="engine db upgrade creates them")
    if is_known(found):
        return SchemaOutdated(
            f"the tables of {where} are older ({found}) than this program's ({REVISION})",
            hint="engine db upgrade brings them up to date",
        )
    return SchemaError(
        f"the tables of {where} are newer ({found}) than this program's ({REVISION})",
        hint="install the version of synergyflow that wrote them, or a later one",
    )


def is_known(revision: str) -> bool:
    """Whether a migration of this program leads to that revision."""
    from synergyflow.store.migrating import known_revisions

    return revision in known_revisions()
