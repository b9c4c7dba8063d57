"""The URL of the database: made absolute where it names a file, and searched for what must not be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from synergyflow.config.paths import absolute
from synergyflow.config.secret_forms import SHORTEST
from synergyflow.errors import ConfigurationError

_SCHEME = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?://")
_SECRET_OPTIONS = frozenset({"password", "passwd", "passphrase", "sslpassword", "pwd"})


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite database in that file."""
    return f"sqlite:///{path}"


def absolute_url(url: str, *, root: Path, where: str) -> str:
    """`url`; a file of SQLite that it names by a relative path is taken to be below `root`.

    Raises:
        ConfigurationError: it does not look like a URL. The message does not quote it.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise ConfigurationError(
            f"{where}: database_url is no URL of a database",
            hint="for example sqlite:///state/synergyflow.db or postgresql+psycopg://user@host/name",
        )
    rest = url[scheme.end() :]
    if not scheme[0].startswith("sqlite") or rest in ("", "/", "/:memory:") or rest.startswith("/file:"):
        return url
    if not rest.startswith("/"):
        raise ConfigurationError(
            f"{where}: database_url of SQLite needs three slashes before its path",
            hint="relative: sqlite:///state/synergyflow.db, absolute: sqlite:////var/lib/synergyflow.db",
        )
    path, mark, query = rest[1:].partition("?")
    return f"{scheme[0]}/{absolute(path, root, where=where)}{mark}{query}"


def secrets_of(url: str) -> tuple[str, ...]:
    """What must be masked because of this URL: its passwords, as written and as meant.

    One too short to be told from ordinary text is masked only together with what stands before it in the URL.
    """
    found: set[str] = set()
    for before, password in _passwords(url):
        meanings = {password, unquote(password)}
        found |= meanings if min(map(len, meanings)) >= SHORTEST else {before + password}
    return tuple(sorted(found))


def _passwords(url: str) -> Iterator[tuple[str, str]]:
    """Each password, after what stands before it. Where a sign could end the user's part or not, both readings."""
    scheme, _, rest = url.partition("://")
    for credentials in {rest.partition("@")[0], rest.partition("?")[0].rpartition("@")[0]}:
        user, colon, password = credentials.partition(":")
        if "@" in rest and password:
            yield f"{scheme}://{user}{colon}", password
    for option in rest.partition("?")[2].split("&"):
        name, equals, value = option.partition("=")
        if name.lower() in _SECRET_OPTIONS and value:
            yield name + equals, value
