"""Where lines go and what they look like."""

from __future__ import annotations

import copy
import io
import logging
import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synergyflow.config.masking import Masker
from synergyflow.errors import ConfigurationError
from synergyflow.observers import log_file
from synergyflow.observers.log_book import LogBook

TIME = "2013-01-01T12:00:00.123Z"


def text_of(logs: Path, name: str) -> str:
    return (logs / "flights" / f"{name}.log").read_text(encoding="utf-8")


def test_a_line_says_when_which_run_who_and_how_bad(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", "2013010100", 2)
    step.logger(None).info("begins")
    step.logger("copy.daily").warning("%d rows are odd", 3)
    step.output("copy.daily", b"hello\n")
    assert text_of(logs, "clean") == (
        f"{TIME} 2013010100#2 clean INFO begins\n"
        f"{TIME} 2013010100#2 clean.copy.daily WARNING 3 rows are odd\n"
        f"{TIME} 2013010100#2 clean.copy.daily INFO hello\n"
    )


def test_engine_and_clusters_share_the_file_of_the_flow(book: LogBook, logs: Path) -> None:
    book.flow_logger("flights", "2013010100", 7).info("begins")
    book.flow_logger("flights", "2013010100", 7, name="cluster.local-1").error("is lost")
    assert text_of(logs, "flights") == (
        f"{TIME} 2013010100#7 engine INFO begins\n{TIME} 2013010100#7 cluster.local-1 ERROR is lost\n"
    )


def test_each_line_of_a_traceback_has_the_prefix_and_no_secret(book: LogBook, logs: Path, secret: str) -> None:
    try:
        raise ValueError(f"no access with {secret}\nreally")
    except ValueError:
        book.open_step("flights", "clean", "2013010100", 1).logger("copy").exception("failed")
    lines = text_of(logs, "clean").splitlines()
    assert len(lines) > 4
    assert all(line.startswith(f"{TIME} 2013010100#1 clean.copy ERROR ") for line in lines)
    assert lines[0].endswith("failed")
    assert lines[-2].endswith("ValueError: no access with ******")
    assert lines[-1].endswith(" really")


def test_a_message_can_neither_forge_a_line_nor_steer_a_terminal(book: LogBook, logs: Path) -> None:
    book.open_step("flights", "clean", "2013010100", 1).logger("a b\nc").info("x\r\x1b[2Jy\n\x9bz\x00")
    prefix = f"{TIME} 2013010100#1 clean.a_b_c INFO "
    assert text_of(logs, "clean") == f"{prefix}x\n{prefix}\\x1b[2Jy\n{prefix}\\x9bz\\x00\n"


def test_a_message_whose_arguments_do_not_fit_is_logged_all_the_same(
    book: LogBook, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book.open_step("flights", "clean", "2013010100", 1).logger("copy").info("%d rows", "many")
    assert "'%d rows' [its 1 arguments can't be put in: TypeError]" in text_of(logs, "clean")
    assert capsys.readouterr().err == ""


def test_loggers_stay_out_of_the_tree_of_the_standard_library(book: LogBook, logs: Path) -> None:
    known = set(logging.Logger.manager.loggerDict)
    logger = book.open_step("flights", "clean", "2013010100", 1).logger("copy")
    logger.getChild("part").info("from a child")
    assert set(logging.Logger.manager.loggerDict) == known
    assert " clean.copy.part INFO from a child\n" in text_of(logs, "clean")


def test_two_runs_of_a_flow_at_once_keep_their_lines_apart(book: LogBook, logs: Path) -> None:
    steps = [book.open_step("flights", "clean", timeperiod, 1) for timeperiod in ("2013010100", "2013010200")]
    threads = [
        threading.Thread(target=lambda step=step: [step.output("job", b"one\ntwo\n") for _ in range(300)])
        for step in steps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = text_of(logs, "clean").splitlines()
    assert len(lines) == 1200
    assert all(re.fullmatch(r"\S+Z 2013010[12]00#1 clean\.job INFO (one|two)", line) for line in lines)


def test_a_file_that_was_removed_is_made_again(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", "2013010100", 1)
    step.output("job", b"before\n")
    (logs / "flights" / "clean.log").unlink()
    step.output("job", b"after\n")
    assert text_of(logs, "clean").endswith("after\n")


def test_a_line_that_comes_after_closing_is_not_lost_and_leaves_no_open_file(book: LogBook, logs: Path) -> None:
    step = book.open_step("flights", "clean", "2013010100", 1)
    logger = step.logger("copy")
    logger.info("in time")
    step.close()
    step.close()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    logger.info("late")
    assert text_of(logs, "clean").endswith("late\n")
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_logs_are_not_for_everybody(book: LogBook, logs: Path) -> None:
    book.open_step("flights", "clean", "2013010100", 1).output("job", b"x\n")
    assert stat.S_IMODE((logs / "flights" / "clean.log").stat().st_mode) & 0o137 == 0


def test_a_book_that_is_only_opened_leaves_nothing_behind(book: LogBook, logs: Path) -> None:
    book.close()
    assert not logs.exists()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ConfigurationError, match="taken") as refused:
        LogBook(tmp_path / "taken" / below, Masker([]))
    assert "by user " in refused.value.message
    assert "log_directory" in (refused.value.hint or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="no permission"):
        LogBook(tmp_path / "closed", Masker([]))


def test_a_flow_log_that_cannot_be_made_is_refused(book: LogBook, logs: Path) -> None:
    logs.mkdir()
    (logs / "flights").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"flights\.log"):
        book.flow_logger("flights", "2013010100", 1)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\0b"])
def test_a_name_that_would_leave_the_folder_is_refused(book: LogBook, name: str) -> None:
    with pytest.raises(ConfigurationError, match="can't name a log file"):
        book.open_step("flights", name, "2013010100", 1)


def test_a_full_disk_is_told_once_and_marked_when_there_is_room_again(
    book: LogBook, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = book.open_step("flights", "clean", "2013010100", 1)
    step.output("job", b"before\n")
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    real_write = os.write
    with monkeypatch.context() as full:

        def write_half(descriptor: int, data: Any) -> int:
            if bytes(data).startswith(b"2013") and len(data) > 20:
                return real_write(descriptor, bytes(data)[:20])
            raise OSError(28, "No space left on device")

        full.setattr(log_file.os, "write", write_half)
        step.output("job", b"lost one\nlost two\n")
        step.output("job", b"lost three\n")
    step.output("job", b"after\n")
    prefix = f"{TIME} 2013010100#1 clean.job INFO "
    assert text_of(logs, "clean") == (
        f"{prefix}before\n{prefix}[3 lines are missing here: the file could not be written]\n{prefix}after\n"
    )
    assert errors.getvalue().count("No space left on device") == 1
    assert "clean.log can't be written" in errors.getvalue()
    assert "lost one" in errors.getvalue()
    assert "lost three" not in errors.getvalue()


def test_a_step_log_that_cannot_be_opened_does_not_stop_the_step(
    book: LogBook, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.mkdir()
    (logs / "flights").write_text("a file")
    step = book.open_step("flights", "clean", "2013010100", 1)
    assert step.position() == "0:0"
    step.logger(None).info("begins")
    assert "begins" in capsys.readouterr().err


def test_a_logger_goes_with_the_copy_of_what_holds_it(open_book: Callable[..., LogBook], logs: Path) -> None:
    book = open_book()
    holder = {"logger": book.open_step("flights", "clean", "2013010100", 1).logger("copy")}
    copy.deepcopy(holder)["logger"].info("from a copy")
    assert text_of(logs, "clean").endswith("from a copy\n")
