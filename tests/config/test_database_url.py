"""The URL of the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow.config.database_url import absolute_url, secrets_of
from synergyflow.config.masking import Masker


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sqlite:///state/x.db", "sqlite:////root/state/x.db"),
        ("sqlite:///../x.db?timeout=3", "sqlite:////x.db?timeout=3"),
        ("sqlite+pysqlite:///x.db", "sqlite+pysqlite:////root/x.db"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///file:x?mode=ro&uri=true", "sqlite:///file:x?mode=ro&uri=true"),
        ("postgresql+psycopg://me@host/name", "postgresql+psycopg://me@host/name"),
    ],
)
def test_only_a_relative_path_of_sqlite_is_changed(given: str, meant: str) -> None:
    assert absolute_url(given, root=Path("/root"), where="here") == meant


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://me@host/name", ()),
        ("sqlite:////a:b/c.db", ()),
        ("postgresql://me:password@host/name", ("password",)),
        ("postgresql://me:pass%2Fword@host/name", ("pass%2Fword", "pass/word")),
        ("postgresql://me:some@thing@host/name", ("postgresql://me:some", "some@thing")),
        ("postgresql://host/name?user=me&password=from+query", ("from+query",)),
        ("postgresql://me:pw@host/name", ("postgresql://me:pw",)),
        ("postgresql://host/name?password=pw", ("password=pw",)),
    ],
)
def test_passwords_are_found_wherever_they_stand(url: str, secrets: tuple[str, ...]) -> None:
    assert secrets_of(url) == secrets


def test_a_password_too_short_to_mask_anywhere_is_masked_in_the_url() -> None:
    masker = Masker(secrets_of("postgresql://me:pw@host/name"))
    assert (
        masker.text("can't reach postgresql://me:pw@host/name; pwd is /tmp")
        == "can't reach ******@host/name; pwd is /tmp"
    )
