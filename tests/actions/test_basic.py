"""Identity, failure and sleep."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest

from synergyflow import actions
from synergyflow.actions import FailureAction, IdentityAction, SleepAction
from synergyflow.errors import ActionError, DefinitionError


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda **k: actions.IdentityAction(**k), "identity"),
        (lambda **k: actions.FailureAction(**k), "failure"),
        (lambda **k: actions.SleepAction(30, **k), "sleep"),
        (lambda **k: actions.ShellCommandAction("ls -al", **k), "shell"),
        (lambda **k: actions.MkdirAction("/tmp/x", **k), "mkdir"),
        (lambda **k: actions.RmdirAction("/tmp/x", **k), "rmdir"),
        (lambda **k: actions.RmAction("x", **k), "rm"),
        (lambda **k: actions.CpAction("a", "b", **k), "cp"),
        (lambda **k: actions.MvAction("a", "b", **k), "mv"),
        (lambda **k: actions.CopyToLocalAction("a", "b", **k), "copy_to_local"),
        (lambda **k: actions.CopyFromLocalAction("a", "b", **k), "copy_from_local"),
        (lambda **k: actions.PythonAction(sorted, [1], **k), "sorted"),
        (lambda **k: actions.SparkAction("x.py", **k), "spark"),
        (lambda **k: actions.PigAction("x.pig", **k), "pig"),
        (lambda **k: actions.HiveAction("x.sql", **k), "hive"),
        (lambda **k: actions.HadoopAction("x.jar", **k), "hadoop"),
        (lambda **k: actions.ExportAction("table", **k), "export"),
    ],
)
def test_every_action_takes_name_tag_and_skip_and_has_a_short_name(make: Any, name: str) -> None:
    plain = make()
    assert (plain.action_name, plain.log_tag, plain.skip) == (name, None, False)
    named = make(action_name="mine", log_tag="tag", skip=True)
    assert (named.action_name, named.log_tag, named.skip) == ("mine", "tag", True)


def test_identity_does_nothing(bind: Any, cluster: Any) -> None:
    action = IdentityAction()
    bind(action)
    action.run(cluster)
    assert cluster.jobs == []


def test_failure_fails_with_its_message(bind: Any, cluster: Any) -> None:
    action = FailureAction("no bread")
    bind(action)
    with pytest.raises(ActionError, match="no bread"):
        action.run(cluster)
    with pytest.raises(ActionError, match="as asked for"):
        FailureAction().run(cluster)


def test_sleep_lasts_as_long_as_it_says(bind: Any, cluster: Any) -> None:
    action = SleepAction(0.05)
    bind(action)
    began = time.monotonic()
    action.run(cluster)
    assert time.monotonic() - began >= 0.05


def test_sleep_ends_at_once_when_it_is_asked_to_stop(bind: Any, cluster: Any) -> None:
    action = SleepAction(1000)
    runtime = bind(action)
    raised: list[BaseException] = []

    def sleep() -> None:
        try:
            action.run(cluster)
        except ActionError as error:
            raised.append(error)

    thread = threading.Thread(target=sleep)
    thread.start()
    runtime.stopping.set()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert "stopped before 1000 seconds" in str(raised[0])


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, True, "30", None, 10**400])
def test_sleep_refuses_what_is_no_duration(seconds: Any) -> None:
    with pytest.raises(DefinitionError, match="seconds is a number of at least 0"):
        SleepAction(seconds)
