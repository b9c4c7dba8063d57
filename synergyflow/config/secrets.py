"""References to secrets and what they stand for. A value that was read here never enters a message."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synergyflow.config.frozen import Secrets
from synergyflow.config.paths import absolute, shown
from synergyflow.config.secret_forms import SHORTEST
from synergyflow.errors import ConfigurationError

MOST_BYTES = 1 << 16
_HOW = '{ env = "VARIABLE" } or { file = "path" }'


def read_secrets(raw: Mapping[str, Any], *, root: Path, where: str) -> Secrets:
    """The secrets that the table `[secrets]` of a context refers to.

    Raises:
        ConfigurationError: one is written literally, does not exist, or is shorter than six characters.
    """
    return Secrets({name: _secret(name, reference, root, where) for name, reference in raw.items()})


def resolve(reference: Any, *, root: Path, where: str) -> str:
    """The text that `{ env = … }` or `{ file = … }` refers to; line breaks at the end of a file don't belong to it.

    Raises:
        ConfigurationError: it is no such reference, or what it names is missing or empty.
    """
    match reference:
        case {"env": str(name), **rest} if name and not rest:
            return _from_environment(name, where)
        case {"file": str(name), **rest} if name and not rest:
            return _from_file(absolute(name, root, where=where), where)
        case _:
            raise ConfigurationError(f"{where} is no reference", hint=f"write {_HOW}")


def _secret(name: str, reference: Any, root: Path, where: str) -> str:
    place = f"{where}: secret {name!r}"
    if not isinstance(reference, Mapping):
        raise ConfigurationError(f"{place} is written into the file itself", hint=f"refer to it: {name} = {_HOW}")
    value = resolve(reference, root=root, where=place)
    if len(value.strip()) < SHORTEST:
        raise ConfigurationError(
            f"{place} is shorter than {SHORTEST} characters: masking it would mask everything",
            hint="use a longer one, or put it under [settings] if it is none",
        )
    return value


def _from_environment(name: str, where: str) -> str:
    value = os.environ.get(name)
    if not value:
        state = "not set" if value is None else "empty"
        raise ConfigurationError(f"{where}: the environment variable {name} is {state}", hint=f"export {name}=…")
    return value


def _from_file(path: Path, where: str) -> str:
    try:
        if not os.path.isfile(path):
            raise ConfigurationError(f"{where}: there is no file {shown(path)}", hint="make it, readable by you alone")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{where}: the file {shown(path)} can't be read: {error.strerror}", hint="check its permissions"
        ) from None
    if len(data) > MOST_BYTES:
        raise ConfigurationError(
            f"{where}: the file {shown(path)} is larger than {MOST_BYTES} bytes", hint="is it the right one?"
        )
    value = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not value:
        raise ConfigurationError(f"{where}: the file {shown(path)} is empty", hint="write the secret into it")
    return value
