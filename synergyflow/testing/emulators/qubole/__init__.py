"""A stand-in for Qubole's REST API: shared clusters with labels, commands that really run or are scripted, faults."""

from synergyflow.testing.emulators.qubole.faults import FaultKind
from synergyflow.testing.emulators.qubole.model import Delays, Ending
from synergyflow.testing.emulators.qubole.server import QuboleEmulator

__all__ = ["Delays", "Ending", "FaultKind", "QuboleEmulator"]
