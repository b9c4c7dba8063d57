"""Mappings that actions may read and nobody may change. Unlike `MappingProxyType` they can be pickled and copied.

They are dictionaries, so that `json.dumps(settings)` and `isinstance(settings, dict)` do what a reader expects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn


class ReadOnlyDict(dict[str, Any]):
    """A dictionary whose keys and values are set once. Copies of it are itself."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this mapping is read-only; make a copy with dict(…) to change it")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    update = _refuse
    setdefault = _refuse
    pop = _refuse
    popitem = _refuse
    clear = _refuse

    def __copy__(self) -> ReadOnlyDict:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadOnlyDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadOnlyDict, (dict(self),)


def frozen(value: Any) -> Any:
    """`value` with every table read-only and every list a tuple, at any depth."""
    if isinstance(value, Mapping):
        return ReadOnlyDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return tuple(frozen(item) for item in value)
    return value


class Secrets(Mapping[str, str]):
    """Secret values by name. Only `secrets["NAME"]` gives a value; `repr` and `str` give the names."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Secrets:
        return self
