"""Room `flow`."""
