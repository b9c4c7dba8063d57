"""Writes what events change, and appends them to the journal, numbered in the order of commits.

The counter of numbers is one row. Whoever has taken numbers from it keeps it locked until the commit, so a reader who
has seen number n has seen all before it. It is taken last in a transaction, to be held as shortly as possible.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Dialect, bindparam, insert, update

from synergyflow.core.states import IllegalMove
from synergyflow.store.changes import Batch
from synergyflow.store.prepared import Prepared
from synergyflow.store.schema import event, flow, installation
from synergyflow.store.writes import Row

_FENCE = (
    update(flow)
    .where(
        (flow.c.id == bindparam("of_flow"))
        & (flow.c.epoch == bindparam("of_epoch"))
        & (flow.c.revision == bindparam("old_revision"))
        & flow.c.owner_host.is_not(None)
    )
    .values(revision=bindparam("new_revision"))
)
_TAKE_NUMBERS = (
    update(installation)
    .values(last_event=installation.c.last_event + bindparam("count"))
    .returning(installation.c.last_event)
)
_APPEND = insert(event).inline()


class Journal:
    """The writes of a commit, in a transaction of the caller's."""

    def __init__(self, dialect: Dialect) -> None:
        self._prepared = Prepared(dialect)

    def move_on(self, connection: Connection, *, flow_id: int, epoch: int, revision: int) -> bool:
        """Bring a flow that is held in that epoch from the revision before to this one; False if it is not at that."""
        fence = {"of_flow": flow_id, "of_epoch": epoch, "old_revision": revision - 1, "new_revision": revision}
        return self._prepared.execute(connection, _FENCE, [fence]) == 1

    def apply(self, connection: Connection, batches: Sequence[Batch]) -> None:
        """Write the batches.

        Raises:
            IllegalMove: a row is not in the state that it would have to be in.
        """
        for batch in batches:
            hit = self._prepared.execute(connection, batch.write.statement, batch.rows)
            if batch.write.must_hit and hit != len(batch.rows):
                about = ", ".join(str(row.get("of_step", row.get("step_name", "the run"))) for row in batch.rows)
                raise IllegalMove(
                    f"can't {batch.write.does} {about}: {hit} of {len(batch.rows)} are in a state that allows it"
                )

    def append(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Give the event rows their numbers and write them; nothing else may follow in the transaction."""
        if not rows:
            return
        last = self._prepared.returned(connection, _TAKE_NUMBERS, {"count": len(rows)})
        first = last - len(rows) + 1
        self._prepared.execute(connection, _APPEND, [{**row, "number": n} for n, row in enumerate(rows, first)])
