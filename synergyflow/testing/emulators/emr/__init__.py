"""A stand-in for Amazon EMR, with the part of S3 that it needs: whole life cycles, real or scripted work, faults."""

from synergyflow.testing.emulators.emr.faults import FaultKind
from synergyflow.testing.emulators.emr.model import Delays, Ending
from synergyflow.testing.emulators.emr.server import EmrEmulator

__all__ = ["Delays", "EmrEmulator", "Ending", "FaultKind"]
