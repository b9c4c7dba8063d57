"""What becomes of the bytes that a job prints."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from synergyflow.config.masking import Masker
from synergyflow.observers.log_book import LogBook, StepLog
from synergyflow.observers.log_line import LONGEST_LINE
from synergyflow.observers.output_lines import OutputLines


@pytest.fixture
def step(book: LogBook) -> StepLog:
    return book.open_step("flights", "clean", "2013010100", 1)


def messages(logs: Path) -> list[str]:
    lines = (logs / "flights" / "clean.log").read_bytes().decode("utf-8").split("\n")
    assert lines.pop() == ""
    return [line.split(" ", 4)[4] for line in lines]


def lines_of(chunks: list[bytes], *secrets: str) -> list[bytes]:
    output = OutputLines(Masker(secrets).stream())
    blocks = [block for chunk in chunks for block in output.feed(chunk)] + list(output.flush())
    return [line for block in blocks for line in block.split(b"\n")]


def chunked(data: bytes, sizes: random.Random) -> list[bytes]:
    chunks = []
    while data:
        size = sizes.choice((1, 2, 3, 7, 100))
        chunks.append(data[:size])
        data = data[size:]
    return chunks


def test_a_complete_line_is_written_at_once_and_the_rest_at_the_end(step: StepLog, logs: Path) -> None:
    step.output("job", b"one\ntwo\nthr")
    assert messages(logs) == ["one", "two"]
    step.output("job", b"ee")
    assert messages(logs) == ["one", "two"]
    step.end_output("job")
    step.end_output("job")
    assert messages(logs) == ["one", "two", "three"]


def test_closing_writes_what_was_held_back(step: StepLog, logs: Path) -> None:
    step.output("job", b"no newline")
    step.close()
    assert messages(logs) == ["no newline"]


def test_empty_lines_stay(step: StepLog, logs: Path) -> None:
    step.output("job", b"\n\na\n\n")
    assert messages(logs) == ["", "", "a", ""]


@pytest.mark.parametrize("seed", range(20))
def test_chunks_make_no_difference(seed: int) -> None:
    data = "eins\r\nzwei\rdrei\n\n\x1b[31mвосемь 😀\x07\r\r\nпять".encode() + b"\xff\xfe\n\xe2\x82"
    assert lines_of(chunked(data, random.Random(seed))) == lines_of([data])


def test_returns_end_lines_like_newlines() -> None:
    assert lines_of([b"a\r", b"\nb\r", b"c\r\n", b"\nd"]) == [b"a", b"b", b"c", b"", b"d"]


def test_a_character_that_is_cut_by_a_chunk_border_stays_whole() -> None:
    snow = "снег ❄ 😀".encode()
    for border in range(len(snow)):
        assert lines_of([snow[:border], snow[border:] + b"\n"]) == [snow]


def test_bytes_that_are_no_text_are_visible(step: StepLog, logs: Path) -> None:
    step.output("job", bytes(range(256)) + b"\n")
    step.end_output("job")
    first, second, third, *rest = messages(logs)
    assert not rest
    assert first == "".join(f"\\x{code:02x}" for code in range(9)) + "\t"
    assert second == "\\x0b\\x0c"
    assert third.startswith("\\x0e\\x0f")
    assert "\\x1b" in third
    assert "~\\x7f" in third
    assert third.endswith("\ufffd" * 128)


def test_upper_control_characters_are_visible_too() -> None:
    assert lines_of(["a\x9b31mb é\n".encode()]) == ["a\\x9b31mb é".encode()]


def test_a_secret_is_masked_wherever_a_chunk_cuts_it(secret: str) -> None:
    data = f"user {secret} end\n".encode()
    for border in range(len(data)):
        assert lines_of([data[:border], data[border:]], secret) == [b"user ****** end"]


def test_a_secret_over_two_lines_is_masked(step: StepLog, logs: Path, secret: str) -> None:
    step.output("job", f"a {secret[:9]}".encode())
    step.output("job", f"\n{secret[9:]} b\n".encode())
    step.end_output("job")
    text = "\n".join(messages(logs))
    assert secret[:9] not in text
    assert secret[9:] not in text
    assert text.startswith("a ******")
    assert text.endswith(" b")


def test_a_secret_within_a_line_that_is_cut_is_masked(secret: str) -> None:
    data = b"x" * (LONGEST_LINE - 5) + secret.encode() + b"y" * 100 + b"\n"
    joined = b"".join(lines_of([data], secret))
    assert joined == b"x" * (LONGEST_LINE - 5) + b"******" + b"y" * 100


def test_long_lines_come_in_pieces_that_do_not_cut_characters() -> None:
    data = b"a" + "❄".encode() * 100_000
    found = lines_of([data + b"\nshort\n"])
    assert found.pop() == b"short"
    assert b"".join(found) == data
    assert all(len(line) <= LONGEST_LINE and line.decode("utf-8") for line in found)


def test_a_line_without_end_takes_no_memory(step: StepLog, logs: Path) -> None:
    chunk = b"x" * (1 << 20)
    tracemalloc.start()
    try:
        for _ in range(50):
            step.output("job", chunk)
        step.end_output("job")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
    with (logs / "flights" / "clean.log").open("rb") as file:
        assert sum(line.count(b"x") for line in file) == 50 << 20


def test_binary_output_takes_no_memory(step: StepLog) -> None:
    chunk = random.Random(1).randbytes(1 << 20)
    tracemalloc.start()
    try:
        for _ in range(5):
            step.output("job", chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_the_last_lines_of_the_latest_job_are_remembered(step: StepLog, secret: str) -> None:
    step.output("first", b"of the first job\n")
    step.output("second", "".join(f"{number}\n" for number in range(1000)).encode())
    step.output("second", f"x{secret}x\n{'y' * 5000}\n".encode())
    assert step.last_lines(3) == ["999", "x******x", "y" * 2000]
    assert len(step.last_lines(1000)) == 50
    assert step.last_lines(0) == []
    assert "of the first job" not in step.last_lines(1000)


def test_the_last_line_is_that_of_logger_or_job(step: StepLog) -> None:
    assert step.last_line == ""
    step.output("job", b"one\ntwo\nunfinished")
    assert step.last_line == "two"
    step.logger("job").info("three")
    assert step.last_line == "three"
