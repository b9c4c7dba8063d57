"""Tells observers what is durable; one that raises is reported and left out, and never stops a flow."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from synergyflow.core.events import Event
from synergyflow.core.plan import Plan
from synergyflow.engine.ports import Observer


class Observers:
    """A list of observers, each isolated from the others and from the engine."""

    def __init__(self, observers: Sequence[Observer], logger: logging.Logger) -> None:
        self._observers = list(observers)
        self._logger = logger

    def begin(self, plan: Plan) -> None:
        """Tell each of the plan."""
        for observer in list(self._observers):
            try:
                observer.begin(plan)
            except BaseException:  # noqa: BLE001 - watching must not stop what is watched
                self._drop(observer)

    def tell(self, events: Sequence[Event]) -> None:
        """Tell each of events that are durable."""
        for observer in list(self._observers):
            try:
                observer.on(events)
            except BaseException:  # noqa: BLE001 - watching must not stop what is watched
                self._drop(observer)

    def _drop(self, observer: Observer) -> None:
        self._logger.exception("observer %s failed and is told nothing more", type(observer).__name__)
        self._observers.remove(observer)
