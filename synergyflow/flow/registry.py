"""Finding flows: every module, file and folder that a context names is loaded, and nothing faulty spoils the rest."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from synergyflow.config.suggest import did_you_mean
from synergyflow.errors import DefinitionError, NotFoundError
from synergyflow.flow.fault import Fault
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.import_path import make_importable
from synergyflow.flow.loading import Loaded, Target, load, targets_of
from synergyflow.flow.names import comparable
from synergyflow.flow.source import shown

_one_at_a_time = threading.RLock()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was found.

    Attributes:
        flows: those that can be used, by name, sorted.
        faults: everything wrong, in the order in which it was met.
        broken: the names of flows that can't be used, each with its faults.
    """

    flows: Mapping[str, FlowGraph]
    faults: tuple[Fault, ...] = ()
    broken: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    def get(self, name: str) -> FlowGraph:
        """The flow of that name.

        Raises:
            DefinitionError: it is there but faulty; the message has its first fault.
            NotFoundError: there is none.
        """
        if name in self.flows:
            return self.flows[name]
        if name in self.broken:
            faults = self.broken[name]
            raise faults[0].error(more=len(faults) - 1)
        raise NotFoundError(f"there is no flow {name!r}" + self._unreadable(), hint=self._suggestion(name))

    def _unreadable(self) -> str:
        files = list(dict.fromkeys(fault.file for fault in self.faults if fault.flow is None))
        return f"; it may be in what can't be loaded: {', '.join(files)}" if files else ""

    def _suggestion(self, name: str) -> str:
        known = [*self.flows, *self.broken]
        meant = [fault.hint for fault in self.faults if fault.flow is None and "did you mean" in (fault.hint or "")]
        hint = did_you_mean(name, known, what="flows are") or next(iter(meant), None)
        return hint or "the context's `flows` names no usable flow"


def discover(entries: Sequence[str], root: Path) -> Catalogue:
    """Load every entry (a dotted module, a `.py` file or a folder, relative to `root`) and list the flows in them.

    May be repeated: files are read anew, modules that are already imported are not. One discovery at a time; while it
    lasts, what the whole process prints on stdout goes to stderr.
    """
    with _one_at_a_time:
        root = Path(root).resolve()
        importlib.invalidate_caches()
        make_importable(root)
        targets, faults = _targets(entries, root)
        files = frozenset(str(target.file) for target in targets if target.file)
        loaded = [load(target, root, files) for target in targets]
        return _catalogue(loaded, faults, root)


def _targets(entries: Sequence[str], root: Path) -> tuple[list[Target], list[Fault]]:
    targets: dict[Target, None] = {}
    faults = []
    for entry in entries:
        try:
            targets.update(dict.fromkeys(targets_of(entry, root)))
        except DefinitionError as error:
            faults.append(Fault(entry, None, None, None, error.message, error.hint))
    return list(targets), faults


def _catalogue(loaded: Sequence[Loaded], faults: list[Fault], root: Path) -> Catalogue:
    broken: dict[str, list[Fault]] = {}
    graphs: dict[int, FlowGraph] = {}
    for module in loaded:
        graphs.update((id(graph), graph) for graph in module.graphs)
        faults.extend([module.fault] if module.fault else [])
        faults.extend(module.misnamed)
        for fault in module.misnamed:
            broken.setdefault(str(fault.flow), []).append(fault)
        for graph in module.graphs if module.fault else ():
            assert module.fault is not None
            broken.setdefault(graph.flow_name, []).append(module.fault)
    for graph in graphs.values():
        own = [*graph.faults, *_clashes(graph, list(graphs.values()), root)]
        if own:
            broken.setdefault(graph.flow_name, []).extend(own)
            faults.extend(own)
    usable = sorted((graph.flow_name, graph) for graph in graphs.values() if graph.flow_name not in broken)
    return Catalogue(
        MappingProxyType(dict(usable)),
        tuple(dict.fromkeys(faults)),
        MappingProxyType({name: tuple(dict.fromkeys(found)) for name, found in broken.items()}),
    )


def _clashes(graph: FlowGraph, graphs: Sequence[FlowGraph], root: Path) -> list[Fault]:
    """One fault if others bear the name, or one that differs only by case."""
    key = comparable(graph.flow_name)
    others = [other for other in graphs if other is not graph and comparable(other.flow_name) == key]
    if not others:
        return []
    same = all(other.flow_name == graph.flow_name for other in others)
    places = ", ".join(f"{shown(other.source.file, root)}:{other.source.line}" for other in others)
    message = f"is also defined at {places}" if same else f"has a name that differs only by case from one at {places}"
    source = graph.source
    hint = "flow names are unique; give one of them another"
    return [Fault(shown(source.file, root), source.line, graph.flow_name, None, message, hint)]
