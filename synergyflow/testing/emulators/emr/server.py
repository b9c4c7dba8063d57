"""The emulator as a whole: a server on loopback with a clock, a runner, a folder of objects, faults and a ledger."""

from __future__ import annotations

import shutil
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from synergyflow.testing.emulators.emr.executing import ProcessRunner
from synergyflow.testing.emulators.emr.faults import Faults
from synergyflow.testing.emulators.emr.http import Account, handler_of
from synergyflow.testing.emulators.emr.ledger import Ledger
from synergyflow.testing.emulators.emr.model import Delays, EmulatedCluster, Ending, Step
from synergyflow.testing.emulators.emr.objects import Objects
from synergyflow.testing.emulators.emr.provider import Provider, Runner
from synergyflow.testing.emulators.emr.scripted import Script, ScriptedRunner
from synergyflow.testing.emulators.emr.timing import Clock, WallClock


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class EmrEmulator:
    """EMR on loopback. `with EmrEmulator() as emulator:` give `emulator.url` to the client as its endpoint.

    Args:
        script: how steps end, instead of really running them.
        clock: a `ManualClock` makes everything happen when it is advanced; real time by default.
        delays: how long clusters take on their way.
        folder: where objects and the work of steps are kept; by default a temporary one, removed at the end.
        port: 0 for any that is free.

    Attributes:
        faults: what is to go wrong.
        ledger: what was asked.
        objects: what lies in S3.
        url: its address.
    """

    def __init__(
        self,
        *,
        script: Script | None = None,
        clock: Clock | None = None,
        delays: Delays | None = None,
        folder: Path | None = None,
        port: int = 0,
    ) -> None:
        self._own_folder = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="emr-emulator-"))
        self._own_clock = WallClock() if clock is None else None
        self.clock: Clock = clock or self._own_clock  # type: ignore[assignment]
        self.faults = Faults()
        self.ledger = Ledger()
        self.objects = Objects(self._folder / "objects")
        self._scripted = ScriptedRunner(script, self.clock) if script is not None else None
        runner: Runner = self._scripted or ProcessRunner(self._folder / "steps", self.objects.folder)
        self._runner = runner
        self._provider = Provider(self.clock, delays or Delays(), runner, self.objects)
        self._server = _Server(
            ("127.0.0.1", port), handler_of(Account(self._provider, self.faults, self.ledger, self.objects))
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="EMR emulator", daemon=True
        )

    def start(self) -> Self:
        """Take requests from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take no more requests and end all work."""
        self.faults.clear()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._runner.close()
        if self._own_clock is not None:
            self._own_clock.stop()
        if self._own_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- what tests ask and do ----------------------------------------------------------------------------------------

    def clusters(self) -> list[EmulatedCluster]:
        """All clusters that were ever launched and have not vanished, oldest first."""
        with self._provider.lock:
            return sorted(self._provider.clusters.values(), key=lambda cluster: cluster.number)

    def live_clusters(self) -> list[EmulatedCluster]:
        """Those that cost money."""
        return self._provider.live_clusters()

    def steps(self, token: str = "") -> list[Step]:
        """All steps of all clusters whose names begin with the token, oldest first."""
        with self._provider.lock:
            steps = [step for cluster in self._provider.clusters.values() for step in cluster.steps]
        return sorted((step for step in steps if step.name.startswith(token)), key=lambda step: step.number)

    def finish(self, step_id: str, ending: Ending) -> None:
        """End a step that is scripted not to end by itself."""
        assert self._scripted is not None, "only scripted steps end when they are told to"
        self._scripted.finish(step_id, ending)

    def next_launch_fails(self, code: str, message: str) -> None:
        """The next cluster ends while it starts, with this reason, for example `BOOTSTRAP_FAILURE`."""
        with self._provider.lock:
            self._provider.boot_errors.append({"Code": code, "Message": message})

    def show(self, thing: EmulatedCluster | Step, state: str | None) -> None:
        """Let a cluster or step show a state that nobody knows, until it is given None."""
        with self._provider.lock:
            thing.strange = state

    def lose_spot(self, cluster: EmulatedCluster) -> None:
        """Take the machines of a cluster away."""
        with self._provider.lock:
            self._provider.lose_spot(cluster)

    def vanish(self, cluster: EmulatedCluster) -> None:
        """Forget a cluster."""
        with self._provider.lock:
            self._provider.vanish(cluster)

    def end_outside(self, cluster: EmulatedCluster) -> None:
        """Terminate a cluster as an operator would."""
        with self._provider.lock:
            self._provider.terminate(cluster, {"Code": "USER_REQUEST", "Message": "Terminated by user request"})
