"""What a profile of type `local` may say beyond what all profiles do."""

from __future__ import annotations

from typing import Annotated

import msgspec

from synergyflow.config.loading import checked
from synergyflow.config.paths import shown
from synergyflow.config.profile import Profile

_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class LocalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of a local cluster.

    Attributes:
        environment: variables that every job gets; a job's own win over them.
        working_directory: where jobs run; relative to the folder above `contexts/`, which is also the default.
        shell: the command line that a shell job's text is given to with `-c`; `bash` (or `sh`) by default.
        spark_master: where Spark runs.
        spark_submit, spark_sql, pig, hive, hadoop: names or paths of these programs.
        memory_limit_mb: address space of each process of a job, in MiB.
        cpu_seconds: processor time of each process of a job.
    """

    environment: dict[str, str] = {}
    working_directory: str | None = None
    shell: str | None = None
    spark_master: str = "local[*]"
    spark_submit: str = "spark-submit"
    spark_sql: str = "spark-sql"
    pig: str = "pig"
    hive: str = "hive"
    hadoop: str = "hadoop"
    memory_limit_mb: _AtLeastOne | None = None
    cpu_seconds: _AtLeastOne | None = None

    @property
    def limits(self) -> dict[str, int]:
        """Resource limits by the names that the system gives them."""
        limits = {"RLIMIT_AS": self.memory_limit_mb and self.memory_limit_mb << 20, "RLIMIT_CPU": self.cpu_seconds}
        return {name: value for name, value in limits.items() if value}


def options_of(profile: Profile) -> LocalOptions:
    """The profile's options, checked. Raises `ConfigurationError` for what a local cluster does not know."""
    where = shown(profile.path) if profile.path else f"profile {profile.name!r}"
    return checked(profile.options, LocalOptions, where=where)
