"""A Python callable as an action: called in the thread of its step, or as a job in a child process.

What the function asks for by name and was not given is supplied. A child process is the only place where Python code
can be ended from outside, so that is where steps with a time-out call theirs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from synergyflow.actions.payload import NOTHING_TO_DO, Payload
from synergyflow.actions.surroundings import job_environment
from synergyflow.core.jobs import PythonJob
from synergyflow.errors import DefinitionError
from synergyflow.flow.action import Action, ExecutionCluster
from synergyflow.flow.private import private_modules

SUPPLIED = (
    "context",
    "settings",
    "parameters",
    "logger",
    "timeperiod",
    "start_timeperiod",
    "end_timeperiod",
    "flow_name",
    "step_name",
    "cluster",
    "filesystem",
)


class PythonAction(Action):
    """Calls `function(*args, **kwargs)`.

    A parameter of the function that bears a name of `SUPPLIED` and is not given is supplied. With `isolated=True` the
    call runs in a child process; its function and arguments must be such that they can be pickled.

    Raises:
        DefinitionError: it can't be called that way, or asks for the cluster in a child process.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *args: Any,
        isolated: bool = False,
        action_name: str | None = None,
        log_tag: str | None = None,
        skip: bool = False,
        **kwargs: Any,
    ) -> None:
        if not callable(function):
            raise DefinitionError(f"a PythonAction takes a function, not {function!r}")
        super().__init__(_name_of(function) if action_name is None else action_name, log_tag, skip, **kwargs)
        self.function = function
        self.args = args
        self.isolated = isolated
        self.wanted = _wanted(function, args, kwargs)
        reason = self.why_not_isolated() if isolated else None
        if reason:
            raise DefinitionError(f"{_name_of(function)} can't be isolated: {reason}")

    def why_not_isolated(self) -> str | None:
        """The cluster can't be taken along into a child process."""
        if "cluster" not in self.wanted:
            return None
        return f"the `cluster` that {_name_of(self.function)} asks for can't be supplied there"

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Call the function here, or hand it to a child process if it is isolated."""
        if self.isolated:
            execution_cluster.run_job(self.isolated_job(execution_cluster))
            return
        supplied = {name: self._supply(name, execution_cluster) for name in self.wanted}
        self.function(*self.args, **self.kwargs, **supplied)

    def isolated_job(self, execution_cluster: ExecutionCluster | None = None) -> PythonJob:
        """The call as a job for a child process. A function that asks for `filesystem` needs the cluster it belongs to.

        Raises:
            DefinitionError: the function asks for what can't be supplied there, or something can't be pickled.
        """
        reason = self.why_not_isolated()
        if reason:
            raise DefinitionError(f"action {self.action_name!r} can't run in a child process: {reason}")
        wanted = [name for name in self.wanted if name != "logger"]
        supplied = {name: self._supply(name, execution_cluster) for name in wanted}
        call = (self.function, self.args, self.kwargs, supplied)
        return PythonJob(
            payload=Payload(sys_path=tuple(sys.path), call=self._pickled(call), logger="logger" in self.wanted).pack(),
            description=_name_of(self.function),
            environment=job_environment(self),
            nothing_to_do_exit_code=NOTHING_TO_DO,
        )

    def _supply(self, name: str, execution_cluster: ExecutionCluster | None) -> Any:
        if name not in ("cluster", "filesystem"):
            return getattr(self, name)
        if execution_cluster is None:
            raise DefinitionError(
                f"action {self.action_name!r} asks for {name!r}, and there is no cluster to take it from"
            )
        return execution_cluster if name == "cluster" else execution_cluster.filesystem

    def _pickled(self, call: tuple[Any, ...]) -> bytes:
        """The call as bytes, with code that the child can't import taken along whole."""
        import cloudpickle  # type: ignore[import-untyped]

        for module in [*private_modules(), *_unimportable(self.function)]:
            cloudpickle.register_pickle_by_value(module)
        try:
            return bytes(cloudpickle.dumps(call))
        except Exception as error:
            raise DefinitionError(
                f"action {self.action_name!r} can't be taken to a child process: {type(error).__name__}: {error}",
                hint="give it plain values, and open files and connections inside of the function",
            ) from error


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "python")
    return name if isinstance(name, str) and name.isidentifier() else "python"


def _wanted(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the parameters to supply.

    Raises:
        DefinitionError: with these supplied the arguments still don't fit.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ()
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        free = [one.name for one in signature.parameters.values() if one.kind in by_name and one.name not in given]
        wanted = tuple(name for name in free if name in SUPPLIED)
        signature.bind(*args, **kwargs, **dict.fromkeys(wanted))
    except TypeError as error:
        raise DefinitionError(
            f"{_name_of(function)}{signature} can't be called with these arguments: {error}",
            hint=f"these are supplied by name: {', '.join(SUPPLIED)}",
        ) from None
    return wanted


def _unimportable(function: Callable[..., Any]) -> list[ModuleType]:
    """The function's module, if a fresh process could not import it under its name."""
    name = getattr(function, "__module__", None) or "builtins"
    top = name.partition(".")[0]
    module = sys.modules.get(name)
    if module is None or top in sys.stdlib_module_names or PathFinder.find_spec(top) is not None:
        return []
    return [module]
