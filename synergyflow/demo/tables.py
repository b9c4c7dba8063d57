"""Tables between the steps: CSV files with a header on the filesystem of the cluster, written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from synergyflow import Filesystem
from synergyflow.demo.computation import Tally, WeatherTally

Row = dict[str, str]
Values = TypeVar("Values", Tally, WeatherTally)


def read_table(filesystem: Filesystem, path: str) -> list[Row]:
    """The rows of a table. Raises `FilesystemError` if there is none at the path."""
    with filesystem.open_for_reading(path) as raw:
        return list(csv.DictReader(io.StringIO(raw.read().decode("utf-8"), newline="")))


def write_table(
    filesystem: Filesystem, path: str, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Write a table with these columns, over one that is there; every row has exactly these."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with filesystem.open_for_writing(path) as raw:
        raw.write(text.getvalue().encode("utf-8"))


def read_tallies(filesystem: Filesystem, path: str, kind: type[Values]) -> list[Values]:
    """The rows of a table as values of that dataclass, all of whose fields are texts or whole numbers."""
    numbers = {field.name for field in fields(kind) if field.type in (int, "int")}

    def values(row: Row) -> dict[str, Any]:
        return {name: int(text) if name in numbers else text for name, text in row.items()}

    return [kind(**values(row)) for row in read_table(filesystem, path)]


def write_tallies(filesystem: Filesystem, path: str, kind: type[Values], tallies: Iterable[Values]) -> None:
    """Write values of that dataclass as a table whose columns are its fields."""
    write_table(filesystem, path, [field.name for field in fields(kind)], map(asdict, tallies))
