"""Google Cloud Storage on loopback: gcp-storage-emulator, made strict where an adapter relies on the real service.

Added: listings in pages, preconditions on generations (412), keys of any shape side by side, and no rewriting of the
whole index with every object. One request at a time. Needs the package gcp-storage-emulator.

`python -m synergyflow.testing.emulators.gcs --port 9023` starts one by hand.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Any

_Handler = Callable[..., None]
_MOST_IN_A_PAGE = 1000


class GcsEmulator:
    """A server with nothing in it: `with GcsEmulator() as emulator: emulator.url`.

    Attributes:
        calls: what was asked, as (method, path), in order.
    """

    def __init__(self, port: int = 0) -> None:
        from gcp_storage_emulator.server import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
            create_server,
        )

        _make_strict()
        self.calls: list[tuple[str, str]] = []
        self._server: Any = create_server("127.0.0.1", port, in_memory=True)
        self._server._storage = _strict_storage()
        self._server._api._storage = self._server._storage
        self._server._storage.calls = self.calls
        self._server._api.daemon = True

    @property
    def url(self) -> str:
        """The address."""
        host, port = self._server._api._httpd.server_address[:2]
        return f"http://{host}:{port}"

    def __enter__(self) -> GcsEmulator:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()


def _strict_storage() -> Any:
    from gcp_storage_emulator.storage import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        Storage,
    )

    class StrictStorage(Storage):  # type: ignore[misc,unused-ignore]
        """Objects under any key, in memory, without an index of them on the side."""

        def _object_path(self, bucket_name: str, file_name: str) -> str:
            return f"{bucket_name}/{sha256(file_name.encode()).hexdigest()}"

        def _write_config_to_file(self) -> None:
            """There is no file."""

    return StrictStorage(use_memory_fs=True)


def _make_strict() -> None:
    """Put our handlers before the emulator's, once in a process."""
    from gcp_storage_emulator import server  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from gcp_storage_emulator.handlers import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        objects,
    )

    if getattr(server, "is_strict", False):
        return
    guarded = {objects.get, objects.download, objects.delete, objects.patch, objects.rewrite, objects.copy}
    server.HANDLERS = tuple(
        (pattern, {method: _strict(method, handler, guarded, objects.ls) for method, handler in handlers.items()})
        for pattern, handlers in server.HANDLERS
    )
    server.is_strict = True


def _strict(method: str, handler: _Handler, guarded: set[_Handler], listing: _Handler) -> _Handler:
    def handle(request: Any, response: Any, storage: Any) -> None:
        storage.calls.append((method, request.path))
        if handler in guarded and not _as_demanded(request, storage):
            response.status = HTTPStatus.PRECONDITION_FAILED
            response.json({"error": {"code": 412, "message": "At least one of the pre-conditions did not hold."}})
            return
        handler(request, response, storage)
        if handler is listing and response.status == HTTPStatus.OK:
            response.json(_page(json.loads(response._content), request.query))

    return handle


def _as_demanded(request: Any, storage: Any) -> bool:
    """Whether the generation is the one asked for, of the source or, for other calls, of the object itself."""
    wanted = request.query.get("ifSourceGenerationMatch") or request.query.get("ifGenerationMatch")
    if not wanted:
        return True
    there = storage.objects.get(request.params["bucket_name"], {}).get(request.params["object_id"])
    return bool(str(there["generation"] if there else 0) == wanted[0])


def _page(answer: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
    """The page of a whole listing that was asked for; its token is the last name of the page before."""
    size = min(int(query.get("maxResults", [str(_MOST_IN_A_PAGE)])[0]), _MOST_IN_A_PAGE)
    after = query.get("pageToken", [""])[0]
    items = {item["name"]: item for item in answer.get("items", [])}
    names = sorted(name for name in {*items, *answer.get("prefixes", [])} if name > after)
    page = names[:size]
    shown = {
        "kind": "storage#objects",
        "items": [items[name] for name in page if name in items],
        "prefixes": [name for name in page if name not in items],
    }
    return {**shown, "nextPageToken": page[-1]} if len(names) > size else shown


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Google Cloud Storage on loopback, in memory")
    parser.add_argument("--port", type=int, default=9023)
    with GcsEmulator(parser.parse_args().port) as emulator:
        print(f"STORAGE_EMULATOR_HOST={emulator.url}", flush=True)  # noqa: T201 - this is its face
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
