"""What is wrong with a definition, as a value that can be listed, stored and turned into an error."""

from __future__ import annotations

from dataclasses import dataclass

from synergyflow.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a flow's definition; `str()` is one line.

    Attributes:
        file: as shown to people: relative to the project where it lies below it.
        line: None where the whole file, or no file at all, is meant.
        flow, step: names, as far as known.
    """

    file: str
    line: int | None
    flow: str | None
    step: str | None
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        names = [f"{word} {name!r}" for word, name in (("flow", self.flow), ("step", self.step)) if name is not None]
        parts = (place, ", ".join(names), " ".join(self.message.split()))
        return ": ".join(part for part in parts if part)

    def error(self, more: int = 0) -> DefinitionError:
        """The fault as an error; `more` says how many others there are."""
        others = f" (and {more} more)" if more else ""
        return DefinitionError(str(self) + others, hint=self.hint)
