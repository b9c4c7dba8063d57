"""The nearest known name for one that is unknown: every "did you mean" of the program comes from here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` was probably meant to be, None if none is near."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], *, what: str = "known names", most: int = 12) -> str | None:
    """A hint: the nearest known name or, if none is near, up to `most` of them; None if nothing is known."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if not names:
        return None
    return f"{what}: {', '.join(names[:most])}{', …' if len(names) > most else ''}"
