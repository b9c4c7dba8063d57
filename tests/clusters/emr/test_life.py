"""The life of an EMR cluster, and what AWS can do to it: lost answers, doubles, refusals, other people's clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow.clusters.base import ClusterState
from synergyflow.errors import ClusterError, ClusterLaunchError, ConfigurationError
from synergyflow.testing.clock import ManualClock
from synergyflow.testing.emulators.emr import Delays, EmrEmulator, FaultKind
from synergyflow.testing.emulators.emr.scripted import all_succeed

from .emr_clusters import TOKEN, make_emr, wait_until

pytest.importorskip("boto3")


@pytest.mark.parametrize("fault", [FaultKind.LOST_RESPONSE, FaultKind.THROTTLE_AFTER_EFFECT])
def test_a_launch_whose_answer_is_lost_is_one_cluster(scripted: EmrEmulator, tmp_path: Path, fault: FaultKind) -> None:
    scripted.faults.add("RunJobFlow", fault)
    cluster = make_emr(scripted.url, tmp_path)
    assert cluster.launch(TOKEN) == scripted.clusters()[0].id
    assert scripted.ledger.counts()["RunJobFlow"] == 1
    assert len(scripted.clusters()) == 1


@pytest.mark.parametrize("fault", [FaultKind.LOST_REQUEST, FaultKind.THROTTLE, FaultKind.SERVER_ERROR])
def test_a_launch_without_effect_is_unclear_and_may_be_repeated(
    scripted: EmrEmulator, tmp_path: Path, fault: FaultKind
) -> None:
    scripted.faults.add("RunJobFlow", fault)
    cluster = make_emr(scripted.url, tmp_path)
    with pytest.raises(ClusterError) as raised:
        cluster.launch(TOKEN)
    assert not isinstance(raised.value, ClusterLaunchError)
    assert scripted.clusters() == []
    assert cluster.launch(TOKEN) == scripted.clusters()[0].id
    assert len(scripted.clusters()) == 1


def test_a_launch_that_was_lost_and_is_not_listed_yet_is_found_by_the_next_call(
    scripted: EmrEmulator, tmp_path: Path
) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    list(cluster._client.clusters(["WAITING"]))
    scripted.faults.add("ListClusters", FaultKind.STALE, 2)
    scripted.faults.add("RunJobFlow", FaultKind.LOST_RESPONSE)
    with pytest.raises(ClusterError):
        cluster.launch(TOKEN)
    assert cluster.launch(TOKEN) == scripted.clusters()[0].id
    assert len(scripted.clusters()) == 1


def test_termination_after_an_unclear_launch_ends_what_came_of_it(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    scripted.faults.add("ListClusters", FaultKind.STALE, 2)
    scripted.faults.add("RunJobFlow", FaultKind.LOST_RESPONSE)
    with pytest.raises(ClusterError):
        cluster.launch(TOKEN)
    assert len(scripted.live_clusters()) == 1
    cluster.terminate()
    assert scripted.live_clusters() == []


def test_a_launch_that_aws_refuses_leaves_nothing(scripted: EmrEmulator, tmp_path: Path) -> None:
    scripted.faults.add("RunJobFlow", FaultKind.QUOTA)
    with pytest.raises(ClusterLaunchError, match="exceeds the EC2 instance quota"):
        make_emr(scripted.url, tmp_path).launch(TOKEN)
    assert scripted.clusters() == []


def test_the_cluster_of_a_token_is_found_among_many_by_another_engine(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    wanted = cluster.launch(TOKEN)
    for number in range(120):
        cluster._client.run_job_flow({**scripted.clusters()[0].request, "Name": f"c{number}"})
    assert make_emr(scripted.url, tmp_path).launch(TOKEN) == wanted


def test_two_clusters_of_one_token_are_an_error_and_both_are_ended(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    cluster.launch(TOKEN)
    cluster._client.run_job_flow(scripted.clusters()[0].request)
    other = make_emr(scripted.url, tmp_path)
    with pytest.raises(ClusterLaunchError, match="several"):
        other.launch(TOKEN)
    other.terminate()
    assert scripted.live_clusters() == []


def test_a_cluster_of_that_name_that_is_not_of_that_token_is_another_one(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    cluster.launch("sf-other")
    foreign = {**scripted.clusters()[0].request, "Name": TOKEN}
    cluster._client.run_job_flow(foreign)
    make_emr(scripted.url, tmp_path).launch(TOKEN)
    assert len(scripted.clusters()) == 3


def test_a_living_cluster_of_the_profile_s_name_is_used_again(scripted: EmrEmulator, tmp_path: Path) -> None:
    first = make_emr(scripted.url, tmp_path, cluster_name="nightly", keep_alive=True).launch("sf-1")
    assert make_emr(scripted.url, tmp_path, cluster_name="nightly", keep_alive=True).launch("sf-2") == first
    scripted.end_outside(scripted.clusters()[0])
    assert make_emr(scripted.url, tmp_path, cluster_name="nightly", keep_alive=True).launch("sf-3") != first


def test_a_cluster_that_somebody_else_launched_is_used_and_left_running(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path, cluster_name="theirs")
    request = {"Name": "theirs", "ReleaseLabel": "emr-7.5.0", "Instances": {"InstanceGroups": [_group()]}}
    request["Instances"] |= {"KeepJobFlowAliveWhenNoSteps": True, "TerminationProtected": True}
    theirs = cluster._client.run_job_flow(request)
    assert cluster.launch(TOKEN) == theirs
    with pytest.raises(ClusterError, match="was not launched by synergyflow"):
        cluster.terminate()
    assert [c.id for c in scripted.live_clusters()] == [theirs]
    assert scripted.clusters()[0].protected


def _group() -> dict[str, object]:
    return {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}


def test_protection_of_our_own_is_lifted_when_its_time_has_come(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path, termination_protected=True)
    cluster.launch(TOKEN)
    assert scripted.clusters()[0].protected
    cluster.terminate()
    assert scripted.live_clusters() == []


def test_a_cluster_that_fails_to_start_says_why(scripted: EmrEmulator, tmp_path: Path) -> None:
    scripted.next_launch_fails("BOOTSTRAP_FAILURE", "bootstrap action 1 returned a non-zero return code")
    cluster = make_emr(scripted.url, tmp_path)
    cluster.launch(TOKEN)
    seen = wait_until(lambda: (seen := cluster.poll([])).state is ClusterState.FAILED and seen)
    assert seen.reason == "BOOTSTRAP_FAILURE: bootstrap action 1 returned a non-zero return code"


def test_it_is_seen_on_its_way_up_and_down(credentials: None, tmp_path: Path) -> None:
    clock, delays = ManualClock(), Delays(starting=60, bootstrapping=120, terminating=30)
    with EmrEmulator(script=all_succeed, clock=clock, delays=delays) as emulator:
        cluster = make_emr(emulator.url, tmp_path)
        cluster.launch(TOKEN)
        seen = [cluster.poll([]).state]
        for seconds in (60, 120):
            clock.advance(seconds)
            seen.append(cluster.poll([]).state)
        cluster.terminate()
        seen.append(cluster.poll([]).state)
        clock.advance(30)
        seen.append(cluster.poll([]).state)
    assert [str(state) for state in seen] == ["starting", "starting", "ready", "terminating", "gone"]


def test_a_cluster_that_is_forgotten_ends_by_itself(credentials: None, tmp_path: Path) -> None:
    clock = ManualClock()
    with EmrEmulator(script=all_succeed, clock=clock) as emulator:
        cluster = make_emr(emulator.url, tmp_path, idle_timeout=600)
        cluster.launch(TOKEN)
        clock.advance(599)
        assert cluster.poll([]).state is ClusterState.READY
        clock.advance(2)
        assert cluster.poll([]).state is ClusterState.GONE


def test_an_unknown_state_of_the_cluster_is_neither_ready_nor_gone(scripted: EmrEmulator, tmp_path: Path) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    cluster.launch(TOKEN)
    scripted.show(scripted.clusters()[0], "HIBERNATING")
    assert cluster.poll([]).state is ClusterState.UNKNOWN


def test_a_throttled_look_is_an_error_that_says_so_and_the_next_one_tells(
    scripted: EmrEmulator, tmp_path: Path
) -> None:
    cluster = make_emr(scripted.url, tmp_path)
    cluster.launch(TOKEN)
    scripted.faults.add("DescribeCluster", FaultKind.THROTTLE, 2)
    with pytest.raises(ClusterError, match="Rate exceeded"):
        cluster.poll([])
    assert cluster.poll([]).state in (ClusterState.STARTING, ClusterState.READY)


def test_missing_credentials_are_told_before_anything_is_launched(
    scripted: EmrEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    cluster = make_emr(scripted.url, tmp_path)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        cluster.check()
    with pytest.raises(ClusterLaunchError, match="no AWS credentials") as raised:
        cluster.launch(TOKEN)
    assert "AWS_PROFILE" in str(raised.value.hint)
    assert scripted.ledger.calls() == []


def test_a_missing_region_is_told_before_anything_is_launched(
    credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="region"):
        make_emr("http://127.0.0.1:1", tmp_path, region=None).check()
