"""The cluster of `docs/extending.md`: written as another package would, it sits the exam and runs a flow."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from synergyflow import ExecutionContext, ExecutionEngine, FlowGraph, PythonAction, ShellCommandAction
from synergyflow.bootstrap import Site, make_cluster
from synergyflow.clusters.base import Cluster
from synergyflow.config.profile import Profile
from synergyflow.errors import ConfigurationError
from synergyflow.testing.conformance.clusters import ClusterExam

EXAMPLE = Path(__file__).parents[2] / "examples" / "extending"
ENTRY_POINTS = "[synergyflow.clusters]\nremote_shell = remote_shell:RemoteShellCluster\n"


@pytest.fixture(autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example as if its package were installed."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "synergyflow_remote_shell-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: synergyflow-remote-shell\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(EXAMPLE)
    yield
    for name in ("remote_shell", "slow_steps"):
        sys.modules.pop(name, None)


def made(folder: Path, **options: str) -> Cluster:
    profile = Profile(
        name="build", type="remote_shell", options={"shell": "sh", "folder": f"{folder}/there", **options}
    )
    return make_cluster("build-1", profile, Site(folder, folder / "logs", None))


class TestRemoteShellCluster(ClusterExam):
    def make_cluster(self, folder: Path) -> Cluster:
        return made(folder)


def test_a_word_that_its_profile_does_not_know_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="foldr"):
        made(tmp_path, foldr="/tmp")


def test_its_entry_point_is_the_one_in_the_test(tmp_path: Path) -> None:
    written = (EXAMPLE / "pyproject.toml").read_text()
    assert '[project.entry-points."synergyflow.clusters"]\nremote_shell = "remote_shell:RemoteShellCluster"' in written


def test_a_flow_runs_on_it_and_an_observer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    slow_steps: ModuleType = __import__("slow_steps")
    watch = slow_steps.SlowSteps(seconds=-1.0)
    flow = (
        FlowGraph("elsewhere")
        .append("shell", [], ShellCommandAction(f"echo of $SYNERGYFLOW_FLOW > {tmp_path}/said"))
        .append("python", ["shell"], PythonAction(print, "in the engine"), timeout=60)
    )
    engine = ExecutionEngine(flow, clusters=[made(tmp_path)], observers=[watch])
    result = engine.run(ExecutionContext("elsewhere", "2026010100"))
    assert result.succeeded, result.error
    assert (tmp_path / "said").read_text() == "of elsewhere\n"
    assert list(watch.slow) == ["shell", "python"]
    assert "shell took" in capsys.readouterr().out
    assert not list((tmp_path / "there").iterdir())
