"""The execution context: one flow, one timeperiod, one environment; what an action may know of its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synergyflow.config.frozen import ReadOnlyDict, Secrets
from synergyflow.config.masking import Masker
from synergyflow.config.paths import absolute, working_folder
from synergyflow.core import timeperiod as timeperiods
from synergyflow.core.timeperiod import TimeQualifier
from synergyflow.errors import ConfigurationError

if TYPE_CHECKING:
    from synergyflow.config.environment import Environment

_NOTHING_TO_MASK = Masker()


@dataclass(frozen=True, init=False, eq=False)
class ExecutionContext:
    """Frozen; a copy of it, deep or not, is itself. Values of secrets and settings are not in its `repr`.

    Attributes:
        start_timeperiod, end_timeperiod: of the data, in the notation of timeperiods; start inclusive, end exclusive.
        settings: `[settings]` of the context file, or what was given; read-only.
        number_of_clusters: N of the four modes.
        parameters: of the flow, as given or as recorded; read-only.
        environment: the context file that it comes from, None for one made by hand.
        root: the folder that relative paths refer to.
        log_directory: absolute.
        secrets: values by name.
        masker: masks these secrets in texts and streams.
    """

    flow_name: str
    timeperiod: str
    start_timeperiod: str
    end_timeperiod: str
    settings: Mapping[str, Any] = field(repr=False)
    number_of_clusters: int
    parameters: Mapping[str, Any]
    environment: Environment | None = field(repr=False)
    root: Path = field(repr=False)
    log_directory: Path = field(repr=False)
    _given_span: tuple[str | None, str | None] = field(repr=False)

    def __init__(
        self,
        flow_name: str,
        timeperiod: str,
        start_timeperiod: str | None = None,
        end_timeperiod: str | None = None,
        settings: Mapping[str, Any] | None = None,
        number_of_clusters: int = 2,
        parameters: Mapping[str, Any] | None = None,
        *,
        environment: Environment | None = None,
    ) -> None:
        """Start and end default to those of the timeperiod; settings to those of the environment.

        Without an environment logs go to `settings["log_directory"]` (default `logs`) of the working folder, and the
        database is a SQLite file there.

        Raises:
            NotFoundError: a timeperiod is none.
            ConfigurationError: another argument is not of its type, or the start is after the end.
        """
        _check(flow_name, number_of_clusters, settings, parameters)
        _check_texts(timeperiod=timeperiod, start_timeperiod=start_timeperiod, end_timeperiod=end_timeperiod)
        if settings is None:
            settings = environment.settings if environment is not None else {}
        root = environment.root if environment is not None else working_folder()
        self._set(
            flow_name=flow_name,
            timeperiod=timeperiod,
            settings=ReadOnlyDict(settings),
            number_of_clusters=number_of_clusters,
            parameters=ReadOnlyDict(parameters or {}),
            environment=environment,
            root=root,
            log_directory=environment.log_directory if environment is not None else _log_directory(settings, root),
            _given_span=(start_timeperiod, end_timeperiod),
        )
        self._set(**_span(timeperiod, start_timeperiod, end_timeperiod, None))

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        flow_name: str,
        timeperiod: str,
        *,
        number_of_clusters: int | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> ExecutionContext:
        """The context of that name or file, see `load_environment`, for one flow run.

        Raises:
            NotFoundError: there is no such context, or the timeperiod is none.
            ConfigurationError: something in the context or a profile that it names is wrong.
        """
        from synergyflow.config.environment import load_environment

        environment = load_environment(name_or_path)
        number = environment.number_of_clusters if number_of_clusters is None else number_of_clusters
        return cls(flow_name, timeperiod, number_of_clusters=number, parameters=parameters, environment=environment)

    @property
    def secrets(self) -> Mapping[str, str]:
        """Secret values by name; empty without an environment."""
        return self.environment.secrets if self.environment is not None else Secrets()

    @property
    def database_url(self) -> str:
        """Where the state is kept; may contain a password."""
        if self.environment is not None:
            return self.environment.database_url
        return f"sqlite:///{self.log_directory / 'synergyflow.db'}"

    @property
    def masker(self) -> Masker:
        """Masks the secrets of the environment."""
        return self.environment.masker if self.environment is not None else _NOTHING_TO_MASK

    def qualified(self, qualifier: TimeQualifier | None) -> ExecutionContext:
        """This context for a flow of the given time qualifier: start and end that were not given follow from it.

        Raises:
            NotFoundError: the timeperiod does not fit the qualifier.
        """
        return self._with(**_span(self.timeperiod, *self._given_span, qualifier))

    def with_parameters(self, parameters: Mapping[str, Any]) -> ExecutionContext:
        """This context with these parameters in place of its own."""
        return self._with(parameters=ReadOnlyDict(parameters))

    def __copy__(self) -> ExecutionContext:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> ExecutionContext:
        return self

    def _with(self, **changes: Any) -> ExecutionContext:
        other = object.__new__(type(self))
        other._set(**{**self.__dict__, **changes})
        return other

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _check(flow_name: Any, number_of_clusters: Any, settings: Any, parameters: Any) -> None:
    """Users call the constructor without a type checker: say what is wrong where it is."""
    if not isinstance(flow_name, str) or not flow_name:
        raise ConfigurationError("flow_name must be text that is not empty", hint='for example "flight_delays"')
    if type(number_of_clusters) is not int or number_of_clusters < 1:
        raise ConfigurationError("number_of_clusters must be a whole number of at least 1", hint="for example 2")
    for name, value in (("settings", settings), ("parameters", parameters)):
        if value is not None and not isinstance(value, Mapping):
            raise ConfigurationError(f"{name} must be a mapping", hint=f"for example {name}={{}}")


def _check_texts(timeperiod: Any, **bounds: Any) -> None:
    for name, value in (("timeperiod", timeperiod), *bounds.items()):
        if not isinstance(value, str) and not (name in bounds and value is None):
            raise ConfigurationError(f"{name} must be text", hint='write it in quotes: "2013010100"')


def _span(timeperiod: str, start: str | None, end: str | None, qualifier: TimeQualifier | None) -> dict[str, str]:
    """Start and end: as given, else those of the timeperiod."""
    period = timeperiods.parse(timeperiod, qualifier)
    first = period.start if start is None else timeperiods.parse(start).start
    last = period.end if end is None else timeperiods.parse(end).start
    if first > last:
        raise ConfigurationError(
            f"start_timeperiod {start or period.start_text} is after end_timeperiod {end or period.end_text}",
            hint="the start is inclusive, the end exclusive",
        )
    return {"start_timeperiod": start or period.start_text, "end_timeperiod": end or period.end_text}


def _log_directory(settings: Mapping[str, Any], root: Path) -> Path:
    given = settings.get("log_directory", "logs")
    if not isinstance(given, str | Path) or not str(given):
        raise ConfigurationError("settings['log_directory'] must be the path of a folder", hint='for example "logs"')
    return absolute(str(given), root, where="settings['log_directory']")
