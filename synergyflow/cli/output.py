"""Plain output: the one JSON document of `--json`. What is for people is made in `render`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one document on stdout. Times are ISO in UTC."""
    sys.stdout.write(json.dumps(document, ensure_ascii=not _is_unicode(), indent=2, default=_plain) + "\n")
    sys.stdout.flush()


def _is_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case Path():
            return str(value)
        case Mapping():
            return dict(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a JSON document")
