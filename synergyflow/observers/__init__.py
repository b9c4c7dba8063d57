"""What watches a run and tells of it: log files, consoles. An observer decides nothing and can stop nothing."""
