"""Whether a step still means what it meant."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from synergyflow.actions import IdentityAction, PythonAction, ShellCommandAction, SparkAction
from synergyflow.flow import Action, Step
from synergyflow.flow.fingerprint import fingerprint, uncopyable

Make = Callable[..., Callable[..., Any]]


def of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    return fingerprint(Step("s", PythonAction(function, *args, action_name="work", **kwargs)))


def test_it_is_sixteen_hexadecimal_digits() -> None:
    assert len(fingerprint(Step("s", IdentityAction()))) == 16
    assert int(fingerprint(Step("s", IdentityAction())), 16) >= 0


def test_equal_definitions_have_equal_fingerprints() -> None:
    steps = [Step("s", SparkAction("x.py", conf={"a": 1, "b": 2}, day="1"), [ShellCommandAction("ls")]) for _ in "12"]
    assert fingerprint(steps[0]) == fingerprint(steps[1])
    reordered = Step("s", SparkAction("x.py", conf={"b": 2, "a": 1}, day="1"), [ShellCommandAction("ls")])
    assert fingerprint(reordered) == fingerprint(steps[0])


@pytest.mark.parametrize(
    "other",
    [
        Step("s", ShellCommandAction("ls -l")),
        Step("s", ShellCommandAction("ls", A="1")),
        Step("s", ShellCommandAction("ls", log_tag="x")),
        Step("s", ShellCommandAction("ls", skip=True)),
        Step("s", ShellCommandAction("ls"), skip=True),
        Step("s", ShellCommandAction("ls"), [IdentityAction()]),
        Step("s", ShellCommandAction("ls"), None, [IdentityAction()]),
        Step("s", ShellCommandAction("ls"), retries=1),
        Step("s", ShellCommandAction("ls"), timeout=1),
        Step("s", ShellCommandAction("ls"), cluster="x"),
        Step("s", IdentityAction(action_name="shell")),
    ],
)
def test_another_action_argument_group_or_policy_is_another_fingerprint(other: Step) -> None:
    assert fingerprint(other) != fingerprint(Step("s", ShellCommandAction("ls")))


def test_a_pre_action_is_not_a_post_action() -> None:
    before, after = Step("s", IdentityAction(), IdentityAction()), Step("s", IdentityAction(), None, IdentityAction())
    assert fingerprint(before) != fingerprint(after)


def test_priority_does_not_count() -> None:
    assert fingerprint(Step("s", IdentityAction(), priority=5)) == fingerprint(Step("s", IdentityAction()))


def test_comments_blank_lines_positions_and_quotes_of_a_function_do_not_count(function_from: Make) -> None:
    first = function_from("def work(a):\n    return a + 'x'\n")
    second = function_from('import os\n\n\ndef work(a):\n    # a comment\n\n    return (a + "x")  # another\n')
    assert of(first, 1) == of(second, 1)


@pytest.mark.parametrize(
    "text",
    [
        "def work(a):\n    return a + 'y'\n",
        "def work(a, b=1):\n    return a + 'x'\n",
        "def work(a):\n    print(a)\n    return a + 'x'\n",
    ],
)
def test_other_code_is_another_fingerprint(function_from: Make, text: str) -> None:
    assert of(function_from(text), 1) != of(function_from("def work(a):\n    return a + 'x'\n"), 1)


def test_defaults_and_values_of_closures_count(function_from: Make) -> None:
    text = "def make(n, d):\n    def work(a=d):\n        return n\n    return work\n"
    make = function_from(text, "make")
    assert of(make(1, 2)) == of(function_from(text, "make")(1, 2))
    assert len({of(make(1, 2)), of(make(2, 2)), of(make(1, 3))}) == 3


def test_two_lambdas_on_one_line_are_told_apart(function_from: Make) -> None:
    text = """
    PAIR = (lambda a: a + 1, lambda a: a + 2)
    def first():
        return PAIR[0]
    def second():
        return PAIR[1]
    """
    first, second = function_from(text, "first")(), function_from(text, "second")()
    assert of(first, 1) != of(second, 1)
    assert of(first, 1) == of(function_from("\n" + text, "first")(), 1)


def test_a_function_of_the_same_file_that_is_called_counts(function_from: Make) -> None:
    text = "def helper():\n    return {0}\ndef work():\n    return [helper() for _ in '12']\n"
    assert of(function_from(text.format(1))) == of(function_from("\n" + text.format(1)))
    assert of(function_from(text.format(1))) != of(function_from(text.format(2)))


def test_without_source_the_byte_code_counts() -> None:
    def made(text: str) -> Callable[..., Any]:
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        work: Callable[..., Any] = namespace["work"]
        return work

    assert of(made("def work():\n    return {1, 2} and 3")) == of(made("\n\ndef work():\n    return {1, 2} and 3"))
    assert of(made("def work():\n    return 3")) != of(made("def work():\n    return 4"))


def test_the_code_of_an_action_class_of_the_user_and_of_its_bases_counts(function_from: Make) -> None:
    text = """
    from synergyflow.flow import Action
    class Base(Action):
        LIMIT = {limit}
        def helper(self):
            return {base}
    class Own(Base):
        def run(self, cluster):
            return {own}
    def make():
        return Own("own")
    """
    made = [
        function_from(text.format(base=base, own=own, limit=limit), "make")()
        for base, own, limit in ((1, 1, 1), (1, 1, 1), (1, 2, 1), (2, 1, 1), (1, 1, 2))
    ]
    prints = [fingerprint(Step("s", action)) for action in made]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (Plain(1), Plain(1), Plain(2)),
        (Slotted(1), Slotted(1), Slotted(2)),
        (Path("a"), Path("a"), Path("b")),
        ({"x", "y"}, {"y", "x"}, {"x", "z"}),
        ([1, 2], [1, 2], [2, 1]),
        ((1,), (1,), [1]),
        (1, 1, True),
        ("1", "1", 1),
        (partial(int, base=2), partial(int, base=2), partial(int, base=8)),
        (Plain([Plain(1)]), Plain([Plain(1)]), Plain([Plain(3)])),
        (Plain(1).__init__, Plain(1).__init__, Plain(2).__init__),
        (b"a", b"a", "a"),
    ],
)
def test_values_count_and_not_their_addresses(one: Any, same: Any, other: Any) -> None:
    def work(value: Any) -> None: ...

    assert of(work, one) == of(work, same)
    assert of(work, one) != of(work, other)


def test_an_object_that_cannot_be_described_counts_by_its_type() -> None:
    def work(value: Any) -> None: ...

    assert of(work, threading.Lock()) == of(work, threading.Lock())
    assert of(work, object()) == of(work, object())
    assert of(work, Plain(threading.Lock())) != of(work, Plain(iter([])))


def test_a_value_that_contains_itself_has_a_fingerprint() -> None:
    def work(value: Any) -> None: ...

    def ring() -> list[Any]:
        made: list[Any] = [1]
        made.append(made)
        return made

    assert of(work, ring()) == of(work, ring())


def test_sharing_a_value_makes_no_difference() -> None:
    def work(value: Any) -> None: ...

    inner = [1, 2]
    assert of(work, [inner, inner]) == of(work, [[1, 2], [1, 2]])


def test_it_is_the_same_in_every_process_and_under_every_hash_seed(tmp_path: Path) -> None:
    script = tmp_path / "printing.py"
    text = """
    from synergyflow.actions import PythonAction, ShellCommandAction
    from synergyflow.flow import Action, Step
    from synergyflow.flow.fingerprint import fingerprint
    class Own(Action):
        def run(self, cluster):
            return {"a", "b", "c"}
    class Thing:
        pass
    def work(values, thing):
        return values in {"x", "y", "z"}
    step = Step("s", PythonAction(work, {"x", "y", "z"}, Thing()), [Own("o", things={Thing, int, str})],
                [ShellCommandAction("ls", B=1, A=2)], retries=1)
    print(fingerprint(step))
    """
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    prints = set()
    for seed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        prints.add(subprocess.check_output([sys.executable, str(script)], env=environment, text=True))
    assert len(prints) == 1


def test_running_a_step_does_not_change_its_fingerprint() -> None:
    step = Step("s", PythonAction(sorted, [3, 1]))
    before = fingerprint(step)
    step.main_action.run(None)  # type: ignore[arg-type]
    assert fingerprint(step) == before


def test_actions_that_cannot_be_copied_are_named() -> None:
    class Holding(Action):
        def __init__(self) -> None:
            super().__init__("holding", "a lock")
            self.lock = threading.Lock()

        def run(self, execution_cluster: Any) -> None: ...

    assert uncopyable(Step("s", Holding(), [IdentityAction()])) == ["holding.a_lock"]
    assert uncopyable(Step("s", IdentityAction())) == []
