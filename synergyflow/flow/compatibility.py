"""The mapping that files written for the ancestor engine put their flows into.

`flows['name'] = graph` and `flows.flows['name'] = graph` mean the same. Only discovery reads it; flows that are plain
objects at the level of their module need not be here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, MutableMapping
from types import FrameType

from synergyflow.flow.collecting import current_collector

_BETWEEN = frozenset({__name__, "_collections_abc", "collections.abc"})


class FlowMapping(MutableMapping[str, object]):
    """Flows by name, remembering which module put them there."""

    def __init__(self) -> None:
        self._flows: dict[str, object] = {}
        self._owners: dict[str, str] = {}

    @property
    def flows(self) -> FlowMapping:
        """Itself: the ancestor's files say `flows.flows[…]`."""
        return self

    def __setitem__(self, name: str, flow: object) -> None:
        self._flows[name] = flow
        self._owners[name] = _calling_module()
        collector = current_collector()
        if collector is not None:
            collector.registered.append((name, flow))

    def __getitem__(self, name: str) -> object:
        return self._flows[name]

    def __delitem__(self, name: str) -> None:
        del self._flows[name], self._owners[name]
        collector = current_collector()
        if collector is not None:
            collector.registered[:] = [pair for pair in collector.registered if pair[0] != name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._flows)

    def __len__(self) -> int:
        return len(self._flows)

    def put_by(self, module_name: str) -> list[tuple[str, object]]:
        """What the module of that name has put here, whenever it was imported."""
        return [(name, flow) for name, flow in self._flows.items() if self._owners[name] == module_name]


def _calling_module() -> str:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__")) if frame else ""


flows = FlowMapping()
