"""The exam of a cluster: what `clusters.base` promises, asked of whatever `make_cluster` returns.

Abilities are declared by attributes; a test that needs one which is missing is skipped and says which. No test knows a
vendor. Override the `*_job` hooks where the cluster does not run the shell commands that they are.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from synergyflow.clusters.base import Cluster, ClusterState
from synergyflow.core.jobs import Job, JobKind, JobState, JobStatus, ShellJob
from synergyflow.errors import ClusterError, ClusterLost, JobCanceled, JobFailed, NothingToDo


class ClusterExam:
    """Subclass it as `Test…`.

    Attributes:
        can_run: kinds of jobs that the hooks may use.
        keeps_exit_codes: the status of a failed job has the code that it exited with.
        keeps_output: `fetch_log` gives what a job wrote.
        is_found_again: another object for the same cluster finds jobs by their tokens.
        patience: seconds that one wait may take.
    """

    can_run: ClassVar[frozenset[str]] = frozenset({"shell"})
    keeps_exit_codes: ClassVar[bool] = True
    keeps_output: ClassVar[bool] = True
    is_found_again: ClassVar[bool] = True
    patience: ClassVar[float] = 60.0

    # -- hooks ----------------------------------------------------------------------------------------------------

    def make_cluster(self, folder: Path) -> Cluster:
        """A cluster that has not been launched; `folder` is empty and its own."""
        raise NotImplementedError("an exam needs make_cluster")

    def make_another(self, cluster: Cluster, folder: Path) -> Cluster:
        """Another object for the same provider, as a second engine would make it."""
        return self.make_cluster(folder)

    def succeeding_job(self) -> Job:
        """A job that succeeds soon."""
        return self._shell("true")

    def failing_job(self, exit_code: int) -> Job:
        """A job that fails soon with that code."""
        return self._shell(f"exit {exit_code}")

    def endless_job(self) -> Job:
        """A job that does not end within `patience`."""
        return self._shell("exec sleep 3600")

    def printing_job(self, text: str) -> Job:
        """A job that writes exactly this text, which has no quotes."""
        return self._shell(f"printf '%s' '{text}'")

    def _shell(self, command: str) -> ShellJob:
        self.require("shell" in self.can_run, "shell jobs")
        return ShellJob(command=command)

    # -- tools ----------------------------------------------------------------------------------------------------

    def require(self, ability: bool, name: str) -> None:
        """Skip the test unless the ability is there."""
        if not ability:
            pytest.skip(f"this cluster has no {name}")

    def token(self) -> str:
        """A fresh token of the form that the engine derives."""
        return f"sf-{secrets.token_hex(16)}"

    def until(self, cluster: Cluster, job_id: str, wanted: Callable[[JobStatus], bool]) -> JobStatus:
        """The first status of the job that is as wanted."""
        deadline, pause = time.monotonic() + self.patience, threading.Event()
        while not wanted(status := cluster.poll([job_id]).jobs[job_id]):
            assert time.monotonic() < deadline, f"not within {self.patience} s; last seen: {status}"
            pause.wait(max(cluster.poll_bounds.minimum, 0.001))
        return status

    def ended(self, cluster: Cluster, job_id: str) -> JobStatus:
        """The final status of the job."""
        return self.until(cluster, job_id, lambda status: status.state.is_final)

    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Iterator[Cluster]:
        """A cluster that takes jobs, ended after the test."""
        cluster = self.make_cluster(tmp_path)
        cluster.launch(self.token())
        self._until_ready(cluster)
        yield cluster
        cluster.terminate()

    def _until_ready(self, cluster: Cluster) -> None:
        deadline, pause = time.monotonic() + self.patience, threading.Event()
        while cluster.poll([]).state is not ClusterState.READY:
            assert time.monotonic() < deadline, "the cluster is not ready in time"
            pause.wait(max(cluster.poll_bounds.minimum, 0.001))

    # -- life of the cluster --------------------------------------------------------------------------------------

    def test_it_says_what_the_engine_must_know(self, tmp_path: Path) -> None:
        cluster = self.make_cluster(tmp_path)
        assert cluster.name
        assert cluster.type
        assert cluster.slots >= 1
        assert {JobKind(kind) for kind in self.can_run} <= cluster.job_kinds
        assert 0 <= cluster.poll_bounds.minimum <= cluster.poll_bounds.maximum

    def test_it_has_no_id_before_it_is_launched(self, tmp_path: Path) -> None:
        assert self.make_cluster(tmp_path).cluster_id is None

    def test_a_launch_returns_the_id_that_it_has_from_then_on(self, tmp_path: Path) -> None:
        cluster = self.make_cluster(tmp_path)
        cluster_id = cluster.launch(self.token())
        assert cluster.cluster_id == cluster_id
        cluster.terminate()

    def test_a_launch_repeated_with_the_same_token_is_the_same_cluster(self, tmp_path: Path) -> None:
        cluster, token = self.make_cluster(tmp_path), self.token()
        assert cluster.launch(token) == cluster.launch(token)
        cluster.terminate()

    def test_a_cluster_that_was_never_launched_can_be_terminated(self, tmp_path: Path) -> None:
        self.make_cluster(tmp_path).terminate()

    def test_termination_may_be_repeated(self, cluster: Cluster) -> None:
        cluster.terminate()
        cluster.terminate()

    def test_a_terminated_cluster_is_seen_as_such_and_takes_no_job(self, cluster: Cluster) -> None:
        cluster.terminate()
        assert cluster.poll([]).state in (ClusterState.TERMINATING, ClusterState.GONE)
        with pytest.raises(ClusterLost):
            cluster.submit(self.succeeding_job(), self.token())

    def test_termination_ends_what_runs(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.endless_job(), self.token())
        cluster.terminate()
        assert self.ended(cluster, job_id).state in (JobState.CANCELED, JobState.LOST)

    def test_a_job_for_a_cluster_that_was_never_launched_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ClusterError):
            self.make_cluster(tmp_path).submit(self.succeeding_job(), self.token())

    # -- jobs -----------------------------------------------------------------------------------------------------

    def test_a_job_that_does_its_work_succeeds(self, cluster: Cluster) -> None:
        status = self.ended(cluster, cluster.submit(self.succeeding_job(), self.token()))
        assert status.state is JobState.SUCCEEDED

    def test_a_job_that_fails_is_failed(self, cluster: Cluster) -> None:
        status = self.ended(cluster, cluster.submit(self.failing_job(3), self.token()))
        assert status.state is JobState.FAILED

    def test_the_exit_code_of_a_failed_job_is_kept(self, cluster: Cluster) -> None:
        self.require(self.keeps_exit_codes, "exit codes")
        status = self.ended(cluster, cluster.submit(self.failing_job(37), self.token()))
        assert status.exit_code == 37

    def test_a_job_has_times_in_utc_that_are_in_order(self, cluster: Cluster) -> None:
        status = self.ended(cluster, cluster.submit(self.succeeding_job(), self.token()))
        assert status.started_at is not None
        assert status.finished_at is not None
        assert str(status.started_at.tzinfo) == str(status.finished_at.tzinfo) == "UTC"
        assert status.started_at <= status.finished_at

    def test_an_outcome_does_not_change_any_more(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.failing_job(3), self.token())
        status = self.ended(cluster, job_id)
        cluster.cancel(job_id)
        assert cluster.poll([job_id]).jobs[job_id] == status

    def test_one_look_tells_of_many_jobs(self, cluster: Cluster) -> None:
        good = cluster.submit(self.succeeding_job(), self.token())
        bad = cluster.submit(self.failing_job(3), self.token())
        self.ended(cluster, good)
        self.ended(cluster, bad)
        seen = cluster.poll([good, bad]).jobs
        assert {job_id: status.state for job_id, status in seen.items()} == {
            good: JobState.SUCCEEDED,
            bad: JobState.FAILED,
        }

    def test_a_job_that_the_cluster_does_not_know_is_lost_and_never_left_out(self, cluster: Cluster) -> None:
        assert cluster.poll(["sf-nowhere"]).jobs["sf-nowhere"].state is JobState.LOST

    # -- ending jobs ----------------------------------------------------------------------------------------------

    def test_a_canceled_job_is_canceled(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.endless_job(), self.token())
        assert not cluster.poll([job_id]).jobs[job_id].state.is_final
        cluster.cancel(job_id)
        assert self.ended(cluster, job_id).state is JobState.CANCELED

    def test_a_job_can_be_ended_by_force(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.endless_job(), self.token())
        cluster.cancel(job_id, force=True)
        assert self.ended(cluster, job_id).state is JobState.CANCELED

    def test_a_cancel_may_be_repeated(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.endless_job(), self.token())
        cluster.cancel(job_id)
        cluster.cancel(job_id)
        self.ended(cluster, job_id)
        cluster.cancel(job_id, force=True)

    def test_canceling_a_job_that_nobody_knows_is_a_success(self, cluster: Cluster) -> None:
        cluster.cancel("sf-nowhere")
        cluster.cancel("sf-nowhere", force=True)

    # -- finding jobs again ---------------------------------------------------------------------------------------

    def test_a_job_is_found_by_its_token_while_it_runs_and_afterwards(self, cluster: Cluster) -> None:
        token = self.token()
        job_id = cluster.submit(self.endless_job(), token)
        assert cluster.find(token) == job_id
        cluster.cancel(job_id, force=True)
        self.ended(cluster, job_id)
        assert cluster.find(token) == job_id

    def test_a_token_that_was_never_submitted_is_not_found(self, cluster: Cluster) -> None:
        assert cluster.find(self.token()) is None

    def test_another_engine_finds_the_job_and_its_outcome(self, cluster: Cluster, tmp_path: Path) -> None:
        self.require(self.is_found_again, "jobs that others find")
        token = self.token()
        cluster.submit(self.failing_job(3), token)
        other = self.make_another(cluster, tmp_path)
        assert cluster.cluster_id is not None
        other.attach(cluster.cluster_id)
        found = other.find(token)
        assert found is not None
        assert self.ended(other, found).state is JobState.FAILED

    # -- output ---------------------------------------------------------------------------------------------------

    def test_the_output_of_a_job_is_read_piece_by_piece(self, cluster: Cluster) -> None:
        self.require(self.keeps_output, "output")
        job_id = cluster.submit(self.printing_job("one two three"), self.token())
        self.ended(cluster, job_id)
        pieces, position = [], 0
        while (chunk := cluster.fetch_log(job_id, position, 4)).data:
            assert chunk.next_position == position + len(chunk.data)
            pieces.append(chunk.data)
            position = chunk.next_position
        assert b"".join(pieces) == b"one two three"
        assert max(map(len, pieces)) <= 4

    def test_beyond_the_end_of_the_output_there_is_nothing(self, cluster: Cluster) -> None:
        self.require(self.keeps_output, "output")
        job_id = cluster.submit(self.printing_job("done"), self.token())
        self.ended(cluster, job_id)
        chunk = cluster.fetch_log(job_id, 4)
        assert (chunk.data, chunk.next_position) == (b"", 4)

    def test_forgetting_a_job_may_be_repeated(self, cluster: Cluster) -> None:
        job_id = cluster.submit(self.succeeding_job(), self.token())
        self.ended(cluster, job_id)
        cluster.forget(job_id)
        cluster.forget(job_id)

    # -- the verbs of actions -------------------------------------------------------------------------------------

    def test_running_a_job_returns_its_status(self, cluster: Cluster) -> None:
        assert cluster.run_job(self.succeeding_job()).state is JobState.SUCCEEDED

    def test_running_a_job_that_fails_raises(self, cluster: Cluster) -> None:
        with pytest.raises(JobFailed):
            cluster.run_job(self.failing_job(3))

    def test_a_job_can_say_that_there_was_nothing_to_do(self, cluster: Cluster) -> None:
        self.require("shell" in self.can_run and self.keeps_exit_codes, "exit codes of shell jobs")
        with pytest.raises(NothingToDo):
            cluster.run_shell_command("exit 99", nothing_to_do_exit_code=99)

    def test_running_a_job_that_is_canceled_raises(self, cluster: Cluster) -> None:
        job, raised = self.endless_job(), []

        def run() -> None:
            try:
                cluster.run_job(job)
            except JobCanceled as error:
                raised.append(error)

        submitted, submit = threading.Event(), cluster.submit
        ids: list[str] = []

        def submit_and_tell(job: Job, token: str) -> str:
            ids.append(submit(job, token))
            submitted.set()
            return ids[-1]

        cluster.submit = submit_and_tell  # type: ignore[method-assign]
        thread = threading.Thread(target=run)
        thread.start()
        assert submitted.wait(self.patience)
        cluster.cancel(ids[0])
        thread.join(self.patience)
        assert len(raised) == 1
