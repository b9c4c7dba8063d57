"""A project folder to write files of flows into."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synergyflow.flow import import_path
from synergyflow.flow.compatibility import flows
from synergyflow.flow.registry import Catalogue, discover


class Project:
    """Writes files below a root, and discovers flows there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def flow(self, name: str, flow_name: str) -> Path:
        return self.write(name, f"from synergyflow.flow import FlowGraph\ngraph = FlowGraph({flow_name!r})\n")

    def discover(self, *entries: str) -> Catalogue:
        return discover(entries or ["flows"], self.root)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project; what is imported from it is forgotten afterwards."""
    modules, path, known, folders = set(sys.modules), list(sys.path), set(flows), list(import_path._folders)
    yield Project(tmp_path.resolve())
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    sys.path[:] = path
    import_path._folders[:] = folders
    for name in set(flows) - known:
        del flows[name]


@pytest.fixture
def function_from(tmp_path: Path) -> Callable[[str], Callable[..., object]]:
    """Makes the function `work` of a source text, as if its file had been imported."""
    numbers: list[int] = []

    def make(text: str, name: str = "work") -> Callable[..., object]:
        numbers.append(len(numbers))
        path = tmp_path / f"source_{len(numbers)}.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        namespace: dict[str, object] = {"__name__": "written"}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
        made = namespace[name]
        assert callable(made)
        return made

    return make
