"""Whatever user code, observers or logs do, a run comes to its end, its clusters with it, and the cause is known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from synergyflow import Action, ExecutionContext, ExecutionEngine, FlowGraph, PythonAction, ShellCommandAction
from synergyflow.core.events import Event
from synergyflow.core.jobs import JobState
from synergyflow.core.plan import Plan
from synergyflow.core.states import FailureClass, FlowState, GroupState, StepState
from synergyflow.observers.log_book import LogBook
from synergyflow.observers.step_log import StepLog
from synergyflow.store.sql import SqlStore
from synergyflow.testing import Ending, FakeCluster
from tests.engine.workshop import TIMEPERIOD, Workshop, by_command

FAILS = Ending(state=JobState.FAILED, exit_code=1)


class Raises(Action):
    """Raises what it is given, where it is told to."""

    def __init__(self, error: BaseException, *, at: str = "run") -> None:
        super().__init__("raises")
        self.error = error
        self.at = at

    def run(self, execution_cluster: Any) -> None:
        if self.at == "run":
            raise self.error

    def cleanup(self) -> None:
        if self.at == "cleanup":
            raise self.error


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def then_b(action: Action, **policy: Any) -> FlowGraph:
    """Step a with that action, and b after it."""
    return FlowGraph("ends").append("a", [], action, **policy).append("b", ["a"], ShellCommandAction("b"))


# -- user code ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["run", "cleanup"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such column"), "no such column"),
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (MemoryError(), "MemoryError"),
        (Unprintable(), "Unprintable"),
        (StopIteration(7), "StopIteration"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_an_action_raises_fails_its_step_and_nothing_else(
    workshop: Workshop, at: str, error: BaseException, said: str
) -> None:
    flow, cluster = then_b(Raises(error, at=at)), FakeCluster()
    result = workshop.run(flow, cluster)
    assert result.state is FlowState.INVALID
    assert result.failed == ("a",)
    assert workshop.states(flow) == {"a": "invalid", "b": "embryo"}
    assert said in str(result.steps["a"].error)
    assert result.steps["a"].failure_class is FailureClass.USER_CODE
    assert cluster.verbs()[-1] == "terminate"


def test_the_log_of_a_failure_shows_where_it_came_from(workshop: Workshop) -> None:
    flow = then_b(Raises(ValueError("no such column")))
    workshop.run(flow, FakeCluster())
    log = workshop.log(flow, "a")
    assert "Traceback (most recent call last)" in log
    assert "raise self.error" in log
    assert "ValueError: no such column" in log


def test_an_action_that_can_not_be_copied_fails_its_step(workshop: Workshop) -> None:
    class Locked(Action):
        def __init__(self) -> None:
            super().__init__("locked")
            self.lock = threading.Lock()

        def run(self, execution_cluster: Any) -> None:
            pytest.fail("it must not run as the definition itself")

    flow, cluster = then_b(Locked()), FakeCluster()
    result = workshop.run(flow, cluster)
    assert result.failed == ("a",)
    assert "lock" in str(result.steps["a"].error)
    assert cluster.verbs()[-1] == "terminate"


def test_a_cleanup_that_fails_lets_the_others_clean_up(workshop: Workshop) -> None:
    cleaned: list[str] = []

    class Cleans(PythonAction):
        def cleanup(self) -> None:
            cleaned.append(self.action_name)

    def nothing() -> None:
        """Nothing to do."""

    flow = FlowGraph("cleaning").append(
        "a",
        [],
        Raises(ValueError("in the way"), at="cleanup"),
        pre_actions=[Cleans(nothing, action_name="pre")],
        post_actions=[Cleans(nothing, action_name="post")],
    )
    result = workshop.run(flow, FakeCluster())
    assert cleaned == ["pre", "post"]
    assert "cleanup of raises failed" in str(result.steps["a"].error)


def test_a_rollback_that_fails_lets_the_others_roll_back_in_reverse(workshop: Workshop) -> None:
    undone: list[str] = []

    class Makes(PythonAction):
        def rollback(self, execution_cluster: Any) -> None:
            undone.append(self.action_name)
            if self.action_name == "second":
                raise SystemExit("of all things")

    def nothing() -> None:
        """Nothing to do."""

    pre = [Makes(nothing, action_name=name) for name in ("first", "second", "third")]
    flow = FlowGraph("undo").append("a", [], Raises(ValueError("no")), pre_actions=pre)
    workshop.run(flow, FakeCluster())
    assert undone == ["third", "second", "first"]
    step = workshop.record(flow).steps["a"]
    assert step.rolled_back
    assert step.groups == (GroupState.COMPLETE, GroupState.FAILED, GroupState.PENDING)


def test_a_failed_post_action_fails_the_step(workshop: Workshop) -> None:
    flow = FlowGraph("post").append("a", [], ShellCommandAction("a"), post_actions=[ShellCommandAction("check")])
    result = workshop.run(flow, FakeCluster(script=by_command(check=FAILS)))
    assert result.failed == ("a",)
    groups = workshop.record(flow).steps["a"].groups
    assert groups == (GroupState.COMPLETE, GroupState.COMPLETE, GroupState.FAILED)


def test_retries_are_attempts_of_their_own(workshop: Workshop) -> None:
    endings = [FAILS, FAILS, Ending()]
    cluster = FakeCluster(script=lambda job, token: endings.pop(0))
    flow = FlowGraph("again").append("a", [], ShellCommandAction("a"), retries=2)
    assert workshop.run(flow, cluster).state is FlowState.PROCESSED
    assert [attempt.state for attempt in workshop.attempts(flow, "a")] == [
        StepState.INVALID,
        StepState.INVALID,
        StepState.PROCESSED,
    ]
    tokens = [call.subject for call in cluster.ledger if call.verb == "submit"]
    assert len(set(tokens)) == 3, "a new attempt has new names"


def test_after_a_failure_what_does_not_depend_on_it_goes_on_if_the_flow_says_so(workshop: Workshop) -> None:
    flow = (
        FlowGraph("branches", on_failure="continue")
        .append("bad", [], ShellCommandAction("bad"))
        .append("after_bad", ["bad"], ShellCommandAction("x"))
        .append("good", [], ShellCommandAction("x"))
        .append("after_good", ["good"], ShellCommandAction("x"))
    )
    result = workshop.run(flow, FakeCluster(slots=1, script=by_command(bad=FAILS)))
    assert result.state is FlowState.INVALID
    assert workshop.states(flow) == {
        "bad": "invalid",
        "after_bad": "embryo",
        "good": "processed",
        "after_good": "processed",
    }


# -- observers and logs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("no such colour"), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["begin", "on"])
def test_an_observer_that_fails_is_left_out_and_the_flow_goes_on(
    workshop: Workshop, at: str, error: BaseException
) -> None:
    class Broken:
        def begin(self, plan: Plan) -> None:
            if at == "begin":
                raise error

        def on(self, events: Sequence[Event]) -> None:
            if at == "on":
                raise error

    flow, cluster = then_b(ShellCommandAction("a")), FakeCluster()
    engine = ExecutionEngine(flow, clusters=[cluster], observers=[Broken()])
    result = engine.run(workshop.context(flow))
    assert result.state is FlowState.PROCESSED
    assert all(step.executed for step in result.steps.values())
    assert "observer Broken failed" in workshop.log(flow)


def disk_full(*_: object, **__: object) -> Any:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("verb", ["logger", "position", "output", "end_output", "close"])
def test_a_log_that_can_not_be_written_keeps_no_run_from_its_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    flow, cluster = then_b(ShellCommandAction("a")), FakeCluster(script=lambda job, token: Ending(output=b"lines\n"))
    monkeypatch.setattr(StepLog, verb, disk_full)
    result = workshop.run(flow, cluster)
    monkeypatch.undo()
    assert result.state is (FlowState.INVALID if verb in ("logger", "position") else FlowState.PROCESSED)
    assert cluster.verbs()[-1] == "terminate"
    assert workshop.record(flow).owner is None
    if result.state is FlowState.INVALID:
        assert "No space left" in str(result.steps["a"].error)


def test_a_step_whose_log_can_not_be_opened_fails_with_the_reason(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogBook, "open_step", disk_full)
    flow, cluster = then_b(ShellCommandAction("a")), FakeCluster()
    result = workshop.run(flow, cluster)
    monkeypatch.undo()
    assert result.state is FlowState.INVALID
    assert "No space left" in str(result.steps["a"].error)
    assert workshop.attempts(flow, "a")[0].state is StepState.INVALID
    assert "submit" not in cluster.verbs()
    assert cluster.verbs()[-1] == "terminate"


# -- secrets -----------------------------------------------------------------------------------------------------------

SECRET = "correct-horse-battery"


@pytest.fixture
def secretive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[FlowGraph], ExecutionContext]:
    """Contexts that know a secret."""
    monkeypatch.setenv("THE_PASSWORD", SECRET)
    (tmp_path / "contexts").mkdir()
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "local.toml").write_text('type = "local"\n')
    path = tmp_path / "contexts" / "local.toml"
    path.write_text('cluster = "local"\n[secrets]\npassword = { env = "THE_PASSWORD" }\n')
    return lambda flow: ExecutionContext.load(str(path), flow.flow_name, TIMEPERIOD)


def everything_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(
    ("action", "cluster"),
    [
        (Raises(ValueError(f"login failed for ada:{SECRET}")), FakeCluster()),
        (Raises(ValueError(f"login failed for ada:{SECRET}"), at="cleanup"), FakeCluster()),
        (
            ShellCommandAction("a"),
            FakeCluster(
                script=lambda job, token: Ending(
                    state=JobState.FAILED,
                    exit_code=1,
                    message=f"bad password {SECRET}",
                    output=f"using {SECRET}\n".encode(),
                )
            ),
        ),
        (ShellCommandAction("a"), FakeCluster(script=lambda job, token: Ending(refused=f"denied: {SECRET}"))),
        (ShellCommandAction("a"), FakeCluster(launch_error=f"bad key {SECRET}")),
    ],
    ids=["run", "cleanup", "job", "submit", "launch"],
)
def test_secrets_in_what_goes_wrong_are_masked_wherever_it_is_told(
    tmp_path: Path, secretive: Callable[[FlowGraph], ExecutionContext], action: Action, cluster: FakeCluster
) -> None:
    flow = FlowGraph("secretive").append("a", [], action)
    result = ExecutionEngine(flow, clusters=[cluster]).run(secretive(flow))
    assert result.state is FlowState.INVALID
    assert SECRET not in repr(result)
    assert "******" in str(result.error)
    (tmp_path / "contexts" / "local.toml").unlink()
    assert SECRET.encode() not in everything_under(tmp_path)


def test_secrets_in_a_mistake_of_the_engine_are_masked_too(
    tmp_path: Path, secretive: Callable[[FlowGraph], ExecutionContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    from synergyflow.core.progress import Progress

    def mistaken(self: Progress, *events: Event) -> object:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(Progress, "on", mistaken)
    flow = FlowGraph("secretive").append("a", [], ShellCommandAction("a"))
    context = secretive(flow)
    with pytest.raises(ZeroDivisionError):
        ExecutionEngine(flow, clusters=[FakeCluster()]).run(context)
    store = SqlStore(context.database_url)
    record = store.load("secretive", TIMEPERIOD)
    store.close()
    assert record is not None
    assert "ZeroDivisionError: ******" in str(record.error)
    assert SECRET.encode() not in everything_under(tmp_path)
