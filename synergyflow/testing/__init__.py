"""For authors of adapters and of flows: fakes, a clock that obeys, and the exams that every adapter sits.

Production code never imports this package. The fakes need nothing but synergyflow; the exams in `conformance`
need pytest.
"""

from synergyflow.testing.clock import ManualClock
from synergyflow.testing.fake_cluster import Call, Ending, FakeCluster, FakeProvider

__all__ = ["Call", "Ending", "FakeCluster", "FakeProvider", "ManualClock"]
