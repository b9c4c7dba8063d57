"""What EMR says, in our words. The tables are complete as far as the vendor's own model of its service goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from synergyflow.clusters import emr_states as states
from synergyflow.clusters.base import ClusterState
from synergyflow.core.jobs import JobState


def _enumerated(shape: str) -> set[str]:
    session = pytest.importorskip("botocore.session")
    model = session.get_session().get_service_model("emr")
    return set(model.shape_for(shape).enum)


def test_every_state_of_a_step_that_the_vendor_s_library_knows_is_in_the_table() -> None:
    assert set(states.STEP_STATES) == _enumerated("StepState")


def test_every_state_of_a_cluster_that_the_vendor_s_library_knows_is_in_the_table() -> None:
    assert set(states.CLUSTER_STATES) == _enumerated("ClusterState")


def test_only_a_completed_step_is_a_success() -> None:
    assert [name for name, state in states.STEP_STATES.items() if state is JobState.SUCCEEDED] == ["COMPLETED"]


def test_active_and_ending_states_together_are_all_states_of_a_cluster() -> None:
    assert {*states.ACTIVE_CLUSTER_STATES, *states.ENDING_CLUSTER_STATES} == set(states.CLUSTER_STATES)


@pytest.mark.parametrize("thing", [{}, {"Status": {}}, {"Status": {"State": "PONDERING"}}])
def test_what_nobody_knows_is_unknown(thing: dict[str, Any]) -> None:
    assert states.step_status(thing, "s-1").state is JobState.UNKNOWN
    assert states.cluster_state(thing) is ClusterState.UNKNOWN


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({}, ""),
        ({"FailureDetails": {"Reason": "Unknown Error."}}, "Unknown Error"),
        (
            {"FailureDetails": {"Reason": "Main class not found.", "Message": "org.Main", "LogFile": "s3://l/e.gz"}},
            "Main class not found: org.Main (log: s3://l/e.gz)",
        ),
        ({"FailureDetails": {"LogFile": "s3://l/e.gz"}}, "log: s3://l/e.gz"),
        ({"StateChangeReason": {"Message": "Cancelled by user"}}, "Cancelled by user"),
    ],
)
def test_a_step_says_why(status: dict[str, Any], reason: str) -> None:
    assert states.step_reason({"Status": status}) == reason


def test_a_cluster_says_why_with_code_message_and_details() -> None:
    status = {
        "StateChangeReason": {"Code": "VALIDATION_ERROR", "Message": "not enough"},
        "ErrorDetails": [{"ErrorCode": "LIMIT", "ErrorMessage": "of vCPUs"}, {"ErrorCode": "MORE"}],
    }
    assert states.cluster_reason({"Status": status}) == "VALIDATION_ERROR: not enough: of vCPUs: MORE"


def test_times_are_in_utc_whatever_zone_the_library_gives_them_in() -> None:
    local = datetime(2016, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    step = {"Status": {"State": "COMPLETED", "Timeline": {"StartDateTime": local, "EndDateTime": local}}}
    status = states.step_status(step, "s-1")
    assert status.started_at == status.finished_at == datetime(2016, 6, 1, tzinfo=UTC)
    assert status.started_at is not None
    assert status.started_at.tzinfo is UTC
    assert (status.exit_code, status.message) == (0, "")
