"""Local jobs that do not want to end, and what becomes of all their processes."""

import os
import signal
import sys
from pathlib import Path

from synergyflow.clusters import shim
from synergyflow.clusters.local import LocalCluster
from synergyflow.core.jobs import JobState, JobStatus, ShellJob

from .local_clusters import make_local, wait_until

TOKEN = "sf-00000000000000000000000000000002"
DEAF = "trap '' TERM; echo ready; while :; do sleep 3600 & wait; done"
ESCAPED = f"""{sys.executable} -c '
import os, signal
os.setsid()
signal.signal(signal.SIGTERM, signal.{{how}})
print(os.getpid(), flush=True)
signal.pause()' & {{then}}"""


def begin(cluster: LocalCluster, command: str) -> str:
    """Submit and return the first line of the output, once it is there."""
    cluster.submit(ShellJob(command=command), TOKEN)
    return str(wait_until(lambda: b"\n" in (data := cluster.fetch_log(TOKEN).data) and data.decode().splitlines()[0]))


def ended(cluster: LocalCluster) -> JobStatus:
    status: JobStatus = wait_until(lambda: (seen := cluster.poll([TOKEN]).jobs[TOKEN]).state.is_final and seen)
    return status


def is_running(pid: int) -> bool:
    stat = shim.process_stat(pid)
    return stat is not None and stat[0] not in ("Z", "X")


def test_a_polite_cancel_ends_the_whole_group(cluster: LocalCluster) -> None:
    begin(cluster, "sleep 3600 & sleep 3600 & echo ready; wait")
    cluster.cancel(TOKEN)
    status = ended(cluster)
    assert (status.state, status.exit_code, status.message) == (JobState.CANCELED, 143, "ended by SIGTERM")
    assert shim.processes_of(TOKEN) == []


def test_a_job_deaf_to_politeness_is_ended_by_force(cluster: LocalCluster) -> None:
    begin(cluster, DEAF)
    cluster.cancel(TOKEN)
    assert cluster.poll([TOKEN]).jobs[TOKEN].state is JobState.RUNNING
    cluster.cancel(TOKEN, force=True)
    status = ended(cluster)
    assert (status.state, status.exit_code) == (JobState.CANCELED, 137)
    assert shim.processes_of(TOKEN) == []


def test_a_job_that_cleans_up_when_asked_to_end_is_given_the_time(cluster: LocalCluster, tmp_path: Path) -> None:
    begin(cluster, "trap 'echo cleaned > done; exit 5' TERM; echo ready; while :; do sleep 3600 & wait; done")
    cluster.cancel(TOKEN)
    status = ended(cluster)
    assert (status.state, status.exit_code) == (JobState.CANCELED, 5)
    assert (tmp_path / "work" / "done").read_text() == "cleaned\n"


def test_a_job_that_finishes_its_work_although_asked_to_end_has_succeeded(cluster: LocalCluster) -> None:
    begin(cluster, "trap 'exit 0' TERM; echo ready; while :; do sleep 3600 & wait; done")
    cluster.cancel(TOKEN)
    assert ended(cluster).state is JobState.SUCCEEDED


def test_a_process_that_left_the_group_is_asked_to_end_too(cluster: LocalCluster) -> None:
    escaped = int(begin(cluster, ESCAPED.format(how="SIG_DFL", then="wait")))
    cluster.cancel(TOKEN)
    assert ended(cluster).state is JobState.CANCELED
    assert not is_running(escaped)


def test_a_canceled_job_has_not_ended_while_a_process_that_left_the_group_still_runs(cluster: LocalCluster) -> None:
    escaped = int(begin(cluster, ESCAPED.format(how="SIG_IGN", then="wait")))
    cluster.cancel(TOKEN)
    leader = int(dict(line.split("=", 1) for line in claim(cluster).splitlines())["job"])
    wait_until(lambda: not is_running(leader))
    assert cluster.poll([TOKEN]).jobs[TOKEN].state is JobState.RUNNING
    assert is_running(escaped)
    cluster.cancel(TOKEN, force=True)
    assert ended(cluster).state is JobState.CANCELED
    assert not is_running(escaped)


def test_what_a_successful_job_leaves_in_the_background_is_its_own_affair(cluster: LocalCluster) -> None:
    escaped = int(begin(cluster, ESCAPED.format(how="SIG_DFL", then="exit 0")))
    assert ended(cluster).state is JobState.SUCCEEDED
    assert is_running(escaped)
    os.kill(escaped, signal.SIGKILL)


def test_a_job_canceled_at_once_does_not_run_to_its_end(cluster: LocalCluster, tmp_path: Path) -> None:
    cluster.submit(ShellJob(command="sleep 3600; touch ran"), TOKEN)
    cluster.cancel(TOKEN)
    assert ended(cluster).state is JobState.CANCELED
    assert not (tmp_path / "work" / "ran").exists()


def test_no_cancel_is_lost_however_soon_after_the_submit_it_comes(cluster: LocalCluster) -> None:
    tokens = [f"sf-{number}" for number in range(30)]
    for token in tokens:
        cluster.submit(ShellJob(command="exec sleep 3600"), token)
        cluster.cancel(token)
    wait_until(lambda: all(status.state.is_final for status in cluster.poll(tokens).jobs.values()))
    assert {status.state for status in cluster.poll(tokens).jobs.values()} == {JobState.CANCELED}


def test_canceling_after_the_end_changes_nothing(cluster: LocalCluster) -> None:
    cluster.submit(ShellJob(command="exit 4"), TOKEN)
    before = ended(cluster)
    cluster.cancel(TOKEN)
    cluster.cancel(TOKEN, force=True)
    assert ended(cluster) == before
    assert before.state is JobState.FAILED


def test_termination_ends_a_deaf_job_by_force(cluster: LocalCluster) -> None:
    begin(cluster, DEAF)
    cluster.terminate()
    assert cluster.poll([TOKEN]).jobs[TOKEN].state is JobState.CANCELED
    assert shim.processes_of(TOKEN) == []


def test_termination_leaves_the_jobs_of_others_alone(cluster: LocalCluster, tmp_path: Path) -> None:
    begin(cluster, "echo ready; exec sleep 3600")
    other = make_local(tmp_path)
    other.launch("sf-other")
    other.terminate()
    assert cluster.poll([TOKEN]).jobs[TOKEN].state is JobState.RUNNING


def test_a_job_whose_shim_was_killed_is_lost_and_leaves_no_process(cluster: LocalCluster) -> None:
    escaped = int(begin(cluster, ESCAPED.format(how="SIG_IGN", then="wait")))
    values = dict(line.split("=", 1) for line in claim(cluster).splitlines())
    os.kill(int(values["pid"]), signal.SIGKILL)
    status = ended(cluster)
    assert status.state is JobState.LOST
    assert not is_running(escaped)
    assert not is_running(int(values["job"]))


def test_a_job_of_another_boot_is_lost_and_no_process_of_this_one_is_touched(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    begin(cluster, "echo ready; exec sleep 3600")
    values = dict(line.split("=", 1) for line in claim(cluster).splitlines())
    path = tmp_path / "spool" / TOKEN / "shim"
    path.write_text(path.read_text().replace(values["boot"], "an earlier one"))
    later = make_local(tmp_path)
    assert later.poll([TOKEN]).jobs[TOKEN].state is JobState.LOST
    assert is_running(int(values["job"]))
    os.killpg(int(values["job"]), signal.SIGKILL)


def test_a_number_that_names_another_process_by_now_is_not_taken_for_the_shim(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.submit(ShellJob(command="true"), TOKEN)
    ended(cluster)
    path = tmp_path / "spool" / TOKEN / "shim"
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines())
    lines["pid"] = lines["job"] = str(os.getpid())
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    (tmp_path / "spool" / TOKEN / "status").unlink()
    assert make_local(tmp_path).poll([TOKEN]).jobs[TOKEN].state is JobState.LOST


def claim(cluster: LocalCluster) -> str:
    """What the shim wrote of itself."""
    return (cluster._spool.folder(TOKEN) / "shim").read_text()
