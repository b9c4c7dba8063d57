"""The emulator's HTTP: EMR's JSON protocol at `/`, objects of S3 by path, and a door for faults by hand.

`POST /` with `X-Amz-Target: ElasticMapReduce.<Operation>` is EMR. `/BUCKET/KEY` is S3. `/_emulator/…` is the emulator's
own: `GET ledger`, `POST faults`, `POST clusters/ID/lose_spot`, `POST clusters/ID/vanish`. Signatures are not checked.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from synergyflow.testing.emulators.emr.faults import FaultKind, Faults
from synergyflow.testing.emulators.emr.ledger import Call, Ledger
from synergyflow.testing.emulators.emr.objects import Objects
from synergyflow.testing.emulators.emr.operations import Operations, Refusal
from synergyflow.testing.emulators.emr.provider import Provider
from synergyflow.testing.emulators.emr.s3 import S3, Request

_TARGET = "ElasticMapReduce."
_SLOW_SECONDS = 120.0


class Account:
    """What a request is answered from."""

    def __init__(self, provider: Provider, faults: Faults, ledger: Ledger, objects: Objects) -> None:
        self.provider = provider
        self.operations = Operations(provider)
        self.faults = faults
        self.ledger = ledger
        self.s3 = S3(objects)

    def emr(self, operation: str, request: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]] | None:
        """Status and answer of a call; None if the caller is to hear nothing."""
        fault = self.faults.take(operation)
        status, answer, outcome = self._call(operation, request, fault)
        self.ledger.write(Call(operation, request, outcome))
        if fault in (FaultKind.LOST_REQUEST, FaultKind.LOST_RESPONSE):
            return None
        return status, answer

    def _call(
        self, operation: str, request: Mapping[str, Any], fault: FaultKind | None
    ) -> tuple[int, Mapping[str, Any], str]:
        match fault:
            case FaultKind.LOST_REQUEST:
                return 0, {}, fault
            case FaultKind.THROTTLE:
                return 400, _error("ThrottlingException", "Rate exceeded"), fault
            case FaultKind.SERVER_ERROR:
                return 500, _error("InternalServerException", "An internal error occurred."), fault
            case FaultKind.QUOTA:
                return 400, _error("ValidationException", "The request exceeds the EC2 instance quota."), fault
            case FaultKind.SLOW:
                self.faults.hold(_SLOW_SECONDS)
        try:
            answer = self.operations.answer(operation, request, stale=fault is FaultKind.STALE)
        except Refusal as refusal:
            return refusal.status, _error(refusal.code, refusal.message), refusal.code
        if fault is FaultKind.THROTTLE_AFTER_EFFECT:
            return 400, _error("ThrottlingException", "Rate exceeded"), fault
        return 200, answer, fault or "ok"

    def control(self, method: str, path: list[str], body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The emulator's own requests; None for one that there is not."""
        match method, path:
            case "GET", ["ledger"]:
                calls = self.ledger.calls()
                return {"calls": [{"operation": call.operation, "outcome": call.outcome} for call in calls]}
            case "POST", ["faults"]:
                self.faults.add(body.get("operation", "*"), body["kind"], int(body.get("times", 1)))
                return {"left": self.faults.left()}
            case "POST", ["clusters", cluster_id, "lose_spot" | "vanish" as what]:
                with self.provider.lock:
                    cluster = self.provider.clusters.get(cluster_id)
                    if cluster is None:
                        return None
                    act = self.provider.lose_spot if what == "lose_spot" else self.provider.vanish
                    act(cluster)
                return {"done": what}
        return None


def _error(code: str, message: str) -> dict[str, Any]:
    return {"__type": code, "message": message, "Message": message}


def handler_of(account: Account) -> type[BaseHTTPRequestHandler]:
    """A handler class for one emulator."""

    class Handler(_Handler):
        pass

    Handler.account = account
    return Handler


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    account: Account
    protocol_version = "HTTP/1.1"
    server_version = "synergyflow-emr"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger says what was asked; nothing goes to stderr."""

    def do_POST(self) -> None:
        body = self._body()
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith(_TARGET):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._emr(target.removeprefix(_TARGET), body)
        elif not self._control("POST", body):
            self._s3(body)

    def do_GET(self) -> None:
        if not self._control("GET", b""):
            self._s3()

    def do_HEAD(self) -> None:
        self._s3()

    def do_PUT(self) -> None:
        self._s3(self._body())

    def do_DELETE(self) -> None:
        self._s3(self._body())

    # -- EMR and the emulator's own -----------------------------------------------------------------------------------

    def _emr(self, operation: str, body: bytes) -> None:
        answer = self.account.emr(operation, json.loads(body or b"{}"))
        if answer is None:
            self.close_connection = True
            return
        self._json(*answer)

    def _control(self, method: str, body: bytes) -> bool:
        path = [part for part in urlsplit(self.path).path.split("/") if part]
        if path[:1] != ["_emulator"]:
            return False
        try:
            answer = self.account.control(method, path[1:], json.loads(body or b"{}"))
            self._json(*((200, answer) if answer is not None else (404, {"error": "no such request"})))
        except (ValueError, KeyError) as error:
            self._json(400, {"error": str(error)})
        return True

    def _json(self, status: int, answer: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(answer).encode(), "application/x-amz-json-1.1")

    # -- S3 -----------------------------------------------------------------------------------------------------------

    def _s3(self, body: bytes = b"") -> None:
        request = Request.of(self.command, self.path, dict(self.headers), body)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            answer = self.account.s3.answer(request)
            self._send(answer.status, answer.body, answer.kind, answer.headers, length=answer.length)

    # -- plumbing -----------------------------------------------------------------------------------------------------

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunked_body()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunked_body(self) -> bytes:
        pieces = []
        while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(pieces)

    def _send(
        self,
        status: int,
        data: bytes,
        kind: str,
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("x-amzn-RequestId", secrets.token_hex(16))
        if status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(data)
