"""Jobs: names that are derived and told apart, digests that change with what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from synergyflow.core.jobs import (
    HadoopJob,
    HiveJob,
    Job,
    JobIdentity,
    JobKind,
    JobState,
    PigJob,
    PythonJob,
    ShellJob,
    SparkJob,
    digest_of,
)

IDENTITY = JobIdentity("installation", "flow", "2016060107", "step", 1, 0, 0)
JOBS: list[Job] = [
    SparkJob(uri_script="s3://b/x.py"),
    PigJob(uri_script="x.pig"),
    HiveJob(uri_script="x.hql"),
    HadoopJob(uri_jar="x.jar"),
    ShellJob(command="true"),
    PythonJob(payload=b"x"),
]


def test_a_token_is_the_same_in_every_process_and_version_so_that_a_job_is_found_again() -> None:
    assert IDENTITY.token == "sf-54d9e30fb613c97ae3ee07223db6eace"
    assert replace(IDENTITY).token == IDENTITY.token


def test_each_part_of_the_identity_makes_another_token() -> None:
    others = [
        replace(IDENTITY, installation="other"),
        replace(IDENTITY, flow_name="flow2"),
        replace(IDENTITY, timeperiod="2016060108"),
        replace(IDENTITY, step_name="step2"),
        replace(IDENTITY, attempt=2),
        replace(IDENTITY, action=1),
        replace(IDENTITY, ordinal=1),
    ]

    assert len({identity.token for identity in [IDENTITY, *others]}) == len(fields(IDENTITY)) + 1


def test_parts_of_the_identity_do_not_run_into_each_other() -> None:
    assert replace(IDENTITY, attempt=1, action=12).token != replace(IDENTITY, attempt=11, action=2).token
    assert (
        replace(IDENTITY, flow_name="ab", step_name="c").token != replace(IDENTITY, flow_name="a", step_name="bc").token
    )


def test_a_token_fits_every_provider_however_long_the_names_are() -> None:
    long = replace(IDENTITY, flow_name="f" * 200, step_name="ß€" * 100)

    for identity in (IDENTITY, long):
        assert re.fullmatch(r"sf-[0-9a-f]{32}", identity.token)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: str(job.kind))
def test_the_digest_changes_with_each_field_of_a_request(job: Job) -> None:
    digests = {digest_of(job)}
    names = [field.name for field in fields(job) if field.name != "payload"]

    for name in names:
        digests.add(digest_of(replace(job, **{name: _other(getattr(job, name))})))

    assert len(digests) == len(names) + 1
    assert all(re.fullmatch(r"[0-9a-f]{16}", digest) for digest in digests)


def _other(value: Any) -> Any:
    match value:
        case Mapping():
            return {**value, "name": "value"}
        case tuple():
            return (*value, "more")
        case str():
            return value + "more"
        case None:
            return 1
    raise AssertionError(value)


def test_a_pickle_makes_no_difference_since_its_bytes_differ_from_process_to_process() -> None:
    assert digest_of(PythonJob(payload=b"one")) == digest_of(PythonJob(payload=b"other"))


def test_jobs_of_two_kinds_differ_though_their_fields_are_the_same() -> None:
    assert digest_of(PigJob(uri_script="x")) != digest_of(HiveJob(uri_script="x"))


def test_the_order_of_a_mapping_and_lists_for_tuples_make_no_difference() -> None:
    one = SparkJob(uri_script="x", conf={"a": "1", "b": "2"}, arguments=("p", "q"))
    other = SparkJob(uri_script="x", conf={"b": "2", "a": "1"}, arguments=["p", "q"])  # type: ignore[arg-type]

    assert digest_of(one) == digest_of(other)


def test_the_order_of_arguments_makes_a_difference() -> None:
    assert digest_of(PigJob(uri_script="x", arguments=("a", "b"))) != digest_of(
        PigJob(uri_script="x", arguments=("b", "a"))
    )


def test_each_kind_of_job_has_its_own_word() -> None:
    assert [job.kind for job in JOBS] == list(JobKind)


def test_an_unknown_state_is_watched_further_and_a_lost_job_is_over() -> None:
    final = [state for state in JobState if state.is_final]

    assert final == [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED, JobState.LOST]
