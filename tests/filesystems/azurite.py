"""Azurite, Microsoft's own emulator of Azure Blob Storage: installed by npm once, into a cache folder of the user's."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
# The key that every Azurite has; it is published and opens nothing else.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LISTENING = re.compile(r"listens on (http://[\w.:]+)")


@contextmanager
def azurite() -> Iterator[str]:
    """The address of a blob service with nothing in it, as a process of its own that ends with the block."""
    program = _program()
    process = subprocess.Popen(
        [
            *(program, "--blobHost", "127.0.0.1", "--blobPort", "0"),
            *("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"{_address(process)}/{ACCOUNT}"
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        found = _LISTENING.search(line)
        if found:
            return found[1]
    raise AssertionError(f"Azurite did not start: {''.join(lines)}")


def _program() -> str:
    """The command, installed on the first use; one worker installs, the others wait for it."""
    found = shutil.which("azurite-blob")
    if found:
        return found
    npm = shutil.which("npm")
    if npm is None:
        _unavailable("there is no npm to install Azurite with")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synergyflow-azurite" / VERSION
    program = home / "node_modules" / ".bin" / "azurite-blob"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = [str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(home), f"azurite@{VERSION}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
            if done.returncode != 0:
                _unavailable(f"Azurite can't be installed: {done.stderr.strip()[-300:]}")
    return str(program)


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
