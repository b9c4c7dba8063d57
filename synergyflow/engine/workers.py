"""The threads that run actions. They grow on demand up to a bound, go when there is nothing to do for them, and are
daemons: user code that never returns can't keep a process alive whose engine has left.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

Task = tuple[Callable[..., object], tuple[Any, ...]]

KEPT_IDLE = 4


class Workers:
    """Runs what is submitted, begun in the order of submission, each by whichever thread is free.

    A task that raises is reported to `logger`, and harms nothing else.
    """

    def __init__(self, most: int, logger: logging.Logger) -> None:
        self._most = most
        self._logger = logger
        self._changed = threading.Condition()
        self._tasks: deque[Task] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, act: Callable[..., object], *arguments: Any) -> None:
        """Have `act(*arguments)` done. After `close` it is dropped."""
        with self._changed:
            if self._closed:
                return
            self._tasks.append((act, arguments))
            if len(self._tasks) > self._idle and self._threads < self._most:
                self._grow()
            else:
                self._changed.notify()

    def close(self, *, wait: bool) -> None:
        """Take nothing more. With `wait` return when all that was submitted is done, else drop what has not begun."""
        with self._changed:
            self._closed = True
            if not wait:
                self._tasks.clear()
            self._changed.notify_all()
            while wait and self._threads:
                self._changed.wait()

    def _grow(self) -> None:
        """One thread more; where the system has none to give, the others will get to the task."""
        try:
            threading.Thread(target=self._work, name="worker", daemon=True).start()
        except RuntimeError:
            if not self._threads:
                raise
            return
        self._threads += 1

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                task[0](*task[1])
            except BaseException:
                self._logger.exception("unexpected, in a worker")

    def _next(self) -> Task | None:
        """What to do next; None if the thread is to end."""
        with self._changed:
            while not self._tasks:
                if self._closed or self._idle >= KEPT_IDLE:
                    self._threads -= 1
                    self._changed.notify_all()
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return self._tasks.popleft()
