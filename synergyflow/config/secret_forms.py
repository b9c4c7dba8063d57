"""The forms in which a secret may turn up in a text: as it is, quoted for a URL, for JSON, for a shell, as a `repr`.

Line breaks are left out of every form, since masking looks through them. No form is shorter than `SHORTEST` unless
the secret itself is.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
LINE_BREAKS = b"\r\n"

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_PLAIN_RUN = re.compile(rb"[A-Za-z0-9]{4,}")


def forms_by_anchor(values: Iterable[str]) -> dict[bytes, tuple[bytes, ...]]:
    """Every form of every value, without line breaks, under bytes that each of these forms contains.

    Where the anchor does not occur, none of its forms can: one search instead of ten.
    """
    found: dict[bytes, dict[bytes, None]] = {}
    for value in values:
        for part in _parts(value):
            anchor = _anchor(part)
            for form in map(_without_breaks, _encoded_forms(part)):
                if form:
                    found.setdefault(anchor if anchor in form and anchor else form, {})[form] = None
    return {anchor: tuple(sorted(forms, key=len, reverse=True)) for anchor, forms in found.items()}


def _parts(value: str) -> Iterator[str]:
    """The value, and each line of it that is long enough to be told from ordinary text."""
    yield value
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= SHORTEST)


def _anchor(part: str) -> bytes:
    """The longest run of letters and digits: no quoting changes it."""
    return max(_PLAIN_RUN.findall(part.encode("utf-8", "surrogatepass")), key=len, default=b"")


def _encoded_forms(part: str) -> Iterator[bytes]:
    for form in _forms(part):
        yield form.encode("utf-8", "surrogatepass")
    try:
        as_bytes = part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    yield as_bytes
    yield repr(as_bytes)[2:-1].encode()
    for safe in ("", "/"):
        yield from _both_cases(quote(as_bytes, safe=safe))
    yield from _both_cases(quote_plus(as_bytes))


def _forms(part: str) -> Iterator[str]:
    yield part
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield repr(part)[1:-1]
    yield shlex.quote(part).removeprefix("'").removesuffix("'")
    yield part.replace("'", "'\\''")


def _both_cases(quoted: str) -> Iterator[bytes]:
    yield quoted.encode()
    yield _PERCENT.sub(lambda found: found[0].lower(), quoted).encode()


def _without_breaks(form: bytes) -> bytes:
    return form.translate(None, LINE_BREAKS)
