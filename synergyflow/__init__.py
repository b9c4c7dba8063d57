"""synergyflow: flows of steps, run and recovered on EMR, Dataproc, Qubole or local clusters."""
