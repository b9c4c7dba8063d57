"""An observer of one's own: names the steps that took longer than is usual, when the run has ended."""

from collections.abc import Sequence
from datetime import datetime

from synergyflow.core.events import Event, RunEnded, StepEnded, StepStarted
from synergyflow.core.plan import Plan


class SlowSteps:
    """Give it to the engine: `ExecutionEngine(flow, observers=[SlowSteps(seconds=60)])`."""

    def __init__(self, seconds: float) -> None:
        self.slow: dict[str, float] = {}
        self._seconds = seconds
        self._started: dict[str, datetime] = {}

    def begin(self, plan: Plan) -> None:
        """The plan is about to be carried out."""
        self.slow.clear()

    def on(self, events: Sequence[Event]) -> None:
        """These events are in the database; an exception here ends the telling, never the flow."""
        for event in events:
            match event:
                case StepStarted():
                    self._started[event.step] = event.at
                case StepEnded():
                    took = (event.at - self._started[event.step]).total_seconds()
                    if took > self._seconds:
                        self.slow[event.step] = took
                case RunEnded():
                    for step, took in self.slow.items():
                        print(f"{step} took {took:.1f} s")
