"""How many calls 500 steps on one EMR cluster cost, against the emulator, and how many of them are there at once.

Usage: python benchmarks/emr_calls.py [STEPS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, ShellCommandAction
from synergyflow.clusters.emr import EmrCluster
from synergyflow.config.profile import Profile
from synergyflow.filesystems.local import LocalFilesystem
from synergyflow.testing.emulators.emr import EmrEmulator, Ending
from synergyflow.testing.emulators.emr.model import Step


def main() -> None:
    """Run the steps and print the ledger."""
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "not-a-key")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    flow = FlowGraph("benchmark")
    for number in range(count):
        flow.append(f"step-{number}", [], ShellCommandAction("true"))
    most = 0

    def script(step: Step) -> Ending:
        nonlocal most
        most = max(most, sum(other.is_active for other in emulator.steps()))
        return Ending(seconds=1.0)

    with tempfile.TemporaryDirectory() as folder, EmrEmulator(script=script) as emulator:
        cluster = EmrCluster("emr-1", profile(emulator.url, count), filesystem=LocalFilesystem(Path(folder)))
        context = ExecutionContext("benchmark", "2013010100", settings={"log_directory": folder})
        began = time.monotonic()
        result = ExecutionEngine(flow, clusters=[cluster]).run(context)
        counts = emulator.ledger.counts()
        listings = [call for call in emulator.ledger.calls("ListSteps") if not call.request.get("Marker")]
    print(f"{count} steps on one cluster: {result.state} in {time.monotonic() - began:.1f} s")
    print(f"unfinished steps at EMR at once: at most {most} (it takes 256)")
    print(f"looks: {counts['DescribeCluster']}, listings of steps: {len(listings)}")
    for operation, calls in sorted(counts.items()):
        print(f"  {operation:<18} {calls:>6}")


def profile(url: str, slots: int) -> Profile:
    """One machine, looked at every half second."""
    options = {
        "release_label": "emr-7.5.0",
        "region": "eu-central-1",
        "instance_type": "m5.xlarge",
        "endpoint_url": url,
        "poll_minimum": 0.5,
        "poll_maximum": 0.5,
    }
    return Profile(name="emr", type="emr", slots=slots, options=options)


if __name__ == "__main__":
    main()
