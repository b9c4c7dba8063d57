"""As much of Google's storage protocol as its own client uses for plain objects, served over HTTP.

Upload (whole, multipart and resumable), download with ranges, listing with prefixes and pages, deletion, copies within.
Nothing of versions, access lists or signed URLs.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from synergyflow.testing.emulators.dataproc.objects import ObjectFacts, Objects, quoted

_MOST_PER_PAGE = 1000
_OBJECTS = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o")
_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_COPY = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/(?:rewriteTo|copyTo)/b/([^/]+)/o/([^/]+)")
_UPLOAD = re.compile(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o")
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(slots=True)
class _Upload:
    bucket: str
    name: str
    data: bytearray = field(default_factory=bytearray)


class _Failure(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ObjectsServer:
    """Serves a folder of objects on loopback until it is closed."""

    def __init__(self, objects: Objects, port: int = 0) -> None:
        """Port 0 is any that is free."""
        handler = type("Handler", (_Handler,), {"objects": objects, "uploads": {}})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="objects", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What clients are given as STORAGE_EMULATOR_HOST."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer goes out at once, not its head first
    disable_nagle_algorithm = True
    objects: Objects
    uploads: dict[str, _Upload]

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not printed."""

    def do_GET(self) -> None:
        self._answer_with(self._get)

    def do_POST(self) -> None:
        self._answer_with(self._post)

    def do_PUT(self) -> None:
        self._answer_with(self._continue_upload)

    def do_DELETE(self) -> None:
        self._answer_with(self._delete)

    def _answer_with(self, act: Any) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            act(parts.path)
        except _Failure as failure:
            self._json({"error": {"code": failure.status.value, "message": str(failure)}}, failure.status)
        except ValueError as error:
            problem = {"error": {"code": 400, "message": str(error)}}
            self._json(problem, HTTPStatus.BAD_REQUEST)

    def _get(self, path: str) -> None:
        if (found := _OBJECT.fullmatch(path)) is not None:
            bucket, name = map(unquote, found.groups())
            facts = self._required(bucket, name)
            self._refuse_unexpected(bucket, name)
            if self.query.get("alt") == "media":
                self._download(facts)
            else:
                self._json(self._with_checksum(facts))
        elif (found := _OBJECTS.fullmatch(path)) is not None:
            self._json(self._listing(unquote(found[1])))
        elif (found := _BUCKET.fullmatch(path)) is not None:
            self._json(_bucket(unquote(found[1])))
        else:
            raise _Failure(HTTPStatus.NOT_FOUND, f"no {path} here")

    def _post(self, path: str) -> None:
        if (found := _UPLOAD.fullmatch(path)) is not None:
            self._upload(unquote(found[1]))
        elif (found := _COPY.fullmatch(path)) is not None:
            self._copy(*map(unquote, found.groups()))
        elif path == "/batch/storage/v1":
            self._batch()
        elif path == "/storage/v1/b":
            self._json(_bucket(json.loads(self.body)["name"]))
        else:
            raise _Failure(HTTPStatus.NOT_FOUND, f"no {path} here")

    def _delete(self, path: str) -> None:
        found = _OBJECT.fullmatch(path)
        if found is None:
            raise _Failure(HTTPStatus.NOT_FOUND, f"no {path} here")
        bucket, name = map(unquote, found.groups())
        self._required(bucket, name)
        self.objects.delete(bucket, name)
        self._send(b"", HTTPStatus.NO_CONTENT, {})

    def _batch(self) -> None:
        """Deletions in one request; anything else in a batch is answered as missing."""
        header = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        request = email.message_from_bytes(header + self.body, policy=email.policy.default)
        answers: list[str] = []
        for part in request.iter_parts():
            inner: Any = part.get_payload(decode=True)
            verb, target, *_ = inner.decode().split()
            found = _OBJECT.fullmatch(urlsplit(target).path)
            known = verb == "DELETE" and found is not None and self.objects.delete(*map(unquote, found.groups()))
            status = "204 No Content" if known else "404 Not Found"
            answers.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: <response-{len(answers)}>\r\n\r\n"
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n\r\n"
            )
        data = ("".join(answers) + "--batch--").encode()
        self._send(data, HTTPStatus.OK, {"Content-Type": 'multipart/mixed; boundary="batch"'})

    def _listing(self, bucket: str) -> dict[str, Any]:
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        most = min(int(self.query.get("maxResults", _MOST_PER_PAGE)), _MOST_PER_PAGE)
        after = self.query.get("pageToken", "")
        rows: dict[str, ObjectFacts | None] = {}
        for facts in self.objects.list(bucket, prefix):
            folder, is_deeper, _ = facts.name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if is_deeper:
                rows[f"{prefix}{folder}{delimiter}"] = None
            else:
                rows[facts.name] = facts
        names = sorted(name for name in rows if name > after)
        page = names[:most]
        items = [self._resource(found) for name in page if (found := rows[name]) is not None]
        answer: dict[str, Any] = {"kind": "storage#objects", "items": items}
        answer["prefixes"] = [name for name in page if rows[name] is None]
        if len(names) > most:
            answer["nextPageToken"] = page[-1]
        return answer

    def _download(self, facts: ObjectFacts) -> None:
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is None:
            self._send(self.objects.read(facts.bucket, facts.name, 0, facts.size), HTTPStatus.OK, {})
            return
        begin = int(wanted[1])
        end = min(int(wanted[2]) + 1 if wanted[2] else facts.size, facts.size)
        if begin >= facts.size:
            raise _Failure(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"{facts.name} has {facts.size} bytes")
        data = self.objects.read(facts.bucket, facts.name, begin, end)
        headers = {"Content-Range": f"bytes {begin}-{end - 1}/{facts.size}"}
        self._send(data, HTTPStatus.PARTIAL_CONTENT, headers)

    def _upload(self, bucket: str) -> None:
        match self.query.get("uploadType"):
            case "media":
                self._store(bucket, self.query["name"], self.body)
            case "multipart":
                metadata, data = _parts(self.headers["Content-Type"], self.body)
                self._store(bucket, self.query.get("name") or metadata["name"], data)
            case "resumable":
                name = self.query.get("name") or json.loads(self.body or b"{}")["name"]
                self._refuse_unexpected(bucket, name)
                upload_id = uuid4().hex
                self.uploads[upload_id] = _Upload(bucket, name)
                host = self.headers.get("Host")
                where = f"http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={upload_id}"
                self._send(b"", HTTPStatus.OK, {"Location": where})
            case other:
                raise _Failure(HTTPStatus.BAD_REQUEST, f"uploadType {other} is not known")

    def _continue_upload(self, path: str) -> None:
        upload = self.uploads.get(self.query.get("upload_id", ""))
        if upload is None or _UPLOAD.fullmatch(path) is None:
            raise _Failure(HTTPStatus.NOT_FOUND, "no such upload")
        found = _CONTENT_RANGE.fullmatch(self.headers.get("Content-Range", ""))
        if found is None or found[1] is not None:
            begin = int(found[1]) if found else 0
            upload.data[begin:] = self.body
        if found is None or (found[3] != "*" and len(upload.data) >= int(found[3])):
            del self.uploads[self.query["upload_id"]]
            self._store(upload.bucket, upload.name, bytes(upload.data))
            return
        headers = {"Range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
        self._send(b"", HTTPStatus.PERMANENT_REDIRECT, headers)

    def _store(self, bucket: str, name: str, data: bytes) -> None:
        self._refuse_unexpected(bucket, name)
        self._json(self._with_checksum(self.objects.put(bucket, name, data)))

    def _copy(self, bucket: str, name: str, to_bucket: str, to_name: str) -> None:
        facts = self._required(bucket, name)
        self._refuse_unexpected(bucket, name, "ifSourceGenerationMatch")
        copy = self._with_checksum(self.objects.put(to_bucket, to_name, self.objects.read(bucket, name)))
        if "rewriteTo" not in self.path:
            self._json(copy)
            return
        size = str(facts.size)
        progress = {"totalBytesRewritten": size, "objectSize": size, "done": True, "resource": copy}
        self._json({"kind": "storage#rewriteResponse", **progress})

    def _required(self, bucket: str, name: str) -> ObjectFacts:
        facts = self.objects.get(bucket, name)
        if facts is None:
            raise _Failure(HTTPStatus.NOT_FOUND, f"No such object: {bucket}/{name}")
        return facts

    def _refuse_unexpected(self, bucket: str, name: str, condition: str = "ifGenerationMatch") -> None:
        """412 where the caller named a generation that is not the one there; 0 is for no object at all."""
        expected = self.query.get(condition)
        facts = self.objects.get(bucket, name)
        if expected is not None and int(expected) != (facts.generation if facts else 0):
            raise _Failure(HTTPStatus.PRECONDITION_FAILED, "the generation is another one")

    def _resource(self, facts: ObjectFacts) -> dict[str, Any]:
        base = self.headers.get("Host")
        return {
            "kind": "storage#object",
            "id": f"{facts.bucket}/{facts.name}/{facts.generation}",
            "bucket": facts.bucket,
            "name": facts.name,
            "size": str(facts.size),
            "generation": str(facts.generation),
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "etag": str(facts.generation),
            "mediaLink": f"http://{base}/download/storage/v1/b/{facts.bucket}/o/{quoted(facts.name)}?alt=media",
        }

    def _with_checksum(self, facts: ObjectFacts) -> dict[str, Any]:
        return {**self._resource(facts), **self.objects.checksums(facts.bucket, facts.name)}

    def _json(self, content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), status, {"Content-Type": "application/json"})

    def _send(self, data: bytes, status: HTTPStatus, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _bucket(name: str) -> dict[str, str]:
    return {"kind": "storage#bucket", "id": name, "name": name, "location": "US", "storageClass": "STANDARD"}


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The two parts of a multipart upload: what is said of the object, and its bytes."""
    header = f"Content-Type: {content_type}\r\n\r\n".encode()
    boundary = email.message_from_bytes(header, policy=email.policy.default).get_boundary()
    pieces = body.split(f"--{boundary}".encode())[1:-1]
    contents = [piece.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for piece in pieces]
    return json.loads(contents[0]), contents[1]
