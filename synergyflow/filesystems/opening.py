"""Which filesystem is meant by a scheme, and what it is opened with. Adapters are known here by name only.

Adapters of other packages are entry points of the group `synergyflow.filesystems`: the name is a scheme, the value a
function from `Opening` to `Filesystem`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import ConfigurationError, FilesystemError
from synergyflow.filesystems.base import Filesystem


@dataclass(frozen=True, slots=True)
class Opening:
    """What a filesystem is opened with.

    Attributes:
        machine: the filesystem of the engine's own machine.
        root: the URI that plain paths are below; None if only full URIs will be asked for.
        options: what the context says of this technology (`[settings.filesystems.NAME]`).
        secrets: the context's, for options that name one.
    """

    machine: Filesystem
    root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


OpenFilesystem = Callable[[Opening], Filesystem]

_S3 = ("s3", "synergyflow.filesystems.s3:open_s3")
_GCS = ("gcs", "synergyflow.filesystems.gcs:open_gcs")
_AZURE = ("azure", "synergyflow.filesystems.azure:open_azure")
_SHIPPED = {
    "s3": _S3,
    "s3a": _S3,
    "s3n": _S3,
    "gs": _GCS,
    "wasbs": _AZURE,
    "wasb": _AZURE,
    "abfss": _AZURE,
    "abfs": _AZURE,
}


class Technologies:
    """Opens the filesystem of a scheme, once each. May be used by any thread, and pickled."""

    def __init__(
        self,
        machine: Filesystem,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.machine = machine
        self._options = dict(options or {})
        _refuse_unknown(self._options)
        named = {value for table in self._options.values() for key, value in table.items() if key.endswith("_secret")}
        self._secrets = {name: value for name, value in (secrets or {}).items() if name in named}
        self._opened: dict[str, Filesystem] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.machine, self._options, self._secrets)

    def home(self, root: str, scheme: str) -> Filesystem:
        """The filesystem of `scheme` whose plain paths are below `root`.

        Raises:
            ConfigurationError: the scheme is unknown, an option is wrong, or a library is not installed.
        """
        try:
            return self._open(scheme, root)
        except FilesystemError as error:
            raise ConfigurationError(f"bucket {root}: {error}", hint=error.hint) from error

    def of(self, scheme: str) -> Filesystem:
        """The filesystem of full URIs of `scheme`.

        Raises:
            FilesystemError: the scheme is unknown.
            ConfigurationError: an option is wrong, or a library is not installed.
        """
        if scheme == "file":
            return self.machine
        name = technology_of(scheme)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = self._open(scheme, None)
            return self._opened[name]

    def check(self) -> None:
        """Open every technology that there are options for, so that what is wrong with them is told before it is used.

        Raises:
            ConfigurationError: an option is wrong, or a library is not installed.
        """
        for scheme in schemes():
            if technology_of(scheme) in self._options:
                self.of(scheme)

    def _open(self, scheme: str, root: str | None) -> Filesystem:
        name = technology_of(scheme)
        return _opener(scheme)(Opening(self.machine, root, self._options.get(name, {}), self._secrets))


def technology_of(scheme: str) -> str:
    """The name that all schemes of one technology share, which is also the name of its options."""
    return _SHIPPED[scheme][0] if scheme in _SHIPPED else scheme


def schemes() -> list[str]:
    """All schemes that are known here."""
    return sorted({"file", *_SHIPPED, *(entry.name for entry in entry_points(group="synergyflow.filesystems"))})


def _opener(scheme: str) -> OpenFilesystem:
    if scheme in _SHIPPED:
        module, _, function = _SHIPPED[scheme][1].partition(":")
        opener: OpenFilesystem = getattr(import_module(module), function)
        return opener
    for entry in entry_points(group="synergyflow.filesystems", name=scheme):
        loaded: OpenFilesystem = entry.load()
        return loaded
    raise FilesystemError(
        f"no filesystem of {scheme}:// is known here", hint=did_you_mean(scheme, schemes(), what="known schemes")
    )


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = sorted({technology_of(scheme) for scheme in schemes()} - {"file"})
    for name in options:
        if name not in known:
            raise ConfigurationError(
                f"settings.filesystems: unknown key {name!r}", hint=did_you_mean(name, known, what="known keys")
            )
        if not isinstance(options[name], Mapping):
            raise ConfigurationError(f"settings.filesystems.{name} must be a table")


def missing_library(module: str, extra: str) -> None:
    """See that a library is installed, without loading it.

    Raises:
        ConfigurationError: it is not; the hint says which extra brings it.
    """
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ConfigurationError(f"{module} is not installed", hint=f'pip install "synergyflow[{extra}]"')
