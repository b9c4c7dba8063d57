"""EMR clusters against the emulator, which is a real server that boto3 speaks to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synergyflow.clusters.emr import EmrCluster
from synergyflow.config.profile import Profile
from synergyflow.filesystems.local import LocalFilesystem

PATIENCE = 60.0
TOKEN = "sf-" + 32 * "f"


def make_emr(url: str, folder: Path, *, slots: int = 4, name: str = "emr-1", **options: Any) -> EmrCluster:
    """A small cluster at the emulator, looked at often, not launched. `options` change or add to its profile's."""
    given = {
        "release_label": "emr-7.5.0",
        "region": "eu-central-1",
        "applications": ["Spark", "Hive", "Pig"],
        "instance_type": "m5.xlarge",
        "log_uri": "s3://logs/emr",
        "endpoint_url": url,
        "poll_minimum": 0.005,
        "poll_maximum": 0.05,
        "settling_seconds": 0.0,
        **options,
    }
    common = {key: given.pop(key) for key in ("keep_alive", "keep_failed") if key in given}
    profile = Profile(name="emr", type="emr", slots=slots, options=given, **common)
    return EmrCluster(name, profile, filesystem=LocalFilesystem(folder / "data"))


def wait_until(fact: Callable[[], Any]) -> Any:
    """The first truthy answer of `fact`."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not (answer := fact()):
        assert time.monotonic() < deadline, "it did not come about in time"
        pause.wait(0.005)
    return answer
