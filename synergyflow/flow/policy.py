"""The policy of a step: how often, how long, where and in which order it runs. Checked here, once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Checked values.

    Attributes:
        retries: further attempts that the step's own failures are worth.
        retry_delay: seconds before the first retry.
        retry_backoff: how many times as long each further retry waits.
        timeout: seconds that an attempt may take, None for no limit.
        cluster: profile or label that the step needs, None for any.
        priority: of the steps that could start, higher ones start first.
        resume: "group" to begin a new attempt at the first group that is not complete.
    """

    retries: int = 0
    retry_delay: float = 0.0
    retry_backoff: float = 1.0
    timeout: float | None = None
    cluster: str | None = None
    priority: int = 0
    resume: Literal["group"] | None = None


_NAMES = tuple(field.name for field in fields(Policy))


def policy_of(given: Mapping[str, object]) -> Policy:
    """The policy that these keyword arguments of a step ask for.

    Raises:
        DefinitionError: an unknown word, or a value that it can't have.
    """
    for name in given:
        if name not in _NAMES:
            raise DefinitionError(f"unknown policy {name!r}", hint=did_you_mean(name, _NAMES, what="there are"))
    if not given:
        return _DEFAULT
    value = {name: getattr(_DEFAULT, name) for name in _NAMES} | dict(given)
    return Policy(
        retries=_whole("retries", value["retries"], least=0),
        retry_delay=_number("retry_delay", value["retry_delay"], zero=True),
        retry_backoff=_number("retry_backoff", value["retry_backoff"], zero=False),
        timeout=None if value["timeout"] is None else _number("timeout", value["timeout"], zero=False),
        cluster=_cluster(value["cluster"]),
        priority=_whole("priority", value["priority"]),
        resume=_resume(value["resume"]),
    )


_DEFAULT = Policy()


def _whole(name: str, value: object, *, least: int | None = None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DefinitionError(f"{name} is a whole number, not {value!r}")
    if least is not None and value < least:
        raise DefinitionError(f"{name} is {least} or more, not {value!r}")
    return value


def _number(name: str, value: object, *, zero: bool) -> float:
    """A finite number of at least 0, or above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError(f"{name} is a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise DefinitionError(f"{name} is a finite number {'of at least' if zero else 'above'} 0, not {number!r}")
    return number


def _cluster(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise DefinitionError(f"cluster is the name of a profile or a label, not {value!r}")


def _resume(value: object) -> Literal["group"] | None:
    if value in (None, "group"):
        return "group" if value else None
    raise DefinitionError(f"resume is None or 'group', not {value!r}")
