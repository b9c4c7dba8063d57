"""The URL of the database: made absolute where it names a file, and searched for what must not be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, unquote

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
    return f"{scheme[0]}/{root / Path(path).expanduser()}{mark}{query}"


def secrets_of(url: str) -> tuple[str, ...]:
    """What must be masked because of this URL: its passwords, as written and as meant.

    One too short to be told from ordinary text is masked where it stands before the host, with all that is before it.
    """
    found = {meaning for text in _passwords(url) for meaning in (text, unquote(text))}
    short = any(len(text) < SHORTEST for text in found)
    before_host = {url[: url.rindex("@") + 1]} if short and "@" in url else set()
    return tuple(sorted({text for text in found if len(text) >= SHORTEST} | before_host))


def _passwords(url: str) -> Iterator[str]:
    _, _, rest = url.partition("://")
    for credentials in (rest.partition("@")[0], rest.partition("?")[0].rpartition("@")[0]):
        password = credentials.partition(":")[2]
        if "@" in rest and password:
            yield password
    for name, value in parse_qsl(rest.partition("?")[2]):
        if name.lower() in _SECRET_OPTIONS:
            yield value
