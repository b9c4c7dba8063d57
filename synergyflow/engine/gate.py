"""Where calls that begin something elsewhere (a job) must pass: once the engine leaves, none begins any more.

What passed before is waited for, so that nothing begins behind the back of the engine that comes next.
"""

from __future__ import annotations

import threading

from synergyflow.errors import LeaseLost


class Gate:
    """`with gate:` around such a call, in any thread. Raises `LeaseLost` once it is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise LeaseLost("the engine starts nothing any more")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more. May be repeated."""
        with self._changed:
            self._closed = True

    def wait_until_empty(self, seconds: float) -> bool:
        """Whether all that passed are out again, after at most so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, seconds)
