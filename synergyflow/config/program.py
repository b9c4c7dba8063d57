"""How this program was called: what a command line that it prints must begin with, so that it works as printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "engine"
_MODULE = "synergyflow"
_VERBS = "run recover run-one run-from status history logs flows show validate init demo db completion --help"
_COMMAND = re.compile(rf"(?<![\w/.-]){NAME}(?= (?:{'|'.join(_VERBS.split())})\b)")


def program(here: Path | None = None) -> str:
    """The words that call this program again from the folder `here` (default: the working folder), quoted for a shell.

    `engine` if that is what the shell finds, else the path of the script, relative or absolute, whichever is shorter;
    `python -m synergyflow` if it was called so. Where something else uses this as a library it is `engine`.
    """
    called = sys.argv[0] if sys.argv else ""
    if os.path.basename(called) == NAME:
        return NAME if _is_found(NAME, called) else shlex.quote(_shortest(called, here))
    if os.path.basename(called) == "__main__.py" and os.path.basename(os.path.dirname(called)) == _MODULE:
        beside = os.path.join(os.path.dirname(sys.executable), NAME)
        if _is_found(NAME, beside):
            return NAME
        python = os.path.basename(sys.executable)
        if not _is_found(python, sys.executable):
            python = shlex.quote(_shortest(sys.executable, here))
        return f"{python} -m {_MODULE}"
    return NAME


def as_called(text: str) -> str:
    """`text` with every command line of ours in it as it works here; those of other programs stay as they are."""
    words = program()
    return text if words == NAME else _COMMAND.sub(lambda _: words, text)


def _is_found(name: str, path: str) -> bool:
    """Whether the shell means that file by the name. Two environments may link to one file: folders count too."""
    found = shutil.which(name)
    if found is None or not os.path.exists(path):
        return False
    return os.path.samefile(found, path) and os.path.samefile(
        os.path.dirname(found) or ".", os.path.dirname(path) or "."
    )


def _shortest(path: str, here: Path | None) -> str:
    absolute = os.path.abspath(path)
    try:
        relative = os.path.relpath(absolute, here)
    except (OSError, ValueError):
        return absolute
    if os.sep not in relative:
        relative = os.path.join(os.curdir, relative)
    return min(relative, absolute, key=len)
