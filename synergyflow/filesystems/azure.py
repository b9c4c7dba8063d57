"""Azure Blob Storage, by azure-storage-blob.

URIs are `wasbs://container@account.blob.core.windows.net/path`, and `abfss://` alike. A folder is marked as Hadoop
marks it: by an empty blob of its name, without a slash, whose metadata say `hdi_isfolder`. Within an account the
service copies by itself; between accounts the bytes come by this machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from synergyflow.config.loading import checked
from synergyflow.errors import ConfigurationError, FilesystemError
from synergyflow.filesystems.azure_credentials import credential_for
from synergyflow.filesystems.base import Report
from synergyflow.filesystems.object_filesystem import ObjectFilesystem
from synergyflow.filesystems.objects import ObjectStorage, Page, Place, Stored, Upload
from synergyflow.filesystems.opening import Opening, missing_library
from synergyflow.filesystems.progress import Progress

_FOLDER = "hdi_isfolder"
_DOMAIN = "blob.core.windows.net"
_LOOK_AGAIN_SECONDS = 1.0
_HINTS = {
    "ContainerNotFound": "make the container, or correct its name in the context",
    "AuthenticationFailed": "the key or token in use is not the account's",
    "AuthorizationFailure": "the network rules of the account may not let this machine in",
    "AuthorizationPermissionMismatch": "the identity in use needs the role Storage Blob Data Contributor",
    "ConditionNotMet": "it was changed meanwhile; try again",
    "ServerBusy": "the service asks to slow down; try again later",
}


class AzureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of `[settings.filesystems.azure]`.

    `credential_secret` names a secret of the context that holds an account key or a SAS token; without it the
    environment is asked, as by the Azure command line, and then the default identity. `endpoint_url` is for emulators.
    """

    endpoint_url: str | None = None
    credential_secret: str | None = None


def open_azure(opening: Opening) -> ObjectFilesystem:
    """The filesystem of `wasbs://` and `abfss://`. Nothing is asked of Azure yet.

    Raises:
        ConfigurationError: an option is wrong, or azure-storage-blob is not installed.
    """
    options = checked(opening.options, AzureOptions, where="settings.filesystems.azure")
    name = options.credential_secret
    if name is not None and name not in opening.secrets:
        raise ConfigurationError(
            f"settings.filesystems.azure.credential_secret: the context has no secret {name!r}",
            hint="see [secrets] in the context",
        )
    storage = AzureStorage(options, None if name is None else opening.secrets[name])
    return ObjectFilesystem(storage, opening.root, opening.machine)


class AzureStorage(ObjectStorage):
    """Containers, each of an account: `container@account.blob.core.windows.net` is a bucket."""

    scheme = "wasbs"
    schemes = frozenset({"wasbs", "wasb", "abfss", "abfs"})
    delete_limit = 256
    unusable = "\\"  # which the service takes for a slash

    def __init__(self, options: AzureOptions, credential: str | None = None) -> None:
        self._options = options
        self._credential = credential
        self._services: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._pause: Callable[[float], object] = threading.Event().wait
        missing_library("azure.storage.blob", "azure")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._options, self._credential)

    def bucket_of(self, authority: str, uri: str) -> str:
        """One spelling for all schemes, with the whole name of the account's host."""
        return container_at(authority, uri)

    def can_copy(self, source: str, target: str) -> bool:
        """Whether both are of one account."""
        return source.partition("@")[2] == target.partition("@")[2]

    def container(self, bucket: str) -> Any:
        """The library's client of a container, whose account's is made when first needed."""
        name, _, host = bucket.partition("@")
        with self._lock:
            if host not in self._services:
                with _translated(host):
                    self._services[host] = _make_service(host, self._options, self._credential)
            return self._services[host].get_container_client(name)

    def head(self, place: Place) -> Stored | None:
        """Get Blob Properties."""
        return self._properties(place, is_folder=place.key.endswith("/"))

    def _properties(self, place: Place, *, is_folder: bool) -> Stored | None:
        from azure.core.exceptions import ResourceNotFoundError

        with _translated(_uri(place)):
            try:
                found = self._blob(place).get_blob_properties()
            except ResourceNotFoundError:
                return None
        stored = stored_of(found)
        return stored if stored.is_folder == is_folder else None

    def pages(self, bucket: str, prefix: str, *, level: bool = False, limit: int | None = None) -> Iterator[Page]:
        """List Blobs. The mark of the folder itself does not begin with its prefix, so it is looked up."""
        mark = self._properties(Place(bucket, prefix), is_folder=True) if prefix.endswith("/") else None
        if mark is not None:
            yield Page([mark])
        container = self.container(bucket)
        given = {"name_starts_with": prefix or None, "include": ["metadata"], "results_per_page": limit}
        with _translated(f"wasbs://{bucket}/{prefix}"):
            listing = container.walk_blobs(delimiter="/", **given) if level else container.list_blobs(**given)
            for page in listing.by_page():
                yield page_of(page)

    def read(self, place: Place, stored: Stored, start: int, length: int) -> bytes:
        """Get Blob, a range of it."""
        from azure.core import MatchConditions

        with _translated(_uri(place)):
            stream = self._blob(place).download_blob(
                offset=start, length=length, etag=stored.version, match_condition=MatchConditions.IfNotModified
            )
            return bytes(stream.readall())

    def put(self, place: Place, data: bytes) -> None:
        """Put Blob."""
        metadata = {_FOLDER: "true"} if place.key.endswith("/") else None
        with _translated(_uri(place)):
            self._blob(place).upload_blob(data, length=len(data), overwrite=True, metadata=metadata)

    def begin(self, place: Place) -> Upload:
        """Blocks, of which the service knows nothing until the first comes."""
        return _Blocks(self._blob(place), place)

    def copy(self, source: Place, stored: Stored, target: Place, report: Report) -> None:
        """Copy Blob, which the service may finish later than it answers: it is looked after until then."""
        from azure.core import MatchConditions

        if stored.is_folder:
            return self.put(target, b"")
        with _translated(f"{_uri(source)} to {_uri(target)}"):
            answer = self._blob(target).start_copy_from_url(
                self._blob(source).url, source_etag=stored.version, source_match_condition=MatchConditions.IfNotModified
            )
        if answer["copy_status"] != "success":
            self._see_copied(source, target, str(answer["copy_id"]), Progress(_uri(source), stored.size, report))
        return None

    def _see_copied(self, source: Place, target: Place, copy_id: str, progress: Progress) -> None:
        while True:
            with _translated(_uri(target)):
                state = self._blob(target).get_blob_properties().copy
            if state.id != copy_id or state.status not in ("pending", "success"):
                raise FilesystemError(
                    f"{_uri(source)} was not copied to {_uri(target)}: "
                    f"{state.status_description or state.status or 'something else was written there'}",
                    hint="try again",
                )
            if state.status == "success":
                return
            progress.reach(int(str(state.progress or "0").partition("/")[0]))
            self._pause(_LOOK_AGAIN_SECONDS)

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        """Delete Blob, in one batch request."""
        names = [key.removesuffix("/") for key in keys]
        container = self.container(bucket)
        with _translated(f"wasbs://{bucket}"):
            answers = list(container.delete_blobs(*names, delete_snapshots="include", raise_on_any_failure=False))
        for name, answer in zip(names, answers, strict=True):
            if answer.status_code not in (202, 404):
                code = answer.headers.get("x-ms-error-code", "")
                raise FilesystemError(
                    f"wasbs://{bucket}/{name} can't be deleted: the service says {answer.status_code} {code}".rstrip(),
                    hint=_HINTS.get(code),
                )

    def _blob(self, place: Place) -> Any:
        return self.container(place.bucket).get_blob_client(place.key.removesuffix("/"))


class _Blocks(Upload):
    """Put Block, Put Block List. What was not put on a list is thrown away by the service, a week later."""

    def __init__(self, blob: Any, place: Place) -> None:
        self._blob = blob
        self._place = place
        self._names: list[str] = []

    def part(self, data: bytes) -> None:
        name = f"{len(self._names):06d}"
        with _translated(_uri(self._place)):
            self._blob.stage_block(name, data, length=len(data))
        self._names.append(name)

    def complete(self, md5: bytes) -> None:
        from azure.storage.blob import BlobBlock, ContentSettings

        settings = ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5))
        with _translated(_uri(self._place)):
            self._blob.commit_block_list([BlobBlock(name) for name in self._names], content_settings=settings)

    def abort(self) -> None:
        self._names.clear()


# -- pure translations --------------------------------------------------------------------------------------------


def container_at(authority: str, uri: str) -> str:
    """`container@host` in one spelling: the blob host, in lower case, in full.

    Raises:
        FilesystemError: there is no account or no container.
    """
    container, at, host = authority.partition("@")
    if not (at and container and host):
        raise FilesystemError(
            f"{uri} names no container and account", hint=f"for example wasbs://container@account.{_DOMAIN}/folder/name"
        )
    account, dot, domain = host.lower().partition(".")
    return f"{container}@{account}.{domain.replace('dfs.', 'blob.', 1) if dot else _DOMAIN}"


def stored_of(blob: Any) -> Stored:
    """A blob of the library; one that marks a folder gets the slash that it lacks there."""
    is_folder = str((blob.metadata or {}).get(_FOLDER, "")).lower() == "true"
    md5 = blob.content_settings.content_md5
    return Stored(
        blob.name + "/" if is_folder else blob.name,
        int(blob.size),
        str(blob.etag),
        {"md5": bytes(md5).hex()} if md5 and not is_folder else {},
    )


def page_of(items: Any) -> Page:
    """A page of a listing: blobs, and prefixes, which have no properties of a blob."""
    objects, folders = [], []
    for item in items:
        if hasattr(item, "content_settings") and hasattr(item, "etag"):
            objects.append(stored_of(item))
        else:
            folders.append(str(item.name))
    return Page(objects, folders)


# -- the border ---------------------------------------------------------------------------------------------------


def _uri(place: Place) -> str:
    return f"wasbs://{place.bucket}/{place.key}"


def _make_service(host: str, options: AzureOptions, credential: str | None) -> Any:
    from azure.storage.blob import BlobServiceClient

    account = host.partition(".")[0]
    return BlobServiceClient(options.endpoint_url or f"https://{host}", credential=credential_for(account, credential))


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Errors of the library as `FilesystemError` that name `what`."""
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.reason or ""
        raise refusal(what, {"status": error.status_code, "code": getattr(code, "value", code)}) from error
    except AzureError as error:
        raise FilesystemError(
            f"{what}: {error.message}", hint="see whether Azure can be reached from here, and who is logged in"
        ) from error


def refusal(what: str, error: Mapping[str, Any]) -> FilesystemError:
    """An error of the service in our words."""
    told = " ".join(str(part) for part in (error["status"], error["code"]) if part)
    return FilesystemError(f"{what}: Azure says {told or 'no'}", hint=_HINTS.get(str(error["code"])))
