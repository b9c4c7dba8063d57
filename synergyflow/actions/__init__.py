"""The actions that ship: what flows are made of. None of them knows an engine, a store or a vendor."""

from __future__ import annotations

from synergyflow.actions.basic import FailureAction, IdentityAction, SleepAction
from synergyflow.actions.cluster_jobs import HadoopAction, HiveAction, PigAction, SparkAction
from synergyflow.actions.export import ExportAction
from synergyflow.actions.files import (
    CopyFromLocalAction,
    CopyToLocalAction,
    CpAction,
    MkdirAction,
    MvAction,
    RmAction,
    RmdirAction,
)
from synergyflow.actions.python import PythonAction
from synergyflow.actions.shell import ShellCommandAction

__all__ = [
    "CopyFromLocalAction",
    "CopyToLocalAction",
    "CpAction",
    "ExportAction",
    "FailureAction",
    "HadoopAction",
    "HiveAction",
    "IdentityAction",
    "MkdirAction",
    "MvAction",
    "PigAction",
    "PythonAction",
    "RmAction",
    "RmdirAction",
    "ShellCommandAction",
    "SleepAction",
    "SparkAction",
]
