"""EMR as a user has it: a context and a profile in files, and the engine by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from synergyflow import ExecutionContext, ExecutionEngine
from synergyflow.config.environment import load_environment
from synergyflow.config.profile import load_profile
from synergyflow.core.states import FlowState
from synergyflow.errors import ConfigurationError
from synergyflow.testing.emulators.emr import EmrEmulator

pytest.importorskip("boto3")

ROOT = Path(__file__).parents[3]

FLOW = """
from synergyflow import FlowGraph, ShellCommandAction

both = (
    FlowGraph("both")
    .append("remote", [], ShellCommandAction("echo on $EMR_STEP_ID"), cluster="emr")
    .append("here", ["remote"], ShellCommandAction("echo here as well: ${EMR_STEP_ID:-no step}"), cluster="local")
)
"""

PROFILE = """
type = "emr"
region = "eu-central-1"
release_label = "emr-7.5.0"
instance_type = "m5.xlarge"
log_uri = "s3://logs/emr"
poll_minimum = 0.01
poll_maximum = 0.05
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("contexts", "clusters", "flows"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flows" / "both.py").write_text(FLOW)
    (tmp_path / "clusters" / "local.toml").write_text('type = "local"\n')
    (tmp_path / "contexts" / "mixed.toml").write_text('flows = ["flows"]\npool = { emr = 1, local = 1 }\n')
    return tmp_path


def profile(project: Path, url: str) -> None:
    (project / "clusters" / "emr.toml").write_text(f'{PROFILE}endpoint_url = "{url}"\n')


def context(project: Path) -> ExecutionContext:
    return ExecutionContext.load(str(project / "contexts" / "mixed.toml"), "both", "2013010100")


def test_one_flow_runs_on_emr_and_here_at_the_wish_of_its_steps(emulator: EmrEmulator, project: Path) -> None:
    profile(project, emulator.url)
    assert ExecutionEngine("both").run(context(project)).state is FlowState.PROCESSED
    assert [step.state for step in emulator.steps()] == ["COMPLETED"]
    assert emulator.live_clusters() == []
    logs = project / "logs" / "both"
    assert f"INFO on {emulator.steps()[0].id}\n" in (logs / "remote.log").read_text()
    assert "INFO here as well: no step\n" in (logs / "here.log").read_text()


def test_a_program_that_a_step_copies_to_the_bucket_is_run_by_the_next_one(
    emulator: EmrEmulator, project: Path
) -> None:
    (project / "count.sh").write_text("wc -l < $1 > $2\n")
    (project / "words").write_text("a\nb\nc\n")
    (project / "flows" / "both.py").write_text(f"""
from synergyflow import CopyFromLocalAction, CopyToLocalAction, FlowGraph, ShellCommandAction

both = (
    FlowGraph("both")
    .append("code", [], CopyFromLocalAction("{project}/count.sh", "code/count.sh"))
    .append("data", [], CopyFromLocalAction("{project}/words", "in/words"))
    .append("count", ["code", "data"], ShellCommandAction(
        "mkdir -p s3://lake/flows/out; bash s3://lake/flows/code/count.sh s3://lake/flows/in/words s3://lake/flows/out/n"
    ))
    .append("back", ["count"], CopyToLocalAction("out/n", "{project}/n"))
)
""")
    (project / "contexts" / "mixed.toml").write_text(
        'flows = ["flows"]\ncluster = "emr"\nbucket = "s3://lake/flows"\n'
        f'[settings.filesystems.s3]\nendpoint_url = "{emulator.url}"\naddressing = "path"\nregion = "eu-central-1"\n'
    )
    profile(project, emulator.url)
    assert ExecutionEngine("both").run(context(project)).state is FlowState.PROCESSED
    assert (project / "n").read_text().strip() == "3"


def test_without_credentials_nothing_is_begun(
    emulator: EmrEmulator, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(project / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    profile(project, emulator.url)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        ExecutionEngine("both").run(context(project))
    assert not (project / "logs" / "synergyflow.db").exists()
    assert emulator.ledger.calls() == []


def test_a_key_that_nobody_knows_is_refused_at_the_door(project: Path) -> None:
    (project / "clusters" / "emr.toml").write_text(PROFILE + "idle_timout = 600\n")
    with pytest.raises(ConfigurationError, match="unknown key 'idle_timout'") as raised:
        ExecutionEngine("both").run(context(project))
    assert "idle_timeout" in str(raised.value.hint)


def test_the_profile_and_the_context_that_are_shipped_are_in_order() -> None:
    from synergyflow.clusters.emr_options import options_of

    options = options_of(load_profile("emr", ROOT, where="test"))
    assert options.idle_timeout == 1800
    assert load_environment(str(ROOT / "contexts" / "emr.toml")).pool[0][0].type == "emr"
