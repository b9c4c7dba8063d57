"""Spark, Pig, Hive and Hadoop jobs as actions: data that any cluster that can run them translates.

In scripts, arguments and parameters `{timeperiod}` and its kin are filled in (see `surroundings.expanded`), since not
every cluster hands environment variables to its jobs. Keyword arguments that an action doesn't know are for the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synergyflow.actions.surroundings import (
    as_text,
    environment_mapping,
    exit_code,
    expanded,
    job_environment,
    path_text,
    text_mapping,
    texts,
)
from synergyflow.core.jobs import HadoopJob, HiveJob, JobKind, PigJob, SparkJob
from synergyflow.errors import DefinitionError
from synergyflow.flow.action import Action

_LANGUAGES = ("python", "scala", "java", "r", "sql")
_DEPLOY_MODES = (None, "client", "cluster")


class _JobAction(Action):
    """What the four share: a script or jar, arguments, and variables for the job."""

    def __init__(
        self,
        uri: str,
        arguments: Iterable[Any],
        environment: Mapping[str, Any] | None,
        nothing_to_do_exit_code: int | None,
        naming: Mapping[str, Any],
    ) -> None:
        super().__init__(naming["action_name"], naming["log_tag"], naming["skip"])
        self.uri = path_text(uri, "a script or jar")
        self.arguments = texts(arguments, "arguments")
        self.environment = environment_mapping(environment)
        self.nothing_to_do_exit_code = exit_code(nothing_to_do_exit_code)

    def _common(self) -> dict[str, Any]:
        """The fields that every job has."""
        return {
            "arguments": self._expanded(self.arguments),
            "environment": job_environment(self) | self.environment,
            "nothing_to_do_exit_code": self.nothing_to_do_exit_code,
        }

    def _expanded(self, values: Iterable[str]) -> tuple[str, ...]:
        return tuple(expanded(value, self) for value in values)

    def _expanded_mapping(self, values: Mapping[str, str]) -> dict[str, str]:
        return {name: expanded(value, self) for name, value in values.items()}


class SparkAction(_JobAction):
    """Runs a Spark application.

    Args:
        language: python, scala, java, r or sql.
        arguments: of the application; further keyword arguments follow them as `--name value`, in order.
        main_class, conf, jars, py_files, files, deploy_mode: as `spark-submit` has them.
    """

    job_kinds = frozenset({JobKind.SPARK})

    def __init__(
        self,
        uri_script: str,
        language: str = "python",
        arguments: Iterable[Any] = (),
        main_class: str | None = None,
        conf: Mapping[str, Any] | None = None,
        jars: Iterable[str] = (),
        py_files: Iterable[str] = (),
        files: Iterable[str] = (),
        deploy_mode: str | None = None,
        environment: Mapping[str, Any] | None = None,
        *,
        nothing_to_do_exit_code: int | None = None,
        action_name: str = "spark",
        log_tag: str | None = None,
        skip: bool = False,
        **kwargs: Any,
    ) -> None:
        naming = {"action_name": action_name, "log_tag": log_tag, "skip": skip}
        super().__init__(uri_script, arguments, environment, nothing_to_do_exit_code, naming)
        if language not in _LANGUAGES:
            raise DefinitionError(f"language can't be {language!r}", hint=f"there are {', '.join(_LANGUAGES)}")
        if deploy_mode not in _DEPLOY_MODES:
            raise DefinitionError(f"deploy_mode is 'client' or 'cluster', not {deploy_mode!r}")
        for name, value in kwargs.items():
            self.arguments += (f"--{name}", as_text(value, f"argument {name!r}"))
        self.language = language
        self.main_class = main_class
        self.conf = text_mapping(conf, "conf")
        self.jars, self.py_files, self.files = texts(jars, "jars"), texts(py_files, "py_files"), texts(files, "files")
        self.deploy_mode = deploy_mode

    def job(self) -> SparkJob:
        """The application with everything that was given."""
        return SparkJob(
            uri_script=expanded(self.uri, self),
            language=self.language,
            main_class=self.main_class,
            conf=self._expanded_mapping(self.conf),
            jars=self._expanded(self.jars),
            py_files=self._expanded(self.py_files),
            files=self._expanded(self.files),
            deploy_mode=self.deploy_mode,
            **self._common(),
        )


class _ScriptAction(_JobAction):
    """Pig and Hive: a script and named parameters, given as keyword arguments or as a mapping."""

    def __init__(
        self,
        uri_script: str,
        arguments: Iterable[Any] = (),
        *,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
        nothing_to_do_exit_code: int | None = None,
        action_name: str | None = None,
        log_tag: str | None = None,
        skip: bool = False,
        **kwargs: Any,
    ) -> None:
        own_name = next(kind.value for kind in self.job_kinds)
        naming = {"action_name": own_name if action_name is None else action_name, "log_tag": log_tag, "skip": skip}
        super().__init__(uri_script, arguments, environment, nothing_to_do_exit_code, naming)
        self.script_parameters = text_mapping(parameters, "parameters") | text_mapping(kwargs, "parameters")


class PigAction(_ScriptAction):
    """Runs a Pig script; keyword arguments become its parameters."""

    job_kinds = frozenset({JobKind.PIG})

    def job(self) -> PigJob:
        """The script with its parameters."""
        parameters = self._expanded_mapping(self.script_parameters)
        return PigJob(uri_script=expanded(self.uri, self), parameters=parameters, **self._common())


class HiveAction(_ScriptAction):
    """Runs a Hive script; keyword arguments become its variables."""

    job_kinds = frozenset({JobKind.HIVE})

    def job(self) -> HiveJob:
        """The script with its variables."""
        parameters = self._expanded_mapping(self.script_parameters)
        return HiveJob(uri_script=expanded(self.uri, self), parameters=parameters, **self._common())


class HadoopAction(_JobAction):
    """Runs a Hadoop jar; keyword arguments become properties (`-D name=value`), as does the mapping `properties`."""

    job_kinds = frozenset({JobKind.HADOOP})

    def __init__(
        self,
        uri_jar: str,
        main_class: str | None = None,
        arguments: Iterable[Any] = (),
        *,
        properties: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
        nothing_to_do_exit_code: int | None = None,
        action_name: str = "hadoop",
        log_tag: str | None = None,
        skip: bool = False,
        **kwargs: Any,
    ) -> None:
        naming = {"action_name": action_name, "log_tag": log_tag, "skip": skip}
        super().__init__(uri_jar, arguments, environment, nothing_to_do_exit_code, naming)
        self.main_class = main_class
        self.properties = text_mapping(properties, "properties") | text_mapping(kwargs, "properties")

    def job(self) -> HadoopJob:
        """The jar with its properties."""
        return HadoopJob(
            uri_jar=expanded(self.uri, self),
            main_class=self.main_class,
            properties=self._expanded_mapping(self.properties),
            **self._common(),
        )
