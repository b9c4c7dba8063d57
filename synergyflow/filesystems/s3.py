"""Amazon S3, and what speaks its protocol, by boto3.

Reads are tried again by the library. Each is of one version of the object (`If-Match`). Copies of more than 5 GiB go in
parts, at the provider's. An ETag is the MD5 of the content unless the object came in parts or is encrypted with a key
of the customer's; where it isn't, the checksums that S3 keeps are compared, as far as both objects have them.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Literal

import msgspec

from synergyflow.config.loading import checked
from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Report
from synergyflow.filesystems.object_filesystem import ObjectFilesystem
from synergyflow.filesystems.objects import ObjectStorage, Page, Place, Stored, Upload
from synergyflow.filesystems.opening import Opening, missing_library
from synergyflow.filesystems.progress import Progress

_MD5 = re.compile(r"[0-9a-f]{32}")
ATTEMPTS = 5
COPY_PART = 128 << 20
_READ_ATTEMPTS = 3
_MOST_PARTS = 10_000
_HINTS = {
    "NoSuchBucket": "make the bucket, or correct its name in the context",
    "AccessDenied": "the credentials in use may not do this; look at the policies of user and bucket",
    "403": "the credentials in use may not do this; look at the policies of user and bucket",
    "InvalidAccessKeyId": "the access key is not known there; look at AWS_PROFILE and AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is not the access key's",
    "ExpiredToken": "log in again: the session has expired",
    "InvalidToken": "log in again: the session token is not valid",
    "PermanentRedirect": "the bucket is in another region: say which in settings.filesystems.s3.region",
    "SlowDown": "S3 asks to slow down; try again later",
    "PreconditionFailed": "it was changed meanwhile; try again",
    "412": "it was changed meanwhile; try again",
}


class S3Options(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of `[settings.filesystems.s3]`; credentials are those that the AWS command line would use."""

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"


def open_s3(opening: Opening) -> ObjectFilesystem:
    """The filesystem of `s3://`. Nothing is asked of S3 yet.

    Raises:
        ConfigurationError: an option is wrong, or boto3 is not installed.
    """
    options = checked(opening.options, S3Options, where="settings.filesystems.s3")
    return ObjectFilesystem(S3Storage(options), opening.root, opening.machine)


class S3Storage(ObjectStorage):
    """Buckets that the credentials of one session reach."""

    scheme = "s3"
    schemes = frozenset({"s3", "s3a", "s3n"})
    delete_limit = 1000
    single_copy_limit: ClassVar[int] = 5 << 30

    def __init__(self, options: S3Options) -> None:
        self._options = options
        self._client: Any = None
        self._lock = threading.Lock()
        missing_library("boto3", "aws")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._options,)

    @property
    def client(self) -> Any:
        """The library's client, made when first needed."""
        with self._lock:
            if self._client is None:
                with _translated("S3"):
                    self._client = _make_client(self._options)
            return self._client

    def head(self, place: Place) -> Stored | None:
        """HeadObject."""
        try:
            with _translated(_uri(place)):
                found = self.client.head_object(Bucket=place.bucket, Key=place.key, ChecksumMode="ENABLED")
        except _NotThere:
            return None
        return Stored(place.key, found["ContentLength"], found["ETag"], digests_of(found))

    def pages(self, bucket: str, prefix: str, *, level: bool = False, limit: int | None = None) -> Iterator[Page]:
        """ListObjectsV2."""
        request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        if level:
            request["Delimiter"] = "/"
        if limit is not None:
            request["MaxKeys"] = limit
        with _translated(f"s3://{bucket}/{prefix}"):
            for answer in self.client.get_paginator("list_objects_v2").paginate(**request):
                yield page_of(answer)

    def read(self, place: Place, stored: Stored, start: int, length: int) -> bytes:
        """GetObject of a range; a body that breaks off is asked for again."""
        request = {
            "Bucket": place.bucket,
            "Key": place.key,
            "Range": f"bytes={start}-{start + length - 1}",
            "IfMatch": stored.version,
        }
        with _translated(_uri(place)):
            for _ in range(_READ_ATTEMPTS - 1):
                with suppress(*_broken_off()):
                    return bytes(self.client.get_object(**request)["Body"].read())
            return bytes(self.client.get_object(**request)["Body"].read())

    def put(self, place: Place, data: bytes) -> None:
        """PutObject."""
        with _translated(_uri(place)):
            self.client.put_object(Bucket=place.bucket, Key=place.key, Body=data)

    def begin(self, place: Place) -> Upload:
        """CreateMultipartUpload."""
        with _translated(_uri(place)):
            answer = self.client.create_multipart_upload(Bucket=place.bucket, Key=place.key)
        return _Multipart(self, place, answer["UploadId"])

    def copy(self, source: Place, stored: Stored, target: Place, report: Report) -> None:
        """CopyObject, or UploadPartCopy for what is larger than that takes."""
        origin = {"Bucket": source.bucket, "Key": source.key}
        with _translated(f"{_uri(source)} to {_uri(target)}"):
            if stored.size <= self.single_copy_limit:
                self.client.copy_object(
                    Bucket=target.bucket, Key=target.key, CopySource=origin, CopySourceIfMatch=stored.version
                )
                return
            self._copy_in_parts(source, stored, target, report)

    def _copy_in_parts(self, source: Place, stored: Stored, target: Place, report: Report) -> None:
        progress = Progress(f"copying {_uri(source)}", stored.size, report)
        found = self.client.head_object(Bucket=source.bucket, Key=source.key)
        kept = {name: found[name] for name in ("ContentType", "ContentEncoding", "Metadata") if name in found}
        answer = self.client.create_multipart_upload(Bucket=target.bucket, Key=target.key, **kept)
        upload = _Multipart(self, target, answer["UploadId"])
        try:
            size = max(COPY_PART, -(-stored.size // _MOST_PARTS))
            for start in range(0, stored.size, size):
                length = min(size, stored.size - start)
                upload.copy_part(source, stored.version, start, length)
                progress.add(length)
            upload.complete(b"")
        except BaseException:
            upload.abort()
            raise

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """DeleteObjects."""
        with _translated(f"s3://{bucket}"):
            answer = self.client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        for error in answer.get("Errors", []):
            code = error.get("Code", "")
            raise FilesystemError(
                f"s3://{bucket}/{error.get('Key', '')} can't be deleted: {error.get('Message') or code}",
                hint=_HINTS.get(code),
            )


class _Multipart(Upload):
    """UploadPart, CompleteMultipartUpload, AbortMultipartUpload."""

    def __init__(self, storage: S3Storage, place: Place, upload_id: str) -> None:
        self._storage = storage
        self._place = place
        self._which = {"Bucket": place.bucket, "Key": place.key, "UploadId": upload_id}
        self._parts: list[dict[str, Any]] = []

    @property
    def sent(self) -> int:
        return len(self._parts)

    def part(self, data: bytes) -> None:
        number = self.sent + 1
        with _translated(_uri(self._place)):
            answer = self._storage.client.upload_part(**self._which, PartNumber=number, Body=data)
        self._keep(number, answer)

    def copy_part(self, source: Place, version: str, start: int, length: int) -> None:
        number = self.sent + 1
        answer = self._storage.client.upload_part_copy(
            **self._which,
            PartNumber=number,
            CopySource={"Bucket": source.bucket, "Key": source.key},
            CopySourceRange=f"bytes={start}-{start + length - 1}",
            CopySourceIfMatch=version,
        )
        self._keep(number, answer["CopyPartResult"])

    def _keep(self, number: int, answer: Mapping[str, Any]) -> None:
        checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"], **checksums})

    def complete(self, md5: bytes) -> None:
        try:
            with _translated(_uri(self._place)):
                self._storage.client.complete_multipart_upload(**self._which, MultipartUpload={"Parts": self._parts})
        except _NotThere:
            # The first answer may have been lost after it took effect; then the object is there, with our parts' tag.
            there = self._storage.head(self._place)
            if there is None or there.version.strip('"') != etag_of_parts([part["ETag"] for part in self._parts]):
                raise

    def abort(self) -> None:
        with suppress(FilesystemError), _translated(_uri(self._place)):
            self._storage.client.abort_multipart_upload(**self._which)


# -- pure translations --------------------------------------------------------------------------------------------


def page_of(answer: Mapping[str, Any]) -> Page:
    """A page of ListObjectsV2."""
    objects = [
        Stored(found["Key"], found["Size"], found["ETag"], _md5_of(found["ETag"]))
        for found in answer.get("Contents", [])
    ]
    return Page(objects, [folder["Prefix"] for folder in answer.get("CommonPrefixes", [])])


def digests_of(head: Mapping[str, Any]) -> dict[str, str]:
    """Checksums of the whole object in an answer of HeadObject."""
    has_own_key = str(head.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in head
    digests = {} if has_own_key else _md5_of(head["ETag"])
    if head.get("ChecksumType") == "COMPOSITE":
        return digests
    for name, value in head.items():
        if name.startswith("Checksum") and name != "ChecksumType" and "-" not in value:
            digests[name.removeprefix("Checksum").lower()] = value
    return digests


def _md5_of(etag: str) -> dict[str, str]:
    text = etag.strip('"')
    return {"md5": text} if _MD5.fullmatch(text) else {}


def etag_of_parts(etags: Sequence[str]) -> str:
    """The ETag of an object that came in parts with these."""
    digest = hashlib.md5(usedforsecurity=False)
    for etag in etags:
        with suppress(ValueError):
            digest.update(bytes.fromhex(etag.strip('"')))
    return f"{digest.hexdigest()}-{len(etags)}"


# -- the border ---------------------------------------------------------------------------------------------------


class _NotThere(FilesystemError):
    """There is no such key (or, told of a key, no such bucket)."""


def _uri(place: Place) -> str:
    return f"s3://{place.bucket}/{place.key}"


def _make_client(options: S3Options) -> Any:
    import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from botocore.config import Config  # type: ignore[import-not-found,import-untyped,unused-ignore]

    config = Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=32,
        s3={"addressing_style": options.addressing},
    )
    session = boto3.session.Session(profile_name=options.profile, region_name=options.region)
    return session.client("s3", endpoint_url=options.endpoint_url, config=config)


def _broken_off() -> tuple[type[Exception], ...]:
    from botocore.exceptions import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    return IncompleteReadError, ReadTimeoutError, ResponseStreamingError


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Errors of boto3 as `FilesystemError` that name `what`; a key that isn't there as `_NotThere`."""
    from botocore.exceptions import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        BotoCoreError,
        ClientError,
        NoCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        raise refusal(what, error.response.get("Error", {})) from error
    except NoCredentialsError as error:
        raise FilesystemError(
            f"{what}: there are no AWS credentials", hint="set AWS_PROFILE or AWS_ACCESS_KEY_ID, or log in with aws"
        ) from error
    except BotoCoreError as error:
        raise FilesystemError(f"{what}: {error}", hint="see whether S3 can be reached from here") from error


def refusal(what: str, error: Mapping[str, Any]) -> FilesystemError:
    """An error of the service in our words."""
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if code in ("404", "NoSuchKey", "NoSuchUpload"):
        return _NotThere(f"there is no {what}")
    told = f"{code}: {message}" if message and message != code else code or "refused"
    return FilesystemError(f"{what}: S3 says {told}", hint=_HINTS.get(code))
