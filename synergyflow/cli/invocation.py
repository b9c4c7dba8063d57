"""What one call of the program was asked for and has learned on its way: one object, made first and handed through.

Nothing heavy is imported here; what is loaded for a command is loaded by `surroundings`.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synergyflow.config.masking import Masker

DEFAULT_CONTEXT = "local"
CONTEXT_VARIABLE = "SYNERGYFLOW_CONTEXT"


@dataclass(slots=True)
class Invocation:
    """One call of the program.

    Attributes:
        argv: the arguments as typed, without the program's name.
        context: name or path of the context; `None` until the options are read.
        masker, log_directory: of the context, once it is loaded.
        outcome: the exit code that is already certain, should nobody read what is still to be printed.
    """

    argv: tuple[str, ...] = ()
    context: str | None = None
    debug: bool = False
    json: bool = False
    masker: Masker | None = field(default=None, repr=False)
    log_directory: Path | None = None
    outcome: int = 0

    @classmethod
    def of(cls, argv: Sequence[str]) -> Invocation:
        """The call with these arguments; how errors are to be told is known before the arguments are understood."""
        options = argv[: list(argv).index("--")] if "--" in argv else argv
        return cls(argv=tuple(argv), debug="--debug" in options, json="--json" in options)

    @property
    def context_options(self) -> str:
        """What a suggested command must say so that it means the same context; empty for the default one."""
        import os

        usual = os.environ.get(CONTEXT_VARIABLE) or DEFAULT_CONTEXT
        return "" if self.context in (None, usual) else f"--context {shlex.quote(str(self.context))}"

    def command(self, *words: str) -> str:
        """A command line of ours for the same context, ready to be copied."""
        from synergyflow.config.program import program

        line = f"{program()} {shlex.join(words)}"
        return f"{line} {self.context_options}" if self.context_options else line

    def masked(self, text: str) -> str:
        """`text` without the secrets of the context."""
        return self.masker.text(text) if self.masker is not None else text
