"""The emulator of EMR, asked over its socket by the vendor's client: life cycles, refusals, faults, the rest of S3."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synergyflow.testing.clock import ManualClock
from synergyflow.testing.emulators.emr import Delays, EmrEmulator, Ending, FaultKind
from synergyflow.testing.emulators.emr.executing import command_line
from synergyflow.testing.emulators.emr.model import Step

boto3 = pytest.importorskip("boto3")
botocore_config = pytest.importorskip("botocore.config")
exceptions = pytest.importorskip("botocore.exceptions")

HOUR = 3600.0


def client(emulator: EmrEmulator, service: str = "emr") -> Any:
    config = botocore_config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client(
        service,
        endpoint_url=emulator.url,
        region_name="eu-central-1",
        aws_access_key_id="not-a-key",
        aws_secret_access_key="not-a-secret",
        config=config,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def endings() -> dict[str, Ending]:
    return {}


@pytest.fixture
def emulator(clock: ManualClock, endings: dict[str, Ending]) -> Iterator[EmrEmulator]:
    """Steps take ten seconds unless a test says otherwise, by their names."""

    def script(step: Step) -> Ending:
        return endings.get(step.name, Ending(seconds=10))

    delays = Delays(starting=60, bootstrapping=120, terminating=30)
    with EmrEmulator(script=script, clock=clock, delays=delays) as emulator:
        yield emulator


@pytest.fixture
def emr(emulator: EmrEmulator) -> Any:
    return client(emulator)


GROUPS = [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]


def launch(emr: Any, *, keep: bool = True, protected: bool = False, **given: Any) -> str:
    instances = {
        "InstanceGroups": GROUPS,
        "KeepJobFlowAliveWhenNoSteps": keep,
        "TerminationProtected": protected,
    }
    request = {"Name": "c", "ReleaseLabel": "emr-7.5.0", "Instances": instances, **given}
    cluster_id: str = emr.run_job_flow(**request)["JobFlowId"]
    return cluster_id


def step(name: str, *arguments: str, on_failure: str = "CONTINUE") -> dict[str, Any]:
    return {
        "Name": name,
        "ActionOnFailure": on_failure,
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(arguments) or ["true"]},
    }


def cluster_state(emr: Any, cluster_id: str) -> str:
    state: str = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"]
    return state


def step_states(emr: Any, cluster_id: str) -> dict[str, str]:
    steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
    return {step["Name"]: step["Status"]["State"] for step in steps}


def test_a_cluster_goes_up_waits_and_goes_down(emr: Any, clock: ManualClock) -> None:
    cluster_id = launch(emr)
    seen = [cluster_state(emr, cluster_id)]
    for seconds in (60, 120):
        clock.advance(seconds)
        seen.append(cluster_state(emr, cluster_id))
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    seen.append(cluster_state(emr, cluster_id))
    clock.advance(30)
    seen.append(cluster_state(emr, cluster_id))
    assert seen == ["STARTING", "BOOTSTRAPPING", "WAITING", "TERMINATING", "TERMINATED"]


def test_steps_run_one_after_the_other_or_as_many_at_once_as_the_cluster_may(emr: Any, clock: ManualClock) -> None:
    one, two = launch(emr), launch(emr, StepConcurrencyLevel=2)
    for cluster_id in (one, two):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step(name) for name in "abc"])
    clock.advance(180)
    assert step_states(emr, one) == {"a": "RUNNING", "b": "PENDING", "c": "PENDING"}
    assert step_states(emr, two) == {"a": "RUNNING", "b": "RUNNING", "c": "PENDING"}
    assert cluster_state(emr, one) == "RUNNING"
    clock.advance(30)
    assert set(step_states(emr, one).values()) == {"COMPLETED"}
    assert cluster_state(emr, one) == "WAITING"


@pytest.mark.parametrize(
    ("on_failure", "states", "cluster"),
    [
        ("CONTINUE", {"a": "FAILED", "b": "COMPLETED"}, "WAITING"),
        ("CANCEL_AND_WAIT", {"a": "FAILED", "b": "CANCELLED"}, "WAITING"),
        ("TERMINATE_CLUSTER", {"a": "FAILED", "b": "CANCELLED"}, "TERMINATED_WITH_ERRORS"),
    ],
)
def test_a_failed_step_has_the_consequence_that_it_asks_for(
    emr: Any,
    clock: ManualClock,
    endings: dict[str, Ending],
    on_failure: str,
    states: dict[str, str],
    cluster: str,
) -> None:
    endings["a"] = Ending(exit_code=1, seconds=5)
    cluster_id = launch(emr)
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step("a", on_failure=on_failure), step("b")])
    clock.advance(HOUR)
    assert step_states(emr, cluster_id) == states
    assert cluster_state(emr, cluster_id) == cluster


def test_a_cluster_without_work_ends_after_its_idle_time_and_one_with_work_does_not(
    emr: Any, clock: ManualClock, endings: dict[str, Ending]
) -> None:
    endings["long"] = Ending(seconds=HOUR)
    idle = launch(emr, AutoTerminationPolicy={"IdleTimeout": 600})
    busy = launch(emr, AutoTerminationPolicy={"IdleTimeout": 600})
    emr.add_job_flow_steps(JobFlowId=busy, Steps=[step("long")])
    clock.advance(180 + 630)
    assert (cluster_state(emr, idle), cluster_state(emr, busy)) == ("TERMINATED", "RUNNING")
    clock.advance(HOUR + 630)
    assert cluster_state(emr, busy) == "TERMINATED"


def test_a_cluster_that_is_not_to_be_kept_ends_with_its_steps(emr: Any, clock: ManualClock) -> None:
    cluster_id = launch(emr, keep=False, Steps=[step("a")])
    clock.advance(HOUR)
    described = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]
    assert (described["State"], described["StateChangeReason"]["Code"]) == ("TERMINATED", "ALL_STEPS_COMPLETED")


def test_a_canceled_step_is_pending_to_be_so_until_its_work_has_ended(
    emulator: EmrEmulator, emr: Any, clock: ManualClock, endings: dict[str, Ending]
) -> None:
    endings["stubborn"] = Ending(seconds=None, heeds_interrupt=False)
    cluster_id = launch(emr)
    ids = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step("stubborn"), step("next")])["StepIds"]
    clock.advance(180)
    emr.cancel_steps(ClusterId=cluster_id, StepIds=ids)
    assert step_states(emr, cluster_id) == {"stubborn": "CANCEL_PENDING", "next": "CANCELLED"}
    emr.cancel_steps(ClusterId=cluster_id, StepIds=ids[:1], StepCancellationOption="TERMINATE_PROCESS")
    clock.advance(1)
    assert step_states(emr, cluster_id)["stubborn"] == "CANCELLED"
    answer = emr.cancel_steps(ClusterId=cluster_id, StepIds=ids)["CancelStepsInfoList"]
    assert {info["Status"] for info in answer} == {"FAILED"}


def test_termination_interrupts_what_runs_and_cancels_what_waits(
    emr: Any, clock: ManualClock, endings: dict[str, Ending]
) -> None:
    cluster_id = launch(emr)
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step("a"), step("b")])
    clock.advance(181)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert step_states(emr, cluster_id) == {"a": "INTERRUPTED", "b": "CANCELLED"}


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(exceptions.ClientError) as raised:
        call(**request)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_protected_cluster_is_not_terminated_until_the_protection_is_lifted(emr: Any, clock: ManualClock) -> None:
    cluster_id = launch(emr, protected=True)
    assert refused(emr.terminate_job_flows, JobFlowIds=[cluster_id])[0] == "ValidationException"
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert cluster_state(emr, cluster_id) == "TERMINATING"


def test_a_dead_cluster_takes_no_steps(emr: Any) -> None:
    cluster_id = launch(emr)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    code, message = refused(emr.add_job_flow_steps, JobFlowId=cluster_id, Steps=[step("a")])
    assert (code, "may not be modified" in message) == ("ValidationException", True)


def test_more_than_256_unfinished_steps_are_refused_all_or_none(emr: Any, emulator: EmrEmulator) -> None:
    cluster_id = launch(emr)
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step(f"s{number}") for number in range(250)])
    code, message = refused(
        emr.add_job_flow_steps, JobFlowId=cluster_id, Steps=[step(f"t{number}") for number in range(7)]
    )
    assert (code, "active steps" in message) == ("ValidationException", True)
    assert len(emulator.steps()) == 250


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"StepConcurrencyLevel": 257}, "between 1 and 256"),
        ({"AutoTerminationPolicy": {"IdleTimeout": 5}}, "between 60 seconds and 7 days"),
        ({"Name": ""}, "Name must have"),
        ({"Instances": {}}, "instance groups or instance fleets"),
        ({"Steps": [step("a", "x" * 10_241)]}, "10240 characters"),
        ({"StepConcurrencyLevel": 2, "Steps": [step("a", on_failure="CANCEL_AND_WAIT")]}, "must be CONTINUE"),
    ],
)
def test_a_launch_that_the_service_would_refuse_is_refused(emr: Any, given: dict[str, Any], what: str) -> None:
    request = {"Name": "c", "ReleaseLabel": "emr-7.5.0", "Instances": {"InstanceGroups": GROUPS}}
    code, message = refused(emr.run_job_flow, **{**request, **given})
    assert code == "ValidationException"
    assert what in message


def test_what_nobody_knows_is_an_invalid_request(emr: Any) -> None:
    cluster_id = launch(emr)
    assert refused(emr.describe_cluster, ClusterId="j-X")[0] == "InvalidRequestException"
    assert refused(emr.list_steps, ClusterId=cluster_id, StepIds=["s-X"])[0] == "InvalidRequestException"
    assert refused(emr.describe_step, ClusterId=cluster_id, StepId="s-X")[0] == "InvalidRequestException"
    assert refused(emr.list_instances, ClusterId=cluster_id)[0] == "UnknownOperationException"


def test_steps_are_listed_newest_first_in_pages_of_fifty_a_thousand_at_most(
    emr: Any, clock: ManualClock, endings: dict[str, Ending]
) -> None:
    endings.update({f"s{number}": Ending() for number in range(1100)})
    cluster_id = launch(emr, StepConcurrencyLevel=256)
    clock.advance(180)
    for begin in range(0, 1100, 100):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step(f"s{n}") for n in range(begin, begin + 100)])
        clock.advance(1)
    pages = list(emr.get_paginator("list_steps").paginate(ClusterId=cluster_id))
    assert [len(page["Steps"]) for page in pages] == [50] * 20
    assert [step["Name"] for step in pages[0]["Steps"][:2]] == ["s1099", "s1098"]


def test_tags_are_shown_by_the_description_alone(emr: Any) -> None:
    cluster_id = launch(emr, Tags=[{"Key": "team", "Value": "data"}])
    emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "cost", "Value": "1"}])
    emr.remove_tags(ResourceId=cluster_id, TagKeys=["team"])
    assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Tags"] == [{"Key": "cost", "Value": "1"}]
    assert "Tags" not in emr.list_clusters()["Clusters"][0]


def test_clusters_are_listed_by_state(emr: Any, clock: ManualClock) -> None:
    old = launch(emr)
    clock.advance(180)
    new = launch(emr)
    listed = {
        state: [c["Id"] for c in emr.list_clusters(ClusterStates=[state])["Clusters"]]
        for state in ("STARTING", "WAITING")
    }
    assert listed == {"STARTING": [new], "WAITING": [old]}


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        (FaultKind.THROTTLE, exceptions.ClientError, 0),
        (FaultKind.THROTTLE_AFTER_EFFECT, exceptions.ClientError, 1),
        (FaultKind.SERVER_ERROR, exceptions.ClientError, 0),
        (FaultKind.LOST_REQUEST, exceptions.ConnectionClosedError, 0),
        (FaultKind.LOST_RESPONSE, exceptions.ConnectionClosedError, 1),
    ],
)
def test_a_fault_is_met_once_and_has_the_effect_that_it_is_named_for(
    emulator: EmrEmulator, emr: Any, fault: FaultKind, error: type[Exception], effects: int
) -> None:
    emulator.faults.add("RunJobFlow", fault)
    with pytest.raises(error):
        launch(emr)
    assert len(emulator.clusters()) == effects
    launch(emr)
    assert [call.outcome for call in emulator.ledger.calls("RunJobFlow")] == [fault, "ok"]


def test_a_slow_answer_comes_when_it_is_released(emulator: EmrEmulator, emr: Any) -> None:
    cluster_id = launch(emr)
    emulator.faults.add("DescribeCluster", FaultKind.SLOW)
    emulator.faults.release()
    assert cluster_state(emr, cluster_id) == "STARTING"


def test_with_the_retries_that_are_the_vendor_s_default_a_lost_answer_makes_two_clusters(
    emulator: EmrEmulator,
) -> None:
    careless = boto3.client(
        "emr",
        endpoint_url=emulator.url,
        region_name="eu-central-1",
        aws_access_key_id="not-a-key",
        aws_secret_access_key="not-a-secret",
    )
    emulator.faults.add("RunJobFlow", FaultKind.LOST_RESPONSE)
    launch(careless)
    assert len(emulator.clusters()) == 2


def test_objects_are_written_read_in_part_listed_and_removed(emulator: EmrEmulator) -> None:
    s3 = client(emulator, "s3")
    s3.put_object(Bucket="code", Key="a/b c/ü.py", Body=b"0123456789")
    s3.put_object(Bucket="code", Key="a/x", Body=b"")
    assert s3.get_object(Bucket="code", Key="a/b c/ü.py")["Body"].read() == b"0123456789"
    assert s3.get_object(Bucket="code", Key="a/b c/ü.py", Range="bytes=2-4")["Body"].read() == b"234"
    assert s3.head_object(Bucket="code", Key="a/b c/ü.py")["ContentLength"] == 10
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="code")["Contents"]] == ["a/b c/ü.py", "a/x"]
    listed = s3.list_objects_v2(Bucket="code", Prefix="a/", Delimiter="/")
    assert [entry["Prefix"] for entry in listed["CommonPrefixes"]] == ["a/b c/"]
    s3.delete_object(Bucket="code", Key="a/x")
    with pytest.raises(exceptions.ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="code", Key="a/x")


def test_faults_and_the_ledger_are_there_for_hands_too(emulator: EmrEmulator, emr: Any) -> None:
    def ask(path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(f"{emulator.url}/_emulator/{path}", data, timeout=30) as answer:
            return json.loads(answer.read())

    assert ask("faults", {"operation": "RunJobFlow", "kind": "throttle"}) == {"left": 1}
    assert refused(lambda: launch(emr))[0] == "ThrottlingException"
    cluster_id = launch(emr)
    ask(f"clusters/{cluster_id}/vanish", {})
    assert refused(emr.describe_cluster, ClusterId=cluster_id)[0] == "InvalidRequestException"
    assert [call["outcome"] for call in ask("ledger")["calls"]] == ["throttle", "ok", "InvalidRequestException"]


@pytest.mark.parametrize(
    ("jar", "arguments", "wanted"),
    [
        ("command-runner.jar", ["bash", "-c", "cat s3://code/a"], ["bash", "-c", "cat /objects/code/a"]),
        (
            "command-runner.jar",
            ["spark-submit", "--deploy-mode", "cluster", "--conf", "a=b", "s3a://code/a.py", "s3n://data/in"],
            ["spark-submit", "--master", "local[2]", "--conf", "a=b", "/objects/code/a.py", "/objects/data/in"],
        ),
        (
            "command-runner.jar",
            ["pig-script", "--run-pig-script", "--args", "-f", "s3://code/a.pig", "-p", "A=1"],
            ["pig", "-x", "local", "-f", "/objects/code/a.pig", "-param", "A=1"],
        ),
        ("s3://x/libs/script-runner/script-runner.jar", ["s3://code/a.sh", "1"], ["bash", "/objects/code/a.sh", "1"]),
    ],
)
def test_a_step_is_run_on_this_machine_by_the_program_that_it_names(
    clock: ManualClock, jar: str, arguments: list[str], wanted: list[str]
) -> None:
    request = {"Name": "a", "HadoopJarStep": {"Jar": jar, "Args": arguments}}
    assert command_line(Step("s-1", 1, request, clock.now()), Path("/objects")) == wanted


def test_it_can_be_started_by_hand(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "synergyflow.testing.emulators.emr", "--port", "0", "--folder", str(tmp_path)]
    process = subprocess.Popen([*command, "--delay", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = next(word for word in process.stdout.readline().split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(f"{url}/_emulator/ledger", timeout=30) as answer:
            assert json.loads(answer.read()) == {"calls": []}
    finally:
        process.terminate()
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()
