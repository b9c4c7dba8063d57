"""Filesystems of the three object stores, each with a new bucket, and what the tests ask of a bucket directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from synergyflow.filesystems.azure import open_azure
from synergyflow.filesystems.gcs import open_gcs
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.filesystems.object_filesystem import ObjectFilesystem
from synergyflow.filesystems.opening import Opening
from synergyflow.filesystems.s3 import open_s3
from tests.filesystems.azurite import ACCOUNT, KEY

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Store:
    """A server of one technology."""

    technology: str
    options: Mapping[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    opened: list[ObjectFilesystem] = field(default_factory=list, repr=False)

    def new_bucket(self) -> str:
        """The URI of a bucket that has just been made."""
        name = f"bucket-{uuid4().hex}"
        match self.technology:
            case "s3":
                self.open(None).storage.client.create_bucket(Bucket=name)
                return f"s3://{name}"
            case "gcs":
                self.open(None).storage.client.create_bucket(name)
                return f"gs://{name}"
            case _:
                uri = f"wasbs://{name}@{ACCOUNT}.blob.core.windows.net"
                self.open(None).storage.container(uri.removeprefix("wasbs://")).create_container()
                return uri

    def open(self, root: str | None) -> Any:
        """An `ObjectFilesystem`, whose storage is asked directly by tests; all of one store share the client."""
        machine = LocalFilesystem(Path("/"))
        if not self.opened:
            openers = {"s3": open_s3, "gcs": open_gcs, "azure": open_azure}
            self.opened.append(openers[self.technology](Opening(machine, None, self.options, self.secrets)))
        return ObjectFilesystem(self.opened[0].storage, root, machine)

    def new(self, prefix: str = "some/prefix") -> Any:
        """A filesystem in a new bucket."""
        return self.open(f"{self.new_bucket()}/{prefix}")


def s3_store(url: str) -> Store:
    """S3 at this address."""
    return Store("s3", {"endpoint_url": url, "addressing": "path"})


def gcs_store(url: str) -> Store:
    """Cloud Storage at this address."""
    return Store("gcs", {"endpoint_url": url})


def azure_store(url: str) -> Store:
    """Azure at this address."""
    return Store("azure", {"endpoint_url": url, "credential_secret": "azure"}, {"azure": KEY})
