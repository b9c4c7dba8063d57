"""What the tests of the engine room share: a folder with a database, and a logger that remembers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.engine.workshop import Workshop


class Notes(logging.Logger):
    """A logger whose lines can be looked at."""

    def __init__(self) -> None:
        super().__init__("notes", logging.DEBUG)
        self.lines: list[str] = []
        notes = self.lines

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                notes.append(self.format(record))

        self.addHandler(Keep())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
