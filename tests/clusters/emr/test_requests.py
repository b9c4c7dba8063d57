"""What is asked of EMR, as tables: profiles to launches, jobs to steps; and which profiles are refused at the door."""

from __future__ import annotations

from typing import Any

import pytest

from synergyflow.clusters import emr_requests as requests
from synergyflow.clusters.emr_options import EmrOptions, options_of
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import ConfigurationError, JobFailed

from .emr_clusters import TOKEN

SMALL: dict[str, Any] = {"release_label": "emr-7.5.0", "instance_type": "m5.xlarge"}


def options(**given: Any) -> EmrOptions:
    return options_of(Profile(name="emr", type="emr", slots=1, options=given))


def launch(slots: int = 1, **given: Any) -> dict[str, Any]:
    return requests.run_job_flow(TOKEN, "emr", slots, options(**given), installation="i-1")


def test_the_smallest_profile_is_one_machine_that_ends_when_idle_and_bears_our_tags() -> None:
    assert launch(**SMALL) == {
        "Name": TOKEN,
        "ReleaseLabel": "emr-7.5.0",
        "Applications": [{"Name": "Spark"}],
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": False,
            "InstanceGroups": [
                {
                    "Name": "master",
                    "InstanceRole": "MASTER",
                    "InstanceType": "m5.xlarge",
                    "InstanceCount": 1,
                    "Market": "ON_DEMAND",
                }
            ],
        },
        "VisibleToAllUsers": True,
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "StepConcurrencyLevel": 1,
        "AutoTerminationPolicy": {"IdleTimeout": 1800},
        "Tags": [
            {"Key": "synergyflow:token", "Value": TOKEN},
            {"Key": "synergyflow:profile", "Value": "emr"},
            {"Key": "synergyflow:installation", "Value": "i-1"},
        ],
    }


LARGE: dict[str, Any] = {
    "release_label": "emr-7.5.0",
    "applications": ["Spark", "Hive"],
    "cluster_name": "nightly",
    "instance_groups": [
        {"role": "master", "type": "m5.xlarge"},
        {"role": "core", "type": "r5.2xlarge", "count": 4, "spot": True, "bid_price": "0.30", "disk_gb": 200},
    ],
    "managed_scaling": {"minimum": 2, "maximum": 20},
    "key_name": "ops",
    "subnets": ["subnet-1"],
    "service_role": "Service",
    "instance_role": "Machine",
    "auto_scaling_role": "Scaling",
    "master_security_group": "sg-1",
    "core_security_group": "sg-2",
    "service_security_group": "sg-3",
    "security_configuration": "encrypted",
    "log_uri": "s3://logs/emr",
    "bootstrap_actions": [{"path": "s3://code/install.sh", "arguments": ["--fast"]}],
    "configurations": [
        {
            "classification": "spark-env",
            "configurations": [{"classification": "export", "properties": {"PYSPARK_PYTHON": "python3"}}],
        },
        {"classification": "spark", "properties": {"maximizeResourceAllocation": True}},
    ],
    "tags": {"team": "data"},
    "custom_ami": "ami-1",
    "root_disk_gb": 50,
    "step_concurrency": 10,
    "idle_timeout": 600,
    "termination_protected": True,
}


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("Name", "nightly"),
        ("Applications", [{"Name": "Spark"}, {"Name": "Hive"}]),
        ("LogUri", "s3://logs/emr/"),
        ("ServiceRole", "Service"),
        ("JobFlowRole", "Machine"),
        ("AutoScalingRole", "Scaling"),
        ("SecurityConfiguration", "encrypted"),
        ("CustomAmiId", "ami-1"),
        ("EbsRootVolumeSize", 50),
        ("StepConcurrencyLevel", 10),
        ("AutoTerminationPolicy", {"IdleTimeout": 600}),
        (
            "BootstrapActions",
            [
                {
                    "Name": "install.sh",
                    "ScriptBootstrapAction": {"Path": "s3://code/install.sh", "Args": ["--fast"]},
                }
            ],
        ),
        (
            "Configurations",
            [
                {
                    "Classification": "spark-env",
                    "Properties": {},
                    "Configurations": [{"Classification": "export", "Properties": {"PYSPARK_PYTHON": "python3"}}],
                },
                {"Classification": "spark", "Properties": {"maximizeResourceAllocation": "true"}},
            ],
        ),
        (
            "ManagedScalingPolicy",
            {"ComputeLimits": {"UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 20}},
        ),
    ],
)
def test_a_profile_says_what_is_launched(key: str, wanted: Any) -> None:
    assert launch(slots=10, **LARGE)[key] == wanted


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("Ec2KeyName", "ops"),
        ("Ec2SubnetId", "subnet-1"),
        ("EmrManagedMasterSecurityGroup", "sg-1"),
        ("EmrManagedSlaveSecurityGroup", "sg-2"),
        ("ServiceAccessSecurityGroup", "sg-3"),
        ("TerminationProtected", True),
        ("KeepJobFlowAliveWhenNoSteps", True),
    ],
)
def test_a_profile_says_where_it_is_launched(key: str, wanted: Any) -> None:
    assert launch(**LARGE)["Instances"][key] == wanted


def test_an_instance_group_may_be_of_spot_machines() -> None:
    assert launch(**LARGE)["Instances"]["InstanceGroups"][1] == {
        "Name": "core",
        "InstanceRole": "CORE",
        "InstanceType": "r5.2xlarge",
        "InstanceCount": 4,
        "Market": "SPOT",
        "BidPrice": "0.30",
        "EbsConfiguration": {
            "EbsBlockDeviceConfigs": [{"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": 200}}]
        },
    }


def test_a_fleet_says_what_happens_when_spot_machines_do_not_come() -> None:
    fleets = [
        {"role": "master", "on_demand": 1, "types": [{"type": "m5.xlarge"}]},
        {
            "role": "core",
            "on_demand": 2,
            "spot": 8,
            "types": [{"type": "r5.xlarge", "bid_percentage": 60.0}, {"type": "r5.2xlarge", "weight": 2}],
            "timeout_minutes": 15,
            "timeout_action": "terminate_cluster",
            "allocation": "capacity-optimized",
        },
    ]
    instances = launch(release_label="emr-7.5.0", instance_fleets=fleets, subnets=["subnet-1", "subnet-2"])["Instances"]
    assert instances["Ec2SubnetIds"] == ["subnet-1", "subnet-2"]
    assert instances["InstanceFleets"] == [
        {
            "Name": "master",
            "InstanceFleetType": "MASTER",
            "TargetOnDemandCapacity": 1,
            "TargetSpotCapacity": 0,
            "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}],
        },
        {
            "Name": "core",
            "InstanceFleetType": "CORE",
            "TargetOnDemandCapacity": 2,
            "TargetSpotCapacity": 8,
            "InstanceTypeConfigs": [
                {"InstanceType": "r5.xlarge", "WeightedCapacity": 1, "BidPriceAsPercentageOfOnDemandPrice": 60.0},
                {"InstanceType": "r5.2xlarge", "WeightedCapacity": 2},
            ],
            "LaunchSpecifications": {
                "SpotSpecification": {
                    "TimeoutDurationMinutes": 15,
                    "TimeoutAction": "TERMINATE_CLUSTER",
                    "AllocationStrategy": "capacity-optimized",
                }
            },
        },
    ]


def test_as_many_steps_run_at_once_as_the_profile_has_slots_up_to_what_emr_can() -> None:
    assert [launch(slots=slots, **SMALL)["StepConcurrencyLevel"] for slots in (1, 10, 1000)] == [1, 10, 256]


GROUP = {"role": "core", "type": "m5.xlarge"}
MASTER = {"role": "master", "type": "m5.xlarge"}
FLEET = {"role": "master", "on_demand": 1, "types": [{"type": "m5.xlarge"}]}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({**SMALL, "relase_label": "x"}, "unknown key 'relase_label'"),
        ({"instance_type": "m5.xlarge"}, "release_label"),
        ({**SMALL, "idle_timeout": 5}, "idle_timeout"),
        ({**SMALL, "idle_timeout": "600"}, "must be a whole number"),
        ({**SMALL, "step_concurrency": 257}, "step_concurrency"),
        ({**SMALL, "log_uri": "/logs"}, "log_uri"),
        ({"release_label": "emr-7.5.0"}, "give one of instance_type"),
        ({**SMALL, "instance_groups": [MASTER]}, "give one of instance_type"),
        ({"release_label": "emr-7.5.0", "instance_count": 2}, "instance_count needs instance_type"),
        ({"release_label": "emr-7.5.0", "instance_groups": [GROUP]}, "role 'master'"),
        ({"release_label": "emr-7.5.0", "instance_groups": [MASTER, GROUP, GROUP]}, "role 'core'"),
        ({"release_label": "emr-7.5.0", "instance_groups": [{**MASTER, "spott": True}]}, "spott"),
        ({"release_label": "emr-7.5.0", "instance_fleets": [{**FLEET, "on_demand": 0}]}, "a fleet needs capacity"),
        ({"release_label": "emr-7.5.0", "instance_fleets": [{**FLEET, "on_demand": 3}]}, "capacity of exactly 1"),
        ({"release_label": "emr-7.5.0", "instance_fleets": [{**FLEET, "timeout_action": "wait"}]}, "timeout_action"),
        ({**SMALL, "subnets": ["a", "b"]}, "more than one subnet"),
        ({**SMALL, "tags": {"synergyflow:token": "x"}}, "is synergyflow's own"),
        ({**SMALL, "managed_scaling": {"minimum": 5, "maximum": 2}}, "maximum is less than minimum"),
        ({**SMALL, "poll_minimum": 90.0}, "poll_maximum is less than poll_minimum"),
    ],
)
def test_a_profile_that_can_not_be_meant_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as raised:
        options(**given)
    assert raised.value.message.startswith("profile 'emr'")
    assert raised.value.hint


def test_a_misspelled_key_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError) as raised:
        options(**SMALL, relase_label="x")
    assert "release_label" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("job", "jar", "arguments"),
    [
        (ShellJob(command="echo a; echo b"), "command-runner.jar", ["bash", "-c", "echo a; echo b"]),
        (
            ShellJob(command="ls", working_directory="/tmp/my data", environment={"A": "1 2"}),
            "command-runner.jar",
            ["bash", "-c", "export A='1 2'; cd '/tmp/my data' && ls"],
        ),
        (
            SparkJob(
                uri_script="s3://code/job.py",
                arguments=("--day", "2013-01-01"),
                conf={"spark.executor.memory": "2g"},
                jars=("s3://code/a.jar", "s3://code/b.jar"),
                py_files=("s3://code/lib.zip",),
                files=("s3://code/x.conf",),
                deploy_mode="cluster",
            ),
            "command-runner.jar",
            [
                "spark-submit",
                *("--deploy-mode", "cluster"),
                *("--conf", "spark.executor.memory=2g"),
                *("--jars", "s3://code/a.jar,s3://code/b.jar"),
                *("--py-files", "s3://code/lib.zip"),
                *("--files", "s3://code/x.conf"),
                *("s3://code/job.py", "--day", "2013-01-01"),
            ],
        ),
        (
            SparkJob(uri_script="s3://code/job.jar", language="scala", main_class="org.Main"),
            "command-runner.jar",
            ["spark-submit", "--class", "org.Main", "s3://code/job.jar"],
        ),
        (
            SparkJob(uri_script="s3://code/q.sql", language="sql", arguments=("-d", "A=1")),
            "command-runner.jar",
            ["spark-sql", "-f", "s3://code/q.sql", "-d", "A=1"],
        ),
        (
            SparkJob(uri_script="s3://code/job.py", environment={"DAY": "1"}),
            "command-runner.jar",
            [
                "bash",
                "-c",
                "export DAY=1; exec spark-submit --conf spark.yarn.appMasterEnv.DAY=1 "
                "--conf spark.executorEnv.DAY=1 s3://code/job.py",
            ],
        ),
        (
            PigJob(uri_script="s3://code/a.pig", parameters={"DAY": "1"}, arguments=("-x", "tez")),
            "command-runner.jar",
            ["pig-script", "--run-pig-script", "--args", "-f", "s3://code/a.pig", "-p", "DAY=1", "-x", "tez"],
        ),
        (
            HiveJob(uri_script="s3://code/a.q", parameters={"DAY": "1"}),
            "command-runner.jar",
            ["hive-script", "--run-hive-script", "--args", "-f", "s3://code/a.q", "-d", "DAY=1"],
        ),
        (
            HadoopJob(uri_jar="s3://code/a.jar", properties={"k": "v"}, arguments=("in", "out")),
            "s3://code/a.jar",
            ["-D", "k=v", "in", "out"],
        ),
    ],
)
def test_a_job_becomes_a_step_that_goes_on_after_a_failure(job: Job, jar: str, arguments: list[str]) -> None:
    step = requests.step_config(job, TOKEN)
    assert step["HadoopJarStep"] == {"Jar": jar, "Args": arguments}
    assert step["ActionOnFailure"] == "CONTINUE"
    assert requests.token_of(step) == TOKEN


def test_a_hadoop_jar_may_name_its_main_class() -> None:
    step = requests.step_config(HadoopJob(uri_jar="s3://code/a.jar", main_class="org.Main"), TOKEN)
    assert step["HadoopJarStep"]["MainClass"] == "org.Main"


@pytest.mark.parametrize(
    ("job", "complaint"),
    [
        (PythonJob(payload=b""), "runs no Python calls"),
        (SparkJob(uri_script="job.py", language="java"), "is not a jar"),
        (HadoopJob(uri_jar="a.jar", environment={"A": "1"}), "no environment variables"),
        (ShellJob(command="x" * 10_240), "EMR takes 10240"),
    ],
)
def test_a_job_that_emr_can_not_do_is_refused(job: Job, complaint: str) -> None:
    with pytest.raises(JobFailed, match=complaint) as raised:
        requests.step_config(job, TOKEN)
    assert raised.value.hint


def test_the_name_of_a_step_says_what_it_is_within_the_length_and_the_letters_that_emr_takes() -> None:
    assert requests.step_name(SparkJob(uri_script="s3://code/flüge.py"), TOKEN) == f"{TOKEN} spark fl_ge.py"
    assert len(requests.step_name(SparkJob(uri_script="s3://code/" + 400 * "x"), TOKEN)) == 256
