"""`engine emulate`: a stand-in cloud in a process of its own, that answers and ends when it is told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "synergyflow", "emulate", *words]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    processes = []

    def start(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def answers(url: str) -> int:
    """The status of an answer, once somebody listens."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except urllib.error.URLError:
            assert time.monotonic() < deadline, f"nobody listens at {url}"
            pause.wait(0.05)


def test_the_emulator_says_where_it_is_and_ends_when_it_is_told_to(started: Any) -> None:
    process = started("qubole", "--port", "0")
    line = process.stdout.readline()
    assert line.startswith("Qubole at http://127.0.0.1:")
    url = line.split()[2]
    assert answers(f"{url}/v1.2/clusters") == 401
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_for_programs_it_says_where_it_is_in_json(started: Any) -> None:
    process = started("qubole", "--json")
    told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
    assert (told["emulator"], told["host"], told["pid"]) == ("qubole", "127.0.0.1", process.pid)
    assert answers(f"http://127.0.0.1:{told['port']}/api/v1.2/clusters") == 401


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            command("qubole", "--port", port), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("oracle",), ("emr", "--port", "70000"), ()])
def test_what_can_not_be_emulated_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(command(*words), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
