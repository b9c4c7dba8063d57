"""Paths as users write them: `~` expanded, relative ones taken from the folder that they refer to, shown as typed."""

from __future__ import annotations

import os
from pathlib import Path

from synergyflow.errors import ConfigurationError


def absolute(path: str, root: Path, *, where: str) -> Path:
    """`path` as seen from `root`, without `~`, `.` and `..`; symbolic links stay as they are.

    Raises:
        ConfigurationError: it names the home of an unknown user, or has a null character in it.
    """
    if "\0" in path:
        raise ConfigurationError(f"{where}: a path can't contain a null character", hint="remove it")
    try:
        return Path(os.path.abspath(root / Path(path).expanduser()))
    except RuntimeError:
        raise ConfigurationError(
            f"{where}: there is no home for the ~ of {path!r}", hint="write the path out"
        ) from None


def working_folder() -> Path:
    """The working folder.

    Raises:
        ConfigurationError: it has been removed.
    """
    try:
        return Path.cwd()
    except OSError:
        raise ConfigurationError("the working folder is gone", hint="change to a folder that exists") from None


def shown(path: Path) -> str:
    """The path in one line, as a reader would type it: relative where it is below the working folder."""
    try:
        text = str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        text = str(path)
    return text if text.isprintable() else repr(text)[1:-1]
