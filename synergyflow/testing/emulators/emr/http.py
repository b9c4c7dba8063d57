"""The emulator's HTTP: EMR's JSON protocol at `/`, objects of S3 by path, and a door for faults by hand.

`POST /` with `X-Amz-Target: ElasticMapReduce.<Operation>` is EMR. `/BUCKET/KEY` is S3. `/_emulator/…` is the emulator's
own: `GET ledger`, `POST faults`, `POST clusters/ID/lose_spot`, `POST clusters/ID/vanish`. Signatures are not checked.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Mapping
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from synergyflow.testing.emulators.emr.faults import FaultKind, Faults
from synergyflow.testing.emulators.emr.ledger import Call, Ledger
from synergyflow.testing.emulators.emr.objects import Objects
from synergyflow.testing.emulators.emr.operations import Operations, Refusal
from synergyflow.testing.emulators.emr.provider import Provider

_TARGET = "ElasticMapReduce."
_MOST_KEYS = 1000
_SLOW_SECONDS = 120.0


class Account:
    """What a request is answered from."""

    def __init__(self, provider: Provider, faults: Faults, ledger: Ledger, objects: Objects) -> None:
        self.provider = provider
        self.operations = Operations(provider)
        self.faults = faults
        self.ledger = ledger
        self.objects = objects

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
            self._s3_error(400, "NotImplemented")

    def do_GET(self) -> None:
        if not self._control("GET", b""):
            self._s3(self._get)

    def do_HEAD(self) -> None:
        self._s3(self._get)

    def do_PUT(self) -> None:
        body = self._body()
        self._s3(lambda bucket, key: self._put(bucket, key, body))

    def do_DELETE(self) -> None:
        self._s3(self._delete)

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

    def _s3(self, act: Callable[[str, str], None]) -> None:
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        if not bucket:
            self._s3_error(400, "InvalidRequest")
        elif key:
            act(bucket, key)
        elif self.command == "GET":
            self._list(bucket)
        else:
            self._send(200, b"", "application/xml")

    def _get(self, bucket: str, key: str) -> None:
        data = self.account.objects.get(bucket, key)
        if data is None:
            self._s3_error(404, "NoSuchKey")
            return
        span = _span(self.headers.get("Range"), len(data))
        if span is None:
            self._send(200, data, "binary/octet-stream")
        elif span[0] >= len(data):
            self._s3_error(416, "InvalidRange")
        else:
            where = {"Content-Range": f"bytes {span[0]}-{span[1] - 1}/{len(data)}"}
            self._send(206, data[span[0] : span[1]], "binary/octet-stream", where)

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        if "aws-chunked" in self.headers.get("Content-Encoding", "") or "x-amz-decoded-content-length" in self.headers:
            body = _without_chunks(body)
        if self.account.objects.put(bucket, key, body):
            self._send(200, b"", "application/xml", {"ETag": f'"{secrets.token_hex(16)}"'})
        else:
            self._s3_error(400, "InvalidURI")

    def _delete(self, bucket: str, key: str) -> None:
        self.account.objects.delete(bucket, key)
        self._send(204, b"", "application/xml")

    def _list(self, bucket: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        after = query.get("continuation-token") or query.get("start-after", "")
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        entries: dict[str, str] = {}
        for key in self.account.objects.keys(bucket, prefix):
            folder, found, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            name = f"{prefix}{folder}{delimiter}" if found else key
            if name > after:
                entries[name] = "folder" if found else "key"
        names = list(entries)[:_MOST_KEYS]
        keys = "".join(f"<Contents><Key>{escape(n)}</Key></Contents>" for n in names if entries[n] == "key")
        folders = "".join(
            f"<CommonPrefixes><Prefix>{escape(n)}</Prefix></CommonPrefixes>" for n in names if entries[n] == "folder"
        )
        more = len(entries) > len(names)
        next_token = f"<NextContinuationToken>{escape(names[-1])}</NextContinuationToken>" if more else ""
        self._xml(
            f"<ListBucketResult><Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(names)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{next_token}{keys}{folders}</ListBucketResult>"
        )

    def _s3_error(self, status: int, code: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>{code}: {escape(quote(self.path))}</Message></Error>"
        self._xml(text, status)

    def _xml(self, text: str, status: int = 200) -> None:
        self._send(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), "application/xml")

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

    def _send(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("x-amzn-RequestId", secrets.token_hex(16))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", format_datetime(self.account.provider.clock.now(), usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """Where a `Range` begins and ends (exclusive); None if there is none."""
    if not header or not header.startswith("bytes="):
        return None
    first, _, last = header.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _without_chunks(body: bytes) -> bytes:
    """The content of a body that is cut into pieces, each under a line with its size, with trailing headers."""
    pieces = []
    while body:
        line, _, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if size == 0:
            break
        pieces.append(body[:size])
        body = body[size + 2 :]
    return b"".join(pieces)
