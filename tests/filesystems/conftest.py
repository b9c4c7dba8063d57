"""Object stores on loopback, one server for each worker: moto's for S3, a patched emulator for GCS, Azurite for Azure.

A fixture gives the store; where its server can't be had the tests are skipped with the reason, but fail where `CI` is
set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from synergyflow.testing.emulators.gcs import GcsEmulator
from tests.filesystems.azurite import azurite
from tests.filesystems.stores import CREDENTIALS, Store, azure_store, gcs_store, s3_store

# Those are off unless a variable names a bucket for them.
collect_ignore = [] if any(name.startswith("SYNERGYFLOW_TEST_") for name in os.environ) else ["test_real_clouds.py"]


@pytest.fixture(autouse=True)
def no_other_credentials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment of the tests says about clouds is not for them, unless they are of a real cloud."""
    if request.node.get_closest_marker("cloud"):
        return
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR")):
            monkeypatch.delenv(name)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    """S3, by moto's server."""
    _need("moto", "boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield s3_store(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsEmulator]:
    """The emulator of Cloud Storage."""
    _need("gcp_storage_emulator", "google.cloud.storage")
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def gs(gcs: GcsEmulator) -> Store:
    """Cloud Storage, by an emulator."""
    return gcs_store(gcs.url)


@pytest.fixture(scope="session")
def azure() -> Iterator[Store]:
    """Azure Blob Storage, by Azurite, in memory."""
    _need("azure.storage.blob")
    with azurite() as url:
        yield azure_store(url)


@pytest.fixture(params=["s3", "gs", "azure"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of the three."""
    found: Store = request.getfixturevalue(request.param)
    return found


def _need(*modules: str) -> None:
    for module in modules:
        try:
            found = find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None and os.environ.get("CI"):
            pytest.fail(f"{module} is not installed")
        if found is None:
            pytest.skip(f"{module} is not installed")
