"""The smallest unit of work, and what surrounds it while it runs.

An action is written once and run many times: each attempt works on a deep copy that is bound to its surroundings, so
nothing here may keep state between attempts. Nothing here runs, waits or retries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from synergyflow.core.jobs import Job, JobKind, JobStatus
from synergyflow.errors import DefinitionError

if TYPE_CHECKING:
    import logging
    import threading
    from collections.abc import Mapping

    from synergyflow.config.context import ExecutionContext


class ExecutionCluster(Protocol):
    """What `run` is given: the verbs of `synergyflow.clusters.base.JobRunner`, and where it is.

    `filesystem` is the `synergyflow.filesystems.base.Filesystem` that plain paths refer to.
    """

    @property
    def name(self) -> str: ...
    @property
    def profile(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def filesystem(self) -> Any: ...

    def run_job(self, job: Job) -> JobStatus: ...
    def run_spark_step(self, uri_script: str, language: str = "python", **kwargs: Any) -> JobStatus: ...
    def run_pig_step(self, uri_script: str, **kwargs: Any) -> JobStatus: ...
    def run_hive_step(self, uri_script: str, **kwargs: Any) -> JobStatus: ...
    def run_hadoop_step(self, uri_jar: str, **kwargs: Any) -> JobStatus: ...
    def run_shell_command(self, command: str, **kwargs: Any) -> JobStatus: ...


@dataclass(frozen=True, slots=True)
class ActionRuntime:
    """The surroundings of a running action. `stopping` is set when the action should come to an end."""

    context: ExecutionContext
    step_name: str
    logger: logging.Logger | logging.LoggerAdapter[Any]
    stopping: threading.Event


class Action:
    """A piece of work of a step. Subclasses write `run`, or `job`, or both.

    Attributes:
        action_name: how logs call it.
        log_tag: told apart by, where a step has several of one name.
        skip: it is not run and counts as complete.
        kwargs: further keyword arguments, for the subclass.
        job_kinds: kinds of jobs that it is known to hand to its cluster.
        isolated: the engine runs it in a child process (`isolated_job`).

    Raises:
        DefinitionError: neither `run` nor `job` is written, or an argument is of the wrong type.
    """

    job_kinds: ClassVar[frozenset[JobKind]] = frozenset()
    isolated: bool = False
    action_name: str
    log_tag: str | None
    skip: bool
    kwargs: dict[str, Any]
    _runtime: ActionRuntime | None = None

    def __init__(self, action_name: str, log_tag: str | None = None, skip: bool = False, **kwargs: Any) -> None:
        if not isinstance(action_name, str) or not action_name:
            raise DefinitionError(f"the name of an action is text, not {action_name!r}")
        if log_tag is not None and not isinstance(log_tag, str):
            raise DefinitionError(f"action {action_name!r}: log_tag is text, not {log_tag!r}")
        if not isinstance(skip, bool):
            raise DefinitionError(f"action {action_name!r}: skip is True or False, not {skip!r}")
        self.action_name = action_name
        self.log_tag = log_tag
        self.skip = skip
        self.kwargs = kwargs
        self.check()

    def check(self) -> None:
        """Raise a DefinitionError if the class can't be run; called by the constructor and by the step."""
        mine = type(self)
        if mine.run is Action.run and mine.job is Action.job:
            raise DefinitionError(
                f"{mine.__name__} writes neither run nor job", hint="write run(self, execution_cluster)"
            )
        if "action_name" not in vars(self):
            raise _not_initialised(mine)

    def __getattr__(self, name: str) -> Any:
        if name in ("action_name", "log_tag", "skip", "kwargs"):
            raise _not_initialised(type(self))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> Any:
        """All but the surroundings, so that copies and pickles are unbound."""
        state = super().__getstate__()
        if isinstance(state, dict):
            state = {name: value for name, value in state.items() if name != "_runtime"}
        return state

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.log_name}>"

    @property
    def log_name(self) -> str:
        """The name, and the tag if there is one, as one word."""
        return re.sub(
            r"[\s\x00-\x1f\x7f]", "_", f"{self.action_name}.{self.log_tag}" if self.log_tag else self.action_name
        )

    def run(self, execution_cluster: ExecutionCluster) -> Any:
        """Do the work. A return means that it is done; what is returned is not looked at.

        Without a `run` of its own an action hands its job to the cluster and waits.

        Raises:
            NothingToDo: there was nothing to process; the step becomes `noop`.
            Exception: anything else fails the attempt.
        """
        job = self.job()
        if job is None:
            raise DefinitionError(f"action {self.action_name!r} has neither a run nor a job")
        return execution_cluster.run_job(job)

    def job(self) -> Job | None:
        """The one job that this action is, for the engine to submit and adopt; None where `run` is to be called."""
        return None

    def cleanup(self) -> None:
        """Called after each attempt at the action, whatever happened."""

    def rollback(self, execution_cluster: ExecutionCluster) -> None:
        """Undo what the completed action did, after a later one of the attempt failed."""

    @property
    def can_roll_back(self) -> bool:
        """Whether the subclass wrote a `rollback`."""
        return type(self).rollback is not Action.rollback

    def isolated_job(self, execution_cluster: ExecutionCluster | None = None) -> Job | None:
        """The action as a job for a child process, asked for if it is `isolated` or its step has a time-out.

        None where `run` is to be called all the same. Only actions made of Python callables answer otherwise.
        """
        return None

    def why_not_isolated(self) -> str | None:
        """Why it can't run in a child process although its step has a time-out; None where it can, or needn't."""
        return None

    def bind(self, runtime: ActionRuntime) -> None:
        """Give this copy of the action its surroundings; the last ones given hold."""
        self._runtime = runtime

    def _bound(self, attribute: str) -> ActionRuntime:
        if self._runtime is None:
            raise DefinitionError(
                f"action {self.action_name!r}: {attribute} is known only while the action runs",
                hint="use it in run, job, cleanup or rollback, not in __init__",
            )
        return self._runtime

    @property
    def context(self) -> ExecutionContext:
        """The context of the execution."""
        return self._bound("context").context

    @property
    def settings(self) -> Mapping[str, Any]:
        """The context's free settings."""
        return self._bound("settings").context.settings

    @property
    def flow_name(self) -> str:
        """Name of the flow."""
        return self._bound("flow_name").context.flow_name

    @property
    def step_name(self) -> str:
        """Name of the step."""
        return self._bound("step_name").step_name

    @property
    def timeperiod(self) -> str:
        """The timeperiod that is processed, ten digits."""
        return self._bound("timeperiod").context.timeperiod

    @property
    def start_timeperiod(self) -> str:
        """Where the timeperiod begins (inclusive), ten digits."""
        return self._bound("start_timeperiod").context.start_timeperiod

    @property
    def end_timeperiod(self) -> str:
        """Where the timeperiod ends (exclusive), ten digits."""
        return self._bound("end_timeperiod").context.end_timeperiod

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The checked parameters of the flow."""
        return self._bound("parameters").context.parameters

    @property
    def logger(self) -> logging.Logger | logging.LoggerAdapter[Any]:
        """Writes to the step's log."""
        return self._bound("logger").logger

    @property
    def stopping(self) -> threading.Event:
        """Set when the action should come to an end; long work looks at it now and then."""
        return self._bound("stopping").stopping


def _not_initialised(action_type: type[Action]) -> DefinitionError:
    return DefinitionError(
        f"{action_type.__name__}.__init__ does not call super().__init__",
        hint="begin it with super().__init__('name of the action')",
    )
