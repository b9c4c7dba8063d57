"""Room `observers`."""
