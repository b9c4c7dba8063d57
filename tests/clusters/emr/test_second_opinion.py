"""An independent server on what we ask of EMR: the same requests, the same cluster, seen by somebody else's code.

It runs no steps and has no life cycles, so only what it understands is asked: launching, finding, submitting, listing,
protecting and terminating.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synergyflow.clusters.base import ClusterState
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, JobState, PigJob, ShellJob, SparkJob

from .emr_clusters import TOKEN, make_emr

pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")


@pytest.fixture
def url(credentials: None) -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def token() -> str:
    """A fresh one: what the server keeps outlives a test."""
    return f"sf-{secrets.token_hex(16)}"


FLEETS: dict[str, Any] = {
    "instance_type": None,
    "instance_fleets": [
        {"role": "master", "on_demand": 1, "types": [{"type": "m5.xlarge"}]},
        {"role": "core", "spot": 4, "types": [{"type": "r5.xlarge"}, {"type": "r5.2xlarge", "weight": 2}]},
    ],
    "subnets": ["subnet-1", "subnet-2"],
}
GROUPS: dict[str, Any] = {
    "instance_type": None,
    "instance_groups": [
        {"role": "master", "type": "m5.xlarge"},
        {"role": "core", "type": "m5.2xlarge", "count": 3, "spot": True, "bid_price": "0.2", "disk_gb": 100},
    ],
    "key_name": "ops",
    "master_security_group": "sg-1",
    "bootstrap_actions": [{"path": "s3://code/install.sh"}],
    "configurations": [{"classification": "spark", "properties": {"maximizeResourceAllocation": True}}],
    "tags": {"team": "data"},
    "step_concurrency": 4,
}


@pytest.mark.parametrize("given", [{}, GROUPS, FLEETS], ids=["short", "groups", "fleets"])
def test_it_launches_what_we_ask_for_and_finds_it_by_our_token(url: str, tmp_path: Path, given: dict[str, Any]) -> None:
    ours = token()
    cluster_id = make_emr(url, tmp_path, **given).launch(ours)
    assert make_emr(url, tmp_path, **given).launch(ours) == cluster_id
    other = make_emr(url, tmp_path, **given)
    assert other.launch(token()) != cluster_id
    assert other.poll([]).state is ClusterState.READY


JOBS: list[Job] = [
    ShellJob(command="echo one"),
    SparkJob(uri_script="s3://code/job.py", conf={"a": "b"}),
    PigJob(uri_script="s3://code/a.pig"),
    HiveJob(uri_script="s3://code/a.q"),
    HadoopJob(uri_jar="s3://code/a.jar", main_class="org.Main", properties={"a": "b"}),
]


def test_it_takes_jobs_of_every_kind_and_lists_them(url: str, tmp_path: Path) -> None:
    cluster = make_emr(url, tmp_path)
    cluster.launch(token())
    job_ids = [cluster.submit(job, f"{TOKEN}{number}") for number, job in enumerate(JOBS)]
    seen = cluster.poll(job_ids).jobs
    assert [seen[job_id].state for job_id in job_ids] == [JobState.RUNNING] + [JobState.PENDING] * 4
    other = make_emr(url, tmp_path)
    other.attach(str(cluster.cluster_id))
    assert [other.find(f"{TOKEN}{number}") for number in range(5)] == job_ids
    assert other.find("sf-none") is None


def test_a_look_goes_through_its_pages_of_steps(url: str, tmp_path: Path) -> None:
    cluster = make_emr(url, tmp_path, slots=200)
    cluster.launch(token())
    job_ids = [cluster.submit(ShellJob(command="true"), f"sf-{number}") for number in range(120)]
    seen = cluster.poll(job_ids).jobs
    assert {status.state for status in seen.values()} == {JobState.RUNNING, JobState.PENDING}
    assert set(seen) == set(job_ids)


def test_it_ends_our_cluster_though_it_was_protected(url: str, tmp_path: Path) -> None:
    cluster = make_emr(url, tmp_path, termination_protected=True)
    cluster.launch(token())
    cluster.terminate()
    cluster.terminate()
    assert cluster.poll([]).state in (ClusterState.TERMINATING, ClusterState.GONE)


def test_a_cluster_that_it_does_not_know_is_gone(url: str, tmp_path: Path) -> None:
    cluster = make_emr(url, tmp_path)
    cluster.attach("j-NOWHERE")
    assert cluster.poll([]).state is ClusterState.GONE
    cluster.terminate()
