"""From a context to an engine with its concrete parts: the one file that knows which adapters there are.

What other packages bring is found by entry points: types of clusters under `synergyflow.clusters`, technologies of
filesystems under `synergyflow.filesystems`, observers under `synergyflow.hooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synergyflow.clusters.base import Cluster
from synergyflow.config.context import ExecutionContext
from synergyflow.config.environment import Environment
from synergyflow.config.profile import Profile
from synergyflow.config.suggest import did_you_mean
from synergyflow.core.plan import Capacity, ProfileCapacity
from synergyflow.errors import ClusterError, ClusterLaunchError, ConfigurationError

if TYPE_CHECKING:
    from synergyflow.engine.engine import Engine
    from synergyflow.engine.ports import ClusterMaker, Observer
    from synergyflow.filesystems.base import Filesystem
    from synergyflow.flow.flow_graph import FlowGraph
    from synergyflow.flow.registry import Catalogue
    from synergyflow.observers.log_book import LogBook
    from synergyflow.store.base import Store

HOST = "host"


@dataclass(frozen=True, slots=True)
class Site:
    """Folders of an environment, as adapters need them, and what it says of filesystems.

    Attributes:
        filesystems: the setting of that name: a table of options for each technology.
        secrets: those of the context, for options that name one.
    """

    root: Path
    log_directory: Path
    bucket: str | None
    filesystems: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    @property
    def spool_directory(self) -> Path:
        """Where local jobs keep output and exit status until they are logged."""
        return self.log_directory / ".spool"


def filesystem_of(site: Site) -> Filesystem:
    """The filesystem whose plain paths are below the site's bucket, and which reaches all others by full URIs.

    Nothing is asked of any provider yet.

    Raises:
        ConfigurationError: the bucket's scheme is unknown, an option is wrong, or a library is not installed.
    """
    from synergyflow.filesystems.local import LocalFilesystem
    from synergyflow.filesystems.opening import Technologies
    from synergyflow.filesystems.paths import file_uri_path, scheme_of
    from synergyflow.filesystems.routed import RoutedFilesystem

    technologies = Technologies(LocalFilesystem(site.root), site.filesystems, site.secrets)
    technologies.check()
    bucket = site.bucket or "data"
    scheme = scheme_of(bucket)
    if scheme in (None, "file"):
        folder = Path(file_uri_path(bucket) if scheme else bucket)
        return RoutedFilesystem(LocalFilesystem(site.root / folder), technologies)
    return RoutedFilesystem(technologies.home(bucket, str(scheme)), technologies)


MakeCluster = Callable[[str, Profile, Site], Cluster]


def _local(name: str, profile: Profile, site: Site) -> Cluster:
    from synergyflow.clusters.local import LocalCluster

    return LocalCluster(
        name,
        profile,
        spool_directory=site.spool_directory,
        filesystem_root=site.root,
        filesystem=filesystem_of(site),
        working_directory=site.root,
    )


def _emr(name: str, profile: Profile, site: Site) -> Cluster:
    from synergyflow.clusters.emr import EmrCluster

    return EmrCluster(name, profile, filesystem=filesystem_of(site))


def _dataproc(name: str, profile: Profile, site: Site) -> Cluster:
    from synergyflow.clusters.dataproc import DataprocCluster

    return DataprocCluster(
        name, profile, filesystem=filesystem_of(site), bucket=site.bucket, working_directory=site.root
    )


def _qubole(name: str, profile: Profile, site: Site) -> Cluster:
    from synergyflow.clusters.qubole import QuboleCluster

    return QuboleCluster(name, profile, filesystem=filesystem_of(site))


_SHIPPED: dict[str, MakeCluster] = {"local": _local, "emr": _emr, "dataproc": _dataproc, "qubole": _qubole}


def cluster_types() -> list[str]:
    """Names of the types of clusters that can be made here."""
    from importlib.metadata import entry_points

    return sorted({*_SHIPPED, *(entry.name for entry in entry_points(group="synergyflow.clusters"))})


def make_cluster(name: str, profile: Profile, site: Site) -> Cluster:
    """A cluster of that profile, with its own options checked. Nothing is launched.

    Raises:
        ConfigurationError: the type is unknown, or an option of the profile is.
    """
    shipped = _SHIPPED.get(profile.type)
    if shipped is not None:
        return shipped(name, profile, site)
    from importlib.metadata import entry_points

    for entry in entry_points(group="synergyflow.clusters", name=profile.type):
        made: Cluster = entry.load()(name, profile, site)
        return made
    raise ConfigurationError(
        f"profile {profile.name!r} has the type {profile.type!r}, which is not known here",
        hint=did_you_mean(profile.type, cluster_types(), what="known types"),
    )


class ProfileClusters:
    """Makes clusters of the profiles of a context (`engine.ports.ClusterMaker`)."""

    def __init__(self, profiles: Sequence[Profile], site: Site) -> None:
        self._profiles = {profile.name: profile for profile in profiles}
        self._site = site

    def make(self, name: str, profile: str) -> Cluster:
        """See `ClusterMaker`; the profile `host` is the engine's own machine."""
        if profile == HOST:
            return self.host()
        known = self._profiles.get(profile)
        if known is None:
            raise ConfigurationError(f"the context has no cluster profile {profile!r}")
        return make_cluster(name, known, self._site)

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        """See `ClusterMaker`."""
        return _attached(self.make(name, profile), cluster_id)

    def host(self) -> Cluster:
        """See `ClusterMaker`."""
        return _local(HOST, Profile(name=HOST, type="local", slots=1), self._site)

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        """See `ClusterMaker`: a local cluster lives as long as its machine has not been started again."""
        from synergyflow.store.ownership import is_same_boot

        known = self._profiles.get(profile)
        return known is not None and known.type == "local" and is_same_boot(process)


class GivenClusters:
    """Hands out clusters that the caller made (`engine.ports.ClusterMaker`), each once, by profile."""

    def __init__(self, clusters: Sequence[Cluster], site: Site) -> None:
        self._unused = list(clusters)
        self._site = site
        self._clusters = list(clusters)

    def make(self, name: str, profile: str) -> Cluster:
        """See `ClusterMaker`. Raises `ClusterLaunchError` if none of that profile is left."""
        for cluster in self._unused:
            if cluster.profile == profile:
                self._unused.remove(cluster)
                cluster.name = name
                return cluster
        raise ClusterLaunchError(f"no further cluster of profile {profile!r} was given to the engine")

    def reach(self, name: str, profile: str, cluster_id: str | None) -> Cluster:
        """See `ClusterMaker`: one that has not been handed out is used, and may be launched afterwards."""
        if profile == HOST:
            return _attached(self.host(), cluster_id)
        for cluster in self._unused:
            if cluster.profile == profile:
                return _attached(cluster, cluster_id)
        raise ClusterError(
            f"no cluster of profile {profile!r} was given to the engine, and one has jobs to be ended",
            hint=f"give the engine a cluster of profile {profile!r}",
        )

    def host(self) -> Cluster:
        """See `ClusterMaker`."""
        return _local(HOST, Profile(name=HOST, type="local", slots=1), self._site)

    def still_lives(self, profile: str, cluster_id: str | None, process: str) -> bool:
        """See `ClusterMaker`: given clusters are new to this engine."""
        return False

    def capacity(self) -> Capacity:
        """The pool that the given clusters make up."""
        profiles: dict[str, ProfileCapacity] = {}
        for cluster in self._clusters:
            before = profiles.get(cluster.profile)
            profiles[cluster.profile] = ProfileCapacity(
                profile=cluster.profile,
                count=before.count + 1 if before else 1,
                slots=cluster.slots,
                labels=cluster.labels,
                job_kinds=cluster.job_kinds,
            )
        return Capacity(tuple(profiles.values()))


def _attached(cluster: Cluster, cluster_id: str | None) -> Cluster:
    if cluster_id is not None:
        cluster.attach(cluster_id)
    return cluster


def site_of(context: ExecutionContext) -> Site:
    """The folders of a context."""
    environment = context.environment
    bucket = environment.bucket if environment is not None else context.settings.get("bucket")
    return Site(context.root, context.log_directory, bucket, context.settings.get("filesystems") or {}, context.secrets)


def pool_of(context: ExecutionContext) -> tuple[tuple[Profile, int], ...]:
    """The profiles of a context with their counts. A context made by hand has local clusters."""
    environment = context.environment
    if environment is None:
        return ((Profile(name="local", type="local", slots=4), context.number_of_clusters),)
    if len(environment.pool) == 1:
        return ((environment.pool[0][0], context.number_of_clusters),)
    return environment.pool


def capacity_of(pool: Sequence[tuple[Profile, int]], site: Site) -> Capacity:
    """What a plan may use of the pool; makes one cluster of each profile to check it at the door."""
    made = [(make_cluster(f"{profile.name}-0", profile, site), profile, count) for profile, count in pool]
    return Capacity(
        tuple(
            ProfileCapacity(
                profile=profile.name,
                count=count,
                slots=profile.slots,
                labels=frozenset(profile.labels),
                job_kinds=cluster.job_kinds,
            )
            for cluster, profile, count in made
        )
    )


def _check(pool: Sequence[tuple[Profile, int]], site: Site) -> None:
    """See that each profile could be launched from here, before any of them is paid for."""
    for profile, _ in pool:
        make_cluster(f"{profile.name}-0", profile, site).check()


def open_store(context: ExecutionContext) -> Store:
    """The store of a context. Nothing is created by opening it."""
    from synergyflow.store.sql import SqlStore

    return SqlStore(context.database_url)


def open_log_book(context: ExecutionContext) -> LogBook:
    """The log folder of a context."""
    from synergyflow.observers.log_book import LogBook

    environment = context.environment
    if environment is None:
        return LogBook(context.log_directory, context.masker)
    return LogBook(
        context.log_directory, context.masker, max_bytes=environment.log_max_bytes, keep=environment.log_keep
    )


def hooks_of(context: ExecutionContext) -> list[Observer]:
    """The observers that other packages bring: each entry point is called with the context.

    Raises:
        ConfigurationError: one can't be made.
    """
    from importlib.metadata import entry_points

    made: list[Observer] = []
    for entry in entry_points(group="synergyflow.hooks"):
        try:
            made.append(entry.load()(context))
        except Exception as error:
            raise ConfigurationError(
                f"the hook {entry.name!r} ({entry.value}) can't be made: {type(error).__name__}: {error}",
                hint="mend the package that brings it, or uninstall it",
            ) from error
    return made


def catalogue_of(environment: Environment) -> Catalogue:
    """The flows that a context names, and what is wrong with those that can't be used."""
    from synergyflow.flow.registry import discover

    return discover(environment.flows, environment.root)


def make_engine(
    flow: FlowGraph,
    context: ExecutionContext,
    *,
    store: Store | None = None,
    clusters: Sequence[Cluster] | None = None,
    observers: Sequence[Observer] = (),
) -> Engine:
    """An engine for one flow in one context, with what the context names unless parts are given."""
    from synergyflow.engine.engine import Engine, EngineParts
    from synergyflow.store.ownership import current_owner, disown
    from synergyflow.store.upgrade import prepare

    site = site_of(context)
    maker: ClusterMaker
    if clusters is not None:
        given = GivenClusters(clusters, site)
        maker, capacity = given, given.capacity()
    else:
        pool = pool_of(context)
        maker, capacity = ProfileClusters([profile for profile, _ in pool], site), capacity_of(pool, site)

    def begin() -> None:
        if clusters is None:
            _check(pool_of(context), site)
        if store is None:
            prepare(context.database_url)

    return Engine(
        flow,
        context,
        EngineParts(
            store=store if store is not None else open_store(context),
            maker=maker,
            capacity=capacity,
            log_book=open_log_book(context),
            owner=current_owner,
            disown=disown,
            store_is_shared=store is not None,
            observers=[*observers, *hooks_of(context)],
            prepare=begin,
        ),
    )
