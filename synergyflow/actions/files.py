"""Files and folders, by the filesystem of the cluster that the step runs on.

Paths may contain `{timeperiod}` and its kin (see `surroundings.expanded`).
"""

from __future__ import annotations

import os
from typing import Any

from synergyflow.actions.surroundings import expanded, path_text
from synergyflow.flow.action import Action, ExecutionCluster

_Path = str | os.PathLike[str]


class _PathAction(Action):
    """What the filesystem actions of one path share; the class says which verb of the filesystem it is."""

    verb: str

    def __init__(
        self, path: _Path, *, action_name: str | None = None, log_tag: str | None = None, skip: bool = False
    ) -> None:
        super().__init__(self.verb if action_name is None else action_name, log_tag, skip)
        self.path = path_text(path)

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Call the verb with the path."""
        _perform(self, self.verb, execution_cluster, self.path)


class _TwoPathAction(Action):
    """What the filesystem actions of two paths share."""

    verb: str
    default_name: str

    def __init__(
        self,
        source: _Path,
        target: _Path,
        *,
        action_name: str | None = None,
        log_tag: str | None = None,
        skip: bool = False,
    ) -> None:
        super().__init__(self.default_name if action_name is None else action_name, log_tag, skip)
        self.source = path_text(source, "source")
        self.target = path_text(target, "target")

    def run(self, execution_cluster: ExecutionCluster) -> None:
        """Call the verb with both paths."""
        _perform(self, self.verb, execution_cluster, self.source, self.target)


def _perform(action: Action, verb: str, execution_cluster: ExecutionCluster, *paths: str) -> None:
    filled: list[Any] = [expanded(path, action) for path in paths]
    action.logger.info("%s %s", verb, " -> ".join(filled))
    getattr(execution_cluster.filesystem, verb)(*filled)


class MkdirAction(_PathAction):
    """Makes a folder and those above it; one that exists already is fine."""

    verb = "mkdir"


class RmdirAction(_PathAction):
    """Removes a folder with all that is in it; one that does not exist is fine."""

    verb = "rmdir"


class RmAction(_PathAction):
    """Removes a file or tree; one that does not exist is fine."""

    verb = "rm"


class CpAction(_TwoPathAction):
    """Copies a file or tree to exactly the target."""

    verb = default_name = "cp"


class MvAction(_TwoPathAction):
    """Moves a file or tree to exactly the target."""

    verb = default_name = "mv"


class CopyToLocalAction(_TwoPathAction):
    """Copies a file or tree to the engine's own machine: `CopyToLocalAction(path, local_path)`."""

    verb, default_name = "copy_to_local", "copy_to_local"

    def __init__(self, path: _Path, local_path: _Path, **kwargs: Any) -> None:
        super().__init__(path, local_path, **kwargs)


class CopyFromLocalAction(_TwoPathAction):
    """Copies a file or tree from the engine's own machine: `CopyFromLocalAction(local_path, path)`."""

    verb, default_name = "copy_from_local", "copy_from_local"

    def __init__(self, local_path: _Path, path: _Path, **kwargs: Any) -> None:
        super().__init__(local_path, path, **kwargs)
