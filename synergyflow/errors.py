"""Every error that synergyflow raises on purpose, as one tree, and the exit codes of the command line.

An error says *what* was wrong and *where* in its message, and *what to try* in `hint`. Nothing else
may be raised across the border of a room; foreign exceptions are translated where they enter.

    SynergyFlowError                     exit 2   something could not start
    ├── ConfigurationError               exit 2   a context, profile, secret or option
    ├── DefinitionError                  exit 2   a flow, step or action as written
    ├── NotFoundError                    exit 2   no flow, step, run or context of that name
    ├── PlanRefused                      exit 2   the mode cannot begin on this record
    │   ├── PlanOutdated                 exit 2   the record moved on since the plan was made
    │   └── RunOwned                     exit 3   another living engine holds the flow run
    ├── StoreError                       exit 2   the database
    │   ├── StoreUnavailable             exit 2   it can't be reached just now; the same may succeed later
    │   ├── SchemaError                  exit 2   its tables are missing, older or newer
    │   │   └── SchemaOutdated           exit 2   they are older, and can be brought up to date
    │   └── LeaseLost                    exit 3   this engine no longer owns the flow run
    ├── ClusterError                     exit 1   a cluster or a job on it
    │   ├── ClusterLaunchError           exit 1   it did not come up
    │   ├── ClusterLost                  exit 1   it is gone, with what ran on it
    │   ├── JobFailed                    exit 1   the job ended badly by itself
    │   ├── JobCanceled                  exit 1   the job was ended from outside
    │   └── JobLost                      exit 1   the job cannot be found any more
    ├── FilesystemError                  exit 1   a path that is missing, refused or in the way
    ├── StepTimeout                      exit 1   the step took longer than its policy allows
    ├── ActionError                      exit 1   raised by an action that ships with synergyflow
    └── NothingToDo                      –        no error: an action's way to make its step `noop`
"""

from __future__ import annotations

from typing import ClassVar

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_OWNED = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class SynergyFlowError(Exception):
    """Something is wrong that the reader can do something about; `hint` says what."""

    exit_code: ClassVar[int] = EXIT_REFUSED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigurationError(SynergyFlowError):
    """A context, profile, secret or option is not usable as it stands."""


class DefinitionError(SynergyFlowError):
    """A flow, step or action is defined wrongly. The message names file, flow and step as far as known."""


class NotFoundError(SynergyFlowError):
    """There is no flow, step, run, context or profile of that name."""


class PlanRefused(SynergyFlowError):
    """The mode cannot begin on the record as it is. Nothing was changed."""


class PlanOutdated(PlanRefused):
    """The record changed between planning and beginning. Nothing was changed; plan again."""


class RunOwned(PlanRefused):
    """A living engine holds the flow run; the message names its host, process and since when."""

    exit_code = EXIT_OWNED


class StoreError(SynergyFlowError):
    """The database could not be reached or refused what was asked."""


class StoreUnavailable(StoreError):
    """The database could not be reached, or was busy: the same may succeed later. It is unknown whether it was done."""


class SchemaError(StoreError):
    """The database's tables are missing, older than this program, or newer than it."""


class SchemaOutdated(SchemaError):
    """The database's tables are older than this program; an upgrade brings them up to date."""


class LeaseLost(StoreError):
    """This engine no longer owns the flow run; what it tried to write was not written."""

    exit_code = EXIT_OWNED


class ClusterError(SynergyFlowError):
    """A cluster, or a job on it, did not do what was asked."""

    exit_code = EXIT_FAILED


class ClusterLaunchError(ClusterError):
    """The cluster did not come up. Nothing of it is left running that a second launch would double."""


class ClusterLost(ClusterError):
    """The cluster is gone; whatever ran on it must be taken as not finished."""


class JobFailed(ClusterError):
    """The job ended by itself, badly."""


class JobCanceled(ClusterError):
    """The job was ended from outside before it had finished."""


class JobLost(ClusterError):
    """The job was submitted and cannot be found any more; never to be read as success."""


class FilesystemError(SynergyFlowError):
    """A path is missing, refused or in the way."""

    exit_code = EXIT_FAILED


class StepTimeout(SynergyFlowError):
    """The step took longer than its policy allows; what it ran has been ended."""

    exit_code = EXIT_FAILED


class ActionError(SynergyFlowError):
    """An action that ships with synergyflow could not do its work."""

    exit_code = EXIT_FAILED


class NothingToDo(SynergyFlowError):
    """Raised by an action that found nothing to process: its step becomes `noop`, its children run."""

    exit_code = EXIT_OK

    def __init__(self, message: str = "nothing to do", *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
