"""Did you mean."""

from __future__ import annotations

from synergyflow.config.suggest import did_you_mean, nearest


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("flight_delay", ["flight_delays", "other"]) == "flight_delays"
    assert nearest("CLEAN", ["clean", "Report"]) == "clean"
    assert nearest("zebra", ["clean", "Report"]) is None


def test_without_a_near_name_the_known_ones_are_listed_up_to_a_limit() -> None:
    assert did_you_mean("flow_a", ["flow_b"]) == "did you mean 'flow_b'?"
    assert did_you_mean("zebra", ["b", "a"], what="flows") == "flows: a, b"
    assert did_you_mean("zebra", [f"n{number:02}" for number in range(20)], most=2) == "known names: n00, n01, …"
    assert did_you_mean("zebra", []) is None
