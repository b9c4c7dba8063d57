"""The life of clusters and steps: which moves there are, and what sets them off. It knows no protocol.

Everything happens under one lock, in calls, at times of the clock, or when the work of a step ends.
"""

from __future__ import annotations

import gzip
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from synergyflow.testing.emulators.emr.model import Delays, EmulatedCluster, Ending, Running, Step
from synergyflow.testing.emulators.emr.objects import Objects
from synergyflow.testing.emulators.emr.timing import Clock

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
USER_REQUEST = {"Code": "USER_REQUEST", "Message": "Terminated by user request"}
IDLE = {"Code": "USER_REQUEST", "Message": "Terminated by the auto-termination policy after its idle time"}
ALL_DONE = {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}


class Runner(Protocol):
    """Does the work of steps."""

    def start(self, step: Step, ended: Callable[[Ending], None]) -> Running:
        """Begin; `ended` is called once, from any thread, and not before this has returned."""

    def close(self) -> None:
        """End all work. May be repeated."""


class Provider:
    """All clusters of the emulated account."""

    def __init__(self, clock: Clock, delays: Delays, runner: Runner, objects: Objects) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.delays = delays
        self.clusters: dict[str, EmulatedCluster] = {}
        self.boot_errors: list[Mapping[str, str]] = []
        self._runner = runner
        self._objects = objects
        self._count = 0

    # -- clusters ---------------------------------------------------------------------------------------------------

    def launch(self, request: Mapping[str, Any]) -> EmulatedCluster:
        """A new cluster, on its way up."""
        instances = request["Instances"]
        cluster = EmulatedCluster(
            id=self._id("j"),
            number=self._next(),
            request=request,
            created=self.clock.now(),
            tags={tag["Key"]: tag.get("Value", "") for tag in request.get("Tags", ())},
            protected=bool(instances.get("TerminationProtected", False)),
            keep_alive=bool(instances.get("KeepJobFlowAliveWhenNoSteps", False)),
            concurrency=int(request.get("StepConcurrencyLevel", 1)),
            idle_timeout=request.get("AutoTerminationPolicy", {}).get("IdleTimeout"),
            boot_error=self.boot_errors.pop(0) if self.boot_errors else None,
        )
        self.clusters[cluster.id] = cluster
        self._later(self.delays.starting, lambda: self._bootstrap(cluster))
        return cluster

    def terminate(self, cluster: EmulatedCluster, reason: Mapping[str, str], *, failed: bool = False) -> None:
        """Take the cluster down with what runs on it."""
        if not cluster.is_alive:
            return
        cluster.state, cluster.reason = "TERMINATING", reason
        for step in cluster.steps:
            if step.state == "PENDING":
                self._conclude(step, "CANCELLED", "Job terminated")
            elif step.is_active:
                self._interrupted(step)
        self._later(self.delays.terminating, lambda: self._down(cluster, failed=failed))

    def vanish(self, cluster: EmulatedCluster) -> None:
        """The account knows nothing of it any more."""
        self.terminate(cluster, USER_REQUEST)
        self.clusters.pop(cluster.id, None)

    def lose_spot(self, cluster: EmulatedCluster) -> None:
        """Its machines are taken away: what runs fails, then the cluster does."""
        for step in [step for step in cluster.steps if step.state in ("RUNNING", "CANCEL_PENDING")]:
            running, step.running = step.running, None
            self._conclude(step, "FAILED", "")
            step.failure = {"Reason": "Unknown Error.", "Message": "the node that ran it was lost"}
            _end(running)
        reason = {"Code": "INSTANCE_FAILURE", "Message": "Spot instances were reclaimed by EC2"}
        self.terminate(cluster, reason, failed=True)

    def set_idle_timeout(self, cluster: EmulatedCluster, seconds: int | None) -> None:
        """Change or remove the time after which it ends without work."""
        cluster.idle_timeout = seconds
        self._watch_idleness(cluster)

    def live_clusters(self) -> list[EmulatedCluster]:
        """Those that cost money."""
        with self.lock:
            return [cluster for cluster in self.clusters.values() if cluster.is_alive]

    # -- steps ------------------------------------------------------------------------------------------------------

    def add_steps(self, cluster: EmulatedCluster, requests: Iterable[Mapping[str, Any]]) -> list[Step]:
        """New steps at the end of the row."""
        steps = [Step(self._id("s"), self._next(), request, self.clock.now()) for request in requests]
        cluster.steps.extend(steps)
        self._dispatch(cluster)
        return steps

    def cancel(self, step: Step, *, force: bool) -> bool:
        """Ask for the end of a step; False if it has ended."""
        if step.state == "PENDING":
            self._conclude(step, "CANCELLED", "Cancelled by user")
            return True
        if not step.is_active:
            return False
        step.state, step.cancel_asked = "CANCEL_PENDING", True
        if step.running is not None:
            step.running.interrupt(force=force)
        return True

    # -- moves ------------------------------------------------------------------------------------------------------

    def _bootstrap(self, cluster: EmulatedCluster) -> None:
        if cluster.state == "STARTING":
            cluster.state = "BOOTSTRAPPING"
            self._later(self.delays.bootstrapping, lambda: self._come_up(cluster))

    def _come_up(self, cluster: EmulatedCluster) -> None:
        if cluster.state != "BOOTSTRAPPING":
            return
        if cluster.boot_error is not None:
            self.terminate(cluster, cluster.boot_error, failed=True)
            return
        cluster.state, cluster.ready = "WAITING", self.clock.now()
        self._dispatch(cluster)

    def _dispatch(self, cluster: EmulatedCluster) -> None:
        """Start what may start; a cluster without work waits, or ends if it is not to be kept."""
        if cluster.state not in ("WAITING", "RUNNING"):
            return
        working = sum(step.state in ("RUNNING", "CANCEL_PENDING") for step in cluster.steps)
        for step in [step for step in cluster.steps if step.state == "PENDING"]:
            if working >= cluster.concurrency:
                break
            working += 1
            self._start(cluster, step)
        active = any(step.is_active for step in cluster.steps)
        cluster.state = "RUNNING" if active else "WAITING"
        cluster.busy_times += 1
        if not active and not cluster.keep_alive:
            self.terminate(cluster, ALL_DONE)
        elif not active:
            self._watch_idleness(cluster)

    def _start(self, cluster: EmulatedCluster, step: Step) -> None:
        step.state, step.started = "RUNNING", self.clock.now()
        step.running = self._runner.start(step, lambda ending: self._work_ended(cluster, step, ending))

    def _work_ended(self, cluster: EmulatedCluster, step: Step, ending: Ending) -> None:
        with self.lock:
            if step.running is None:
                return
            step.running = None
            self._later_or_now(self.delays.logs, lambda: self._write_logs(cluster, step, ending))
            if ending.exit_code == 0:
                self._conclude(step, "COMPLETED", "")
            elif step.cancel_asked:
                self._conclude(step, "CANCELLED", "Cancelled by user")
            else:
                self._fail(cluster, step, ending)
            self._dispatch(cluster)

    def _fail(self, cluster: EmulatedCluster, step: Step, ending: Ending) -> None:
        self._conclude(step, "FAILED", "")
        step.failure = {"Reason": "Unknown Error."}
        lines = [line for line in ending.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            step.failure["Message"] = lines[-1][:1024]
        if cluster.log_uri:
            step.failure["LogFile"] = (
                f"s3://{cluster.log_uri.partition('://')[2]}{cluster.id}/steps/{step.id}/stderr.gz"
            )
        match step.request.get("ActionOnFailure", "TERMINATE_CLUSTER"):
            case "TERMINATE_CLUSTER" | "TERMINATE_JOB_FLOW":
                reason = {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
                self.terminate(cluster, reason, failed=True)
            case "CANCEL_AND_WAIT":
                for waiting in [step for step in cluster.steps if step.state == "PENDING"]:
                    self._conclude(waiting, "CANCELLED", "A previous step failed")

    def _interrupted(self, step: Step) -> None:
        running, step.running = step.running, None
        self._conclude(step, "CANCELLED" if step.cancel_asked else "INTERRUPTED", "Cluster terminated")
        _end(running)

    def _conclude(self, step: Step, state: str, reason: str) -> None:
        step.state, step.reason, step.ended = state, reason, self.clock.now()

    def _down(self, cluster: EmulatedCluster, *, failed: bool) -> None:
        cluster.state = "TERMINATED_WITH_ERRORS" if failed else "TERMINATED"
        cluster.ended = self.clock.now()

    def _watch_idleness(self, cluster: EmulatedCluster) -> None:
        if cluster.idle_timeout is None or cluster.state != "WAITING":
            return
        seen = cluster.busy_times

        def end_if_idle() -> None:
            if cluster.state == "WAITING" and cluster.busy_times == seen and cluster.idle_timeout is not None:
                self.terminate(cluster, IDLE)

        self._later(cluster.idle_timeout, end_if_idle)

    def _write_logs(self, cluster: EmulatedCluster, step: Step, ending: Ending) -> None:
        if cluster.log_uri is None:
            return
        parts = urlsplit(cluster.log_uri)
        folder = "/".join(part for part in (parts.path.strip("/"), cluster.id, "steps", step.id) if part)
        code = ending.exit_code
        controller = (
            f"INFO startExec 'hadoop jar {step.request['HadoopJarStep']['Jar']} {' '.join(step.arguments)}'\n"
            f"INFO waitProcessCompletion ended with exit code {code}\n"
            + (f"WARN Step failed with exitCode {code}\n" if code else "INFO Step succeeded with exitCode 0\n")
        )
        texts = {"stdout": ending.stdout, "stderr": ending.stderr, "controller": controller.encode()}
        for name, text in texts.items():
            self._objects.put(parts.netloc, f"{folder}/{name}.gz", gzip.compress(text, 1))

    def _later(self, seconds: float, move: Callable[[], None]) -> None:
        def locked() -> None:
            with self.lock:
                move()

        self.clock.call_later(seconds, locked)

    def _later_or_now(self, seconds: float, move: Callable[[], None]) -> None:
        if seconds:
            self._later(seconds, move)
        else:
            move()

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _id(self, kind: str) -> str:
        return f"{kind}-" + "".join(secrets.choice(_ALPHABET) for _ in range(13))


def _end(running: Running | None) -> None:
    if running is not None:
        running.interrupt(force=True)
