"""What databases and their drivers complain of, in words of ours: message, and what to try. Never with a password.

`translated` is the only way in which a foreign error leaves this room.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from synergyflow.errors import SchemaError, StoreError, StoreUnavailable

_HINTS = (
    ("unable to open database file", "check that its folder exists and may be written"),
    ("file is not a database", "database_url names a file that is something else; name another one"),
    ("file exists", "check that its folder exists and may be written"),
    ("not a directory", "check that its folder exists and may be written"),
    ("malformed", "the file is damaged; put back the latest backup beside it"),
    ("readonly database", "make the file and its folder writable for this user"),
    ("read-only", "make the database writable for this user"),
    ("database is locked", "another process writes to it and does not finish; end that one, then try again"),
    ("disk is full", "free some space, then try again"),
    ("no space left", "free some space on the server, then try again"),
    ("disk i/o error", "check the disk that the file lies on"),
    ("authentication failed", "check user and password in database_url"),
    ("no password supplied", "check user and password in database_url"),
    ("permission denied", "grant the user of database_url the right to use and create tables"),
    ("connection refused", "check host and port in database_url, and that the server runs"),
    ("could not translate host name", "check the host in database_url"),
    ("failed to resolve host", "check the host in database_url"),
    ("timeout", "check host and port in database_url, and that the server answers"),
    ("too many clients", "let the server take more connections, or run fewer engines at once"),
    ("does not exist", "create it on the server, or check database_url"),
)
_PASSING = frozenset({"OperationalError", "InterfaceError"})
"""What drivers call errors of the surroundings (PEP 249), which may be gone when the same is tried again."""

_GENERAL = "check database_url, and that the database can be reached"


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Raise `StoreError` for whatever SQLAlchemy or a driver raises within; `StoreUnavailable` if it may pass."""
    try:
        yield
    except NoSuchModuleError:
        raise unknown_dialect(url) from None
    except ModuleNotFoundError as error:
        raise missing_driver(url, error.name or "its driver") from None
    except (SQLAlchemyError, OSError) as error:
        raise store_error(url, error) from error


def store_error(url: URL, error: Exception) -> StoreError:
    """The database that was meant, the reason in the words of its driver, and what to try."""
    reason = _reason(error, url)
    kind = StoreUnavailable if _may_pass(error) else StoreError
    return kind(f"database {shown(url)}: {reason}", hint=_hint(reason))


def shown(url: URL) -> str:
    """The address for people, without its password."""
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)


def malformed_url() -> StoreError:
    """For an address that can't even be read; it is not repeated, since it may hold a password."""
    return StoreError("database_url is not the address of a database", hint="for example sqlite:///logs/synergyflow.db")


def unknown_dialect(url: URL) -> StoreError:
    """For a kind of database that there is no support for."""
    return StoreError(
        f"database_url names a kind of database that is not known: {url.drivername}",
        hint="use sqlite:///PATH or postgresql://USER@HOST/NAME",
    )


def missing_driver(url: URL, module: str) -> StoreError:
    """For a driver that is not installed."""
    hint = f"install {module}"
    if url.get_backend_name() == "postgresql":
        hint = 'pip install "synergyflow[postgresql]"'
    return StoreError(f"database {shown(url)} needs {module}, which is not installed", hint=hint)


def _may_pass(error: Exception) -> bool:
    """Whether the connection, the server or the moment is to blame, not what was asked."""
    if isinstance(error, OSError | PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or not _PASSING.isdisjoint(kind.__name__ for kind in type(error.orig).__mro__)


def _reason(error: Exception, url: URL) -> str:
    """The first line of what the driver said."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, OSError) and original.strerror:
        return f"{original.strerror}: {original.filename}" if original.filename else original.strerror
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    reason = lines[0] if lines and not isinstance(error, ArgumentError) else type(original).__name__
    password = url.password
    return reason.replace(str(password), "***") if password else reason


def _hint(reason: str) -> str:
    lowered = reason.lower()
    return next((hint for sign, hint in _HINTS if sign in lowered), _GENERAL)


def missing_database(url: URL) -> SchemaError:
    """For an SQLite file that is not there, where something must be written."""
    return SchemaError(f"database {shown(url)} does not exist yet", hint="engine db upgrade creates it")
