"""The life of a job: PENDING, SETUP_DONE, RUNNING, then DONE, ERROR, or by way of CANCEL_PENDING to CANCELLED."""

from __future__ import annotations

from google.cloud.dataproc_v1.types import Cluster, JobStatus

from synergyflow.testing.emulators.dataproc.model import Runner
from synergyflow.testing.emulators.dataproc.objects import Objects
from synergyflow.testing.emulators.dataproc.world import Submitted, World, has_ended

_STATE = JobStatus.State


class JobLife:
    """Moves jobs on. `piece_bytes` is the size at which driver output goes on in another object."""

    def __init__(self, world: World, runner: Runner, objects: Objects, piece_bytes: int) -> None:
        self._world = world
        self._runner = runner
        self._objects = objects
        self._piece_bytes = piece_bytes

    def begin(self, submitted: Submitted, cluster: Cluster) -> None:
        """The job has been accepted."""
        world, job = self._world, submitted.job
        bucket = cluster.config.config_bucket
        folder = f"google-cloud-dataproc-metainfo/{cluster.cluster_uuid}/jobs/{job.reference.job_id}"
        job.driver_control_files_uri = f"gs://{bucket}/{folder}/"
        job.driver_output_resource_uri = f"gs://{bucket}/{folder}/driveroutput"
        world.to_job_state(job, _STATE.PENDING)
        world.clock.call_later(world.delays.queue, lambda: self._set_up(submitted))

    def cancel(self, submitted: Submitted) -> None:
        """Somebody asked for the job's end. One that does not run yet ends at once."""
        world, job = self._world, submitted.job
        if submitted.cancel_asked:
            return
        submitted.cancel_asked = True
        if job.status.state != _STATE.RUNNING:
            world.to_job_state(job, _STATE.CANCELLED)
            return
        world.to_job_state(job, _STATE.CANCEL_PENDING)
        world.clock.call_later(world.delays.cancel, lambda: self._tell_driver(submitted))

    def lose(self, submitted: Submitted, why: str) -> None:
        """The cluster is gone: the driver with it, and some time later Dataproc takes note."""
        with self._world.lock:
            running, submitted.running = submitted.running, None
            submitted.cancel_asked = True
            submitted.job.status.substate = JobStatus.Substate.STALE_STATUS
        if running is not None:
            running.end(force=True)
        self._world.clock.call_later(self._world.delays.silence, lambda: self._fail(submitted, why))

    def fail(self, submitted: Submitted, why: str) -> None:
        """The job fails now, by the infrastructure's doing."""
        with self._world.lock:
            running, submitted.running = submitted.running, None
        self._fail(submitted, why)
        if running is not None:
            running.end(force=True)

    def _fail(self, submitted: Submitted, why: str) -> None:
        with self._world.lock:
            if not has_ended(submitted.job):
                self._world.to_job_state(submitted.job, _STATE.ERROR, why)

    def _set_up(self, submitted: Submitted) -> None:
        with self._world.lock:
            if submitted.job.status.state != _STATE.PENDING or submitted.cancel_asked:
                return
            self._world.to_job_state(submitted.job, _STATE.SETUP_DONE)
        self._world.clock.call_later(self._world.delays.setup, lambda: self._run(submitted))

    def _run(self, submitted: Submitted) -> None:
        with self._world.lock:
            if submitted.job.status.state != _STATE.SETUP_DONE or submitted.cancel_asked:
                return
            self._world.to_job_state(submitted.job, _STATE.RUNNING)
            submitted.running = self._runner.start(
                submitted.job,
                lambda data: self.write(submitted, data),
                lambda exit_code, details: self.ended(submitted, exit_code, details),
            )

    def _tell_driver(self, submitted: Submitted) -> None:
        with self._world.lock:
            if has_ended(submitted.job):
                return
            self._world.to_job_state(submitted.job, _STATE.CANCEL_STARTED)
            running = submitted.running
        if running is not None:
            running.end(force=False)
            self._world.clock.call_later(self._world.delays.kill, lambda: running.end(force=True))

    def ended(self, submitted: Submitted, exit_code: int, details: str) -> None:
        with self._world.lock:
            job = submitted.job
            if has_ended(job) or job.status.substate == JobStatus.Substate.STALE_STATUS:
                return
            submitted.running = None
            if submitted.cancel_asked:
                self._world.to_job_state(job, _STATE.CANCELLED)
            elif exit_code == 0:
                self._world.to_job_state(job, _STATE.DONE)
            else:
                usual = (
                    "Google Cloud Dataproc Agent reports job failure. If logs are available, they can be found at:\n"
                    f"{job.driver_output_resource_uri}.*"
                )
                self._world.to_job_state(job, _STATE.ERROR, details or usual)

    def write(self, submitted: Submitted, data: bytes) -> None:
        """Driver output: a series of objects, of which the last one grows."""
        bucket, _, folder = submitted.job.driver_output_resource_uri.removeprefix("gs://").partition("/")
        while data:
            if submitted.output_size >= self._piece_bytes:
                submitted.output_pieces, submitted.output_size = submitted.output_pieces + 1, 0
            room = self._piece_bytes - submitted.output_size
            name = f"{folder}.{submitted.output_pieces:09d}"
            submitted.output_size = self._objects.append(bucket, name, data[:room])
            data = data[room:]
