"""What Dataproc is asked, as tables: profiles to clusters, jobs to jobs. No client is needed for it, nor a server."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from synergyflow.clusters.dataproc_options import DataprocOptions, options_of
from synergyflow.clusters.dataproc_requests import (
    cluster_name_of,
    cluster_request,
    job_id_of,
    job_request,
    label_of,
    request_id_of,
    shell_script,
)
from synergyflow.clusters.dataproc_staging import Staging, with_places
from synergyflow.clusters.dataproc_states import exit_code_in
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, PigJob, ShellJob, SparkJob
from synergyflow.errors import ConfigurationError, JobFailed
from synergyflow.filesystems.local import LocalFilesystem

TOKEN = "sf-00000000000000000000000000000001"
LEAST = {"project": "flights", "region": "europe-west1", "image_version": "2.2-debian12"}


def options(**more: Any) -> DataprocOptions:
    return options_of(Profile(name="dataproc", type="dataproc", options={**LEAST, **more}))


def config(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = cluster_request(options(**more), "name", TOKEN)["config"]
    return found


def typed(job: Job) -> dict[str, Any]:
    """The part of a request that says what kind of job it is."""
    request = job_request(job, TOKEN, options(), "name")
    return {key: value for key, value in request.items() if key.endswith("_job")}


# -- identity -----------------------------------------------------------------------------------------------------


def test_names_are_the_token_where_dataproc_takes_it() -> None:
    assert cluster_name_of(TOKEN) == job_id_of(TOKEN) == label_of(TOKEN) == TOKEN


@pytest.mark.parametrize("token", ["UPPER", "with space", "x" * 200, "ends-", "ä", ""])
def test_names_of_other_tokens_are_derived_and_taken_too(token: str) -> None:
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?", cluster_name_of(token))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", job_id_of(token))
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", label_of(token))


def test_request_ids_are_the_same_for_ever_and_within_the_limit() -> None:
    first = request_id_of("submit", TOKEN)
    assert first == request_id_of("submit", TOKEN)
    assert first not in (request_id_of("create", TOKEN), request_id_of("submit", "sf-2"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", first)


# -- clusters -----------------------------------------------------------------------------------------------------


def test_the_least_profile_makes_a_cluster_with_both_limits_and_the_label() -> None:
    request = cluster_request(options(), "name", TOKEN)
    assert request["cluster_name"] == "name"
    assert request["labels"] == {"synergyflow-token": TOKEN}
    assert request["config"] == {
        "master_config": {"num_instances": 1, "machine_type_uri": "n2-standard-4"},
        "worker_config": {"num_instances": 2, "machine_type_uri": "n2-standard-4"},
        "software_config": {"image_version": "2.2-debian12"},
        "lifecycle_config": {"idle_delete_ttl": {"seconds": 1800}, "auto_delete_ttl": {"seconds": 86400}},
    }


@pytest.mark.parametrize(
    ("given", "group", "made"),
    [
        ({"zone": "europe-west1-b"}, "gce_cluster_config", {"zone_uri": "europe-west1-b"}),
        ({"network": "n"}, "gce_cluster_config", {"network_uri": "n"}),
        ({"subnetwork": "s"}, "gce_cluster_config", {"subnetwork_uri": "s"}),
        ({"service_account": "a@b"}, "gce_cluster_config", {"service_account": "a@b"}),
        ({"scopes": ["all"]}, "gce_cluster_config", {"service_account_scopes": ["all"]}),
        ({"internal_ip_only": False}, "gce_cluster_config", {"internal_ip_only": False}),
        ({"network_tags": ["t"]}, "gce_cluster_config", {"tags": ["t"]}),
        ({"metadata": {"a": "b"}}, "gce_cluster_config", {"metadata": {"a": "b"}}),
        ({"masters": 3}, "master_config", {"num_instances": 3, "machine_type_uri": "n2-standard-4"}),
        (
            {"worker_machine_type": "e2", "worker_disk_gb": 50, "disk_type": "pd-ssd"},
            "worker_config",
            {
                "num_instances": 2,
                "machine_type_uri": "e2",
                "disk_config": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": 50},
            },
        ),
        ({"secondary_workers": 4}, "secondary_worker_config", {"num_instances": 4, "preemptibility": "SPOT"}),
        (
            {"secondary_workers": 1, "secondary_preemptibility": "non_preemptible"},
            "secondary_worker_config",
            {"num_instances": 1, "preemptibility": "NON_PREEMPTIBLE"},
        ),
        (
            {"properties": {"spark:spark.executor.cores": "2"}, "components": ["JUPYTER"]},
            "software_config",
            {
                "image_version": "2.2-debian12",
                "optional_components": ["JUPYTER"],
                "properties": {"spark:spark.executor.cores": "2"},
            },
        ),
        (
            {"initialization_actions": [{"path": "gs://b/a.sh", "timeout": 60}]},
            "initialization_actions",
            [{"executable_file": "gs://b/a.sh", "execution_timeout": {"seconds": 60}}],
        ),
        (
            {"idle_timeout": 600, "max_age": 3600},
            "lifecycle_config",
            {"idle_delete_ttl": {"seconds": 600}, "auto_delete_ttl": {"seconds": 3600}},
        ),
        ({"staging_bucket": "staged"}, "config_bucket", "staged"),
        ({"temp_bucket": "scratch"}, "temp_bucket", "scratch"),
    ],
)
def test_an_option_stands_where_dataproc_reads_it(given: dict[str, Any], group: str, made: object) -> None:
    assert config(**given)[group] == made


def test_a_cluster_of_one_machine_says_so_to_dataproc() -> None:
    made = config(workers=0)
    assert "worker_config" not in made
    assert made["software_config"]["properties"] == {"dataproc:dataproc.allow.zero.workers": "true"}


def test_every_request_is_one_that_the_library_takes() -> None:
    dataproc = pytest.importorskip("google.cloud.dataproc_v1")
    full = options(zone="z", secondary_workers=2, properties={"core:a": "b"}, components=["JUPYTER"], masters=3)
    made = dataproc.Cluster(cluster_request(full, "name", TOKEN))
    assert made.config.lifecycle_config.idle_delete_ttl.total_seconds() == 1800
    assert made.config.secondary_worker_config.preemptibility.name == "SPOT"
    job = dataproc.Job(job_request(ShellJob(command="true"), TOKEN, options(), "name"))
    assert job.reference.job_id == TOKEN


# -- jobs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "request_"),
    [
        (
            SparkJob(uri_script="gs://b/a.py", arguments=("x",), py_files=("gs://b/l.zip",), conf={"spark.a": "1"}),
            {
                "pyspark_job": {
                    "main_python_file_uri": "gs://b/a.py",
                    "python_file_uris": ["gs://b/l.zip"],
                    "args": ["x"],
                    "properties": {"spark.a": "1"},
                }
            },
        ),
        (
            SparkJob(uri_script="gs://b/a.py", deploy_mode="cluster", environment={"A": "b"}, jars=("gs://b/j.jar",)),
            {
                "pyspark_job": {
                    "main_python_file_uri": "gs://b/a.py",
                    "jar_file_uris": ["gs://b/j.jar"],
                    "properties": {
                        "spark.executorEnv.A": "b",
                        "spark.yarn.appMasterEnv.A": "b",
                        "spark.submit.deployMode": "cluster",
                    },
                }
            },
        ),
        (
            SparkJob(uri_script="gs://b/a.jar", language="scala", main_class="Main", files=("gs://b/f",)),
            {"spark_job": {"main_class": "Main", "jar_file_uris": ["gs://b/a.jar"], "file_uris": ["gs://b/f"]}},
        ),
        (
            SparkJob(uri_script="gs://b/a.jar", language="Java", jars=("gs://b/l.jar",)),
            {"spark_job": {"main_jar_file_uri": "gs://b/a.jar", "jar_file_uris": ["gs://b/l.jar"]}},
        ),
        (
            SparkJob(uri_script="gs://b/a.R", language="r", jars=("gs://b/l.jar",), arguments=("1",)),
            {
                "spark_r_job": {
                    "main_r_file_uri": "gs://b/a.R",
                    "args": ["1"],
                    "properties": {"spark.jars": "gs://b/l.jar"},
                }
            },
        ),
        (
            SparkJob(uri_script="gs://b/a.sql", language="sql", arguments=("--hivevar", "DAY=1", "-d", "X=y=z")),
            {"spark_sql_job": {"query_file_uri": "gs://b/a.sql", "script_variables": {"DAY": "1", "X": "y=z"}}},
        ),
        (
            PigJob(uri_script="gs://b/a.pig", parameters={"DAY": "1"}, arguments=("-param", "X=2")),
            {"pig_job": {"query_file_uri": "gs://b/a.pig", "script_variables": {"DAY": "1", "X": "2"}}},
        ),
        (
            HiveJob(uri_script="gs://b/a.sql", parameters={"DAY": "1"}, arguments=("--hiveconf", "hive.x=2")),
            {
                "hive_job": {
                    "query_file_uri": "gs://b/a.sql",
                    "script_variables": {"DAY": "1"},
                    "properties": {"hive.x": "2"},
                }
            },
        ),
        (
            HadoopJob(uri_jar="gs://b/a.jar", main_class="Main", arguments=("in", "out"), properties={"a": "b"}),
            {
                "hadoop_job": {
                    "main_class": "Main",
                    "jar_file_uris": ["gs://b/a.jar"],
                    "args": ["in", "out"],
                    "properties": {"a": "b"},
                }
            },
        ),
        (
            HadoopJob(uri_jar="gs://b/a.jar", arguments=("in",)),
            {"hadoop_job": {"main_jar_file_uri": "gs://b/a.jar", "args": ["in"]}},
        ),
    ],
)
def test_a_job_stands_where_dataproc_reads_it(job: Job, request_: dict[str, Any]) -> None:
    assert typed(job) == request_


@pytest.mark.parametrize(
    "job",
    [
        PigJob(uri_script="gs://b/a.pig", arguments=("-x", "local")),
        HiveJob(uri_script="gs://b/a.sql", arguments=("--silent",)),
        SparkJob(uri_script="gs://b/a.sql", language="sql", arguments=("--database", "flights")),
        SparkJob(uri_script="gs://b/a.hs", language="haskell"),
        SparkJob(uri_script="gs://b/a.sql", language="sql", files=("gs://b/f",)),
        SparkJob(uri_script="gs://b/a.R", language="r", py_files=("gs://b/f.zip",)),
        SparkJob(uri_script="gs://b/a.py", main_class="Main"),
    ],
)
def test_what_dataproc_has_no_place_for_is_refused_and_not_left_out(job: Job) -> None:
    with pytest.raises(JobFailed):
        typed(job)


def test_a_job_bears_its_token_as_id_and_label_and_never_starts_again_by_itself() -> None:
    request = job_request(SparkJob(uri_script="gs://b/a.py"), TOKEN, options(cluster_labels={"team": "air"}), "name")
    assert request["reference"] == {"project_id": "flights", "job_id": TOKEN}
    assert request["labels"] == {"team": "air", "synergyflow-token": TOKEN, "synergyflow-kind": "spark"}
    assert "scheduling" not in request


# -- shell commands -----------------------------------------------------------------------------------------------


def test_a_shell_command_travels_as_one_word_that_neither_pig_nor_a_shell_reads() -> None:
    command = "echo 'a b' \"$HOME\" %declare; ls | wc\n# $X"
    query = typed(ShellJob(command=command))["pig_job"]["query_list"]["queries"][0]
    found = re.fullmatch(r"sh bash -c 'echo ([A-Za-z0-9+/=]+) \| base64 --decode [^'$]+'", query)
    assert found is not None
    assert base64.b64decode(found[1]).decode() == shell_script(ShellJob(command=command))


def run_script(job: ShellJob, folder: Path) -> subprocess.CompletedProcess[bytes]:
    script = folder / "command.sh"
    script.write_text(shell_script(job))
    return subprocess.run(["bash", str(script)], capture_output=True, check=False, cwd=folder)


def test_the_script_of_a_command_has_its_variables_and_folder_and_removes_itself(tmp_path: Path) -> None:
    (tmp_path / "it's here").mkdir()
    job = ShellJob(command='pwd; echo "$A $B"', environment={"A": "it's", "B": "$HOME"}, working_directory="it's here")
    done = run_script(job, tmp_path)
    assert done.stdout.decode().splitlines() == [str(tmp_path / "it's here"), "it's $HOME"]
    assert not (tmp_path / "command.sh").exists()


def test_the_exit_code_of_a_command_is_read_from_the_end_of_its_output(tmp_path: Path) -> None:
    done = run_script(ShellJob(command="exit 37"), tmp_path)
    assert (done.returncode, exit_code_in(done.stderr)) == (37, 37)
    assert exit_code_in(run_script(ShellJob(command="true"), tmp_path).stderr) is None


# -- places of files ----------------------------------------------------------------------------------------------


def test_every_plain_path_of_a_job_is_placed_and_no_uri_is() -> None:
    job = SparkJob(uri_script="a.py", jars=("gs://b/j.jar",), py_files=("lib.zip",), files=("file:///etc/f",))
    placed = with_places(job, lambda path: f"gs://placed/{path}")
    assert placed.uri_script == "gs://placed/a.py"
    assert (placed.jars, placed.py_files) == (("gs://b/j.jar",), ("gs://placed/lib.zip",))
    assert placed.files == ("file:///etc/f",)
    assert with_places(HadoopJob(uri_jar="a.jar"), str.upper).uri_jar == "A.JAR"
    assert with_places(PigJob(uri_script="a.pig"), str.upper).uri_script == "A.PIG"
    assert with_places(ShellJob(command="cat a.py"), str.upper) == ShellJob(command="cat a.py")


class Recorded(LocalFilesystem):
    """Takes copies to any URI, and remembers what it was given."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.copies: dict[str, bytes] = {}

    def exists(self, path: str) -> bool:
        return path in self.copies

    def copy_from_local(self, local_path: str, path: str) -> None:
        assert path not in self.copies
        self.copies[path] = Path(local_path).read_bytes()


def test_a_script_of_the_engines_machine_is_copied_once_beside_the_data(tmp_path: Path) -> None:
    files = Recorded(tmp_path)
    staging = Staging(options(), files, "gs://bucket/prefix", tmp_path)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "delays.py").write_text("one")
    first = staging.place_of("jobs/delays.py")
    assert staging.place_of("jobs/delays.py") == first
    (tmp_path / "jobs" / "delays.py").write_text("two")
    second = staging.place_of("jobs/delays.py")
    assert files.copies == {first: b"one", second: b"two"}
    assert first.startswith("gs://bucket/prefix/.synergyflow/staged/")
    assert first.endswith("/delays.py")


def test_any_other_plain_path_is_below_the_bucket(tmp_path: Path) -> None:
    staging = Staging(options(), Recorded(tmp_path), "gs://bucket", tmp_path)
    assert staging.place_of("jobs/there.py") == "gs://bucket/jobs/there.py"


def test_without_a_bucket_that_dataproc_can_read_a_plain_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here.py").write_text("")
    with pytest.raises(JobFailed, match=r"here\.py") as raised:
        Staging(options(), Recorded(tmp_path), str(tmp_path), tmp_path).place_of("here.py")
    assert raised.value.hint is not None
    assert "gs://" in raised.value.hint


# -- profiles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"imageversion": "2"}, "imageversion"),
        ({"workers": "2"}, "workers"),
        ({"workers": 1}, "no worker, or 2"),
        ({"workers": 0, "secondary_workers": 2}, "primary"),
        ({"masters": 2}, "1 master, or 3"),
        ({"network": "a", "subnetwork": "b"}, "network or subnetwork"),
        ({"idle_timeout": 60}, "idle_timeout"),
        ({"max_age": 60}, "max_age"),
        ({"max_age": 15 * 24 * 3600}, "max_age"),
        ({"idle_timeout": 7200, "max_age": 3600}, "max_age is less"),
        ({"cluster_labels": {"synergyflow-token": "x"}}, "own"),
        ({"cluster_labels": {"Team": "x"}}, "cluster_labels"),
        ({"properties": {"spark.executor.cores": "2"}}, "whose"),
        ({"secondary_preemptibility": "cheap"}, "cheap"),
        ({"initialization_actions": [{"path": "/tmp/a.sh"}]}, "initialization_actions"),
        ({"poll_minimum": 9.0, "poll_maximum": 1.0}, "poll_maximum"),
        ({"cluster_name": "shared"}, "cluster_name"),
        ({"endpoint": "http://127.0.0.1:1"}, "endpoint"),
    ],
)
def test_a_profile_that_dataproc_would_not_take_is_refused_before_anything_is_paid_for(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        options(**more)


@pytest.mark.parametrize("missing", sorted(LEAST))
def test_a_profile_must_say_where_and_what(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        options_of(Profile(name="d", type="dataproc", options={k: v for k, v in LEAST.items() if k != missing}))
