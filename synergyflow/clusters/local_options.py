"""What a profile of type `local` may say beyond what all profiles do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from synergyflow.errors import ConfigurationError

if TYPE_CHECKING:
    from synergyflow.config.profile import Profile


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
    memory_limit_mb: int | None = None
    cpu_seconds: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """Resource limits by the names that the system gives them."""
        limits = {"RLIMIT_AS": self.memory_limit_mb and self.memory_limit_mb << 20, "RLIMIT_CPU": self.cpu_seconds}
        return {name: value for name, value in limits.items() if value}


def options_of(profile: Profile) -> LocalOptions:
    """The profile's options, checked. Raises `ConfigurationError` for what a local cluster does not know."""
    try:
        return msgspec.convert(dict(profile.options), LocalOptions)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{profile.path or profile.name}: {error}") from error
