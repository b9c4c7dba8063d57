"""What decides: graphs, states, plans and the progress of a run. PURE: no I/O, clock, logger or thread."""
