"""Performs what `core` decides: threads, clusters, the journal's one writer. Nothing here decides what runs next."""
