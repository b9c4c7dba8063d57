"""Pure translators: a profile to the request that launches its cluster, a job to the step that does it.

Nothing here calls anything; what AWS would refuse of a step for its size is refused here, before a call is made.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from synergyflow.clusters.emr_options import EmrOptions, FleetType, InstanceFleet, InstanceGroup
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import JobFailed

TOKEN_TAG = "synergyflow:token"
INSTALLATION_TAG = "synergyflow:installation"
PROFILE_TAG = "synergyflow:profile"

MOST_CHARACTERS_OF_A_STEP = 10_240
MOST_CHARACTERS_OF_A_NAME = 256

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9 ._:/=+@-]+")


# -- clusters -----------------------------------------------------------------------------------------------------


def cluster_name(token: str, options: EmrOptions) -> str:
    """What the cluster of this token is called at AWS."""
    return options.cluster_name or token


def run_job_flow(
    token: str, profile: str, slots: int, options: EmrOptions, *, installation: str | None = None
) -> dict[str, Any]:
    """The request of RunJobFlow. It always has an idle time-out, so that no cluster outlives its use by much."""
    own_tags = {TOKEN_TAG: token, PROFILE_TAG: profile, INSTALLATION_TAG: installation}
    return _without_none(
        {
            "Name": cluster_name(token, options),
            "ReleaseLabel": options.release_label,
            "LogUri": options.log_uri and options.log_uri.rstrip("/") + "/",
            "Applications": [{"Name": name} for name in options.applications],
            "Instances": _instances(options),
            "BootstrapActions": [_bootstrap_action(action) for action in options.bootstrap_actions] or None,
            "Configurations": [_configuration(item) for item in options.configurations] or None,
            "VisibleToAllUsers": True,
            "ServiceRole": options.service_role,
            "JobFlowRole": options.instance_role,
            "AutoScalingRole": options.auto_scaling_role,
            "SecurityConfiguration": options.security_configuration,
            "CustomAmiId": options.custom_ami,
            "EbsRootVolumeSize": options.root_disk_gb,
            "StepConcurrencyLevel": step_concurrency(slots, options),
            "AutoTerminationPolicy": {"IdleTimeout": options.idle_timeout},
            "ManagedScalingPolicy": _scaling(options),
            "Tags": [{"Key": key, "Value": value} for key, value in {**options.tags, **own_tags}.items() if value],
        }
    )


def step_concurrency(slots: int, options: EmrOptions) -> int:
    """Steps that the cluster works on at once; EMR can do 256 at most."""
    return options.step_concurrency or min(slots, 256)


def _instances(options: EmrOptions) -> dict[str, Any]:
    subnets = list(options.subnets)
    return _without_none(
        {
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": options.termination_protected,
            "Ec2KeyName": options.key_name,
            "Ec2SubnetId": subnets[0] if subnets and not options.instance_fleets else None,
            "Ec2SubnetIds": subnets if subnets and options.instance_fleets else None,
            "EmrManagedMasterSecurityGroup": options.master_security_group,
            "EmrManagedSlaveSecurityGroup": options.core_security_group,
            "ServiceAccessSecurityGroup": options.service_security_group,
            "InstanceGroups": [_group(group) for group in _groups(options)] or None,
            "InstanceFleets": [_fleet(fleet) for fleet in options.instance_fleets] or None,
        }
    )


def _groups(options: EmrOptions) -> Sequence[InstanceGroup]:
    if options.instance_type is None:
        return options.instance_groups
    master = InstanceGroup(role="master", type=options.instance_type)
    others = (options.instance_count or 1) - 1
    return [master, InstanceGroup(role="core", type=options.instance_type, count=others)] if others else [master]


def _group(group: InstanceGroup) -> dict[str, Any]:
    return _without_none(
        {
            "Name": group.role,
            "InstanceRole": group.role.upper(),
            "InstanceType": group.type,
            "InstanceCount": group.count,
            "Market": "SPOT" if group.spot else "ON_DEMAND",
            "BidPrice": group.bid_price if group.spot else None,
            "EbsConfiguration": _disk(group.disk_gb),
        }
    )


def _fleet(fleet: InstanceFleet) -> dict[str, Any]:
    spot = {
        "TimeoutDurationMinutes": fleet.timeout_minutes,
        "TimeoutAction": fleet.timeout_action.upper(),
        "AllocationStrategy": fleet.allocation,
    }
    return _without_none(
        {
            "Name": fleet.role,
            "InstanceFleetType": fleet.role.upper(),
            "TargetOnDemandCapacity": fleet.on_demand,
            "TargetSpotCapacity": fleet.spot,
            "InstanceTypeConfigs": [_fleet_type(kind, fleet) for kind in fleet.types],
            "LaunchSpecifications": {"SpotSpecification": _without_none(spot)} if fleet.spot else None,
        }
    )


def _fleet_type(kind: FleetType, fleet: InstanceFleet) -> dict[str, Any]:
    return _without_none(
        {
            "InstanceType": kind.type,
            "WeightedCapacity": None if fleet.role == "master" else kind.weight,
            "BidPrice": kind.bid_price,
            "BidPriceAsPercentageOfOnDemandPrice": kind.bid_percentage,
            "EbsConfiguration": _disk(kind.disk_gb),
        }
    )


def _disk(size: int | None) -> dict[str, Any] | None:
    if size is None:
        return None
    return {"EbsBlockDeviceConfigs": [{"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": size}}]}


def _bootstrap_action(action: Any) -> dict[str, Any]:
    script = {"Path": action.path, "Args": list(action.arguments)}
    return {"Name": action.name or posixpath.basename(action.path) or "bootstrap", "ScriptBootstrapAction": script}


def _configuration(item: Mapping[str, Any]) -> dict[str, Any]:
    """A table of the profile in AWS's spelling: `classification`, `properties` and nested `configurations`."""
    return _without_none(
        {
            "Classification": item.get("classification"),
            "Properties": {str(key): _in_words(value) for key, value in item.get("properties", {}).items()},
            "Configurations": [_configuration(inner) for inner in item.get("configurations", ())] or None,
        }
    )


def _in_words(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _scaling(options: EmrOptions) -> dict[str, Any] | None:
    scaling = options.managed_scaling
    if scaling is None:
        return None
    limits = {
        "UnitType": scaling.unit,
        "MinimumCapacityUnits": scaling.minimum,
        "MaximumCapacityUnits": scaling.maximum,
    }
    return {"ComputeLimits": limits}


# -- steps --------------------------------------------------------------------------------------------------------


def step_config(job: Job, token: str) -> dict[str, Any]:
    """The step that does the job. It goes on after a failure (`CONTINUE`): what a failure means the engine decides.

    Raises:
        JobFailed: EMR can't run such a job, or not one so large.
    """
    jar_step = _jar_step(job)
    size = sum(len(text) for text in (jar_step["Jar"], jar_step.get("MainClass", ""), *jar_step["Args"]))
    if size > MOST_CHARACTERS_OF_A_STEP:
        raise JobFailed(
            f"the {job.kind} job has {size} characters of program and arguments, EMR takes {MOST_CHARACTERS_OF_A_STEP}",
            hint="put them into a script or file in S3 and name that",
        )
    return {"Name": step_name(job, token), "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}


def step_name(job: Job, token: str) -> str:
    """The token, by which the step is found again, and what a reader of the console wants to know."""
    match job:
        case SparkJob() | PigJob() | HiveJob():
            about = posixpath.basename(job.uri_script.rstrip("/"))
        case HadoopJob():
            about = posixpath.basename(job.uri_jar.rstrip("/"))
        case _:
            about = ""
    return _NOT_IN_A_NAME.sub("_", f"{token} {job.kind} {about}".strip())[:MOST_CHARACTERS_OF_A_NAME]


def token_of(step: Mapping[str, Any]) -> str:
    """The token in the name of a step; of a step that is not ours, its first word."""
    name: str = step.get("Name", "")
    return name.partition(" ")[0]


def _jar_step(job: Job) -> dict[str, Any]:
    match job:
        case SparkJob():
            return _command(["spark-submit", *_spark(job)] if job.language.lower() != "sql" else _spark_sql(job), job)
        case PigJob():
            pairs = [part for key, value in job.parameters.items() for part in ("-p", f"{key}={value}")]
            arguments = ["-f", job.uri_script, *pairs, *job.arguments]
            return _command(["pig-script", "--run-pig-script", "--args", *arguments], job)
        case HiveJob():
            pairs = [part for key, value in job.parameters.items() for part in ("-d", f"{key}={value}")]
            arguments = ["-f", job.uri_script, *pairs, *job.arguments]
            return _command(["hive-script", "--run-hive-script", "--args", *arguments], job)
        case HadoopJob():
            return _hadoop(job)
        case ShellJob():
            moved = f"cd {shlex.quote(job.working_directory)} && " if job.working_directory else ""
            return _command(["bash", "-c", moved + job.command], job)
        case PythonJob():
            raise JobFailed("EMR runs no Python calls of the engine's own", hint="use a Spark or shell step")


def _command(argv: Sequence[str], job: Job) -> dict[str, Any]:
    """A command line of the master node, with the job's environment variables set where it has any."""
    if job.environment:
        exports = "".join(f"export {key}={shlex.quote(value)}; " for key, value in job.environment.items())
        if isinstance(job, ShellJob):
            argv = ["bash", "-c", exports + argv[2]]
        else:
            argv = ["bash", "-c", f"{exports}exec {shlex.join(argv)}"]
    return {"Jar": "command-runner.jar", "Args": list(argv)}


def _hadoop(job: HadoopJob) -> dict[str, Any]:
    if job.environment:
        raise JobFailed("EMR gives no environment variables to Hadoop jars", hint="use its properties or arguments")
    pairs = [part for key, value in job.properties.items() for part in ("-D", f"{key}={value}")]
    return _without_none({"Jar": job.uri_jar, "MainClass": job.main_class, "Args": [*pairs, *job.arguments]})


def _spark(job: SparkJob) -> list[str]:
    if job.language.lower() in ("scala", "java") and not job.uri_script.endswith(".jar"):
        raise JobFailed(
            f"{job.uri_script} is not a jar, which a Spark job in {job.language} needs",
            hint="give the jar as uri_script and its entry point as main_class",
        )
    return [*_spark_options(job), job.uri_script, *job.arguments]


def _spark_sql(job: SparkJob) -> list[str]:
    return ["spark-sql", *_spark_options(job), "-f", job.uri_script, *job.arguments]


def _spark_options(job: SparkJob) -> list[str]:
    on_nodes = {
        f"spark.{where}.{key}": value
        for key, value in job.environment.items()
        for where in ("yarn.appMasterEnv", "executorEnv")
    }
    pairs = [part for key, value in {**on_nodes, **job.conf}.items() for part in ("--conf", f"{key}={value}")]
    return [
        *_given("--deploy-mode", job.deploy_mode),
        *pairs,
        *_given("--jars", ",".join(job.jars)),
        *_given("--py-files", ",".join(job.py_files)),
        *_given("--files", ",".join(job.files)),
        *_given("--class", job.main_class),
    ]


def _given(name: str, value: str | None) -> list[str]:
    return [name, value] if value else []


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
