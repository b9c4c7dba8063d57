"""The local cluster: the exam, and what only processes of the own machine have."""

import os
import pickle
import resource
import sys
from pathlib import Path

import pytest

from synergyflow.actions.payload import Payload
from synergyflow.clusters.base import Cluster
from synergyflow.clusters.local import LocalCluster
from synergyflow.core.jobs import Job, JobState, JobStatus, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import ClusterError, ClusterLaunchError, ConfigurationError, JobFailed
from synergyflow.testing.conformance.clusters import ClusterExam

from .local_clusters import make_local, wait_until

TOKEN = "sf-00000000000000000000000000000001"


class TestLocalCluster(ClusterExam):
    def make_cluster(self, folder: Path) -> Cluster:
        return make_local(folder)


def run(cluster: LocalCluster, job: Job | str, token: str = TOKEN) -> JobStatus:
    """The final status of a job."""
    job_id = cluster.submit(ShellJob(command=job) if isinstance(job, str) else job, token)
    return wait_until(lambda: (status := cluster.poll([job_id]).jobs[job_id]).state.is_final and status)


def output(cluster: LocalCluster, token: str = TOKEN) -> bytes:
    return cluster.fetch_log(token).data


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("exit 3", 3, "exit code 3"),
        ("exit 255", 255, "exit code 255"),
        ("kill -9 $$", 137, "ended by SIGKILL"),
        ("kill -15 $$", 143, "ended by SIGTERM"),
        ("kill -11 $$", 139, "ended by SIGSEGV"),
        ("no-such-program", 127, "exit code 127"),
    ],
)
def test_a_failed_job_says_how_it_ended(cluster: LocalCluster, command: str, code: int, message: str) -> None:
    status = run(cluster, command)
    assert (status.state, status.exit_code, status.message) == (JobState.FAILED, code, message)


def test_the_error_of_a_failed_job_says_its_exit_code_once(cluster: LocalCluster) -> None:
    with pytest.raises(JobFailed) as raised:
        cluster.run_shell_command("exit 3")
    assert str(raised.value) == "shell job failed with exit code 3"


def test_output_and_errors_are_kept_together_in_order_byte_by_byte(cluster: LocalCluster) -> None:
    run(cluster, r"printf 'a\0\377'; printf 'b\r\n' >&2; printf 'no end of line'")
    assert output(cluster) == b"a\0\xffb\r\nno end of line"


def test_output_is_there_while_the_job_runs(cluster: LocalCluster) -> None:
    cluster.submit(ShellJob(command="echo begun; exec sleep 3600"), TOKEN)
    assert wait_until(lambda: output(cluster)) == b"begun\n"
    assert cluster.poll([TOKEN]).jobs[TOKEN].state is JobState.RUNNING


def test_much_output_takes_no_memory_of_the_engine(cluster: LocalCluster) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(cluster, "head -c 200000000 /dev/zero")
    position = 0
    while (chunk := cluster.fetch_log(TOKEN, position)).data:
        position = chunk.next_position
    assert position == 200_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    cluster.forget(TOKEN)


def test_a_job_reads_nothing_from_the_terminal(cluster: LocalCluster) -> None:
    assert run(cluster, "cat; echo read").state is JobState.SUCCEEDED
    assert output(cluster) == b"read\n"


def test_a_job_knows_its_token_and_has_the_environment_of_engine_profile_and_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_ENGINE", "1")
    cluster = make_local(tmp_path, environment={"FROM_PROFILE": "2", "BOTH": "profile"})
    cluster.launch(TOKEN)
    command = "echo $FROM_ENGINE $FROM_PROFILE $BOTH $SYNERGYFLOW_JOB"
    run(cluster, ShellJob(command=command, environment={"BOTH": "Grüße"}))
    assert output(cluster).decode().split() == ["1", "2", "Grüße", TOKEN]


def test_a_job_works_in_the_folder_of_the_cluster_or_its_own(cluster: LocalCluster, tmp_path: Path) -> None:
    (tmp_path / "work" / "deeper").mkdir()
    run(cluster, ShellJob(command="pwd"), "sf-1")
    run(cluster, ShellJob(command="pwd", working_directory="deeper"), "sf-2")
    assert output(cluster, "sf-1").decode().strip() == str(tmp_path / "work")
    assert output(cluster, "sf-2").decode().strip() == str(tmp_path / "work" / "deeper")


def test_a_job_that_wants_a_folder_that_is_not_there_is_refused(cluster: LocalCluster) -> None:
    with pytest.raises(JobFailed, match="nowhere"):
        cluster.submit(ShellJob(command="true", working_directory="nowhere"), TOKEN)
    assert cluster.find(TOKEN) is None


def test_a_job_starts_with_signals_as_any_program_expects_them(cluster: LocalCluster) -> None:
    run(cluster, ShellJob(command=f"exec {sys.executable} -c 'print(open(\"/proc/self/status\").read())'"))
    fields = dict(line.split(":\t", 1) for line in output(cluster).decode().splitlines() if ":\t" in line)
    ignored = int(fields["SigIgn"], 16)
    hangup, interrupt, terminate = 1 << 0, 1 << 1, 1 << 14
    assert ignored & (hangup | interrupt | terminate) == 0
    assert int(fields["SigBlk"], 16) == 0


def test_the_memory_of_a_job_can_be_limited(tmp_path: Path) -> None:
    cluster = make_local(tmp_path, memory_limit_mb=512)
    cluster.launch(TOKEN)
    assert run(cluster, f"{sys.executable} -c 'bytearray(1 << 30)'").exit_code == 1
    assert b"MemoryError" in output(cluster)


def test_the_processor_time_of_a_job_can_be_limited(tmp_path: Path) -> None:
    cluster = make_local(tmp_path, cpu_seconds=1)
    cluster.launch(TOKEN)
    assert run(cluster, "while :; do :; done").message == "ended by SIGXCPU"


def test_what_is_kept_is_readable_by_nobody_else(cluster: LocalCluster, tmp_path: Path) -> None:
    run(cluster, "true")
    folder = tmp_path / "spool" / TOKEN
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {"output", "shim", "status"}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_secret_of_the_environment_or_command_is_not_left_on_the_disk(cluster: LocalCluster, tmp_path: Path) -> None:
    job = ShellJob(command="test $PASSWORD = swordfish && exec sleep 3600", environment={"PASSWORD": "swordfish"})
    cluster.submit(job, TOKEN)
    kept = [path.read_bytes() for path in (tmp_path / "spool" / TOKEN).iterdir()]
    assert kept
    assert not any(b"swordfish" in content for content in kept)


def test_a_python_job_makes_its_call_with_the_modules_of_the_engine(cluster: LocalCluster) -> None:
    call = pickle.dumps((print, ("from the child",), {}, {}))
    status = run(cluster, PythonJob(payload=Payload(sys_path=(), call=call).pack()))
    assert (status.state, output(cluster)) == (JobState.SUCCEEDED, b"from the child\n")


def test_the_payload_of_a_python_job_is_gone_when_it_has_ended(cluster: LocalCluster, tmp_path: Path) -> None:
    run(cluster, PythonJob(payload=b"no call at all"))
    assert not (tmp_path / "spool" / TOKEN / "payload").exists()


def test_a_missing_program_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    cluster = make_local(tmp_path, spark_submit="no-spark-submit", environment={"PATH": "/nowhere"})
    cluster.launch(TOKEN)
    with pytest.raises(JobFailed, match="not on the PATH: no-spark-submit") as raised:
        cluster.submit(SparkJob(uri_script="job.py"), TOKEN)
    assert raised.value.hint is not None
    assert "pip install pyspark" in raised.value.hint
    with pytest.raises(JobFailed, match="not on the PATH: pig"):
        cluster.submit(PigJob(uri_script="a.pig"), TOKEN)
    assert cluster.find(TOKEN) is None


def test_a_program_of_the_profile_gets_the_arguments_of_the_job(tmp_path: Path) -> None:
    cluster = make_local(tmp_path, spark_submit="bin/spark-submit")
    cluster.launch(TOKEN)
    program = tmp_path / "work" / "bin" / "spark-submit"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PYSPARK_PYTHON" "$@"\n')
    program.chmod(0o755)
    run(cluster, SparkJob(uri_script="job.py", arguments=("two words", "$HOME")))
    assert output(cluster).decode().splitlines() == [
        sys.executable,
        *("--master", "local[*]", "job.py", "two words", "$HOME"),
    ]


def test_a_text_that_no_program_can_be_given_is_refused(cluster: LocalCluster) -> None:
    with pytest.raises(JobFailed, match="NUL"):
        cluster.submit(ShellJob(command="echo a\0b"), TOKEN)


@pytest.mark.parametrize("token", ["", "..", "../x", "a/b", ".hidden", "x" * 200, "a\0"])
def test_a_token_that_could_leave_the_spool_is_refused(cluster: LocalCluster, token: str) -> None:
    with pytest.raises(ClusterError, match="name a job"):
        cluster.submit(ShellJob(command="true"), token)
    assert cluster.find(token) is None
    assert cluster.poll([token]).jobs[token].state is JobState.LOST


def test_an_option_that_it_does_not_know_is_an_error_of_the_profile(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="spark_mastre"):
        make_local(tmp_path, spark_mastre="local[2]")


def test_it_does_not_come_up_without_its_folder(tmp_path: Path) -> None:
    cluster = make_local(tmp_path, working_directory="nowhere")
    with pytest.raises(ClusterLaunchError, match="nowhere"):
        cluster.launch(TOKEN)


def test_it_does_not_come_up_where_it_can_keep_nothing(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file is in the way")
    with pytest.raises(ClusterLaunchError, match="spool"):
        make_local(tmp_path).launch(TOKEN)


def test_what_ended_more_than_a_week_ago_is_removed_at_the_next_launch(cluster: LocalCluster, tmp_path: Path) -> None:
    run(cluster, "true", "sf-old")
    run(cluster, "true", "sf-new")
    cluster.submit(ShellJob(command="exec sleep 3600"), "sf-running")
    for token in ("sf-old", "sf-running"):
        os.utime(tmp_path / "spool" / token, (0, 0))
    make_local(tmp_path).launch(TOKEN)
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == ["sf-new", "sf-running"]


def test_a_forgotten_job_leaves_nothing_and_a_running_one_is_not_forgotten(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    run(cluster, "true", "sf-ended")
    cluster.submit(ShellJob(command="exec sleep 3600"), "sf-running")
    cluster.forget("sf-ended")
    cluster.forget("sf-running")
    assert os.listdir(tmp_path / "spool") == ["sf-running"]
    assert cluster.find("sf-ended") is None


def test_many_jobs_leave_neither_open_files_nor_zombies(cluster: LocalCluster) -> None:
    run(cluster, "true", "sf-first")
    wait_until(lambda: cluster.poll([]) and not cluster._spool._shims)
    before, others = len(os.listdir("/proc/self/fd")), children()
    for number in range(20):
        run(cluster, "exit 1", f"sf-{number}")
    assert len(os.listdir("/proc/self/fd")) == before
    wait_until(lambda: cluster.poll([]) and children() <= others)


def children() -> set[str]:
    """Processes that threads of this one made and nobody has reaped, zombies included."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}
