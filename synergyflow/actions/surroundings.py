"""What an action tells its job of the run it belongs to: environment variables, and names in braces.

One place for both, so that every kind of job and path knows the same.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from synergyflow.errors import ActionError, DefinitionError
from synergyflow.flow.action import Action

_BRACES = re.compile(r"\{(timeperiod|start_timeperiod|end_timeperiod|flow_name|parameters\[([^\[\]{}]*)\])\}")


def job_environment(action: Action) -> dict[str, str]:
    """The variables that every job of a running action gets; parameters without a value are left out."""
    environment = {
        "SYNERGYFLOW_FLOW": action.flow_name,
        "SYNERGYFLOW_STEP": action.step_name,
        "SYNERGYFLOW_TIMEPERIOD": action.timeperiod,
        "SYNERGYFLOW_START_TIMEPERIOD": action.start_timeperiod,
        "SYNERGYFLOW_END_TIMEPERIOD": action.end_timeperiod,
    }
    for name, value in action.parameters.items():
        if value is not None:
            environment[f"SYNERGYFLOW_PARAM_{name.upper()}"] = as_text(value, f"parameter {name!r}")
    return environment


def expanded(text: str, action: Action) -> str:
    """The text with what stands in braces filled in for the running action.

    That is `{timeperiod}`, `{start_timeperiod}`, `{end_timeperiod}`, `{flow_name}` and `{parameters[name]}`; every
    other brace stays as it is.

    Raises:
        ActionError: the flow has no such parameter, or it has no value.
    """

    def value_of(found: re.Match[str]) -> str:
        if found[2] is None:
            return str(getattr(action, found[1]))
        value = action.parameters.get(found[2])
        if value is None:
            raise ActionError(
                f"{text!r} names parameter {found[2]!r}, which has no value",
                hint=f"declare it: FlowGraph({action.flow_name!r}, parameters={{{found[2]!r}: …}})",
            )
        return as_text(value, found[2])

    return _BRACES.sub(value_of, text)


def as_text(value: Any, what: str) -> str:
    """A value as programs read it: `true` and `false`, dates in ISO form, anything else as `str` says.

    Raises:
        DefinitionError: None, which is no value, or text that no program can be given.
    """
    if value is None:
        raise DefinitionError(f"{what} is None", hint="leave it out, or give it a value")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
    if "\0" in text:
        raise DefinitionError(f"{what} contains a NUL character")
    return text


def texts(values: Iterable[Any], what: str) -> tuple[str, ...]:
    """Every value as text.

    Raises:
        DefinitionError: one of them can't be, or there is one text where a list is expected.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise DefinitionError(f"{what} is a list, not {values!r}", hint=f"write [{values!r}]")
    return tuple(as_text(value, f"one of {what}") for value in values)


def text_mapping(values: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Every value of the mapping as text.

    Raises:
        DefinitionError: it is no mapping, or a name or value that can't be.
    """
    if values is not None and not isinstance(values, Mapping):
        raise DefinitionError(f"{what} is a mapping of names to values, not {values!r}")
    return {_key(name, what): as_text(value, f"{what} {name!r}") for name, value in (values or {}).items()}


def environment_mapping(values: Mapping[str, Any] | None) -> dict[str, str]:
    """As `text_mapping`, with names that environment variables can have."""
    return text_mapping(values, "environment")


def path_text(path: str | os.PathLike[str], what: str = "path") -> str:
    """A path as text.

    Raises:
        DefinitionError: it is empty or no path.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise DefinitionError(f"{what} is a path, not {path!r}")
    return as_text(os.fspath(path), what)


def exit_code(value: int | None) -> int | None:
    """An exit code that a job may end with, None for none.

    Raises:
        DefinitionError: it is not between 1 and 255; 0 is plain success.
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 256):
        return value
    raise DefinitionError(f"nothing_to_do_exit_code is a number from 1 to 255, not {value!r}")


def _key(name: object, what: str) -> str:
    if not isinstance(name, str) or not name or "=" in name or "\0" in name:
        raise DefinitionError(f"{name!r} can't be a name in {what}")
    return name
