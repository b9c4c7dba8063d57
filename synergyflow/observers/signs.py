"""The signs of states: one shape and colour for each, wherever states are shown to people.

A state is always told by its word too; where characters are few, the second shape stands for the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Sign(NamedTuple):
    """A shape, one of ASCII in its place, and a colour as Rich names it."""

    shape: str
    simple: str
    style: str


SIGNS: Mapping[str, Sign] = {
    "processed": Sign("●", "*", "green"),
    "noop": Sign("○", "o", "green"),
    "in_progress": Sign("▶", ">", "cyan"),
    "invalid": Sign("✗", "x", "bold red"),
    "canceled": Sign("⊘", "-", "magenta"),
    "embryo": Sign("·", ".", "dim"),
}
"""By the word of the state of a step or a flow run."""

UNKNOWN = Sign("?", "?", "")
