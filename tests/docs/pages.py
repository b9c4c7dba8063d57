"""The pages of the documentation as data: fenced blocks, tables, links, code in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences; `line` is that of its first line."""

    language: str
    text: str
    line: int


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    return tuple(Block(found[1], found[2], text.count("\n", 0, found.start()) + 2) for found in _FENCE.finditer(text))


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def code_in_text(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(page))


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may say after `#`."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def tables(page: str) -> Iterator[list[list[str]]]:
    """The tables of a page of `docs/`: rows of cells, the heading first."""
    text = prose(ROOT / "docs" / page)
    for found in re.findall(r"(?:^\|.*\n)+", text, re.M):
        rows = [[cell.strip() for cell in _CELLS.split(line.strip())[1:-1]] for line in found.splitlines()]
        yield [rows[0], *rows[2:]]


def table(page: str, *heading: str) -> list[list[str]]:
    """The rows of all tables of the page that begin with these headings."""
    found = [rows[1:] for rows in tables(page) if rows[0][: len(heading)] == list(heading)]
    assert found, f"{page} has no table with the heading {heading}"
    return [row for rows in found for row in rows]


def names(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)
