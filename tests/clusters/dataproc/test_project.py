"""A project written for the real cloud, tried as it is on the emulator: two variables stand between them."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.dataproc_v1")

from synergyflow import (
    CopyFromLocalAction,
    CopyToLocalAction,
    ExecutionContext,
    ExecutionEngine,
    FlowGraph,
    HadoopAction,
    HiveAction,
    ShellCommandAction,
    SparkAction,
)
from synergyflow.core.states import FlowState
from synergyflow.engine.result import RunResult
from synergyflow.testing.emulators.dataproc import DataprocEmulator

from ..local_clusters import wait_until

SHIPPED = Path(__file__).parents[3]
SPARK_SCRIPT = """
import sys
from pyspark.sql import SparkSession
source, target = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
spark.read.csv(source, header=True).groupBy("carrier").count().orderBy("carrier").coalesce(1).write.csv(target)
print("spark is done")
"""


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataprocEmulator]:
    with DataprocEmulator(folder=tmp_path / "cloud") as emulator:
        monkeypatch.setenv("DATAPROC_EMULATOR_HOST", emulator.endpoint)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.storage_url)
        yield emulator


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The context and the profile that ship, but for more frequent looks."""
    folder = tmp_path / "project"
    for name in ("contexts", "clusters"):
        (folder / name).mkdir(parents=True)
        shutil.copy(SHIPPED / name / "dataproc.toml", folder / name)
    profile = folder / "clusters" / "dataproc.toml"
    bounds = "poll_minimum = 0.0\npoll_maximum = 0.05\nsettling_seconds = 0.0\n"
    profile.write_text(profile.read_text() + bounds)
    return folder


def run(project: Path, flow: FlowGraph) -> RunResult:
    return ExecutionEngine(flow).run(context_of(project, flow))


def context_of(project: Path, flow: FlowGraph) -> ExecutionContext:
    return ExecutionContext.load(project / "contexts" / "dataproc.toml", flow.flow_name, "2013010100")


def log(project: Path, flow: str, step: str) -> str:
    return (project / "logs" / flow / f"{step}.log").read_text(encoding="utf-8")


def fake_program(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name on the PATH, which says what it was given."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text('#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n')
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_project_for_the_cloud_runs_as_it_is_with_its_data_in_buckets(
    emulator: DataprocEmulator, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "flights.csv").write_text("carrier\nUA\nAA\n")
    data = emulator.objects.localized("gs://my-bucket/flights/")
    flow = (
        FlowGraph("cloud")
        .append("in", [], CopyFromLocalAction(str(tmp_path / "flights.csv"), "in/flights.csv"))
        .append("sort", ["in"], ShellCommandAction(f"sort {data}in/flights.csv > {data}out.csv; echo sorted"))
        .append("out", ["sort"], CopyToLocalAction("out.csv", str(tmp_path / "out.csv")))
    )
    assert run(project, flow).state is FlowState.PROCESSED
    assert (tmp_path / "out.csv").read_text() == "AA\nUA\ncarrier\n"
    assert "sorted" in log(project, "cloud", "sort")


def test_scripts_of_the_project_reach_the_cluster_and_arguments_name_its_data(
    emulator: DataprocEmulator, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("spark-submit", "hive", "java"):
        fake_program(tmp_path / "bin", program, monkeypatch)
    (project / "jobs").mkdir()
    for name in ("delays.py", "delays.sql", "delays.jar"):
        (project / "jobs" / name).write_text(name)
    buckets = str(tmp_path / "cloud" / "buckets")
    flow = (
        FlowGraph("kinds")
        .append("spark", [], SparkAction("jobs/delays.py", arguments=["gs://my-bucket/in"], conf={"spark.a": "1"}))
        .append("hive", [], HiveAction("jobs/delays.sql", day="{timeperiod}"))
        .append("hadoop", [], HadoopAction("jobs/delays.jar", "Main", ["gs://my-bucket/in"], a="b"))
    )
    assert run(project, flow).state is FlowState.PROCESSED
    spark, hive, hadoop = (log(project, "kinds", step) for step in ("spark", "hive", "hadoop"))
    for words in ("<--conf>", "<spark.a=1>", "/delays.py>", f"<{buckets}/my-bucket/in>"):
        assert words in spark
    for words in ("<--hivevar>", "<day=2013010100>", "/delays.sql>"):
        assert words in hive
    for words in ("<org.apache.hadoop.util.RunJar>", "/delays.jar>", "<Main>", "<a=b>", f"<{buckets}/my-bucket/in>"):
        assert words in hadoop
    staged = {facts.name.rpartition("/")[2] for facts in emulator.objects.list("my-bucket", "flights/.synergyflow/")}
    assert staged == {"delays.py", "delays.sql", "delays.jar"}


def test_what_an_engine_left_running_is_ended_before_its_step_runs_again(
    emulator: DataprocEmulator, project: Path, tmp_path: Path
) -> None:
    mended, begun = tmp_path / "mended", tmp_path / "begun"
    command = f"test -e {mended} || {{ touch {begun}; exec sleep 3600; }}"
    flow = FlowGraph("left").append("one", [], ShellCommandAction(command))
    engine = ExecutionEngine(flow)
    left = threading.Thread(target=lambda: engine.run(context_of(project, flow)))
    left.start()
    wait_until(begun.exists)
    engine.stop("gone", cancel=False)
    left.join()
    mended.touch()
    assert [job.status.state.name for job in emulator.jobs()] == ["RUNNING"]
    assert ExecutionEngine(flow).recover(context_of(project, flow)).state is FlowState.PROCESSED
    assert [job.status.state.name for job in emulator.jobs()] == ["CANCELLED", "DONE"]


@pytest.mark.slow
def test_a_spark_application_really_runs_and_its_result_is_in_the_bucket(
    emulator: DataprocEmulator, project: Path, tmp_path: Path
) -> None:
    if shutil.which("spark-submit") is None or shutil.which("java") is None:
        pytest.skip("there is no spark-submit with Java here: pip install pyspark")
    (project / "count.py").write_text(SPARK_SCRIPT)
    emulator.objects.put("my-bucket", "flights/in.csv", b"carrier\nUA\nAA\nUA\n")
    source, target = "gs://my-bucket/flights/in.csv", "gs://my-bucket/flights/out"
    flow = FlowGraph("spark").append(
        "count", [], SparkAction("count.py", arguments=[source, target], conf={"spark.ui.enabled": False})
    )
    assert run(project, flow).state is FlowState.PROCESSED
    parts = [facts for facts in emulator.objects.list("my-bucket", "flights/out/part-") if facts.name.endswith(".csv")]
    assert emulator.objects.read("my-bucket", parts[0].name) == b"AA,1\nUA,2\n"
    assert "spark is done" in log(project, "spark", "count")
