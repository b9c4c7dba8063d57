"""How a shim is started and told what to run: through a pipe, so that the request never lies on a disk.

An engine killed halfway leaves a shim that reads half a request, does not understand it, and goes away.
"""

from __future__ import annotations

import marshal
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from synergyflow.clusters import shim

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the shim is to run. `limits` maps names like `RLIMIT_AS` to soft limits; `payload` becomes a file."""

    argv: Sequence[str]
    working_directory: Path
    environment: Mapping[str, str]
    limits: Mapping[str, int] = field(default_factory=dict)
    payload: bytes = b""

    def encoded(self, token: str) -> bytes:
        """For the shim's standard input. Raises `ValueError` where text holds a NUL, which no program can be given."""
        environment = {**self.environment, shim.MARKER: token}
        texts = [*self.argv, *environment, *environment.values()]
        if any("\0" in text for text in texts):
            raise ValueError("an argument or environment variable holds a NUL character")
        return marshal.dumps(
            {
                "token": token,
                "argv": [os.fsencode(argument) for argument in self.argv],
                "cwd": os.fsencode(self.working_directory),
                "env": {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
                "limits": dict(self.limits),
                "payload": self.payload,
            }
        )


def start_shim(folder: Path) -> subprocess.Popen[bytes]:
    """A shim for the job of that folder, in a session of its own, waiting for its request."""
    environment = {name: value for name, value in os.environ.items() if name != shim.MARKER}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", shim.__file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env=environment,
        start_new_session=True,
    )


def ask(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    """Hand over the request; the shim's answer, or what it said instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        rest = memoryview(request)
        while rest:
            rest = rest[os.write(process.stdin.fileno(), rest) :]
    process.stdin.close()
    watcher, answer = select.poll(), b""
    watcher.register(process.stdout, select.POLLIN | select.POLLHUP)
    while answer not in (shim.STARTED, shim.TAKEN) and watcher.poll(_START_SECONDS * 1000):
        piece = os.read(process.stdout.fileno(), 1 << 16)
        if not piece:
            break
        answer += piece
    return answer
