"""Cluster profiles: one file `clusters/NAME.toml` each, checked except for the keys that only its type knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from synergyflow.config.frozen import ReadOnlyDict
from synergyflow.config.loading import checked, read_toml
from synergyflow.config.paths import shown
from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import ConfigurationError

MOST_SLOTS = 1000
_SLOTS_OF_LOCAL = 4
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

_Text = Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True)
class Profile:
    """A checked description of a cluster.

    Attributes:
        name: of its file, without the ending.
        type: `local`, `emr`, `dataproc`, `qubole` or a plug-in's own.
        slots: steps at a time.
        labels: names, beside its own, by which a step may ask for it.
        keep_alive: its clusters are left running when a run ends, and used again.
        keep_failed: a cluster on which a step failed is left running for analysis.
        price_per_hour: of one cluster, in whatever currency; None if not known.
        options: the keys that only its type knows, as read. The cluster adapter checks them.
        path: of its file; None for one made by a program.
    """

    name: str
    type: str = "local"
    slots: int = _SLOTS_OF_LOCAL
    labels: frozenset[str] = frozenset()
    keep_alive: bool = False
    keep_failed: bool = False
    price_per_hour: float | None = None
    options: Mapping[str, Any] = field(default_factory=ReadOnlyDict, hash=False)
    path: Path | None = None


class _ProfileKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that every type of cluster knows."""

    type: _Text
    slots: Annotated[int, msgspec.Meta(ge=1, le=MOST_SLOTS)] | None = None
    labels: tuple[_Text, ...] = ()
    keep_alive: bool = False
    keep_failed: bool = False
    price_per_hour: Annotated[float, msgspec.Meta(ge=0)] | None = None


def local_profile() -> Profile:
    """The profile of the engine's own machine, for use where no file describes one."""
    return Profile(name="local")


def load_profile(name: str, root: Path, *, where: str) -> Profile:
    """The profile of the file `clusters/NAME.toml` below `root`; `where` is who asks for it.

    Raises:
        ConfigurationError: there is no such file, or something in it is wrong.
    """
    path = root / "clusters" / f"{name}.toml"
    if not _NAME.fullmatch(name) or not path.exists():
        known = sorted(found.stem for found in (root / "clusters").glob("*.toml"))
        hint = did_you_mean(name, known, what="profiles") or "describe it in clusters/NAME.toml, or: engine init"
        raise ConfigurationError(f"{where}: there is no cluster profile {name!r} (clusters/{name}.toml)", hint=hint)
    return _profile(name, read_toml(path), path)


def _profile(name: str, raw: Mapping[str, Any], path: Path) -> Profile:
    common = {key: value for key, value in raw.items() if key in _ProfileKeys.__struct_fields__}
    options = {key: value for key, value in raw.items() if key not in common}
    if "type" not in common:
        raise ConfigurationError(f"{shown(path)}: the key 'type' is missing", hint='for example type = "local"')
    keys = checked(common, _ProfileKeys, where=shown(path))
    return Profile(
        name=name,
        type=keys.type,
        slots=keys.slots or (_SLOTS_OF_LOCAL if keys.type == "local" else 1),
        labels=frozenset(keys.labels),
        keep_alive=keys.keep_alive,
        keep_failed=keys.keep_failed,
        price_per_hour=keys.price_per_hour,
        options=ReadOnlyDict(options),
        path=path,
    )
