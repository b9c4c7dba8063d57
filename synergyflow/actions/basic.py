"""Actions for trying flows out: one that does nothing, one that waits, one that fails."""

from __future__ import annotations

import threading

from synergyflow.errors import ActionError, DefinitionError
from synergyflow.flow.action import Action, ExecutionCluster


class IdentityAction(Action):
    """Does nothing, successfully."""

    def __init__(self, action_name: str = "identity", log_tag: str | None = None, skip: bool = False) -> None:
        super().__init__(action_name, log_tag, skip)

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Say so in the log."""
        self.logger.info("nothing is done, as asked for")


class FailureAction(Action):
    """Fails, always."""

    def __init__(
        self,
        message: str = "failure, as asked for",
        *,
        action_name: str = "failure",
        log_tag: str | None = None,
        skip: bool = False,
    ) -> None:
        super().__init__(action_name, log_tag, skip)
        self.message = message

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Raise an ActionError with the message."""
        raise ActionError(self.message)


class SleepAction(Action):
    """Waits for that many seconds, or until its step is asked to stop."""

    def __init__(
        self, seconds: float, *, action_name: str = "sleep", log_tag: str | None = None, skip: bool = False
    ) -> None:
        super().__init__(action_name, log_tag, skip)
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds <= threading.TIMEOUT_MAX:
            raise DefinitionError(f"seconds is a number of at least 0, not {seconds!r}")
        self.seconds = seconds

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Wait.

        Raises:
            ActionError: the step was asked to stop before the time was over.
        """
        self.logger.info("waiting for %s seconds", self.seconds)
        if self.stopping.wait(self.seconds):
            raise ActionError(f"stopped before {self.seconds} seconds were over")
