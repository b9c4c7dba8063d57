"""A line now and then about a large transfer: each tenth of it, or each doubling where the end is not known."""

from __future__ import annotations

import logging

from synergyflow.filesystems.base import Report
from synergyflow.filesystems.objects import MEBIBYTE

LARGE = 64 * MEBIBYTE
_RARELY = 1024 * MEBIBYTE


def report_to_log(line: str) -> None:
    """What is told to nobody in particular goes to the log of this program."""
    logging.getLogger("synergyflow.filesystems").info("%s", line)


class Progress:
    """Counts bytes of one transfer, in one thread, and tells when enough have come since it last told."""

    def __init__(self, what: str, total: int | None, report: Report, *, large: int | None = None) -> None:
        large = LARGE if large is None else large
        self._what = what
        self._total = total
        self._report = report
        self._step = large if total is None else max(large // 4, total // 10)
        self._next = self._step if total is None or total >= large else None
        self.done = 0

    def add(self, count: int) -> None:
        """So many more bytes are through."""
        self.reach(self.done + count)

    def reach(self, done: int) -> None:
        """So many bytes are through in all."""
        self.done = done
        if self._next is None or done < self._next:
            return
        self._report(f"{self._what}: {self._words()}")
        if self._total is None:
            self._step = min(done, _RARELY)
        self._next = done + self._step

    def _words(self) -> str:
        if self._total is None:
            return f"{self.done // MEBIBYTE} MiB so far"
        return f"{self.done // MEBIBYTE} of {self._total // MEBIBYTE} MiB, {100 * self.done // self._total} %"
