"""How paths are written: plain ones, and URIs whose scheme says which technology they are of. Pure text, no storage."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from synergyflow.errors import FilesystemError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")


def scheme_of(path: str) -> str | None:
    """The scheme of a full URI in lower case; None for a plain path.

    Raises:
        FilesystemError: the path holds a NUL character.
    """
    if "\0" in path:
        raise FilesystemError(f"{path!r} holds a NUL character, which no path can")
    found = _SCHEME.match(path)
    return found[1].lower() if found else None


def foreign(path: str, scheme: str, own: str) -> FilesystemError:
    """The refusal of a URI of another technology."""
    return FilesystemError(
        f"{own} can't reach {path}: {scheme}:// is another one's",
        hint="use a plain path, or a URI of a scheme that is known here",
    )


def file_uri_path(uri: str) -> str:
    """The absolute path that a `file:` URI means, percent-decoded.

    Raises:
        FilesystemError: it is of another host.
    """
    rest = uri[len("file:") :]
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    if host not in ("", "localhost"):
        raise FilesystemError(f"{uri} names host {host}", hint="a file on this machine is file:///folder/name")
    return unquote(slash + path)


def on_this_machine(path: str) -> str:
    """The absolute path, on the engine's own machine, of a plain path (from the working folder) or a `file:` URI.

    Raises:
        FilesystemError: it is a URI of another technology.
    """
    scheme = scheme_of(path)
    if scheme not in (None, "file"):
        raise foreign(path, scheme or "", "the engine's own machine")
    return os.path.abspath(file_uri_path(path) if scheme else path)


def normalized(path: str, root: str, shown: str) -> str:
    """`path` without empty parts, `.` and `..`, and without a slash at either end.

    Raises:
        FilesystemError: it climbs out of `root`, which the message names; `shown` is the path as it was given.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and not parts:
            raise FilesystemError(f"{shown} climbs out of {root}", hint="use a path below it, or a full URI")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
