"""Which names flows and steps may bear: they become names of files, of log lines and of things in clouds."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from synergyflow.errors import DefinitionError

MOST_BYTES = 200
RESERVED = frozenset({"start", "finish"})
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_name(name: object, what: str) -> str:
    """`name` if it can name a `what` (flow or step).

    Raises:
        DefinitionError: saying what is wrong with it.
    """
    if not isinstance(name, str):
        raise DefinitionError(f"the name of a {what} is text, not {type(name).__name__}")
    reason = _reason_against(name)
    if reason:
        raise DefinitionError(
            f"{name[:60]!r} can't be the name of a {what}: {reason}", hint=f"the {what}'s name becomes a file's name"
        )
    return name


def check_step_name(name: object, flow_name: str, others: Iterable[str]) -> str:
    """`name` if a step of that flow, beside these other steps, may bear it.

    Raises:
        DefinitionError: it is unfit, reserved, the flow's own, or another step's but for case or normalisation.
    """
    checked = check_name(name, "step")
    key = comparable(checked)
    if key in RESERVED:
        raise DefinitionError(f"{checked!r} is a reserved name", hint="give the step another name")
    if key == comparable(flow_name):
        raise DefinitionError("a step can't bear its flow's name", hint="their log files would be one")
    for other in others:
        if other == checked:
            raise DefinitionError(f"step {checked!r} is defined twice", hint="give one of them another name")
        if comparable(other) == key:
            raise DefinitionError(
                f"the name differs from that of step {other!r} only by case or Unicode normalisation",
                hint="their log files could be one; give one of them another name",
            )
    return checked


def comparable(name: str) -> str:
    """Equal for names that some file system, or a person, takes for the same."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _reason_against(name: str) -> str | None:
    if not name:
        return "it is empty"
    if "/" in name or "\\" in name:
        return "it contains a path separator"
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        return "it contains a control character or one that is no text"
    if name != name.strip():
        return "it begins or ends with white space"
    if name.startswith("."):
        return "it begins with a dot"
    size = len(name.encode())
    return f"it has {size} bytes, and {MOST_BYTES} is the limit" if size > MOST_BYTES else None
