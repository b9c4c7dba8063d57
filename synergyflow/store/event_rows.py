"""Events as rows of the journal: the name of their kind, what they are about, and everything else as JSON."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, get_args

from synergyflow.core.events import Event

_APART = ("at", "step", "attempt")


def kind_of(event_type: type) -> str:
    """The kind as the database has it: `StepStarted` is `step_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_type.__name__).lower()


_KINDS: dict[type, str] = {event_type: kind_of(event_type) for event_type in get_args(Event)}
_REST: dict[type, tuple[str, ...]] = {
    event_type: tuple(field.name for field in fields(event_type) if field.name not in _APART) for event_type in _KINDS
}


def event_row(event: Event, flow_id: int, execution_id: int) -> dict[str, Any]:
    """The row of an event, all but its number."""
    event_type = type(event)
    return {
        "flow_id": flow_id,
        "execution_id": execution_id,
        "at": event.at,
        "kind": _KINDS[event_type],
        "step_name": getattr(event, "step", None),
        "attempt": getattr(event, "attempt", None),
        "payload": {name: getattr(event, name) for name in _REST[event_type]},
    }
