"""The four modes by name. What each of them does is an arm of `plan`."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How an engine is asked to work on a flow run."""

    RUN = "run"
    RECOVER = "recover"
    RUN_ONE = "run_one"
    RUN_FROM = "run_from"

    @property
    def is_managed(self) -> bool:
        """Whether the mode decides the state of the flow run; the others (freeruns) leave it alone."""
        return self in (Mode.RUN, Mode.RECOVER)
