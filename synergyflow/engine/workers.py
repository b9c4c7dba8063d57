"""The threads that run actions. They grow on demand up to a bound and are daemons: user code that never returns can't
keep a process alive whose engine has left.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

Task = tuple[Callable[..., object], tuple[Any, ...]]


class Workers:
    """Runs what is submitted, in the order of submission, each by whichever thread is free. Tasks must not raise."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False

    def submit(self, act: Callable[..., object], *arguments: Any) -> None:
        """Have `act(*arguments)` done. After `close` it is dropped."""
        with self._lock:
            if self._closed:
                return
            if self._idle == 0 and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name=f"worker {len(self._threads) + 1}", daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                self._idle = max(0, self._idle - 1)
            self._tasks.put((act, arguments))

    def close(self, *, wait: bool) -> None:
        """Take nothing more; with `wait`, return when all that was submitted is done."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            task[0](*task[1])
            with self._lock:
                self._idle += 1
