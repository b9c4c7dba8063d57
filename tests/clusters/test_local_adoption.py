"""Engines that are killed with SIGKILL, at every moment of a submit, and those that go on after them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synergyflow.core.jobs import JobState, JobStatus, ShellJob

from .local_clusters import make_local, wait_until

TOKEN = "sf-00000000000000000000000000000003"

ENGINE = """
import os, signal, sys
from pathlib import Path
from synergyflow.clusters import local_start
from synergyflow.clusters.local import LocalCluster
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import ShellJob

folder, moment, token, command = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

start, ask = local_start.start_shim, local_start.ask

def dying_start(spool):
    if moment == "before the shim":
        die()
    process = start(spool)
    if moment == "before the request":
        die()
    return process

def dying_ask(process, request):
    if moment == "within the request":
        os.write(process.stdin.fileno(), request[:-10])
        die()
    if moment == "before the answer":
        os.write(process.stdin.fileno(), request)
        die()
    return ask(process, request)

local_start.start_shim, local_start.ask = dying_start, dying_ask
cluster = LocalCluster("local-1", Profile(name="local"), spool_directory=folder / "spool",
                       filesystem_root=folder / "data", working_directory=folder / "work")
cluster.launch(token)
sys.stdout.write("ready\\n"); sys.stdout.flush()
if moment == "together":
    sys.stdin.readline()
cluster.submit(ShellJob(command=command), token)
if moment == "after the submit":
    die()
"""

COMMAND = r"echo run >> ledger; until test -e go; do sleep 0.01; done; printf 'a\377'; exit 7"


def engine(folder: Path, moment: str, command: str = COMMAND) -> "subprocess.Popen[bytes]":
    (folder / "work").mkdir(exist_ok=True)
    arguments = [sys.executable, "-c", ENGINE, str(folder), moment, TOKEN, command]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.parametrize(
    ("moment", "begun"),
    [
        ("before the shim", False),
        ("before the request", False),
        ("within the request", False),
        ("before the answer", None),
        ("after the submit", True),
    ],
)
def test_whenever_an_engine_is_killed_the_next_one_sees_the_job_run_exactly_once(
    tmp_path: Path, moment: str, begun: bool | None
) -> None:
    with engine(tmp_path, moment) as first:
        assert first.wait(60) == -signal.SIGKILL
    later = make_local(tmp_path)
    later.launch("sf-later")
    if begun is not None:
        assert (later.find(TOKEN) is not None) is begun
    assert later.submit(ShellJob(command=COMMAND), TOKEN) == TOKEN
    (tmp_path / "work" / "go").touch()
    status: JobStatus = wait_until(lambda: (seen := later.poll([TOKEN]).jobs[TOKEN]).state.is_final and seen)
    assert (status.state, status.exit_code) == (JobState.FAILED, 7)
    assert later.fetch_log(TOKEN).data == b"a\xff"
    assert (tmp_path / "work" / "ledger").read_text() == "run\n"


def test_a_job_that_ended_while_no_engine_lived_has_kept_its_outcome(tmp_path: Path) -> None:
    with engine(tmp_path, "after the submit", "echo told; kill -15 $$") as first:
        first.wait(60)
    wait_until((tmp_path / "spool" / TOKEN / "status").exists)
    later = make_local(tmp_path)
    assert later.find(TOKEN) == TOKEN
    status = later.poll([TOKEN]).jobs[TOKEN]
    assert (status.state, status.exit_code, status.message) == (JobState.FAILED, 143, "ended by SIGTERM")
    assert later.fetch_log(TOKEN).data == b"told\n"


def test_an_adopted_job_can_be_canceled(tmp_path: Path) -> None:
    with engine(tmp_path, "after the submit") as first:
        first.wait(60)
    later = make_local(tmp_path)
    later.cancel(TOKEN)
    wait_until(lambda: later.poll([TOKEN]).jobs[TOKEN].state is JobState.CANCELED)


def test_an_adopted_job_ends_with_the_cluster_that_found_it(tmp_path: Path) -> None:
    with engine(tmp_path, "after the submit") as first:
        first.wait(60)
    later = make_local(tmp_path)
    later.attach("local-here-1")
    assert later.find(TOKEN) == TOKEN
    later.terminate()
    assert later.poll([TOKEN]).jobs[TOKEN].state is JobState.CANCELED


def test_engines_that_submit_one_token_at_the_same_moment_run_it_once(tmp_path: Path) -> None:
    engines = [engine(tmp_path, "together", "echo run >> ledger; exit 7") for _ in range(4)]
    for process in engines:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in engines:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in engines:
        process.communicate(timeout=60)
        assert process.returncode == 0
    later = make_local(tmp_path)
    wait_until(lambda: later.poll([TOKEN]).jobs[TOKEN].exit_code == 7)
    assert (tmp_path / "work" / "ledger").read_text() == "run\n"


def test_the_end_of_the_engines_session_does_not_reach_its_jobs(tmp_path: Path) -> None:
    with engine(tmp_path, "after the submit") as first:
        first.wait(60)
    claim = (tmp_path / "spool" / TOKEN / "shim").read_text()
    values = dict(line.split("=", 1) for line in claim.splitlines())
    sessions = {os.getsid(int(values["pid"])), os.getsid(int(values["job"])), os.getsid(0)}
    assert len(sessions) == 3
    make_local(tmp_path).cancel(TOKEN, force=True)
