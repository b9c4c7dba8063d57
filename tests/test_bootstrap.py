"""From a context to parts: what is refused at the door, and what other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, IdentityAction, bootstrap
from synergyflow.config.profile import Profile
from synergyflow.core.states import FlowState
from synergyflow.errors import ConfigurationError

SEEN: list[object] = []


class Hook:
    """An observer as another package would bring it."""

    def __init__(self, context: ExecutionContext) -> None:
        SEEN.append(context.flow_name)

    def begin(self, plan: object) -> None:
        SEEN.append(plan)

    def on(self, events: list[object]) -> None:
        SEEN.extend(type(event).__name__ for event in events)


def broken(context: ExecutionContext) -> Hook:
    raise KeyError("no address")


def context(folder: Path) -> ExecutionContext:
    return ExecutionContext("hooked", "2013010100", settings={"log_directory": str(folder / "logs")})


def bring(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if a package with that hook were installed."""

    class Found:
        value = f"package:{name}"

        def __init__(self) -> None:
            self.name = name

        def load(self) -> object:
            return globals()[name]

    def found(**asked: str) -> object:
        return [Found()] if asked.get("group") == "synergyflow.hooks" else entry_points(**asked)

    monkeypatch.setattr("importlib.metadata.entry_points", found)


def test_an_observer_of_another_package_is_told_what_happens(tmp_path, monkeypatch):
    SEEN.clear()
    bring(monkeypatch, "Hook")
    flow = FlowGraph("hooked").append("a", [], IdentityAction())
    assert ExecutionEngine(flow).run(context(tmp_path)).state is FlowState.PROCESSED
    assert SEEN[0] == "hooked"
    assert SEEN[-1] == "RunEnded"


def test_an_observer_that_cannot_be_made_is_named_before_anything_starts(tmp_path, monkeypatch):
    bring(monkeypatch, "broken")
    flow = FlowGraph("hooked").append("a", [], IdentityAction())
    with pytest.raises(ConfigurationError, match=r"hook 'broken' .* can't be made: KeyError: 'no address'"):
        ExecutionEngine(flow).run(context(tmp_path))
    assert not (tmp_path / "logs").exists()


def test_a_type_of_cluster_that_is_not_known_is_refused_with_those_that_are(tmp_path):
    site = bootstrap.Site(tmp_path, tmp_path / "logs", None)
    with pytest.raises(ConfigurationError, match="type 'locale'") as refused:
        bootstrap.make_cluster("x-1", Profile(name="x", type="locale"), site)
    assert "local" in (refused.value.hint or "")
