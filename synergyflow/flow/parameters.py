"""Parameters of a flow: declared with types, given as text or values, checked before anything starts.

Values are what JSON can hold, and dates, which are recorded as ISO text.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synergyflow.config.suggest import nearest
from synergyflow.errors import ConfigurationError, DefinitionError

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
TYPES = (int, float, bool, str, datetime.date)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a flow. Without a default it must be given; with the default None it may stay away.

    Raises:
        DefinitionError: a type that is not int, float, bool, str or datetime.date; a default or choice not of it.
    """

    type: type
    default: Any = ...
    help: str = ""
    choices: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            names = ", ".join(_name(known) for known in TYPES)
            raise DefinitionError(f"a parameter can't be of type {_name(self.type)}", hint=f"there are {names}")
        try:
            if self.choices is not None:
                object.__setattr__(self, "choices", tuple(_converted(self.type, choice) for choice in self.choices))
            if self.default is not ... and self.default is not None:
                object.__setattr__(self, "default", self.value_of(self.default))
        except ValueError as error:
            raise DefinitionError(f"a default or choice {error}") from None

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is ...

    def value_of(self, given: Any) -> Any:
        """What was given, as text or as a value, in the parameter's own type.

        Raises:
            ValueError: it can't be; the message says what is expected.
        """
        if given is None and self.default is None:
            return None
        value = _converted(self.type, given)
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"expects one of {', '.join(map(str, self.choices))}, got {given!r}")
        return value


def declared_parameters(declared: Mapping[str, Any] | None) -> dict[str, Parameter]:
    """Declarations with their short forms written out: a type is required, a value is a default of its type.

    Raises:
        DefinitionError: a name or declaration that can't be.
    """
    result: dict[str, Parameter] = {}
    for name, declaration in (declared or {}).items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise DefinitionError(f"{name!r} can't be the name of a parameter", hint="letters, digits and _ can")
        if name.casefold() in (other.casefold() for other in result):
            raise DefinitionError(f"two parameters are called {name!r} but for case")
        try:
            result[name] = _declaration(declaration)
        except DefinitionError as error:
            raise DefinitionError(f"parameter {name!r}: {error.message}", hint=error.hint) from None
    return result


def _declaration(declaration: Any) -> Parameter:
    if isinstance(declaration, Parameter):
        return declaration
    if isinstance(declaration, type):
        return Parameter(declaration)
    if type(declaration) not in TYPES:
        raise DefinitionError(f"{declaration!r} is neither a type nor a default", hint="use Parameter(type, default=…)")
    return Parameter(type(declaration), default=declaration)


def bind_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every declared parameter: the given one, checked, or the default.

    Raises:
        ConfigurationError: naming each parameter that is unknown, missing, of another type or not among the choices.
    """
    unknown = [name for name in given if name not in declared]
    complaints = [f"there is no parameter {name!r}" for name in unknown]
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if name not in given and parameter.is_required:
            complaints.append(f"parameter {name!r} ({_name(parameter.type)}) is missing")
            continue
        try:
            values[name] = parameter.value_of(given[name]) if name in given else parameter.default
        except ValueError as error:
            complaints.append(f"parameter {name!r} {error}")
    if complaints:
        raise ConfigurationError("; ".join(complaints), hint=_hint(unknown, declared))
    return values


def to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON can hold them."""
    return {name: value.isoformat() if isinstance(value, datetime.date) else value for name, value in values.items()}


def from_json(declared: Mapping[str, Parameter], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The values that `to_json` recorded; those of parameters no longer declared stay as they were recorded.

    Raises:
        ConfigurationError: a recorded value does not fit the declaration any more.
    """
    bound = bind_parameters(declared, {name: value for name, value in stored.items() if name in declared})
    return {**stored, **bound}


def _hint(unknown: Sequence[str], declared: Mapping[str, Parameter]) -> str:
    near = nearest(unknown[0], declared) if unknown else None
    offered = ", ".join(f"{name} ({_name(parameter.type)})" for name, parameter in declared.items())
    if near:
        return f"did you mean {near!r}?"
    return f"the flow's parameters are {offered}" if offered else "the flow has no parameters"


def _converted(wanted: type, given: Any) -> Any:
    if isinstance(given, str):
        value = _parsed(wanted, given)
    elif wanted is float and isinstance(given, int) and not isinstance(given, bool):
        value = float(given) if abs(given) < 1 << 1023 else None
    else:
        value = given if type(given) is wanted else None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"expects {_name(wanted)}, got {given!r}")
    return value


def _parsed(wanted: type, text: str) -> Any:
    """The value that the text stands for, None if it stands for none of that type."""
    try:
        if wanted is int:
            return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
        if wanted is float:
            return float(text) if text.isascii() and "_" not in text else None
        if wanted is bool:
            return _WORDS.get(text.casefold())
        if wanted is datetime.date:
            return datetime.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
        text.encode()
    except ValueError:
        return None
    return None if "\0" in text else text


def _name(wanted: object) -> str:
    return "date (YYYY-MM-DD)" if wanted is datetime.date else getattr(wanted, "__name__", repr(wanted))
