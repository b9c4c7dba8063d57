"""What a profile of type `dataproc` may say beyond what all profiles do, and what of it does not go together.

Everything is checked here, before a cluster is paid for. Credentials are not options: Google's default chain finds them
(GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the service account of the machine).
"""

from __future__ import annotations

import os
from typing import Annotated

import msgspec

from synergyflow.config.loading import checked
from synergyflow.config.paths import shown
from synergyflow.config.profile import Profile
from synergyflow.errors import ConfigurationError

OWN_LABEL_PREFIX = "synergyflow"
EMULATOR_VARIABLE = "DATAPROC_EMULATOR_HOST"
"""Names the server of an emulator for every profile, as STORAGE_EMULATOR_HOST does for Google's storage."""

_FORTNIGHT = 14 * 24 * 3600

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
_AtLeastNone = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_LabelKey = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
_LabelValue = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{0,63}$")]
_ClusterName = Annotated[str, msgspec.Meta(pattern=r"^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$")]
_Bucket = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]


class InitializationAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A script that every machine runs before it takes work; after `timeout` seconds the cluster has failed."""

    path: Annotated[str, msgspec.Meta(pattern=r"^gs://[^/]+/.")]
    timeout: Annotated[int, msgspec.Meta(ge=1)] = 600


class DataprocOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of a Dataproc cluster.

    Attributes:
        project, region: where of Google Cloud.
        zone: within the region; by default Dataproc chooses.
        cluster_name: use the living cluster of that name, or launch one under it; needs keep_alive.
        image_version: of Dataproc, for example `2.2-debian12`.
        master_machine_type, worker_machine_type: of Compute Engine.
        masters: 1, or 3 for high availability.
        workers: primary workers; 0 makes a cluster of one machine.
        secondary_workers: further workers without storage; they may go away at any time.
        secondary_preemptibility: `spot`, `preemptible` or `non_preemptible`.
        master_disk_gb, worker_disk_gb, disk_type: boot disks.
        network, subnetwork: at most one of them.
        internal_ip_only, network_tags, metadata, service_account, scopes: as Compute Engine has them.
        staging_bucket, temp_bucket: names of buckets, by default Dataproc's own; driver output is in the first.
        components: optional components of the image, for example `JUPYTER`.
        properties: `prefix:name` to value, as Dataproc has them.
        initialization_actions: scripts that every machine runs first.
        cluster_labels: of the cluster and its jobs, beside synergyflow's own.
        idle_timeout: seconds without a job after which Dataproc deletes the cluster by itself.
        max_age: seconds after which Dataproc deletes the cluster whatever runs on it.
        poll_minimum, poll_maximum: bounds of the seconds between two looks.
        settling_seconds: a job may not be found for so long after it was submitted.
        endpoint: `host:port` of another server than Google's, without encryption or credentials; for emulators. The
            variable DATAPROC_EMULATOR_HOST names one too.
        storage_endpoint: URL of another server than Google's storage; for emulators.
    """

    project: _Text
    region: _Text
    zone: _Text | None = None
    cluster_name: _ClusterName | None = None
    image_version: _Text
    master_machine_type: _Text = "n2-standard-4"
    worker_machine_type: _Text = "n2-standard-4"
    masters: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1
    workers: _AtLeastNone = 2
    secondary_workers: _AtLeastNone = 0
    secondary_preemptibility: _Text = "spot"
    master_disk_gb: Annotated[int, msgspec.Meta(ge=10)] | None = None
    worker_disk_gb: Annotated[int, msgspec.Meta(ge=10)] | None = None
    disk_type: _Text | None = None
    network: _Text | None = None
    subnetwork: _Text | None = None
    internal_ip_only: bool | None = None
    network_tags: tuple[_Text, ...] = ()
    metadata: dict[_Text, str] = {}
    service_account: _Text | None = None
    scopes: tuple[_Text, ...] = ()
    staging_bucket: _Bucket | None = None
    temp_bucket: _Bucket | None = None
    components: tuple[_Text, ...] = ()
    properties: dict[_Text, str] = {}
    initialization_actions: tuple[InitializationAction, ...] = ()
    cluster_labels: dict[_LabelKey, _LabelValue] = {}
    idle_timeout: Annotated[int, msgspec.Meta(ge=300, le=_FORTNIGHT)] = 1800
    max_age: Annotated[int, msgspec.Meta(ge=600, le=_FORTNIGHT)] = 24 * 3600
    poll_minimum: _Seconds = 2.0
    poll_maximum: _Seconds = 30.0
    settling_seconds: _Seconds = 2.0
    endpoint: Annotated[str, msgspec.Meta(pattern=r"^[^/\s]+:\d+$")] | None = None
    storage_endpoint: Annotated[str, msgspec.Meta(pattern=r"^https?://")] | None = None

    @property
    def server(self) -> str | None:
        """`host:port` of an emulator, None for Google itself."""
        return self.endpoint or os.environ.get(EMULATOR_VARIABLE) or None


def options_of(profile: Profile) -> DataprocOptions:
    """The profile's options, checked.

    Raises:
        ConfigurationError: an option is unknown, of the wrong type, or does not go with another.
    """
    where = shown(profile.path) if profile.path else f"profile {profile.name!r}"
    options = checked(profile.options, DataprocOptions, where=where)
    for wrong, message, hint in _contradictions(options, keep_alive=profile.keep_alive):
        if wrong:
            raise ConfigurationError(f"{where}: {message}", hint=hint)
    return options


def _contradictions(options: DataprocOptions, *, keep_alive: bool) -> list[tuple[bool, str, str]]:
    ours = [key for key in options.cluster_labels if key.startswith(OWN_LABEL_PREFIX)]
    unprefixed = [key for key in options.properties if ":" not in key]
    return [
        (options.network is not None and options.subnetwork is not None, "give network or subnetwork", "remove one"),
        (options.masters == 2, "a cluster has 1 master, or 3", "masters = 1"),
        (options.workers == 1, "a cluster has no worker, or 2 and more", "workers = 0, or 2"),
        (
            options.workers == 0 and options.secondary_workers > 0,
            "secondary_workers need primary ones",
            "workers = 2",
        ),
        (
            options.secondary_preemptibility not in PREEMPTIBILITIES,
            f"secondary_preemptibility can't be {options.secondary_preemptibility!r}",
            f"there are {', '.join(PREEMPTIBILITIES)}",
        ),
        (
            bool(ours),
            f"the label {ours[0] if ours else ''!r} is synergyflow's own",
            "rename it",
        ),
        (
            bool(unprefixed),
            f"the property {unprefixed[0] if unprefixed else ''!r} does not say whose it is",
            'write it with a prefix: "spark:spark.executor.memory"',
        ),
        (options.max_age < options.idle_timeout, "max_age is less than idle_timeout", "exchange them"),
        (options.poll_maximum < options.poll_minimum, "poll_maximum is less than poll_minimum", "exchange them"),
        (
            options.cluster_name is not None and not keep_alive,
            "cluster_name is for clusters that are used again",
            "add keep_alive = true, or remove cluster_name",
        ),
    ]


PREEMPTIBILITIES = ("spot", "preemptible", "non_preemptible")
"""Kinds of secondary workers, as Dataproc names them in capitals."""
