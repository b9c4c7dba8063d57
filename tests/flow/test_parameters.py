"""Parameters of a flow: declared, given, checked, recorded."""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pytest

from synergyflow.errors import ConfigurationError, DefinitionError
from synergyflow.flow import FlowGraph, Parameter
from synergyflow.flow.parameters import bind_parameters, declared_parameters, from_json, to_json

DAY = datetime.date(2013, 1, 2)


def one(declaration: Any, given: Any) -> Any:
    return bind_parameters(declared_parameters({"p": declaration}), {"p": given})["p"]


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        (int, "15", 15),
        (int, "-3", -3),
        (int, 7, 7),
        (float, "1.5", 1.5),
        (float, "1e3", 1000.0),
        (float, 2, 2.0),
        (bool, "true", True),
        (bool, "No", False),
        (bool, "1", True),
        (bool, False, False),
        (str, "JFK", "JFK"),
        (str, "", ""),
        (datetime.date, "2013-01-02", DAY),
        (datetime.date, DAY, DAY),
    ],
)
def test_text_and_values_become_values_of_the_declared_type(declaration: type, given: Any, value: Any) -> None:
    bound = one(declaration, given)
    assert bound == value
    assert type(bound) is declaration


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        (int, "abc", "expects int, got 'abc'"),
        (int, "1.5", "expects int"),
        (int, "1_0", "expects int"),
        (int, " 1", "expects int"),
        (int, "٣", "expects int"),
        (int, True, "expects int, got True"),
        (int, 1.0, "expects int"),
        (int, "9" * 5000, "expects int"),
        (float, "nan", "expects float"),
        (float, math.inf, "expects float"),
        (float, 10**400, "expects float"),
        (float, "x", "expects float"),
        (float, True, "expects float"),
        (bool, "maybe", "expects bool"),
        (bool, 1, "expects bool"),
        (str, 5, "expects str, got 5"),
        (str, "a\0b", "expects str"),
        (str, "a\udcffb", "expects str"),
        (str, None, "expects str"),
        (datetime.date, "2013-02-30", "expects date"),
        (datetime.date, "20130102", "expects date"),
        (datetime.date, datetime.datetime(2013, 1, 2, tzinfo=datetime.UTC), "expects date"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_is_not_of_the_type_is_refused(declaration: type, given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        one(declaration, given)
    assert "parameter 'p'" in str(caught.value)
    assert message in str(caught.value)


def test_a_default_holds_where_nothing_is_given() -> None:
    graph = FlowGraph("f", parameters={"threshold": 15, "airport": str, "day": Parameter(datetime.date, default=DAY)})
    assert bind_parameters(graph.parameters, {"airport": "JFK"}) == {"threshold": 15, "airport": "JFK", "day": DAY}


def test_a_default_may_be_none_and_then_none_may_be_given() -> None:
    declared = declared_parameters({"p": Parameter(str, default=None)})
    assert bind_parameters(declared, {}) == {"p": None}
    assert bind_parameters(declared, {"p": None}) == {"p": None}


def test_every_complaint_is_made_at_once() -> None:
    declared = declared_parameters({"threshold": 15, "airport": str})
    with pytest.raises(ConfigurationError) as caught:
        bind_parameters(declared, {"treshold": "1", "threshold": "abc"})
    text = str(caught.value)
    assert "there is no parameter 'treshold'" in text
    assert "parameter 'threshold' expects int, got 'abc'" in text
    assert "parameter 'airport' (str) is missing" in text
    assert caught.value.hint == "did you mean 'threshold'?"


def test_a_flow_without_parameters_says_so() -> None:
    with pytest.raises(ConfigurationError) as caught:
        bind_parameters({}, {"a": "1"})
    assert caught.value.hint == "the flow has no parameters"


def test_a_value_must_be_among_the_choices() -> None:
    airport = Parameter(str, default="JFK", choices=["JFK", "LGA"])
    assert one(airport, "LGA") == "LGA"
    with pytest.raises(ConfigurationError, match="expects one of JFK, LGA, got 'SFO'"):
        one(airport, "SFO")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Parameter(list),
        lambda: Parameter(datetime.datetime),
        lambda: Parameter(int, default="abc"),
        lambda: Parameter(int, default=3, choices=[1, 2]),
        lambda: Parameter(int, choices=["x"]),
        lambda: declared_parameters({"a": 1, "A": 2}),
        lambda: declared_parameters({"a-b": 1}),
        lambda: declared_parameters({"a": None}),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(DefinitionError):
        make()


def test_values_survive_being_recorded_as_json() -> None:
    declared = declared_parameters(
        {"i": int, "f": float, "b": bool, "s": str, "d": datetime.date, "n": Parameter(int, None)}
    )
    values = bind_parameters(declared, {"i": "1", "f": 1, "b": "no", "s": "x", "d": "2013-01-02"})
    stored = json.loads(json.dumps(to_json(values)))
    assert stored["d"] == "2013-01-02"
    assert from_json(declared, stored) == values


def test_a_recorded_value_of_a_parameter_no_longer_declared_is_kept() -> None:
    assert from_json(declared_parameters({"a": 1}), {"a": 2, "gone": "x"}) == {"a": 2, "gone": "x"}
