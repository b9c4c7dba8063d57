"""Google Cloud Storage, by google-cloud-storage.

Reads and copies are of one generation of the object. Bytes are taken as they are stored, also those that the service
would unpack on the way. The library tries again what may be repeated.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from synergyflow.config.loading import checked
from synergyflow.errors import FilesystemError
from synergyflow.filesystems.base import Report
from synergyflow.filesystems.object_filesystem import ObjectFilesystem
from synergyflow.filesystems.objects import PART, ObjectStorage, Page, Place, Stored, Upload
from synergyflow.filesystems.opening import Opening, missing_library
from synergyflow.filesystems.progress import Progress

_BINARY = "application/octet-stream"
_LOG_IN = "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS=…"
_HINTS = {
    401: f"the credentials in use are not accepted: {_LOG_IN}",
    403: "the credentials in use may not do this; look at the roles that they have on the bucket",
    404: "make the bucket, or correct its name in the context",
    412: "it was changed meanwhile; try again",
    429: "Cloud Storage asks to slow down; try again later",
}


class GcsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of `[settings.filesystems.gcs]`; credentials are the application default ones.

    `endpoint_url` is for emulators; by plain `http://` no credentials are sent.
    """

    project: str | None = None
    endpoint_url: str | None = None


def open_gcs(opening: Opening) -> ObjectFilesystem:
    """The filesystem of `gs://`. Nothing is asked of Google yet.

    Raises:
        ConfigurationError: an option is wrong, or google-cloud-storage is not installed.
    """
    options = checked(opening.options, GcsOptions, where="settings.filesystems.gcs")
    return ObjectFilesystem(GcsStorage(options), opening.root, opening.machine)


class GcsStorage(ObjectStorage):
    """Buckets that the credentials reach."""

    scheme = "gs"
    schemes = frozenset({"gs"})
    delete_limit = 100

    def __init__(self, options: GcsOptions) -> None:
        self._options = options
        self._client: Any = None
        self._lock = threading.Lock()
        missing_library("google.cloud.storage", "gcp")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._options,)

    @property
    def client(self) -> Any:
        """The library's client, made when first needed."""
        with self._lock:
            if self._client is None:
                with _translated("Cloud Storage"):
                    self._client = _make_client(self._options)
            return self._client

    def head(self, place: Place) -> Stored | None:
        """objects.get."""
        with _translated(_uri(place)):
            found = self.client.bucket(place.bucket).get_blob(place.key)
        return None if found is None else stored_of(found)

    def pages(self, bucket: str, prefix: str, *, level: bool = False, limit: int | None = None) -> Iterator[Page]:
        """objects.list."""
        with _translated(f"gs://{bucket}/{prefix}"):
            listing = self.client.list_blobs(
                bucket, prefix=prefix or None, delimiter="/" if level else None, page_size=limit or 1000
            )
            for page in listing.pages:
                yield Page([stored_of(found) for found in page], sorted(page.prefixes))

    def read(self, place: Place, stored: Stored, start: int, length: int) -> bytes:
        """objects.get of the media, a range of it."""
        with _translated(_uri(place)):
            return bytes(
                self._blob(place).download_as_bytes(
                    start=start,
                    end=start + length - 1,
                    raw_download=True,
                    if_generation_match=int(stored.version),
                    checksum=None,
                )
            )

    def put(self, place: Place, data: bytes) -> None:
        """objects.insert."""
        with _translated(_uri(place)):
            self._blob(place).upload_from_string(data, content_type=_BINARY, checksum="md5", retry=_retry())

    def begin(self, place: Place) -> Upload:
        """A resumable upload, which starts with the first part."""
        with _translated(_uri(place)):
            writer = self._blob(place).open(
                "wb", chunk_size=PART, ignore_flush=True, content_type=_BINARY, retry=_retry()
            )
        return _Resumable(writer, place)

    def copy(self, source: Place, stored: Stored, target: Place, report: Report) -> None:
        """objects.rewrite, as often as the service asks for it."""
        progress = Progress(f"copying {_uri(source)}", stored.size, report)
        token: str | None = None
        with _translated(f"{_uri(source)} to {_uri(target)}"):
            while True:
                token, done, _ = self._blob(target).rewrite(
                    self._blob(source),
                    token=token,
                    if_source_generation_match=int(stored.version),
                    retry=_retry(),
                )
                progress.reach(done)
                if token is None:
                    return

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """objects.delete, in one batch request."""
        with _translated(f"gs://{bucket}"), self.client.batch(raise_exception=False) as batch:
            for key in keys:
                self.client.bucket(bucket).delete_blob(key)
        # The library keeps the answers to the parts of a batch, but has no public name for them.
        for key, answer in zip(keys, batch._responses, strict=True):
            if answer.status_code != 404 and not 200 <= answer.status_code < 300:
                raise FilesystemError(
                    f"gs://{bucket}/{key} can't be deleted: Cloud Storage says {answer.status_code}",
                    hint=_HINTS.get(answer.status_code),
                )

    def _blob(self, place: Place) -> Any:
        return self.client.bucket(place.bucket).blob(place.key)


class _Resumable(Upload):
    """A resumable upload. Its size is told with the last part, so it appears only when it is complete."""

    def __init__(self, writer: Any, place: Place) -> None:
        self._writer = writer
        self._place = place

    def part(self, data: bytes) -> None:
        with _translated(_uri(self._place)):
            self._writer.write(data)

    def complete(self, md5: bytes) -> None:
        with _translated(_uri(self._place)):
            self._writer.close()

    def abort(self) -> None:
        try:
            with suppress(FilesystemError), _translated(_uri(self._place)):
                self._writer.terminate()
        finally:
            self._writer._buffer.close()  # else it would be completed, cut off, when the writer is collected


# -- pure translations --------------------------------------------------------------------------------------------


def stored_of(blob: Any) -> Stored:
    """An object of the library."""
    digests = {}
    if blob.md5_hash:
        digests["md5"] = base64.b64decode(blob.md5_hash).hex()
    if blob.crc32c:
        digests["crc32c"] = base64.b64decode(blob.crc32c).hex()
    return Stored(blob.name, int(blob.size), str(blob.generation), digests)


# -- the border ---------------------------------------------------------------------------------------------------


def _uri(place: Place) -> str:
    return f"gs://{place.bucket}/{place.key}"


def _make_client(options: GcsOptions) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage  # type: ignore[attr-defined,unused-ignore]

    given: dict[str, Any] = {"project": options.project or "none"}  # only making a bucket would need a real one
    if options.endpoint_url is not None:
        given["client_options"] = {"api_endpoint": options.endpoint_url}
        if options.endpoint_url.startswith("http://"):
            given["credentials"] = AnonymousCredentials()  # type: ignore[no-untyped-call,unused-ignore]
    return storage.Client(**given)


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Errors of the library, and of those it rests on, as `FilesystemError` that name `what`."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        raise refusal(what, int(error.code or 0), str(error.message)) from error
    except InvalidResponse as error:
        raise refusal(what, int(error.response.status_code), str(error)) from error
    except GoogleAuthError as error:
        raise FilesystemError(f"{what}: there are no usable Google credentials: {error}", hint=_LOG_IN) from error
    except DataCorruption as error:
        raise FilesystemError(f"{what} came damaged: {error}", hint="try again") from error
    except (RetryError, RequestException) as error:
        raise FilesystemError(f"{what}: {error}", hint="see whether Cloud Storage can be reached from here") from error


def refusal(what: str, status: int, message: str) -> FilesystemError:
    """An error of the service in our words."""
    return FilesystemError(f"{what}: Cloud Storage says {status} {message}".rstrip(), hint=_HINTS.get(status))
