"""What Qubole says and what it is asked, as tables: states, commands, pointers into logs, options. Nothing calls."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from synergyflow.clusters.base import ClusterState
from synergyflow.clusters.qubole_client import QuboleError, pause_after
from synergyflow.clusters.qubole_commands import EXIT_CODE_LINE, command
from synergyflow.clusters.qubole_log import Answer, pointers, understood
from synergyflow.clusters.qubole_options import QuboleOptions, api_token, options_of
from synergyflow.clusters.qubole_states import MOST_STALE_LOOKS, Start, cluster_state, come_up, job_status, reason_of
from synergyflow.config.profile import Profile
from synergyflow.core.jobs import HadoopJob, HiveJob, Job, JobState, PigJob, PythonJob, ShellJob, SparkJob
from synergyflow.errors import ConfigurationError, JobFailed

OPTIONS = QuboleOptions(label="etl")
TOKEN = "sf-00000000000000000000000000000001"


# -- states -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("native", "state"),
    [
        ("waiting", JobState.PENDING),
        ("running", JobState.RUNNING),
        ("cancelling", JobState.RUNNING),
        ("cancelled", JobState.CANCELED),
        ("error", JobState.FAILED),
        ("done", JobState.SUCCEEDED),
        ("paused", JobState.UNKNOWN),
        (None, JobState.UNKNOWN),
    ],
)
def test_a_state_of_a_command_is_one_of_ours_and_a_new_one_is_no_end(native: str | None, state: JobState) -> None:
    status = job_status({"id": 7, "status": native})
    assert (status.job_id, status.state, status.native_state) == ("7", state, str(native))


def test_times_of_a_command_are_in_utc_and_only_an_ended_one_has_finished() -> None:
    known = {"id": 7, "start_time": 1464739200, "end_time": 1464739260}
    ended, running = job_status({**known, "status": "done"}), job_status({**known, "status": "running"})
    assert ended.started_at == datetime(2016, 6, 1, tzinfo=UTC)
    assert ended.finished_at == datetime(2016, 6, 1, 0, 1, tzinfo=UTC)
    assert running.finished_at is None
    assert job_status({"id": 7, "status": "waiting", "start_time": None}).started_at is None


@pytest.mark.parametrize(
    ("native", "state"),
    [
        ("PENDING", ClusterState.STARTING),
        ("UP", ClusterState.READY),
        ("TERMINATING", ClusterState.TERMINATING),
        ("DOWN", ClusterState.GONE),
        ("HIBERNATED", ClusterState.UNKNOWN),
    ],
)
def test_a_state_of_a_cluster_is_one_of_ours(native: str, state: ClusterState) -> None:
    assert cluster_state({"state": native}) is state
    assert native in reason_of({"state": native})


def test_a_cluster_that_went_down_says_why() -> None:
    assert reason_of({"state": "DOWN", "terminate_reason": "Idle"}) == "it is DOWN: Idle"
    assert reason_of({"state": "UP", "terminate_reason": "Idle"}) == "it is UP"


DOWN = {"state": "DOWN", "start_at": "a", "down_at": "b"}
AGAIN_DOWN = {"state": "DOWN", "start_at": "c", "down_at": "d", "terminate_reason": "Capacity"}
PENDING = {"state": "PENDING", "start_at": "c", "down_at": "b"}
UP = {"state": "UP", "start_at": "c", "down_at": "b"}
GOING = {"state": "TERMINATING", "start_at": "a", "down_at": None}
STARTED = Start(before=("a", "b"), accepted=True)
SEEN = Start(before=("a", "b"), accepted=True, seen=True)


@pytest.mark.parametrize(
    ("start", "answer", "state", "asks"),
    [
        (Start(), DOWN, ClusterState.STARTING, True),
        (Start(), GOING, ClusterState.STARTING, False),
        (Start(before=("a", "b")), DOWN, ClusterState.STARTING, True),
        (STARTED, DOWN, ClusterState.STARTING, False),
        (STARTED, PENDING, ClusterState.STARTING, False),
        (STARTED, UP, ClusterState.READY, False),
        (STARTED, AGAIN_DOWN, ClusterState.GONE, False),
        (STARTED, GOING, ClusterState.TERMINATING, False),
        (SEEN, DOWN, ClusterState.STARTING, False),
        (SEEN, AGAIN_DOWN, ClusterState.GONE, False),
        (STARTED, {"state": "NEW"}, ClusterState.UNKNOWN, False),
    ],
    ids=[
        "down and not asked: ask",
        "still going down: wait",
        "the answer was lost: ask again",
        "no effect yet",
        "coming up",
        "up",
        "came and went",
        "ended while it started",
        "an old answer",
        "went after it was seen",
        "a state nobody knows",
    ],
)
def test_a_start_goes_on(start: Start, answer: dict[str, Any], state: ClusterState, asks: bool) -> None:
    _, seen, ask = come_up(start, answer)
    assert (seen, ask) == (state, asks)


def test_answers_that_stay_old_are_believed_in_the_end() -> None:
    start, states = SEEN, []
    for _ in range(MOST_STALE_LOOKS + 1):
        start, state, _ = come_up(start, DOWN)
        states.append(state)
    assert states == [ClusterState.STARTING] * MOST_STALE_LOOKS + [ClusterState.GONE]


# -- commands -----------------------------------------------------------------------------------------------------


def made(job: Job, **options: Any) -> dict[str, Any]:
    return command(job, TOKEN, QuboleOptions(label="etl", **options), profile="big", launch="sf-launch")


SPARK = "/usr/lib/spark/bin/spark-submit"

NATIVE: list[tuple[Job, dict[str, Any]]] = [
    (
        SparkJob(uri_script="s3://b/a.py", arguments=("x y",), conf={"k": "v"}, py_files=("s3://b/l.zip",)),
        {
            "command_type": "SparkCommand",
            "cmdline": f"{SPARK} --conf k=v --py-files s3://b/l.zip s3://b/a.py 'x y'",
        },
    ),
    (
        SparkJob(
            uri_script="s3://b/a.jar",
            language="scala",
            main_class="org.A",
            jars=("s3://b/x.jar", "s3://b/y.jar"),
            deploy_mode="cluster",
        ),
        {
            "command_type": "SparkCommand",
            "cmdline": f"{SPARK} --deploy-mode cluster --jars s3://b/x.jar,s3://b/y.jar --class org.A s3://b/a.jar",
        },
    ),
    (
        SparkJob(uri_script="s3://b/a.py", environment={"DAY": "1"}),
        {
            "command_type": "SparkCommand",
            "cmdline": f"{SPARK} --conf spark.yarn.appMasterEnv.DAY=1 --conf spark.executorEnv.DAY=1 s3://b/a.py",
        },
    ),
    (
        PigJob(uri_script="s3://b/a.pig", parameters={"day": "1 2"}),
        {"command_type": "PigCommand", "script_location": "s3://b/a.pig", "parameters": {"day": "1 2"}},
    ),
    (
        HiveJob(uri_script="s3://b/a.hql", environment={"DAY": "1"}),
        {"command_type": "HiveCommand", "script_location": "s3://b/a.hql"},
    ),
    (
        HadoopJob(uri_jar="s3://b/a.jar", main_class="org.A", properties={"p": "1"}, arguments=("in", "out put")),
        {
            "command_type": "HadoopCommand",
            "sub_command": "jar",
            "sub_command_args": "s3://b/a.jar org.A -D p=1 in 'out put'",
        },
    ),
]


@pytest.mark.parametrize(("job", "request_"), NATIVE, ids=lambda value: getattr(value, "kind", ""))
def test_a_job_becomes_a_command_of_its_kind(job: Job, request_: dict[str, Any]) -> None:
    common = {"label": "etl", "name": TOKEN, "tags": ["synergyflow", "big", "sf-launch"], "can_notify": False}
    assert made(job) == {**request_, **common}


@pytest.mark.parametrize(
    ("job", "line"),
    [
        (
            SparkJob(uri_script="s3://b/a.sql", language="sql", conf={"k": "v"}),
            "/usr/lib/spark/bin/spark-sql --conf k=v -f s3://b/a.sql",
        ),
        (PigJob(uri_script="a.pig", parameters={"d": "1"}, arguments=("-v",)), "pig -param d=1 -f a.pig -v"),
        (HiveJob(uri_script="a.hql", parameters={"d": "x y"}), "hive --hivevar 'd=x y' -f a.hql"),
    ],
)
def test_what_a_command_of_its_kind_lacks_is_done_by_a_shell(job: Job, line: str) -> None:
    request = made(job)
    assert request["command_type"] == "ShellCommand"
    assert line in request["inline"].splitlines()


def test_a_shell_command_has_environment_and_folder_and_tells_its_exit_code() -> None:
    script = made(ShellJob(command="a\nb", environment={"DAY": "it's 1"}, working_directory="/x y"))["inline"]
    lines = script.splitlines()
    assert lines[:5] == ["export DAY=" + shlex.quote("it's 1"), "cd '/x y' || exit 1", "(", "a", "b"]
    assert EXIT_CODE_LINE.findall(b"noise\nsynergyflow: exit code 37\n") == [b"37"]
    assert "synergyflow: exit code" in lines[-1]


def test_pool_time_out_and_tags_of_the_profile_go_with_each_command() -> None:
    request = made(ShellJob(command="true"), pool="night", command_timeout=60, tags=("team-a",))
    assert (request["pool"], request["timeout"]) == ("night", 60)
    assert request["tags"] == ["synergyflow", "big", "sf-launch", "team-a"]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (PythonJob(payload=b""), "can't run python"),
        (SparkJob(uri_script="a.py", language="java"), "not a jar"),
        (SparkJob(uri_script="a.py", nothing_to_do_exit_code=9), "no exit code of a spark job"),
        (ShellJob(command="true", environment={"a b": "1"}), "'a b'"),
        (SparkJob(uri_script="a.py", environment={"a=b": "1"}), "'a=b'"),
    ],
)
def test_what_qubole_can_not_do_is_refused_before_a_call(job: Job, message: str) -> None:
    with pytest.raises(JobFailed, match=re.escape(message)):
        made(job)


# -- logs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "aside", "err", "tmp"),
    [(0, 0, 0, 0), (7, 0, 0, 7), (7, 10, 7, 0), (10, 10, 10, 0), (12, 10, 10, 2)],
)
def test_a_position_is_two_pointers(position: int, aside: int, err: int, tmp: int) -> None:
    assert pointers(position, aside) == {"err_file_processed": err, "tmp_file_processed": tmp}


@pytest.mark.parametrize(
    ("asked", "lengths", "answer"),
    [
        ((0, 0), (0, 0), Answer(skip=0, aside=0, length=0)),
        ((0, 3), (0, 4), Answer(skip=0, aside=0, length=7)),
        ((0, 3), (10, 2), Answer(skip=3, aside=10, length=12)),
        ((10, 2), (0, 0), Answer(skip=0, aside=10, length=12)),
        ((10, 2), (5, 1), Answer(skip=2, aside=15, length=16)),
        ((7, 0), (3, 2), Answer(skip=0, aside=10, length=12)),
    ],
    ids=["nothing yet", "grown", "put aside since", "no more", "more put aside", "in the midst of what is aside"],
)
def test_an_answer_of_two_lengths_is_understood(
    asked: tuple[int, int], lengths: tuple[int, int], answer: Answer
) -> None:
    headers = {"err_length": str(lengths[0]), "tmp_length": str(lengths[1])}
    named = {"err_file_processed": asked[0], "tmp_file_processed": asked[1]}
    assert understood(headers, named, asked[0]) == answer


def test_an_answer_without_lengths_is_the_whole_log() -> None:
    assert understood({}, pointers(7, 0), 0) is None


# -- options ------------------------------------------------------------------------------------------------------


def profile(**options: Any) -> Profile:
    return Profile(name="q", type="qubole", options=options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "label"),
        ({"label": "etl", "lable": "x"}, "unknown key 'lable'"),
        ({"label": 3}, "label"),
        ({"label": "etl", "poll_minimum": 9.0, "poll_maximum": 1.0}, "poll_maximum is less"),
        ({"label": "etl", "endpoint_url": "http://api.qubole.com/api"}, "plain http"),
        ({"label": "etl", "endpoint_url": "api.qubole.com"}, "endpoint_url"),
    ],
)
def test_a_wrong_profile_is_refused_at_the_door(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as raised:
        options_of(profile(**options))
    assert raised.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_token_env": "NOT_SET_FOR_SURE"}, "NOT_SET_FOR_SURE holds no Qubole API token"),
        ({"api_token_file": "/nowhere/token"}, "can't be read from /nowhere/token"),
    ],
)
def test_a_token_that_is_not_there_is_missed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as raised:
        api_token(options_of(profile(label="etl", **options)), "clusters/q.toml")
    assert str(raised.value).startswith("clusters/q.toml: ")
    assert raised.value.hint


def test_the_token_is_read_anew_each_time_from_variable_or_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    by_variable = options_of(profile(label="etl", api_token_env="MY_TOKEN"))
    for token in ("first", "second"):
        monkeypatch.setenv("MY_TOKEN", token)
        assert api_token(by_variable, "here") == token
    (tmp_path / "token").write_text("third\n")
    assert api_token(options_of(profile(label="etl", api_token_file=str(tmp_path / "token"))), "here") == "third"


def test_a_wrong_token_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUBOLE_API_TOKEN", "a\nb")
    with pytest.raises(ConfigurationError) as raised:
        api_token(options_of(profile(label="etl")), "here")
    assert "a\nb" not in str(raised.value)


def test_no_option_can_hold_a_token() -> None:
    names = {field.name for field in msgspec.structs.fields(QuboleOptions)}
    assert {name for name in names if "token" in name} == {"api_token_env", "api_token_file"}


# -- pauses -------------------------------------------------------------------------------------------------------


def test_a_pause_is_as_long_as_qubole_says_and_doubles_otherwise() -> None:
    assert pause_after(1, QuboleError("x", status=429, retry_after=7.0)) == 7.0
    assert pause_after(1, QuboleError("x", status=429, retry_after=7000.0)) == 30.0
    drawn = [pause_after(attempt, QuboleError("x", status=503)) for attempt in (1, 2, 3, 9)]
    bounds = [(0.5, 1), (1, 2), (2, 4), (30, 30)]
    assert all(low <= pause <= high for pause, (low, high) in zip(drawn, bounds, strict=True))
