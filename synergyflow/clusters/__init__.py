"""Execution environments: `base` is the promise, each other file one technology that keeps it."""
