"""Says again and again, from a thread of its own, that the engine of a flow run is alive."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from synergyflow.errors import LeaseLost, StoreError
from synergyflow.store.base import Lease, Store

HEARTBEAT_SECONDS = 15.0


class Heartbeat:
    """Renews a lease until stopped; tells once when it was lost."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        on_lost: Callable[[], None],
        logger: Callable[[], logging.Logger],
        *,
        seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._store = store
        self._lease = lease
        self._on_lost = on_lost
        self._logger = logger
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._store.renew(self._lease)
            except LeaseLost:
                self._on_lost()
                return
            except StoreError as error:
                self._logger().warning("the lease could not be renewed: %s", error)
            except Exception:  # noqa: BLE001 - the next beat may do better
                self._logger().exception("the lease could not be renewed: unexpected")
