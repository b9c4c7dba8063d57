"""Files that grow too large, also while several processes write them."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path

from synergyflow.config.masking import Masker
from synergyflow.observers.log_book import LogBook
from synergyflow.observers.log_file import rotated
from synergyflow.observers.log_reader import read_run

LINES = 2000


def write_many(directory: Path, timeperiod: str) -> None:
    book = LogBook(directory, Masker([]), max_bytes=10_000, keep=1000)
    step = book.open_step("flights", "clean", timeperiod, 1)
    for number in range(LINES):
        step.output("job", b"line %d\n" % number)
    book.close()


def test_numbers_of_rotated_files_only_grow_and_the_oldest_go(open_book: Callable[..., LogBook], logs: Path) -> None:
    step = open_book(max_bytes=1000, keep=3).open_step("flights", "clean", "2013010100", 1)
    for number in range(100):
        step.output("job", b"line %03d %s\n" % (number, b"." * 40))
    path = logs / "flights" / "clean.log"
    generations = rotated(path)
    assert len(generations) == 3
    assert generations[0] > 3
    assert generations == list(range(generations[0], generations[0] + 3))
    assert all((logs / "flights" / f"clean.log.{number}").stat().st_size <= 1000 for number in generations)
    assert step.position().startswith(f"{generations[-1] + 1}:")


def test_a_position_is_the_same_place_after_rotations(open_book: Callable[..., LogBook], logs: Path) -> None:
    book = open_book(max_bytes=1000)
    positions = []
    for attempt in range(1, 9):
        step = book.open_step("flights", "clean", "2013010100", attempt)
        begin = step.position()
        for number in range(8):
            step.output("job", b"%d of attempt %d %s\n" % (number, attempt, b"." * 30))
        positions.append((begin, step.position()))
        step.close()
    assert len(rotated(logs / "flights" / "clean.log")) > 3
    for attempt, (begin, end) in enumerate(positions, 1):
        lines = list(read_run(logs, "flights", "2013010100", "clean", begin, end))
        assert [line.split(" INFO ")[1][:14] for line in lines] == [f"{n} of attempt {attempt}" for n in range(8)]


def test_a_line_larger_than_the_file_may_be_is_written(open_book: Callable[..., LogBook], logs: Path) -> None:
    step = open_book(max_bytes=100).open_step("flights", "clean", "2013010100", 1)
    step.output("job", b"x" * 500 + b"\n")
    step.output("job", b"y" * 500 + b"\n")
    assert [line[-500:] for line in read_run(logs, "flights", "2013010100", "clean")] == ["x" * 500, "y" * 500]


def test_processes_that_write_and_rotate_one_file_lose_and_mix_nothing(logs: Path) -> None:
    context = multiprocessing.get_context("spawn")
    timeperiods = ("2013010100", "2013010200")
    writers = [context.Process(target=write_many, args=(logs, timeperiod)) for timeperiod in timeperiods]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    path = logs / "flights" / "clean.log"
    generations = rotated(path)
    assert generations == list(range(1, len(generations) + 1))
    assert len(generations) > 10
    for file in (logs / "flights").iterdir():
        lines = file.read_text().splitlines()
        assert all(re.fullmatch(r"\S+Z 2013010[12]00#1 clean\.job INFO line \d+", line) for line in lines)
    for timeperiod in timeperiods:
        lines = [line.split()[-1] for line in read_run(logs, "flights", timeperiod, "clean")]
        assert lines == [str(number) for number in range(LINES)]
