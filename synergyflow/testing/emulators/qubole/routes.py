"""The REST contract: which request is which operation, and what it answers. How it travels is in `server`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from synergyflow.testing.emulators.qubole.model import ENDED, EmulatedCommand
from synergyflow.testing.emulators.qubole.provider import Provider, Refused

MOST_PER_PAGE = 100
MOST_INLINE_BYTES = 20 << 20

OPERATIONS: tuple[tuple[str, str, str], ...] = (
    ("create_command", "POST", r"commands"),
    ("list_commands", "GET", r"commands"),
    ("get_command", "GET", r"commands/([^/]+)"),
    ("kill_command", "PUT", r"commands/([^/]+)"),
    ("logs", "GET", r"commands/([^/]+)/logs"),
    ("results", "GET", r"commands/([^/]+)/results"),
    ("jobs", "GET", r"commands/([^/]+)/jobs"),
    ("cluster_state", "GET", r"clusters/([^/]+)/state"),
    ("change_cluster", "PUT", r"clusters/([^/]+)/state"),
    ("list_clusters", "GET", r"clusters"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, taken apart."""

    operation: str
    target: str
    version: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    user: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    data: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def operation_of(method: str, path: str) -> tuple[str, str]:
    """The operation and its target. Raises `Refused` where there is none."""
    fitting = [(name, verb, found) for name, verb, form in OPERATIONS if (found := re.fullmatch(form, path))]
    for name, verb, found in fitting:
        if verb == method:
            return name, found[1] if found.groups() else ""
    raise Refused(405 if fitting else 404, f"{method} {path} is not part of this API")


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(value).encode(), status, headers=headers or {})


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error as Qubole words it."""
    return as_json({"error": {"error_code": status, "error_message": message}}, status, headers)


def answer(request: Request, provider: Provider) -> Answer:
    """Do what is asked for. Raises `Refused`."""
    match request.operation:
        case "create_command":
            return as_json(provider.create(request.body, request.user).shown())
        case "list_commands":
            return as_json(_listing(request, provider))
        case "get_command":
            return as_json(provider.command(request.target).shown())
        case "kill_command":
            if request.body.get("status") != "kill":
                raise Refused(422, "status can only become kill")
            provider.kill(provider.command(request.target))
            return as_json({"kill_succeeded": "true"})
        case "logs":
            return _logs(provider.command(request.target), request.query)
        case "results":
            return as_json(_results(provider.command(request.target)))
        case "jobs":
            provider.command(request.target)
            return as_json([])
        case "cluster_state":
            return as_json(provider.cluster(request.target).shown())
        case "change_cluster":
            return as_json(_change(request, provider))
        case _:
            return as_json(_clusters(request, provider))


def _listing(request: Request, provider: Provider) -> dict[str, Any]:
    """Newest first, of the asking user unless `all_users`, without tags unless asked for."""
    query = request.query
    page, size = int(query.get("page", 1)), min(int(query.get("per_page", 10)), MOST_PER_PAGE)
    found = [command for command in reversed(provider.commands.values()) if _fits(command, request)]
    rows = found[(page - 1) * size : page * size]
    more = page * size < len(found)
    properties = query.get("include_query_properties", "false").lower() == "true"
    return {
        "commands": [command.shown(properties=properties) for command in rows],
        "paging_info": {
            "next_page": page + 1 if more else None,
            "previous_page": page - 1 if page > 1 else None,
            "per_page": size,
        },
    }


def _fits(command: EmulatedCommand, request: Request) -> bool:
    query = request.query
    wanted = {
        "name": command.name,
        "status": command.status,
        "command_type": command.request["command_type"],
        "cluster_label": str(command.request.get("label") or "default"),
    }
    if query.get("all_users", "0") != "1" and command.user != request.user:
        return False
    return all(query[key] == value for key, value in wanted.items() if key in query)


def _logs(command: EmulatedCommand, query: Mapping[str, str]) -> Answer:
    """What was put aside after the first pointer, then what was written since: all of it if something was put aside."""
    log, aside = command.log, command.aside
    processed, since = int(query.get("err_file_processed", 0)), int(query.get("tmp_file_processed", 0))
    err, tmp = log[:aside][processed:], log[aside:]
    tmp = tmp if err else tmp[since:]
    lengths = {"err_length": str(len(err)), "tmp_length": str(len(tmp))}
    return Answer(err + tmp, content_type="text/plain", headers=lengths)


def _results(command: EmulatedCommand) -> dict[str, Any]:
    if command.status not in ENDED:
        raise Refused(422, f"Command {command.id} is not done")
    data = command.work.results() if command.work else b""
    if len(data) > MOST_INLINE_BYTES:
        return {"inline": False, "result_location": [f"s3://qubole-emulator/tmp/{command.id}.dir/000"]}
    text = data.decode(errors="replace").replace("\n", "\r\n")
    return {"inline": True, "results": text}


def _change(request: Request, provider: Provider) -> dict[str, Any]:
    cluster = provider.cluster(request.target)
    match request.body.get("state"):
        case "start":
            provider.start(cluster)
            return {"message": f"Starting cluster with id {cluster.id}."}
        case "terminate":
            provider.stop(cluster, "Terminated by user")
            return {"message": f"Terminating cluster with id {cluster.id}."}
        case other:
            raise Refused(422, f"state {other!r} is neither start nor terminate")


def _clusters(request: Request, provider: Provider) -> Any:
    rows = [{"id": cluster.id, "label": cluster.labels, "state": cluster.state} for cluster in provider.clusters]
    if request.version == "v1.2":
        return [{"cluster": row} for row in rows]
    return {"clusters": rows, "paging_info": {"next_page": None, "previous_page": None, "per_page": len(rows)}}
