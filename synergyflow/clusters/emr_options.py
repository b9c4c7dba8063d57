"""What a profile of type `emr` may say beyond what all profiles do, and what of it does not go together.

Everything is checked here, before a cluster is paid for. Credentials are not options: the vendor's default chain finds
them (environment, shared files, role of the machine).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from synergyflow.config.loading import checked
from synergyflow.config.paths import shown
from synergyflow.config.profile import Profile
from synergyflow.errors import ConfigurationError

MOST_CONCURRENT_STEPS = 256

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
_AtLeastNone = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_Role = Literal["master", "core", "task"]


class _Checked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the profile that takes no other keys."""


class InstanceGroup(_Checked, frozen=True):
    """Machines of one type. `spot` without `bid_price` bids up to the price on demand."""

    role: _Role
    type: _Text
    count: _AtLeastOne = 1
    spot: bool = False
    bid_price: _Text | None = None
    disk_gb: _AtLeastOne | None = None


class FleetType(_Checked, frozen=True):
    """One type of machines that a fleet may be made of, and how much of the capacity each stands for."""

    type: _Text
    weight: _AtLeastOne = 1
    bid_price: _Text | None = None
    bid_percentage: Annotated[float, msgspec.Meta(gt=0)] | None = None
    disk_gb: _AtLeastOne | None = None


class InstanceFleet(_Checked, frozen=True):
    """Machines of several types. `timeout_action` is what happens if spot capacity is not there in time."""

    role: _Role
    types: Annotated[tuple[FleetType, ...], msgspec.Meta(min_length=1)]
    on_demand: _AtLeastNone = 0
    spot: _AtLeastNone = 0
    timeout_minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)] = 30
    timeout_action: Literal["switch_to_on_demand", "terminate_cluster"] = "switch_to_on_demand"
    allocation: Literal["capacity-optimized", "price-capacity-optimized", "lowest-price", "diversified"] | None = None


class BootstrapAction(_Checked, frozen=True):
    """A script that every machine runs before it takes work."""

    path: _Text
    name: _Name | None = None
    arguments: tuple[str, ...] = ()


class ManagedScaling(_Checked, frozen=True):
    """Bounds within which the provider changes the size of the cluster."""

    minimum: _AtLeastOne
    maximum: _AtLeastOne
    unit: Literal["Instances", "InstanceFleetUnits", "VCPU"] = "Instances"


class EmrOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of an EMR cluster.

    Attributes:
        release_label: version of EMR, for example `emr-7.5.0`.
        region: of AWS; by default what the vendor's chain says.
        applications: what is installed.
        cluster_name: use the living cluster of that name, or launch one under it.
        instance_type, instance_count: the short form: one master, the rest core.
        instance_groups, instance_fleets: the long forms; one of the three forms.
        managed_scaling: bounds for the provider's own scaling.
        key_name, subnets, service_role, instance_role, auto_scaling_role: of the account; `subnets` more than one only
            with fleets.
        master_security_group, core_security_group, service_security_group, security_configuration: likewise.
        log_uri: `s3://` folder for the logs of steps. Without it there are none.
        bootstrap_actions, configurations, tags, custom_ami, root_disk_gb: as EMR has them.
        step_concurrency: steps that run at once; by default `slots`.
        idle_timeout: seconds without work after which EMR ends the cluster by itself.
        termination_protected: an accident can't end it; synergyflow lifts that on its own clusters alone.
        poll_minimum, poll_maximum: bounds of the seconds between two looks.
        settling_seconds: a step may be missing in listings for so long after it was submitted.
        log_wait: seconds that a failed step waits for its log, which reaches S3 minutes later.
        log_limit_mb: of one log that is kept, its middle is left out beyond it.
        endpoint_url, s3_endpoint_url: another server than AWS, for emulators; S3's defaults to the other.
    """

    release_label: _Text
    region: _Text | None = None
    applications: tuple[_Text, ...] = ("Spark",)
    cluster_name: _Name | None = None
    instance_type: _Text | None = None
    instance_count: _AtLeastOne | None = None
    instance_groups: tuple[InstanceGroup, ...] = ()
    instance_fleets: tuple[InstanceFleet, ...] = ()
    managed_scaling: ManagedScaling | None = None
    key_name: _Text | None = None
    subnets: tuple[_Text, ...] = ()
    service_role: _Text = "EMR_DefaultRole"
    instance_role: _Text = "EMR_EC2_DefaultRole"
    auto_scaling_role: _Text | None = None
    master_security_group: _Text | None = None
    core_security_group: _Text | None = None
    service_security_group: _Text | None = None
    security_configuration: _Text | None = None
    log_uri: Annotated[str, msgspec.Meta(pattern=r"^s3[an]?://[^/]+")] | None = None
    bootstrap_actions: tuple[BootstrapAction, ...] = ()
    configurations: tuple[dict[str, Any], ...] = ()
    tags: dict[_Text, str] = {}
    custom_ami: _Text | None = None
    root_disk_gb: _AtLeastOne | None = None
    step_concurrency: Annotated[int, msgspec.Meta(ge=1, le=MOST_CONCURRENT_STEPS)] | None = None
    idle_timeout: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 1800
    termination_protected: bool = False
    poll_minimum: _Seconds = 5.0
    poll_maximum: _Seconds = 60.0
    settling_seconds: _Seconds = 5.0
    log_wait: _Seconds = 300.0
    log_limit_mb: _AtLeastOne = 64
    endpoint_url: _Text | None = None
    s3_endpoint_url: _Text | None = None

    @property
    def s3_endpoint(self) -> str | None:
        """Where logs are read from, None for AWS itself."""
        return self.s3_endpoint_url or self.endpoint_url


def options_of(profile: Profile) -> EmrOptions:
    """The profile's options, checked.

    Raises:
        ConfigurationError: an option is unknown, of the wrong type, or does not go with another.
    """
    where = shown(profile.path) if profile.path else f"profile {profile.name!r}"
    options = checked(profile.options, EmrOptions, where=where)
    for wrong, message, hint in _contradictions(options):
        if wrong:
            raise ConfigurationError(f"{where}: {message}", hint=hint)
    return options


def _contradictions(options: EmrOptions) -> list[tuple[bool, str, str]]:
    short = options.instance_type is not None or options.instance_count is not None
    forms = [short, bool(options.instance_groups), bool(options.instance_fleets)]
    roles = [*(group.role for group in options.instance_groups), *(fleet.role for fleet in options.instance_fleets)]
    ours = [tag for tag in options.tags if tag.startswith("synergyflow:")]
    scaling = options.managed_scaling
    return [
        (sum(forms) != 1, "give one of instance_type, instance_groups and instance_fleets", "see clusters/emr.toml"),
        (short and options.instance_type is None, "instance_count needs instance_type", 'instance_type = "m5.xlarge"'),
        (bool(roles) and roles.count("master") != 1, "one group or fleet must have the role 'master'", "add it"),
        (roles.count("core") > 1, "only one group or fleet may have the role 'core'", "use 'task' for the others"),
        (bool(options.instance_fleets) and roles.count("task") > 1, "only one task fleet is possible", "join them"),
        (
            any(not fleet.on_demand and not fleet.spot for fleet in options.instance_fleets),
            "a fleet needs capacity: on_demand, spot or both",
            "on_demand = 1",
        ),
        (
            any(fleet.role == "master" and fleet.on_demand + fleet.spot != 1 for fleet in options.instance_fleets),
            "the master fleet has a capacity of exactly 1",
            "on_demand = 1, or spot = 1",
        ),
        (
            len(options.subnets) > 1 and not options.instance_fleets,
            "more than one subnet is for instance_fleets only",
            "name one subnet",
        ),
        (bool(ours), f"the tag {ours[0] if ours else ''!r} is synergyflow's own", "rename it"),
        (
            scaling is not None and scaling.maximum < scaling.minimum,
            "managed_scaling: maximum is less than minimum",
            "exchange them",
        ),
        (options.poll_maximum < options.poll_minimum, "poll_maximum is less than poll_minimum", "exchange them"),
    ]
