"""Tables between the steps: CSV files with a header on the filesystem of the cluster, written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from synergyflow.filesystems.base import Filesystem


def read_table(filesystem: Filesystem, path: str) -> list[dict[str, str]]:
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
