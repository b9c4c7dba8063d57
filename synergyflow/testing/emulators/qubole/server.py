"""The emulator as a whole: a server on loopback with a clock, work, faults and a ledger."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from synergyflow.testing.emulators.qubole import scripted
from synergyflow.testing.emulators.qubole.executing import ProcessWorker
from synergyflow.testing.emulators.qubole.faults import FaultKind, Faults
from synergyflow.testing.emulators.qubole.http import Server, api_path, json_body
from synergyflow.testing.emulators.qubole.ledger import Call, Ledger
from synergyflow.testing.emulators.qubole.model import Delays, EmulatedCluster, EmulatedCommand, Ending, Worker
from synergyflow.testing.emulators.qubole.provider import Provider, Refused
from synergyflow.testing.emulators.qubole.routes import Answer, Request, answer, error_answer, operation_of
from synergyflow.testing.emulators.qubole.timing import Clock, WallClock

_SHARED = "everybody@example.com"


class QuboleEmulator:
    """Qubole on loopback. `with QuboleEmulator() as emulator:` give `emulator.url` to a profile as `endpoint_url`.

    Args:
        labels: each of a cluster that is there, down.
        script: how commands end, instead of really running them.
        clock: a `ManualClock` makes everything happen when it is advanced; real time by default.
        delays: how long things take.
        tokens: API tokens and their users; by default any token is good, and of the same user.
        folder: where objects and the work of commands are kept; by default a temporary one, removed at the end.
        aside_bytes: a log is put aside in multiples of so many bytes.
        retry_after: what a throttled call is told to wait, in seconds.
        port: 0 for any that is free.

    Attributes:
        url: its address.
        faults: what is to go wrong, by the operations of `routes.OPERATIONS`.
        ledger: what was asked.
        objects: the folder that stands for `s3://`.
    """

    def __init__(
        self,
        *labels: str,
        script: scripted.Script | None = None,
        clock: Clock | None = None,
        delays: Delays | None = None,
        tokens: Mapping[str, str] | None = None,
        folder: Path | None = None,
        aside_bytes: int = 4096,
        retry_after: int | None = 0,
        port: int = 0,
    ) -> None:
        self._own_folder = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="qubole-emulator-"))
        self.objects = self._folder / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.clock: Clock = clock or WallClock()
        self.faults = Faults(on_stale=self._remember)
        self.ledger = Ledger()
        self._tokens = tokens
        self._retry_after = retry_after
        self._worker: Worker = (
            scripted.ScriptedWorker(script) if script else ProcessWorker(self._folder / "commands", self.objects)
        )
        self._provider = Provider(self.clock, delays or Delays(), self._worker, aside_bytes)
        for label in labels or ("default",):
            self._provider.add_cluster(label)
        self._before: Provider | None = None
        self._counts: Counter[str] = Counter()
        self._acts: dict[tuple[str, int], list[Callable[[], None]]] = defaultdict(list)
        self._server = Server(self.answer, port)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="Qubole emulator", daemon=True
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
        with self._provider.lock:
            self._worker.close()
        if self._own_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- requests -------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, body: bytes, token: str | None) -> Answer | None:
        """The answer to a request, None if it is lost."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        operation, given = "unknown", dict[str, Any]()
        try:
            version, path = api_path(parts.path)
            operation, subject = operation_of(method, path)
            given = json_body(body)
            request = Request(operation, unquote(subject), version, query, given, self._user(token))
            self._act_before(operation)
            made = self._made(request, self.faults.take(operation))
        except Refused as refused:
            made = error_answer(refused.status, str(refused))
        self.ledger.write(Call(operation, parts.path, query, given, str(made.status) if made else "lost"))
        return made

    def _made(self, request: Request, fault: FaultKind | None) -> Answer | None:
        again = {} if self._retry_after is None else {"Retry-After": str(self._retry_after)}
        match fault:
            case FaultKind.THROTTLE:
                return error_answer(429, "Too many requests", again)
            case FaultKind.UNAVAILABLE:
                return error_answer(503, "Service unavailable", again)
            case FaultKind.SERVER_ERROR:
                return error_answer(500, "Internal server error")
            case FaultKind.QUOTA:
                return error_answer(422, "Quota of the account exceeded")
            case FaultKind.LOST_REQUEST:
                return None
            case FaultKind.STALE if self._before is not None:
                return answer(request, self._before)
            case FaultKind.SLOW:
                self.faults.hold()
        made = self._performed(request)
        if fault is FaultKind.UNAVAILABLE_AFTER_EFFECT:
            return error_answer(503, "Service unavailable", again)
        return None if fault is FaultKind.LOST_RESPONSE else made

    def _performed(self, request: Request) -> Answer:
        with self._provider.lock:
            self._provider.advance()
            try:
                return answer(request, self._provider)
            finally:
                self._provider.advance()

    def _act_before(self, operation: str) -> None:
        with self._provider.lock:
            self._counts[operation] += 1
            acts = self._acts.pop((operation, self._counts[operation]), [])
        for act in acts:
            act()

    def _remember(self) -> None:
        with self._provider.lock:
            self._before = self._provider.as_it_is()

    def _user(self, token: str | None) -> str:
        if not token or (self._tokens is not None and token not in self._tokens):
            raise Refused(401, "Invalid Token")
        return self._tokens[token] if self._tokens is not None else _SHARED

    # -- what tests ask and do ------------------------------------------------------------------------------------

    def cluster(self, label: str) -> EmulatedCluster:
        """The cluster of that label, as it is now."""
        self._provider.advance()
        with self._provider.lock:
            return self._provider.cluster(label)

    def live_clusters(self) -> list[EmulatedCluster]:
        """Those that cost money."""
        self._provider.advance()
        with self._provider.lock:
            return [cluster for cluster in self._provider.clusters if cluster.state != "DOWN"]

    def commands(self, name: str | None = None) -> list[EmulatedCommand]:
        """All commands, or those of one name, oldest first."""
        self._provider.advance()
        with self._provider.lock:
            return [command for command in self._provider.commands.values() if name in (None, command.name)]

    def submit(self, user: str = "somebody@example.com", **request: Any) -> EmulatedCommand:
        """A command that somebody else makes."""
        with self._provider.lock:
            made = self._provider.create({"command_type": "ShellCommand", "inline": "true", **request}, user)
        self._provider.advance()
        return made

    def start_outside(self, label: str) -> None:
        """Start a cluster as somebody else would."""
        with self._provider.lock:
            self._provider.start(self._provider.cluster(label))
        self._provider.advance()

    def stop_outside(self, label: str, reason: str = "Terminated by user") -> None:
        """Stop a cluster as somebody else, or its idle time-out, would."""
        with self._provider.lock:
            self._provider.stop(self._provider.cluster(label), reason)
        self._provider.advance()

    def next_start_fails(self, reason: str) -> None:
        """The next cluster to come up goes down instead, for this reason."""
        with self._provider.lock:
            self._provider.failing_starts.append(reason)

    def lose_spot(self, label: str) -> None:
        """Take the spot nodes of a cluster away."""
        with self._provider.lock:
            self._provider.lose_spot(self._provider.cluster(label))

    def vanish(self, label: str) -> None:
        """Delete a cluster."""
        with self._provider.lock:
            self._provider.vanish(self._provider.cluster(label))

    def finish(self, command: EmulatedCommand, ending: Ending) -> None:
        """End a command that is scripted not to end by itself."""
        with self._provider.lock:
            scripted.finish(command, ending)
        self._provider.advance()

    def write(self, command: EmulatedCommand, log: bytes) -> None:
        """Let a scripted command write to its log."""
        with self._provider.lock:
            scripted.write(command, log)
        self._provider.advance()

    def on_call(self, operation: str, number: int, act: Callable[[], None]) -> None:
        """Do this before the call of that number, from 1, is answered."""
        with self._provider.lock:
            self._acts[operation, number].append(act)

    def show(self, thing: EmulatedCluster | EmulatedCommand, state: str | None) -> None:
        """Let a cluster or command show a state that nobody knows, until it is given None."""
        with self._provider.lock:
            thing.strange = state
