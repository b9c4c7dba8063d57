"""Tells a logger of the caller's what happens: a line for each event that matters."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from synergyflow.core.events import (
    ClusterEnded,
    ClusterFailed,
    ClusterLost,
    ClusterReady,
    Event,
    RunEnded,
    StepEnded,
    StepSkipped,
    StepStarted,
)
from synergyflow.core.plan import Plan


class LogObserver:
    """An observer for programs that embed the engine."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def begin(self, plan: Plan) -> None:
        """One line with the size of the plan."""
        self._logger.info("%s %s: %s, %d steps to run", plan.flow_name, plan.timeperiod, plan.mode, len(plan.to_run))

    def on(self, events: Sequence[Event]) -> None:
        """One line for each event that matters to a reader."""
        for event in events:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        log = self._logger
        match event:
            case ClusterReady():
                log.info("cluster %s is ready", event.cluster)
            case ClusterFailed() | ClusterLost():
                log.error("cluster %s failed: %s", event.cluster, event.reason)
            case ClusterEnded() if event.reason:
                log.warning("cluster %s: %s", event.cluster, event.reason)
            case StepStarted():
                log.info("step %s starts on %s, attempt %d", event.step, event.cluster, event.attempt)
            case StepSkipped():
                log.info("step %s is skipped", event.step)
            case StepEnded() if event.state.is_success:
                log.info("step %s is %s", event.step, event.state)
            case StepEnded():
                log.error("step %s is %s: %s", event.step, event.state, event.error)
            case RunEnded():
                log.info("the run is %s", event.state)
            case _:
                return
