"""A command line as an action: one shell job, with what surrounds it in environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from synergyflow.actions.surroundings import environment_mapping, exit_code, job_environment, path_text
from synergyflow.core.jobs import JobKind, ShellJob
from synergyflow.errors import DefinitionError
from synergyflow.flow.action import Action


class ShellCommandAction(Action):
    """Runs a command line on its cluster.

    Args:
        environment: variables for the command; further keyword arguments are variables, too, and come first.
        working_directory: where it runs; the cluster's own directory unless given.
        nothing_to_do_exit_code: the exit code by which it says that there was nothing to process.
    """

    job_kinds = frozenset({JobKind.SHELL})

    def __init__(
        self,
        shell_command: str,
        environment: Mapping[str, Any] | None = None,
        working_directory: str | os.PathLike[str] | None = None,
        nothing_to_do_exit_code: int | None = None,
        *,
        action_name: str = "shell",
        log_tag: str | None = None,
        skip: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(action_name, log_tag, skip, **kwargs)
        if not isinstance(shell_command, str) or not shell_command.strip() or "\0" in shell_command:
            raise DefinitionError(f"a shell command is text, not {shell_command!r}")
        self.shell_command = shell_command
        self.environment = environment_mapping(environment) | environment_mapping(kwargs)
        self.working_directory = (
            None if working_directory is None else path_text(working_directory, "working_directory")
        )
        self.nothing_to_do_exit_code = exit_code(nothing_to_do_exit_code)

    def job(self) -> ShellJob:
        """The command, as written."""
        return ShellJob(
            command=self.shell_command,
            working_directory=self.working_directory,
            environment=job_environment(self) | self.environment,
            nothing_to_do_exit_code=self.nothing_to_do_exit_code,
        )
