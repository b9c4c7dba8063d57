"""How requests and answers travel: HTTP on loopback, one thread for each connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from synergyflow.testing.emulators.qubole.provider import Refused
from synergyflow.testing.emulators.qubole.routes import Answer

VERSIONS = frozenset({"v1.2", "v1.3", "latest"})

Answering = Callable[[str, str, bytes, str | None], Answer | None]
"""From method, target, body and API token to the answer, None if it gets lost."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1; port 0 is any that is free."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answering: Answering, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answering = answering


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "QuboleEmulator"
    server: Server

    def __getattr__(self, name: str) -> Any:
        """Every method (`do_GET`, …) is served alike; what is not part of the API is for the routes to say."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        made = self.server.answering(self.command, self.path, body, self.headers.get("X-AUTH-TOKEN"))
        if made is None:
            self.close_connection = True
            return
        self.send_response(made.status)
        headers = {"Content-Type": made.content_type, "Content-Length": str(len(made.data)), **made.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(made.data)

    def log_message(self, format: str, *args: Any) -> None:
        """The ledger has it."""


def api_path(path: str) -> tuple[str, str]:
    """Version and path of an address below `/api`. Raises `Refused`."""
    parts = path.strip("/").split("/", 2)
    if len(parts) < 3 or parts[0] != "api" or parts[1] not in VERSIONS:
        raise Refused(404, f"{path} is not part of this API")
    return parts[1], parts[2]


def json_body(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises `Refused`."""
    try:
        value = json.loads(body) if body else {}
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "the body is not an object")
    return value
