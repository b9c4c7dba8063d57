"""Filters of listings: `field = value AND …`, as Dataproc has them, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from synergyflow.testing.emulators.dataproc.refusals import invalid

_TERM = re.compile(r"\s*([A-Za-z.]+[A-Za-z0-9_.-]*)\s*=\s*\"?([^\s\"]+)\"?\s*")


def parsed(text: str) -> Callable[[Mapping[str, str]], bool]:
    """Whether the fields of something fit the filter. A field that a filter names and nobody has never fits.

    Raises:
        CallRefused: the filter can't be read.
    """
    wanted: dict[str, str] = {}
    for term in re.split(r"\sAND\s", text) if text.strip() else ():
        found = _TERM.fullmatch(term)
        if found is None:
            raise invalid(f"Invalid list filter: {text}")
        name, value = found.groups()
        wanted[name] = "" if value == "*" else value
    return lambda fields: all(name in fields and value in ("", fields[name]) for name, value in wanted.items())
