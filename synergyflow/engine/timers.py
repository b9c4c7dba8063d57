"""What is to be done at a later time. Nothing waits here: the driver asks for the next time, and for what is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable

Act = Callable[[], None]


class Timers:
    """Acts by time. Used by one thread. What is forgotten holds no memory."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._acts: dict[int, tuple[Hashable, Act]] = {}
        self._of: dict[Hashable, set[int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._acts)

    def at(self, time: float, about: Hashable, act: Act) -> None:
        """Have `act` done at that time, unless all that is about `about` is forgotten before."""
        self._count += 1
        self._acts[self._count] = (about, act)
        self._of.setdefault(about, set()).add(self._count)
        heapq.heappush(self._heap, (time, self._count))

    def forget(self, about: Hashable) -> None:
        """Nothing about it is to be done any more. May be repeated."""
        for number in self._of.pop(about, ()):
            del self._acts[number]
        if len(self._heap) > 2 * len(self._acts) + 16:
            self._heap = [entry for entry in self._heap if entry[1] in self._acts]
            heapq.heapify(self._heap)

    def next_time(self) -> float | None:
        """When the next act is due, None if there is none."""
        while self._heap and self._heap[0][1] not in self._acts:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> list[Act]:
        """What is due by now, earliest first; it is given once."""
        acts = []
        while (time := self.next_time()) is not None and time <= now:
            number = heapq.heappop(self._heap)[1]
            about, act = self._acts.pop(number)
            self._of[about].discard(number)
            if not self._of[about]:
                del self._of[about]
            acts.append(act)
        return acts
