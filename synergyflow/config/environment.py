"""An environment: one file `contexts/NAME.toml`, found, checked, its paths absolute and its secrets resolved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from synergyflow.config.database_url import absolute_url, secrets_of, sqlite_url
from synergyflow.config.frozen import ReadOnlyDict, Secrets
from synergyflow.config.loading import checked, read_toml
from synergyflow.config.masking import Masker
from synergyflow.config.paths import absolute, shown, working_folder
from synergyflow.config.profile import Profile, load_profile
from synergyflow.config.secrets import read_secrets, resolve
from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import ConfigurationError, NotFoundError

DATABASE_FILE = "synergyflow.db"
MOST_CLUSTERS = 1000
_FOLDER = "contexts"

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_CLUSTERS)]


@dataclass(frozen=True)
class Environment:
    """A checked context file. All paths are absolute.

    Attributes:
        root: the folder above `contexts/`, which relative paths refer to.
        flows: modules, files and folders as written; those that are paths refer to `root`.
        number_of_clusters: clusters in the whole pool.
        pool: profiles and how many clusters of each, in the order of the file.
        bucket: where plain paths of filesystem actions are: a folder, or a URI such as `s3://bucket/prefix`.
        log_max_bytes: size at which a log file is rotated.
        log_keep: rotated files that are kept of each.
        masker: masks the secrets and the password of the database.
    """

    name: str
    path: Path
    root: Path
    database_url: str = field(repr=False)
    log_directory: Path
    flows: tuple[str, ...]
    number_of_clusters: int
    pool: tuple[tuple[Profile, int], ...]
    bucket: str
    settings: Mapping[str, Any] = field(repr=False, hash=False)
    secrets: Secrets = field(repr=False, hash=False)
    log_max_bytes: int
    log_keep: int
    masker: Masker = field(repr=False, compare=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Environment:
        return self


class _ContextKeys(msgspec.Struct, frozen=True, kw_only=True):
    database_url: Any = None
    log_directory: _Text = "logs"
    flows: tuple[_Text, ...] = ()
    number_of_clusters: _Count | None = None
    cluster: _Text | None = None
    pool: dict[str, Any] | None = None
    bucket: _Text = "data"
    settings: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    log_max_bytes: Annotated[int, msgspec.Meta(ge=4096)] = 256 << 20
    log_keep: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 20


def load_environment(name_or_path: str | Path, start: Path | None = None) -> Environment:
    """The environment of that name, looked for in the folders `contexts` of `start` (default: the working folder) and
    those above it; or of that file, if it is a path that ends with `.toml`.

    Raises:
        NotFoundError: there is no such context.
        ConfigurationError: something in it, or in a profile that it names, is wrong.
    """
    path = _find(str(name_or_path), start.absolute() if start else working_folder())
    root = path.parent.parent if path.parent.name == _FOLDER else path.parent
    where = shown(path)
    keys = checked(read_toml(path), _ContextKeys, where=where)
    pool = _pool(keys, root, where)
    log_directory = absolute(keys.log_directory, root, where=where)
    url = _database_url(keys.database_url, log_directory, root, where)
    secrets = read_secrets(keys.secrets, root=root, where=where)
    return Environment(
        name=path.stem,
        path=path,
        root=root,
        database_url=url,
        log_directory=log_directory,
        flows=keys.flows,
        number_of_clusters=sum(count for _, count in pool),
        pool=pool,
        bucket=keys.bucket if "://" in keys.bucket else str(absolute(keys.bucket, root, where=where)),
        settings=ReadOnlyDict(keys.settings),
        secrets=secrets,
        log_max_bytes=keys.log_max_bytes,
        log_keep=keys.log_keep,
        masker=Masker([*secrets.values(), *secrets_of(url)]),
    )


def _find(name_or_path: str, start: Path) -> Path:
    if name_or_path.endswith(".toml") or os.sep in name_or_path:
        return _given(absolute(name_or_path, start, where="--context"))
    known: list[str] = []
    for folder in (start, *start.parents):
        found = folder / _FOLDER / f"{name_or_path}.toml"
        if name_or_path and os.path.isfile(found):
            return found
        known += [other.stem for other in (folder / _FOLDER).glob("*.toml")]
    elsewhere = "cd into your project, or give --context FILE; to begin a new project: engine init"
    hint = did_you_mean(name_or_path, known, what="contexts") or elsewhere
    raise NotFoundError(
        f"there is no context {name_or_path!r} in {start / _FOLDER} or in a folder contexts above", hint=hint
    )


def _given(path: Path) -> Path:
    if path.suffix != ".toml":
        raise ConfigurationError(
            f"{shown(path)} does not end with .toml",
            hint="--context is the path of a .toml file, or a name in contexts/",
        )
    if not os.path.isfile(path):
        near = did_you_mean(path.name, [found.name for found in path.parent.glob("*.toml")], what="files there")
        raise NotFoundError(f"there is no context file {shown(path)}", hint=near or "make a project: engine init")
    return path


def _pool(keys: _ContextKeys, root: Path, where: str) -> tuple[tuple[Profile, int], ...]:
    if keys.pool is None:
        number = 2 if keys.number_of_clusters is None else keys.number_of_clusters
        return ((load_profile(keys.cluster or "local", root, where=where), number),)
    if keys.cluster is not None:
        raise ConfigurationError(f"{where}: both 'cluster' and 'pool' are given", hint="keep one of them")
    if not keys.pool:
        raise ConfigurationError(f"{where}: the pool is empty", hint="for example pool = { local = 2 }")
    for name, count in keys.pool.items():
        if type(count) is not int or not 1 <= count <= MOST_CLUSTERS:
            raise ConfigurationError(
                f"{where}: pool needs a whole number of clusters, 1 to {MOST_CLUSTERS}, for {name!r}",
                hint=f"for example pool = {{ {name} = 2 }}",
            )
    total = sum(keys.pool.values())
    if keys.number_of_clusters not in (None, total):
        raise ConfigurationError(
            f"{where}: number_of_clusters is {keys.number_of_clusters}, but the pool has {total}",
            hint="remove number_of_clusters: the pool says how many",
        )
    return tuple((load_profile(name, root, where=where), count) for name, count in keys.pool.items())


def _database_url(given: Any, log_directory: Path, root: Path, where: str) -> str:
    if given is None:
        return sqlite_url(log_directory / DATABASE_FILE)
    url = given if isinstance(given, str) else resolve(given, root=root, where=f"{where}: database_url")
    return absolute_url(url, root=root, where=where)
