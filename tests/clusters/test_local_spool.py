"""What the spool does with the payload of a job, with a shim that can't start, and with garbage."""

import os
import signal
import sys
from pathlib import Path

import pytest

from synergyflow.clusters.local_spool import Spool
from synergyflow.clusters.local_start import Request
from synergyflow.core.jobs import JobState
from synergyflow.errors import ClusterError

from .local_clusters import wait_until

TOKEN = "sf-00000000000000000000000000000004"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def request(*argv: str, payload: bytes = b"") -> bytes:
    job = Request(argv=argv, working_directory=Path("/"), environment=dict(os.environ), payload=payload)
    return job.encoded(TOKEN)


def test_the_payload_of_a_job_is_a_private_file_while_it_runs(spool: Spool, tmp_path: Path) -> None:
    payload = bytes(range(256)) * 4096
    path = tmp_path / "spool" / TOKEN / "payload"
    spool.start(TOKEN, request("bash", "-c", f"cat {path}; stat -c %a {path} >&2", payload=payload))
    wait_until(lambda: spool.status(TOKEN).state is JobState.SUCCEEDED)
    assert spool.read_output(TOKEN, 0, 1 << 21) == payload + b"600\n"
    assert not path.exists()


def test_a_shim_that_can_not_start_is_an_error_and_the_job_was_not_begun(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ClusterError, match="No such file"):
        spool.start(TOKEN, request("true"))
    assert not spool.has(TOKEN)
    monkeypatch.undo()
    spool.start(TOKEN, request("true"))
    assert spool.has(TOKEN)


def test_a_request_that_the_shim_does_not_understand_is_an_error_that_says_why(spool: Spool) -> None:
    with pytest.raises(ClusterError, match="marshal"):
        spool.start(TOKEN, b"no request")
    assert not spool.has(TOKEN)


def test_an_engine_that_ignores_the_end_of_its_children_gets_the_outcome_all_the_same(spool: Spool) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        spool.start(TOKEN, request("bash", "-c", "exit 6"))
        status = wait_until(lambda: (seen := spool.status(TOKEN)).state.is_final and seen)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert status.exit_code == 6


def test_the_times_of_a_job_are_those_of_its_shim(spool: Spool) -> None:
    spool.start(TOKEN, request("true"))
    status = wait_until(lambda: (seen := spool.status(TOKEN)).state.is_final and seen)
    assert status.started_at.utcoffset().total_seconds() == 0
    assert status.started_at < status.finished_at
