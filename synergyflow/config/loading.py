"""From a TOML file to a checked value: the door that every setting of a file comes through.

Only this file knows how the checking library words its complaints; here they become one sentence that names file and
key. Values are never quoted in a message: one of them may be a secret in the wrong place.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from synergyflow.config.frozen import frozen
from synergyflow.config.paths import shown
from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import ConfigurationError

MOST_BYTES = 1 << 20

Checked = TypeVar("Checked", bound=msgspec.Struct)

_COMPLAINT = re.compile(r"Expected `(?P<wanted>[^`]+)`(?P<rest>.*?)(?:, got `(?P<got>[^`]+)`)?$")
_IN_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file, read-only at any depth (`frozen`).

    Raises:
        ConfigurationError: it is no readable file, larger than a mebibyte, or no TOML; the message has the line.
    """
    where = shown(path)
    try:
        if not os.path.isfile(path):
            raise ConfigurationError(f"there is no file {where}", hint="check the path, or make a project: engine init")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{where} can't be read: {error.strerror}", hint="check its permissions") from None
    if len(data) > MOST_BYTES:
        raise ConfigurationError(f"{where} is larger than {MOST_BYTES} bytes", hint="is it the right file?")
    try:
        content: dict[str, Any] = frozen(tomllib.loads(data.decode("utf-8")))
        return content
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{where} is not UTF-8 at line {line}", hint="save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = _place_in_lines(str(error), data) if isinstance(error, ValueError) else "it is nested too deeply"
        raise ConfigurationError(f"{where} is no valid TOML: {reason}", hint=_syntax_hint(error, data)) from None


def _syntax_hint(error: Exception, data: bytes) -> str:
    if "array" in str(error) or ("end of document" in str(error) and data.count(b"[") > data.count(b"]")):
        return 'a list needs a bracket at its end: key = ["one", "two"]'
    return 'texts need quotes: key = "text"'


def _place_in_lines(reason: str, data: bytes) -> str:
    last = data.count(b"\n") + 1
    return reason.replace("end of document", f"the end, line {last}")


def checked(raw: Mapping[str, Any], struct_type: type[Checked], *, where: str) -> Checked:
    """`raw` as a value of `struct_type`, without any conversion of types; unknown keys are refused.

    `where` begins every message, for example `clusters/local.toml`.

    Raises:
        ConfigurationError: a key is unknown, missing or of the wrong type; the message names it.
    """
    known = [field.encode_name for field in msgspec.structs.fields(struct_type)]
    for key in raw:
        if key not in known:
            raise unknown_key(key, known, where=where)
    try:
        return msgspec.convert(dict(raw), struct_type)
    except msgspec.ValidationError as error:
        raise _translated(str(error), where) from None


def unknown_key(key: str, known: list[str], *, where: str) -> ConfigurationError:
    """The error for a key that nobody knows, with the nearest that somebody does."""
    hint = did_you_mean(key, known, what="known keys") or "it takes no keys: remove it"
    return ConfigurationError(f"{where}: unknown key {key!r}", hint=hint)


def _translated(complaint: str, where: str) -> ConfigurationError:
    text, _, path = complaint.partition(" - at `")
    key = path.removesuffix("`").removeprefix("$").removeprefix(".")
    place = f"{where}: key {key!r}" if key else where
    found = _COMPLAINT.match(text)
    if found is None:
        inner = text[:1].lower() + text[1:].replace("`", "'")
        return ConfigurationError(f"{place}: {inner}", hint="see the documentation of contexts and profiles")
    wanted = _words(found["wanted"]) + found["rest"]
    if found["got"] is None:
        return ConfigurationError(f"{place} must be {wanted}", hint="correct the value")
    got = _words(found["got"])
    return ConfigurationError(f"{place} must be {wanted}, not {got}", hint=_hint(found["wanted"], found["got"]))


def _words(types: str) -> str:
    return " or ".join(_IN_WORDS.get(name, name) for name in types.split(" | ") if name != "null")


def _hint(wanted: str, got: str) -> str:
    if got == "str" and wanted != "array":
        return "write it without quotes"
    if wanted.startswith("str"):
        return 'write it in quotes: "…"'
    return 'a list is written ["one", "two"]' if wanted == "array" else "correct the value"
