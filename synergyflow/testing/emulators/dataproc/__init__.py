"""A stand-in for Google Cloud Dataproc, with as much of its storage as it needs: whole life cycles, real or scripted
jobs, faults on demand. Needs the extra `gcp`.
"""

from synergyflow.testing.emulators.dataproc.clock import WallClock
from synergyflow.testing.emulators.dataproc.emulator import DataprocEmulator, settings
from synergyflow.testing.emulators.dataproc.faults import FaultKind
from synergyflow.testing.emulators.dataproc.model import Delays, Ending

__all__ = ["DataprocEmulator", "Delays", "Ending", "FaultKind", "WallClock", "settings"]
