"""Actions on files go to the cluster's filesystem, with names in braces filled in."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from synergyflow.actions import (
    CopyFromLocalAction,
    CopyToLocalAction,
    CpAction,
    MkdirAction,
    MvAction,
    RmAction,
    RmdirAction,
)
from synergyflow.actions.surroundings import expanded
from synergyflow.errors import ActionError, DefinitionError, FilesystemError


@pytest.fixture
def run(bind: Any, cluster: Any) -> Any:
    def bound(action: Any) -> None:
        bind(action, parameters={"name": "x", "day": datetime.date(2013, 1, 2), "none": None})
        action.run(cluster)

    return bound


def test_folders_are_made_and_removed(run: Any, cluster: Any) -> None:
    run(MkdirAction("a/{timeperiod}"))
    assert cluster.filesystem.exists("a/2013010100")
    run(MkdirAction("a/{timeperiod}"))
    run(RmdirAction("a"))
    assert not cluster.filesystem.exists("a")
    run(RmdirAction("a"))


def test_files_are_copied_moved_and_removed(run: Any, cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "here.txt").write_text("content")
    run(CopyFromLocalAction(tmp_path / "here.txt", "data/one.txt"))
    run(CpAction("data/one.txt", "data/two.txt"))
    run(MvAction("data/two.txt", "data/{flow_name}.txt"))
    run(CopyToLocalAction("data/the_flow.txt", str(tmp_path / "there.txt")))
    assert (tmp_path / "there.txt").read_text() == "content"
    run(RmAction("data/the_flow.txt"))
    assert list(cluster.filesystem.ls("data")) == ["one.txt"]


def test_what_is_missing_is_an_error_of_the_filesystem(run: Any) -> None:
    with pytest.raises(FilesystemError):
        run(CpAction("nowhere", "there"))


def test_the_paths_are_logged(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    run(MkdirAction("logs/{timeperiod}"))
    assert "mkdir logs/2013010100" in caplog.text


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{timeperiod}", "2013010100"),
        ("{start_timeperiod}-{end_timeperiod}", "2013010100-2013010200"),
        ("{flow_name}/{parameters[name]}/{parameters[day]}", "the_flow/x/2013-01-02"),
        ("{other} {} {{timeperiod}} {0} {timeperiod!r} {step}", "{other} {} {2013010100} {0} {timeperiod!r} {step}"),
        ("{parameters.name} {parameters[name} a}b{", "{parameters.name} {parameters[name} a}b{"),
    ],
)
def test_only_known_names_in_braces_are_filled_in(bind: Any, text: str, result: str) -> None:
    action = MkdirAction("x")
    bind(action, parameters={"name": "x", "day": datetime.date(2013, 1, 2)})
    assert expanded(text, action) == result


@pytest.mark.parametrize("name", ["nowhere", "none", ""])
def test_a_parameter_without_a_value_is_an_error(run: Any, name: str) -> None:
    with pytest.raises(ActionError, match="which has no value"):
        run(MkdirAction(f"a/{{parameters[{name}]}}"))


def test_what_is_filled_in_is_not_filled_in_again(bind: Any) -> None:
    action = MkdirAction("x")
    bind(action, parameters={"name": "{timeperiod}"})
    assert expanded("{parameters[name]}", action) == "{timeperiod}"


@pytest.mark.parametrize("path", ["", None, 5, "a\0b", b"a"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(DefinitionError):
        MkdirAction(path)
    with pytest.raises(DefinitionError):
        CpAction("a", path)
