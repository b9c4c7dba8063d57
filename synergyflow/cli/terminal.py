"""The terminal while something is drawn on it: keys that send signals are not echoed into the drawing.

Whatever happens, even if the program is about to end at once, `restore` gives it back as it was found.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

try:
    import termios
except ImportError:  # no terminal of that kind on this system
    termios = None  # type: ignore[assignment]

_SHOW_CURSOR = b"\x1b[?25h"


class Terminal:
    """Stdin and stdout, if they are a terminal; otherwise nothing is done. Use as a context."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Terminal:
        if termios is None or not sys.stdout.isatty():
            return self
        with suppress(OSError, ValueError, termios.error):
            found = termios.tcgetattr(sys.stdin.fileno())
            quiet = [*found]
            quiet[3] &= ~termios.ECHOCTL
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, quiet)
            self._before = found
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Echo as before, the cursor to be seen. May be called from a signal handler, and repeated."""
        if self._before is None:
            return
        with suppress(OSError, ValueError, termios.error):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._before)
            os.write(sys.stdout.fileno(), _SHOW_CURSOR)
