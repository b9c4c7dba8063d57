"""Where in the user's files something was defined, found by looking at the callers."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from synergyflow.flow.collecting import current_collector

_HERE = f"{Path(__file__).parent}{os.sep}"
_BETWEEN = (_HERE, contextlib.__file__)


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a file. `home` is the file whose import made it, which a factory elsewhere may have served."""

    file: str
    line: int
    home: str

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}"


def calling_source() -> Source:
    """The nearest caller outside of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        frame = frame.f_back
    if frame is None:
        return Source("<unknown>", 0, "<unknown>")
    return Source(frame.f_code.co_filename, frame.f_lineno, _home(frame))


def _home(frame: FrameType | None) -> str:
    """The file whose module body is running; the one being loaded where discovery calls a function of it."""
    collector = current_collector()
    while frame is not None and not frame.f_code.co_filename.startswith(_HERE):
        if frame.f_code.co_name == "<module>":
            return frame.f_code.co_filename
        frame = frame.f_back
    return collector.home if collector else "<unknown>"


def shown(file: str, root: Path | None = None) -> str:
    """The file as people see it: relative to the project (or the working directory) where it lies below it."""
    collector = current_collector()
    try:
        base = root or (collector.root if collector else Path.cwd())
    except OSError:
        return file
    path = Path(file)
    return str(path.relative_to(base)) if path.is_relative_to(base) else file
