"""Names of flows and steps."""

from __future__ import annotations

import pytest

from synergyflow.errors import DefinitionError
from synergyflow.flow import FlowGraph
from synergyflow.flow.names import check_name, check_step_name


@pytest.mark.parametrize("name", ["a", "step one", "größe", "日次", "a.b", "x" * 200, "é" * 100, "-", "step#1"])
def test_ordinary_names_are_taken_as_they_are(name: str) -> None:
    assert check_name(name, "step") == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("a/b", "path separator"),
        ("a\\b", "path separator"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("a\u2028b", "control character"),
        ("a\ud800b", "control character"),
        (".", "begins with a dot"),
        ("..", "begins with a dot"),
        (".hidden", "begins with a dot"),
        (" a", "white space"),
        ("a ", "white space"),
        ("a\u00a0", "white space"),
        ("x" * 201, "201 bytes"),
        ("é" * 101, "202 bytes"),
    ],
    ids=ascii,
)
def test_names_that_could_leave_the_log_folder_or_break_a_line_are_refused(name: str, reason: str) -> None:
    with pytest.raises(DefinitionError, match=reason):
        check_name(name, "step")
    with pytest.raises(DefinitionError, match=reason):
        FlowGraph(name)


@pytest.mark.parametrize("name", [None, 5, b"a"])
def test_a_name_is_text(name: object) -> None:
    with pytest.raises(DefinitionError, match="the name of a step is text"):
        check_name(name, "step")


@pytest.mark.parametrize(
    ("name", "other"), [("LOAD", "load"), ("e\u0301t", "\u00e9t"), ("STRASSE", "straße"), ("\u00c9t", "e\u0301t")]
)
def test_names_equal_but_for_case_or_normalisation_are_refused(name: str, other: str) -> None:
    with pytest.raises(DefinitionError, match="only by case or Unicode normalisation"):
        check_step_name(name, "flow", [other])


def test_a_step_cannot_bear_its_flows_name_in_any_case() -> None:
    with pytest.raises(DefinitionError, match="flow's name"):
        check_step_name("Daily", "daily", [])
