"""Finding the lines of a run again, also while they are being written."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synergyflow.observers.log_book import LogBook
from synergyflow.observers.log_reader import follow, last_line, read_run

DAY, NEXT_DAY = "2013010100", "2013010200"


def messages(lines: Iterator[str]) -> list[str]:
    return [line.split(" ", 4)[4] for line in lines]


def test_only_lines_of_the_run_are_read(book: LogBook, logs: Path) -> None:
    for timeperiod, attempt in ((DAY, 1), (NEXT_DAY, 1), (DAY, 2)):
        book.open_step("flights", "clean", timeperiod, attempt).output("job", f"{timeperiod} {attempt}\n".encode())
    with (logs / "flights" / "clean.log").open("ab") as file:
        file.write(b"\nnot ours\n2013010100#1 nor this\n")
    assert messages(read_run(logs, "flights", DAY, "clean")) == [f"{DAY} 1", f"{DAY} 2"]
    assert messages(read_run(logs, "flights", NEXT_DAY, "clean")) == [f"{NEXT_DAY} 1"]


def test_without_a_step_all_logs_are_merged_by_time(book: LogBook, logs: Path, clock: Any) -> None:
    engine = book.flow_logger("flights", DAY, 1)
    steps = {name: book.open_step("flights", name, DAY, 1) for name in ("clean", "ingest")}
    engine.info("begins")
    for number, name in enumerate(("ingest", "clean", "ingest", "clean")):
        clock.move(1)
        steps[name].output("job", b"%d\n" % number)
    clock.move(1)
    engine.info("ends")
    lines = list(read_run(logs, "flights", DAY))
    assert messages(iter(lines)) == ["begins", "0", "1", "2", "3", "ends"]
    assert [line.split()[2] for line in lines[1:3]] == ["ingest.job", "clean.job"]


def test_the_name_of_the_flow_gives_the_log_of_the_engine(book: LogBook, logs: Path) -> None:
    book.flow_logger("flights", DAY, 1).info("begins")
    book.open_step("flights", "clean", DAY, 1).output("job", b"x\n")
    assert messages(read_run(logs, "flights", DAY, "flights")) == ["begins"]


def test_where_there_is_no_log_there_are_no_lines(logs: Path) -> None:
    assert list(read_run(logs, "flights", DAY)) == []
    assert list(read_run(logs, "flights", DAY, "clean", "1:0", "2:5")) == []
    assert list(follow(logs, "flights", DAY, stop=lambda: True)) == []
    assert last_line(logs, "flights", DAY, "clean") == ""


def test_an_end_that_could_not_be_recorded_is_no_end(book: LogBook, logs: Path) -> None:
    book.open_step("flights", "clean", DAY, 1).output("job", b"x\n")
    assert messages(read_run(logs, "flights", DAY, "clean", "0:0", "0:0")) == ["x"]


def test_a_position_whose_file_was_dropped_goes_on_with_the_oldest_there_is(
    open_book: Callable[..., LogBook], logs: Path
) -> None:
    step = open_book(max_bytes=300, keep=2).open_step("flights", "clean", DAY, 1)
    begin = step.position()
    for number in range(40):
        step.output("job", b"%d\n" % number)
    found = messages(read_run(logs, "flights", DAY, "clean", begin))
    assert found[-1] == "39"
    assert found == [str(number) for number in range(40 - len(found), 40)]
    assert 5 < len(found) < 40


def test_a_thousand_steps_can_be_merged_without_a_thousand_open_files(book: LogBook, logs: Path) -> None:
    resource = pytest.importorskip("resource")
    for number in range(300):
        step = book.open_step("flights", f"step{number}", DAY, 1)
        step.output("job", b"x\n")
        step.close()
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, old[0]), old[1]))
    try:
        assert len(list(read_run(logs, "flights", DAY))) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


def test_reading_a_large_log_takes_no_memory(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", DAY, 1)
    block = (b"." * 100 + b"\n") * 10_000
    for _ in range(20):
        step.output("job", block)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_run(logs, "flights", DAY, "clean")) == 200_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_following_yields_what_is_there_then_what_comes_through_rotations(
    open_book: Callable[..., LogBook], logs: Path
) -> None:
    step = open_book(max_bytes=400, keep=100).open_step("flights", "clean", DAY, 1)
    step.output("job", b"0\n")
    waits = iter(range(1, 30))
    done = False

    def wait(_seconds: float) -> None:
        """Where the reader would wait, the writer goes on: up to seven lines, enough to rotate in between."""
        nonlocal done
        number = next(waits, None)
        if number is None:
            done = True
        else:
            step.output("job", b"".join(b"%d\n" % n for n in range(number * 7 - 6, number * 7 + 1)))

    found = messages(follow(logs, "flights", DAY, "clean", stop=lambda: done, wait=wait))
    assert found == [str(number) for number in range(29 * 7 + 1)]


def test_following_survives_rotations_between_any_two_lines(open_book: Callable[..., LogBook], logs: Path) -> None:
    step = open_book(max_bytes=200, keep=100).open_step("flights", "clean", DAY, 1)
    number = 0

    def write() -> None:
        nonlocal number
        if number < 200:
            step.output("job", b"%d\n" % number)
            number += 1

    found = []
    for line in follow(logs, "flights", DAY, "clean", stop=lambda: number >= 200, wait=lambda _: write()):
        found.append(line.split(" ", 4)[4])
        write()
        write()
    assert found == [str(n) for n in range(200)]


def test_following_a_whole_run_sees_logs_that_are_made_later(book: LogBook, logs: Path, clock: Any) -> None:
    names = iter(("ingest", "clean", "report"))
    done = False

    def wait(_seconds: float) -> None:
        nonlocal done
        clock.move(1)
        name = next(names, None)
        if name is None:
            done = True
        else:
            book.open_step("flights", name, DAY, 1).output("job", f"{name}\n".encode())

    assert messages(follow(logs, "flights", DAY, stop=lambda: done, wait=wait)) == ["ingest", "clean", "report"]


def test_what_was_written_just_before_the_stop_is_still_followed(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", DAY, 1)

    def stop() -> bool:
        step.output("job", b"the last\n")
        return True

    assert messages(follow(logs, "flights", DAY, "clean", stop=stop)) == ["the last"]


def test_following_can_begin_at_a_position(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", DAY, 1)
    step.output("job", b"old\n")
    begin = step.position()
    step.output("job", b"new\n")
    assert messages(follow(logs, "flights", DAY, "clean", begin, stop=lambda: True)) == ["new"]


def test_half_a_line_is_not_shown_before_it_is_whole(book: LogBook, logs: Path) -> None:
    book.open_step("flights", "clean", DAY, 1).output("job", b"whole\n")
    path = logs / "flights" / "clean.log"
    steps = iter([b"2013-01-01T12:00:00.123Z 2013010100#1 clean INFO ha", b"lf\n"])
    done = False

    def wait(_seconds: float) -> None:
        nonlocal done
        more = next(steps, None)
        done = more is None
        with path.open("ab") as file:
            file.write(more or b"")

    assert messages(follow(logs, "flights", DAY, "clean", stop=lambda: done, wait=wait)) == ["whole", "half"]


def test_the_last_line_of_a_run_is_its_own(book: LogBook, logs: Path) -> None:
    book.open_step("flights", "clean", DAY, 1).output("job", b"mine is this\n")
    book.open_step("flights", "clean", NEXT_DAY, 1).output("job", b"not mine\n")
    assert last_line(logs, "flights", DAY, "clean") == "mine is this"
