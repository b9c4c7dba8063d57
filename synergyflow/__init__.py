"""synergyflow: flows of steps, run and recovered on EMR, Dataproc, Qubole or local clusters.

These names are the public surface; each is loaded when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synergyflow.actions import (
        CopyFromLocalAction,
        CopyToLocalAction,
        CpAction,
        ExportAction,
        FailureAction,
        HadoopAction,
        HiveAction,
        IdentityAction,
        MkdirAction,
        MvAction,
        PigAction,
        PythonAction,
        RmAction,
        RmdirAction,
        ShellCommandAction,
        SleepAction,
        SparkAction,
    )
    from synergyflow.clusters.base import Cluster
    from synergyflow.config.context import ExecutionContext
    from synergyflow.core.modes import Mode
    from synergyflow.errors import NothingToDo, SynergyFlowError
    from synergyflow.execution_engine import ExecutionEngine
    from synergyflow.filesystems.base import Filesystem
    from synergyflow.flow.action import Action
    from synergyflow.flow.flow_graph import FlowGraph
    from synergyflow.flow.parameters import Parameter
    from synergyflow.flow.step import Step

_HOMES = {
    "Action": "synergyflow.flow.action",
    "Cluster": "synergyflow.clusters.base",
    "CopyFromLocalAction": "synergyflow.actions",
    "CopyToLocalAction": "synergyflow.actions",
    "CpAction": "synergyflow.actions",
    "ExecutionContext": "synergyflow.config.context",
    "ExecutionEngine": "synergyflow.execution_engine",
    "ExportAction": "synergyflow.actions",
    "FailureAction": "synergyflow.actions",
    "Filesystem": "synergyflow.filesystems.base",
    "FlowGraph": "synergyflow.flow.flow_graph",
    "HadoopAction": "synergyflow.actions",
    "HiveAction": "synergyflow.actions",
    "IdentityAction": "synergyflow.actions",
    "MkdirAction": "synergyflow.actions",
    "Mode": "synergyflow.core.modes",
    "MvAction": "synergyflow.actions",
    "NothingToDo": "synergyflow.errors",
    "Parameter": "synergyflow.flow.parameters",
    "PigAction": "synergyflow.actions",
    "PythonAction": "synergyflow.actions",
    "RmAction": "synergyflow.actions",
    "RmdirAction": "synergyflow.actions",
    "ShellCommandAction": "synergyflow.actions",
    "SleepAction": "synergyflow.actions",
    "SparkAction": "synergyflow.actions",
    "Step": "synergyflow.flow.step",
    "SynergyFlowError": "synergyflow.errors",
}

__version__ = "0.1.0"
__all__ = [
    "Action",
    "Cluster",
    "CopyFromLocalAction",
    "CopyToLocalAction",
    "CpAction",
    "ExecutionContext",
    "ExecutionEngine",
    "ExportAction",
    "FailureAction",
    "Filesystem",
    "FlowGraph",
    "HadoopAction",
    "HiveAction",
    "IdentityAction",
    "MkdirAction",
    "Mode",
    "MvAction",
    "NothingToDo",
    "Parameter",
    "PigAction",
    "PythonAction",
    "RmAction",
    "RmdirAction",
    "ShellCommandAction",
    "SleepAction",
    "SparkAction",
    "Step",
    "SynergyFlowError",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'synergyflow' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
