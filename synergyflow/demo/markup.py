"""HTML and SVG as nested calls: every text is escaped unless it was built here. No page or chart lives here."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: str | int, **attributes: str | int | float) -> Markup:
    """An element. Text children and attributes are escaped; `class_` and `stroke_width` become `class`, `stroke-width`.

    A boolean-like attribute such as `open` is given as an empty text.
    """
    named = "".join(f' {_attribute(name)}="{escape(str(value))}"' for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{join(*children)}</{tag}>")


def join(*children: str | int) -> Markup:
    """Children one after the other, texts escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in children))


def _attribute(name: str) -> str:
    return name if name in _CAMEL_CASE else name.rstrip("_").replace("_", "-")


_CAMEL_CASE = frozenset({"viewBox", "preserveAspectRatio"})
