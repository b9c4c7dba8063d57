"""The Qubole emulator: its contract as raw requests, and, where it can be imported, by Qubole's own SDK."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synergyflow.testing import ManualClock
from synergyflow.testing.emulators.qubole import Delays, Ending, QuboleEmulator
from synergyflow.testing.emulators.qubole.executing import command_line

SHELL = {"command_type": "ShellCommand", "inline": "true"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[QuboleEmulator]:
    delays = Delays(start=10, stop=10, queue=5, kill=2)
    with QuboleEmulator(script=lambda _: Ending(seconds=None), clock=clock, delays=delays, aside_bytes=8) as emulator:
        yield emulator


def call(emulator: QuboleEmulator, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{emulator.url}/v1.2/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-AUTH-TOKEN": "any"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]["error_message"]


def test_a_command_goes_through_its_states_as_time_goes_by(emulator: QuboleEmulator, clock: ManualClock) -> None:
    made = call(emulator, "POST", "commands", SHELL)[1]
    seen = [made["status"]]
    for seconds in (10, 4, 1):
        clock.advance(seconds)
        seen.append(call(emulator, "GET", f"commands/{made['id']}")[1]["status"])
    assert seen == ["waiting", "waiting", "waiting", "running"]
    call(emulator, "PUT", f"commands/{made['id']}", {"status": "kill"})
    assert call(emulator, "GET", f"commands/{made['id']}")[1]["status"] == "cancelling"
    clock.advance(2)
    assert call(emulator, "GET", f"commands/{made['id']}")[1]["status"] == "cancelled"


def test_a_cluster_goes_through_its_states_as_time_goes_by(emulator: QuboleEmulator, clock: ManualClock) -> None:
    def state() -> str:
        return str(call(emulator, "GET", "clusters/default/state")[1]["state"])

    seen = [state()]
    for wanted in ("start", "start", "terminate", "terminate"):
        call(emulator, "PUT", "clusters/default/state", {"state": wanted})
        seen.append(state())
        clock.advance(10)
        seen.append(state())
    assert seen == ["DOWN", "PENDING", "UP", "UP", "UP", "TERMINATING", "DOWN", "DOWN", "DOWN"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "commands/7", None, 404),
        ("GET", "clusters/nowhere/state", None, 404),
        ("GET", "nothing", None, 404),
        ("PUT", "commands", {}, 405),
        ("PUT", "clusters/default/state", {"state": "hibernate"}, 422),
        ("POST", "commands", {"command_type": "MagicCommand"}, 422),
        ("POST", "commands", {"command_type": "ShellCommand"}, 422),
        ("POST", "commands", {**SHELL, "tags": "one,two"}, 422),
        ("POST", "commands", {**SHELL, "label": "nowhere"}, 404),
        ("POST", "commands", [], 400),
    ],
)
def test_what_is_not_possible_is_refused(
    emulator: QuboleEmulator, method: str, path: str, body: Any, status: int
) -> None:
    assert call(emulator, method, path, body)[0] == status


def test_results_are_not_there_before_the_end(emulator: QuboleEmulator) -> None:
    made = call(emulator, "POST", "commands", SHELL)[1]
    assert call(emulator, "GET", f"commands/{made['id']}/results")[0] == 422


def test_two_commands_of_one_name_are_two(emulator: QuboleEmulator) -> None:
    for _ in range(2):
        call(emulator, "POST", "commands", {**SHELL, "name": "twin"})
    assert len(emulator.commands("twin")) == 2
    assert emulator.ledger.counts() == {"create_command": 2}


def test_a_listing_is_newest_first_in_pages_and_of_one_user(emulator: QuboleEmulator) -> None:
    ids = [call(emulator, "POST", "commands", {**SHELL, "tags": ["mine"]})[1]["id"] for _ in range(3)]
    emulator.submit("another@example.com")
    answer = call(emulator, "GET", "commands?per_page=2")[1]
    assert [command["id"] for command in answer["commands"]] == ids[:0:-1]
    assert answer["paging_info"]["next_page"] == 2
    assert "tags" not in answer["commands"][0]
    everybody = call(emulator, "GET", "commands?all_users=1&include_query_properties=true")[1]
    assert len(everybody["commands"]) == 4
    assert everybody["commands"][1]["tags"] == ["mine"]


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({**SHELL, "inline": "cat s3://b/k"}, ["bash", "-c", "cat /objects/b/k"]),
        (
            {"command_type": "SparkCommand", "cmdline": "/x/spark-submit --deploy-mode cluster s3://b/a.py 'x y'"},
            ["spark-submit", "--master", "local[2]", "--conf", "spark.ui.enabled=false", "/objects/b/a.py", "x y"],
        ),
        (
            {"command_type": "PigCommand", "script_location": "s3n://b/a.pig", "parameters": {"d": "1"}},
            ["pig", "-x", "local", "-param", "d=1", "-f", "/objects/b/a.pig"],
        ),
        ({"command_type": "SparkCommand", "note_id": "7"}, []),
    ],
)
def test_a_command_has_a_stand_in_on_this_machine(request_: dict[str, Any], line: list[str]) -> None:
    assert command_line(request_, Path("/objects")) == line


def test_a_program_that_is_not_here_fails_the_command_and_says_so(tmp_path: Path) -> None:
    with QuboleEmulator(folder=tmp_path) as emulator:
        made = emulator.submit(inline=None, command_type="SparkCommand", cmdline="no-such-program")
        assert made.status == "error"
        assert made.log == b"no-such-program: command not found\n"


class TestByTheSdk:
    """Qubole's own client, which knows nothing of us."""

    @pytest.fixture(autouse=True)
    def _sdk(self, emulator: QuboleEmulator) -> None:
        try:
            from qds_sdk.qubole import Qubole
        except Exception as error:  # noqa: BLE001 - it fails in many ways on a newer Python or setuptools
            pytest.skip(f"qds-sdk can't be imported here: {error}")
        Qubole.configure(api_token="any", api_url=f"{emulator.url}/", version="v1.2", max_retries=1, base_retry_delay=0)
        Qubole.cached_agent = None

    def test_a_command_is_made_found_and_listed(self, emulator: QuboleEmulator) -> None:
        from qds_sdk.commands import ShellCommand

        made = ShellCommand.create(inline="true", label="default", name="mine", tags="one,two")
        assert ShellCommand.find(made.id).status == "waiting"
        assert emulator.commands("mine")[0].request["tags"] == ["one", "two"]
        assert [command["id"] for command in ShellCommand.list(name="mine")["commands"]] == [made.id]
        made.cancel()
        assert emulator.commands("mine")[0].status in ("cancelling", "cancelled")

    def test_a_log_is_read_by_its_two_pointers(self, emulator: QuboleEmulator, clock: ManualClock) -> None:
        from qds_sdk.commands import ShellCommand

        made = ShellCommand.create(inline="true", label="default", name="mine")
        emulator.commands()
        clock.advance(10)
        emulator.commands()
        clock.advance(5)
        command, told, err, tmp = emulator.commands()[0], "", 0, 0
        for piece in (b"one ", b"two three ", b"four five six seven ", b"", b"eight"):
            emulator.write(command, piece)
            log, err_length, tmp_length = made.get_log_partial(err, tmp)
            if err_length != "0":  # as the SDK's own loop does it
                new, err, tmp = int(err_length) + int(tmp_length) - tmp, err + int(err_length), int(tmp_length)
            else:
                new, tmp = int(tmp_length), tmp + int(tmp_length)
            told += log[-new:] if log and new else ""
        assert told == "one two three four five six seven eight"

    def test_results_are_read(self, emulator: QuboleEmulator, clock: ManualClock) -> None:
        from qds_sdk.commands import HiveCommand

        made = HiveCommand.create(query="select 1", label="default")
        emulator.commands()
        clock.advance(10)
        emulator.commands()
        clock.advance(5)
        emulator.finish(emulator.commands()[0], Ending(results=b"1\t2\n"))
        assert HiveCommand.is_success(HiveCommand.find(made.id).status)
        out = io.BytesIO()
        made.get_results(fp=out)
        assert out.getvalue() == b"1\t2\r\n"

    def test_a_cluster_is_started_and_stopped(self, emulator: QuboleEmulator, clock: ManualClock) -> None:
        from qds_sdk.cluster import Cluster

        Cluster.start("default")
        clock.advance(10)
        assert Cluster.status("default")["state"] == "UP"
        Cluster.terminate("default")
        assert Cluster.status("default")["state"] == "TERMINATING"
        assert [row["cluster"]["label"] for row in Cluster.list()] == [["default"]]
