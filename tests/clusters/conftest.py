"""A local cluster for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from synergyflow.clusters.local import LocalCluster

from .local_clusters import make_local


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """Launched, with a spool of its own; whatever a test leaves running is ended."""
    cluster = make_local(tmp_path)
    cluster.launch("sf-0123456789abcdef")
    yield cluster
    cluster.terminate()
