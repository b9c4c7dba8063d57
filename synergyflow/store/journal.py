"""Appends events to the journal, numbered in the order of commits.

The counter is one row. Whoever has taken numbers from it keeps it locked until the commit, so a reader who has seen
number n has seen all before it. It is taken last in a transaction, to be held as shortly as possible.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, update

from synergyflow.core.states import IllegalMove
from synergyflow.store.changes import Batch
from synergyflow.store.schema import event, installation
from synergyflow.store.writes import Row

_TAKE_NUMBERS = (
    update(installation)
    .values(last_event=installation.c.last_event + bindparam("count"))
    .returning(installation.c.last_event)
)
_APPEND = insert(event)


def apply(connection: Connection, batches: Sequence[Batch]) -> None:
    """Write the batches.

    Raises:
        IllegalMove: a row is not in the state that it would have to be in.
    """
    for batch in batches:
        rows = batch.rows
        hit = connection.execute(batch.write.statement, rows if len(rows) > 1 else rows[0]).rowcount
        if batch.write.must_hit and hit != len(rows):
            about = ", ".join(repr(row.get("of_step", row)) for row in rows)
            raise IllegalMove(
                f"can't {batch.write.does} {about}: only {hit} of {len(rows)} are in a state that allows it"
            )


def append(connection: Connection, rows: Sequence[Row]) -> None:
    """Give the event rows their numbers and write them; nothing else may follow in the transaction."""
    if not rows:
        return
    last = connection.execute(_TAKE_NUMBERS, {"count": len(rows)}).scalar_one()
    first = last - len(rows) + 1
    numbered = [{**row, "number": number} for number, row in enumerate(rows, first)]
    connection.execute(_APPEND, numbered if len(numbered) > 1 else numbered[0])
