"""The part of S3's protocol that programs need who keep code, data and logs in it: requests in, answers out, no socket.

Objects whole, in ranges and in parts, copies, conditions by ETag, listings in pages, single and batched removals.
Checksums that a client sends are not verified; there are no versions, permissions or signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from synergyflow.testing.emulators.emr.objects import Objects

_MOST_KEYS = 1000
_XML = "application/xml"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `query` has the first value of each name, names of `headers` are in lower case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        """From what a server has read."""
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        lower = {name.lower(): value for name, value in headers.items()}
        if "aws-chunked" in lower.get("content-encoding", "") or "x-amz-decoded-content-length" in lower:
            body = without_chunks(body)
        return cls(method, bucket, key, query, lower, body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `length`, if given, is what a HEAD tells of a body that it does not send."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = _XML
    length: int | None = None


class S3:
    """Answers requests out of a folder."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def answer(self, request: Request) -> Answer:
        """What S3 says to it."""
        if not request.bucket:
            return _error(400, "InvalidRequest")
        act = self._bucket(request) if not request.key else self._object(request)
        return act(request) if act is not None else _error(501, "NotImplemented")

    def _bucket(self, request: Request) -> Callable[[Request], Answer] | None:
        match request.method:
            case "GET":
                return self._location if "location" in request.query else self._list
            case "POST" if "delete" in request.query:
                return self._delete_many
            case "PUT" | "HEAD" | "DELETE":
                return lambda _: Answer()
        return None

    def _object(self, request: Request) -> Callable[[Request], Answer] | None:
        in_parts = "uploadId" in request.query
        match request.method:
            case "GET" | "HEAD":
                return self._get
            case "PUT":
                return self._put_part if in_parts else self._put
            case "POST":
                return self._complete if in_parts else self._begin if "uploads" in request.query else None
            case "DELETE":
                return self._abort if in_parts else self._delete
        return None

    # -- objects ----------------------------------------------------------------------------------------------------

    def _get(self, request: Request) -> Answer:
        path = self._objects.find(request.bucket, request.key)
        if path is None:
            return _error(404, "NoSuchKey")
        size, etag = path.stat().st_size, self._objects.etag(path)
        if not _matches(request.headers.get("if-match"), etag):
            return _error(412, "PreconditionFailed")
        headers = {"ETag": f'"{etag}"', "Last-Modified": _http_time(path), "Accept-Ranges": "bytes"}
        begin, end = _span(request.headers.get("range"), size) or (0, size)
        if "range" in request.headers:
            if begin >= size:
                return _error(416, "InvalidRange")
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        body = b"" if request.method == "HEAD" else _read(path, begin, end)
        status = 206 if "range" in request.headers else 200
        return Answer(status, body, headers, "binary/octet-stream", end - begin)

    def _put(self, request: Request) -> Answer:
        if request.headers.get("if-none-match") == "*" and self._objects.find(request.bucket, request.key):
            return _error(412, "PreconditionFailed")
        data, refusal = self._given(request)
        if refusal is not None:
            return refusal
        path = self._objects.put(request.bucket, request.key, data)
        if path is None:
            return _error(400, "KeyNotPossibleHere")
        etag = self._objects.etag(path)
        if "x-amz-copy-source" in request.headers:
            return _copied("CopyObjectResult", etag)
        return Answer(headers={"ETag": f'"{etag}"'})

    def _given(self, request: Request) -> tuple[bytes, Answer | None]:
        """The body, or what the request says is to be copied."""
        source = request.headers.get("x-amz-copy-source")
        if source is None:
            return request.body, None
        bucket, _, key = unquote(source).lstrip("/").partition("/")
        path = self._objects.find(bucket, key)
        if path is None:
            return b"", _error(404, "NoSuchKey")
        if not _matches(request.headers.get("x-amz-copy-source-if-match"), self._objects.etag(path)):
            return b"", _error(412, "PreconditionFailed")
        size = path.stat().st_size
        return _read(path, *(_span(request.headers.get("x-amz-copy-source-range"), size) or (0, size))), None

    def _delete(self, request: Request) -> Answer:
        self._objects.delete(request.bucket, request.key)
        return Answer(204)

    def _delete_many(self, request: Request) -> Answer:
        keys = [node.text or "" for node in ElementTree.fromstring(request.body).iter() if _tag(node) == "Key"]
        if len(keys) > _MOST_KEYS:
            return _error(400, "MalformedXML")
        for key in keys:
            self._objects.delete(request.bucket, key)
        return _document("<DeleteResult></DeleteResult>")

    # -- uploads in parts -------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> Answer:
        return _document(
            f"<InitiateMultipartUploadResult><Bucket>{escape(request.bucket)}</Bucket><Key>{escape(request.key)}</Key>"
            f"<UploadId>{self._objects.begin_upload()}</UploadId></InitiateMultipartUploadResult>"
        )

    def _put_part(self, request: Request) -> Answer:
        data, refusal = self._given(request)
        if refusal is not None:
            return refusal
        etag = self._objects.part(request.query["uploadId"], int(request.query.get("partNumber", 0)), data)
        if etag is None:
            return _error(404, "NoSuchUpload")
        if "x-amz-copy-source" in request.headers:
            return _copied("CopyPartResult", etag)
        return Answer(headers={"ETag": f'"{etag}"'})

    def _complete(self, request: Request) -> Answer:
        nodes = ElementTree.fromstring(request.body).iter()
        numbers = [int(node.text or 0) for node in nodes if _tag(node) == "PartNumber"]
        path = self._objects.complete_upload(request.query["uploadId"], request.bucket, request.key, numbers)
        if path is None:
            return _error(404, "NoSuchUpload")
        etag = escape(f'"{self._objects.etag(path)}"')
        return _document(
            f"<CompleteMultipartUploadResult><Bucket>{escape(request.bucket)}</Bucket><Key>{escape(request.key)}</Key>"
            f"<ETag>{etag}</ETag></CompleteMultipartUploadResult>"
        )

    def _abort(self, request: Request) -> Answer:
        self._objects.abort_upload(request.query["uploadId"])
        return Answer(204)

    # -- listings ---------------------------------------------------------------------------------------------------

    def _location(self, request: Request) -> Answer:
        return _document("<LocationConstraint></LocationConstraint>")

    def _list(self, request: Request) -> Answer:
        query = request.query
        shown = quote if query.get("encoding-type") == "url" else escape
        most = min(_MOST_KEYS, int(query.get("max-keys") or _MOST_KEYS))
        names = self._names(request.bucket, query.get("prefix", ""), query.get("delimiter", ""))
        after = query.get("continuation-token") or query.get("start-after", "")
        left = [name for name in names if name.encode() > after.encode()]
        page = left[:most]
        entries = "".join(self._entry(request.bucket, name, names[name], shown) for name in page)
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if len(left) > most else ""
        encoding = "<EncodingType>url</EncodingType>" if shown is quote else ""
        return _document(
            f"<ListBucketResult><Name>{escape(request.bucket)}</Name><Prefix>{shown(query.get('prefix', ''))}</Prefix>"
            f"<KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys>{encoding}"
            f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
        )

    def _names(self, bucket: str, prefix: str, delimiter: str) -> dict[str, bool]:
        """Keys, and with a delimiter the common beginnings of keys, in order; True for the latter."""
        names: dict[str, bool] = {}
        for key in self._objects.keys(bucket, prefix):
            rest = key.removeprefix(prefix)
            cut = rest.find(delimiter) if delimiter else -1
            names.setdefault(key if cut < 0 else prefix + rest[: cut + len(delimiter)], cut >= 0)
        return names

    def _entry(self, bucket: str, name: str, is_prefix: bool, shown: Callable[[str], str]) -> str:
        if is_prefix:
            return f"<CommonPrefixes><Prefix>{shown(name)}</Prefix></CommonPrefixes>"
        path = self._objects.find(bucket, name)
        if path is None:
            return ""
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        etag = escape(f'"{self._objects.etag(path)}"')
        return (
            f"<Contents><Key>{shown(name)}</Key><LastModified>{at}</LastModified><ETag>{etag}</ETag>"
            f"<Size>{path.stat().st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )


def without_chunks(body: bytes) -> bytes:
    """The content of a body that is cut into pieces, each under a line with its size, with headers at its end."""
    pieces = []
    while body:
        line, _, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if size == 0:
            break
        pieces.append(body[:size])
        body = body[size + 2 :]
    return b"".join(pieces)


def _read(path: Path, begin: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(end - begin)


def _matches(wanted: str | None, etag: str) -> bool:
    return wanted is None or wanted.strip('"') in (etag, "*")


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """Where a range begins and ends (exclusive); None if there is none."""
    if not header or not header.startswith("bytes="):
        return None
    first, _, last = header.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _http_time(path: Path) -> str:
    return format_datetime(datetime.fromtimestamp(path.stat().st_mtime, UTC), usegmt=True)


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _copied(name: str, etag: str) -> Answer:
    tag = escape(f'"{etag}"')
    return _document(f"<{name}><ETag>{tag}</ETag><LastModified>2016-06-01T00:00:00.000Z</LastModified></{name}>")


def _document(text: str, status: int = 200) -> Answer:
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())


def _error(status: int, code: str) -> Answer:
    return _document(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)
