"""Object stores on loopback, one server for each worker: moto's for S3, a patched emulator for GCS, Azurite for Azure.

A fixture gives the address; where its server can't be had the tests are skipped with the reason, but fail where `CI` is
set.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from synergyflow.testing.emulators.gcs import GcsEmulator
from tests.filesystems.azurite import azurite


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of moto's server."""
    pytest.importorskip("moto", reason="moto is not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsEmulator]:
    """The emulator of Google Cloud Storage."""
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def azure_url() -> Iterator[str]:
    """The address of Azurite's blob service, in memory."""
    with azurite() as url:
        yield url
