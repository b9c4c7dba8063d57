"""A few digits that tell whether a step still means what it meant: its actions, their arguments, its policy, the code.

The same definition gives the same digits in every process and under every hash seed. Addresses never take part: of an
object that can't be described only the type does. What may change without changing the work (priority, comments,
positions in a file) does not count.
"""

from __future__ import annotations

import copy
import enum
import hashlib
import weakref
from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from synergyflow.flow.action import Action
from synergyflow.flow.callables import class_text, code_text, file_of, is_installed, is_of_python
from synergyflow.flow.step import Step

_PLAIN = (str, int, float, complex, bool, bytes, type(None), type(...))
_DEEPEST = 40
_LONGEST = 200
_class_names: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
_OURS = ("synergyflow.actions", "synergyflow.flow")


def fingerprint(step: Step) -> str:
    """Sixteen hexadecimal digits of the step's definition."""
    described = _Description()
    parts = [described.of(astuple(replace(step.policy, priority=0))), repr(step.skip)]
    parts += [f"{group}:{described.of(action)}" for group, action in step.actions]
    return _digest("\n".join(parts))[:16]


def uncopyable(step: Step) -> list[str]:
    """Log names of the step's actions that can't be deep-copied, which each attempt does; empty if all can."""
    names = []
    for _, action in step.actions:
        try:
            copy.deepcopy(action)
        except Exception:  # noqa: BLE001 - whatever a user's object raises, it can't be copied
            names.append(action.log_name)
    return names


class _Description:
    """Describes values as text, each object once; one within itself is named by its type, so that cycles end."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._held: list[object] = []
        self._depth = 0

    def of(self, value: Any) -> str:
        if type(value) in _PLAIN:
            return f"{type(value).__name__}({value!r})"
        known = self._texts.get(id(value))
        if known is not None:
            return known
        if self._depth >= _DEEPEST:
            return f"deep({type(value).__qualname__})"
        self._texts[id(value)] = f"cycle({type(value).__qualname__})"
        self._held.append(value)
        self._depth += 1
        text = self._compound(value)
        self._depth -= 1
        self._texts[id(value)] = text = text if len(text) < _LONGEST else _digest(text)
        return text

    def _compound(self, value: Any) -> str:
        match value:
            case enum.Enum():
                return f"{type(value).__qualname__}.{value.name}"
            case type():
                return _class_name(value)
            case FunctionType():
                return self._function(value)
            case MethodType():
                return f"method({self.of(value.__func__)},{self.of(value.__self__)})"
            case partial():
                return f"partial({self.of(value.func)},{self.of(value.args)},{self.of(value.keywords)})"
            case BuiltinFunctionType():
                return f"builtin({value.__module__}.{value.__qualname__})"
            case ModuleType():
                return f"module({value.__name__})"
            case Action():
                attributes = {name: item for name, item in vars(value).items() if name != "_runtime"}
                return f"{_class_name(type(value))}{self.of(attributes)}"
            case Mapping() if type(value).__module__ in ("builtins", "collections", "types"):
                return _sorted(f"{self.of(key)}:{self.of(item)}" for key, item in value.items())
            case set() | frozenset():
                return f"set{_sorted(self.of(item) for item in value)}"
            case list() | tuple() if type(value) in (list, tuple):
                return f"{type(value).__name__}[{','.join(map(self.of, value))}]"
            case _:
                return self._object(value)

    def _function(self, function: FunctionType) -> str:
        file = file_of(function.__module__) or function.__code__.co_filename
        if is_of_python(file):
            return f"function({function.__module__}.{function.__qualname__})"
        closure = ",".join(map(self._cell, function.__closure__ or ()))
        defaults = f"{self.of(function.__defaults__)},{self.of(function.__kwdefaults__)}"
        return f"function({function.__qualname__},{code_text(function)},{defaults},[{closure}])"

    def _cell(self, cell: Any) -> str:
        try:
            return self.of(cell.cell_contents)
        except ValueError:
            return "empty"

    def _object(self, value: Any) -> str:
        """What pickling would say of it; just its type where that fails."""
        name = _class_name(type(value))
        reduce: Callable[[int], Any] = value.__reduce_ex__
        try:
            reduced = reduce(4)
        except Exception:  # noqa: BLE001 - locks, connections and whatever else refuses to be described
            return name
        if isinstance(reduced, str):
            return f"{name}({reduced})"
        items = [list(part) if index in (3, 4) and part is not None else part for index, part in enumerate(reduced)]
        return f"{name}({self.of(items)})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _sorted(parts: Any) -> str:
    return "{" + ",".join(sorted(parts)) + "}"


def _class_name(written: type) -> str:
    """Its name and, if its user wrote it, its code and that of its bases."""
    if written not in _class_names:
        bases = (f"{base.__qualname__}={class_text(base)}" for base in written.__mro__ if _is_users(base))
        _class_names[written] = f"class({','.join((written.__qualname__, *bases))})"
    return _class_names[written]


def _is_users(written: type) -> bool:
    if issubclass(written, Action):
        return not written.__module__.startswith(_OURS)
    file = file_of(written.__module__)
    if file is None or is_of_python(file) or is_installed(file):
        return False
    return not written.__module__.startswith("synergyflow.")
