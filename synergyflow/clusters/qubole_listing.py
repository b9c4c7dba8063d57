"""Looking commands up: by id in one listing however many there are, by name, and those at work on a label.

A listing alone never says that a command is missing: what it does not show is asked for by its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synergyflow.clusters.qubole_client import ATTEMPTS, QuboleClient, QuboleError, Query, segment
from synergyflow.clusters.qubole_states import ACTIVE
from synergyflow.errors import ClusterError

PAGE = 100
MOST_PAGES = 50
MOST_SINGLE = 3
"""So many commands are asked for one by one rather than by a further page."""

Command = Mapping[str, Any]


def look(client: QuboleClient, label: str, command_ids: Sequence[str]) -> dict[str, Command | None]:
    """These commands by id, None for each that Qubole does not know. Calls are not repeated.

    Raises:
        QuboleError: not all could be learned.
    """
    missing = dict.fromkeys(command_ids)
    seen: dict[str, Command | None] = {}
    if len(missing) > 1:
        for page in _pages(client, {"cluster_label": label}, attempts=1):
            for command in page:
                command_id = str(command.get("id"))
                if command_id in missing:
                    del missing[command_id]
                    seen[command_id] = command
            if len(missing) <= MOST_SINGLE:
                break
    return seen | {command_id: _one(client, command_id) for command_id in missing}


def _one(client: QuboleClient, command_id: str) -> Command | None:
    try:
        command: Command = client.get(f"commands/{segment(command_id)}", attempts=1)
    except QuboleError as error:
        if error.status == 404:
            return None
        raise
    return command


def named(client: QuboleClient, name: str) -> list[str]:
    """Ids of all commands of that name, of whatever user, the oldest first.

    Raises:
        ClusterError: the listing did not come to its end.
    """
    found = []
    for page in _pages(client, {"name": name, "all_users": 1}):
        found += [command["id"] for command in page if command.get("name") == name]
    return [str(command_id) for command_id in sorted(found)]


def at_work(client: QuboleClient, label: str) -> list[Command]:
    """Commands of whatever user that have not ended, with their tags."""
    found = []
    for status in ("running", "waiting"):
        query: Query = {"cluster_label": label, "status": status, "all_users": 1, "include_query_properties": "true"}
        for page in _pages(client, query):
            unfinished = [command for command in page if command.get("status") in ACTIVE]
            found += unfinished
            if not unfinished:  # newest first: what follows has ended as well, or the listing is at its end
                break
    return found


def _pages(client: QuboleClient, query: Query, *, attempts: int = ATTEMPTS) -> Iterator[list[Command]]:
    """Each page of a listing; raises `ClusterError` if there is no end to it."""
    page: Any = 1
    for _ in range(MOST_PAGES):
        asked = {**query, "page": page, "per_page": PAGE}
        answer = client.get("commands", asked, attempts=attempts)
        commands = answer.get("commands") or []
        yield commands
        page = (answer.get("paging_info") or {}).get("next_page")
        if not page or not commands:
            return
    raise ClusterError(f"Qubole lists more than {MOST_PAGES * PAGE} commands and comes to no end")
