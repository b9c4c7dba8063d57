"""From an entry of a context to the modules that it means, and from each of these to the flows in it.

Files are run from their source, under names of their own, so that two of one name, a stale cache or a second load do no
harm. Their folder can be imported from, after the standard library and before installed packages.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from synergyflow.config.suggest import nearest
from synergyflow.errors import DefinitionError, SynergyFlowError
from synergyflow.flow.collecting import Collector, collecting
from synergyflow.flow.compatibility import flows
from synergyflow.flow.fault import Fault
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.import_path import make_importable
from synergyflow.flow.private import PRIVATE_PREFIX
from synergyflow.flow.source import shown

_NO_NAME = re.compile(r"cannot import name '(?P<name>[^']+)' from '(?P<module>[^']+)'")
_asked: weakref.WeakSet[ModuleType] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Target:
    """One module to load: a file, or a dotted name."""

    file: Path | None = None
    module: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of one module. With a `fault` none of its graphs may be used."""

    graphs: tuple[FlowGraph, ...]
    fault: Fault | None = None
    misnamed: tuple[Fault, ...] = ()


def targets_of(entry: str, root: Path) -> list[Target]:
    """The modules that an entry means, files sorted.

    Raises:
        DefinitionError: it is neither a file, a folder nor the name of a module.
    """
    try:
        path = (root / entry).resolve()
        if entry and path.is_dir():
            return [Target(file=file) for file in _files_below(path)]
        if path.suffix == ".py" and path.is_file():
            return [Target(file=path)]
    except (OSError, ValueError) as error:
        raise DefinitionError(f"flows can't be looked for in {entry!r}: {error}") from None
    if entry and all(part.isidentifier() for part in entry.split(".")) and not entry.endswith(".py"):
        return [Target(module=entry)]
    raise DefinitionError(
        f"there is no file, folder or module {entry!r} to find flows in", hint=f"paths are relative to {root}"
    )


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        yield from (Path(parent, name) for name in sorted(files) if name.endswith(".py") and name[0] not in "._")


def _refuse(error: OSError) -> None:
    raise error


def load(target: Target, root: Path, files: frozenset[str]) -> Loaded:
    """Import the module and gather its flows. Mistakes in it become faults; nothing is raised but KeyboardInterrupt.

    `files` are all files that this discovery loads: a flow made by the import of another one belongs to that.
    """
    collector = Collector(root, str(target.file or target.module))
    module: ModuleType | None = None
    fault: Fault | None = None
    found: list[object] = []
    with collecting(collector), contextlib.redirect_stdout(sys.stderr):
        try:
            module = _module_of(target, files)
            if module is None:
                return Loaded(())
            collector.home = getattr(module, "__file__", None) or collector.home
            _run(module, target, found)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a user's file raises is a fault of that file
            fault = _fault_of(error, target, root)
    if module is not None and target.module is not None:
        collector.registered.extend(flows.put_by(target.module))
    found.extend(vars(module).values() if module is not None else ())
    found.extend(collector.made if fault else ())
    graphs, misnamed = _gathered(found, collector)
    mine = tuple(graph for graph in graphs if graph.source.home == collector.home or graph.source.home not in files)
    return Loaded(mine, fault, misnamed)


def _module_of(target: Target, files: frozenset[str]) -> ModuleType | None:
    """The module, of a file not yet run; None for a dotted name whose file is loaded as a file anyway."""
    if target.file is None:
        assert target.module is not None
        spec = importlib.util.find_spec(target.module)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {target.module!r}", name=target.module)
        return None if spec.origin in files else importlib.import_module(target.module)
    make_importable(target.file.parent)
    digest = hashlib.sha256(str(target.file).encode()).hexdigest()[:12]
    name = f"{PRIVATE_PREFIX}{digest}_{''.join(c if c.isalnum() else '_' for c in target.file.stem)}"
    found = importlib.util.spec_from_file_location(name, target.file, loader=_FreshLoader(name, str(target.file)))
    assert found is not None
    return importlib.util.module_from_spec(found)


def _run(module: ModuleType, target: Target, found: list[object]) -> None:
    """Run the body of a file's module, then `register_flows`; a module that fails is forgotten."""
    if target.file is None:
        _register(module, found)
        return
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    sys.modules[module.__name__] = module
    try:
        module.__spec__.loader.exec_module(module)
        _register(module, found)
    except BaseException:
        del sys.modules[module.__name__]
        raise


def _register(module: ModuleType, found: list[object]) -> None:
    """Call the module's `register_flows`, once in its life, if it asks for nothing."""
    register = getattr(module, "register_flows", None)
    if callable(register) and module not in _asked and _takes_nothing(register):
        _asked.add(module)
        found.append(register())


class _FreshLoader(SourceFileLoader):
    """Compiles what the file says now, whatever a byte-code cache of the same second says."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _takes_nothing(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _gathered(found: Sequence[object], collector: Collector) -> tuple[list[FlowGraph], tuple[Fault, ...]]:
    """Each graph once: those found, those in lists and mappings that were found, those registered."""
    graphs: dict[int, FlowGraph] = {}
    for thing in found:
        for graph in _graphs_in(thing):
            graphs[id(graph)] = graph
    faults = []
    for name, thing in collector.registered:
        if isinstance(thing, FlowGraph):
            graphs[id(thing)] = thing
        if not isinstance(thing, FlowGraph) or thing.flow_name != name:
            said = f"flow {thing.flow_name!r}" if isinstance(thing, FlowGraph) else type(thing).__name__
            file = shown(collector.home, collector.root)
            faults.append(Fault(file, None, str(name), None, f"what is registered under this name is {said}"))
    return list(graphs.values()), tuple(faults)


def _graphs_in(thing: object) -> list[FlowGraph]:
    if isinstance(thing, FlowGraph):
        return [thing]
    if isinstance(thing, dict):
        thing = list(thing.values())
    return [item for item in thing if isinstance(item, FlowGraph)] if isinstance(thing, list | tuple) else []


def _place_of(error: BaseException, target: Target) -> tuple[str, int | None]:
    """The file that is to blame, and the last line of it that was reached."""
    file, line = str(target.file or target.module), None
    if isinstance(error, SyntaxError) and error.filename and (target.module or error.filename == file):
        file, line = error.filename, error.lineno
    trace = error.__traceback__
    while trace is not None:
        own = trace.tb_frame.f_globals.get("__name__") == target.module
        if own or trace.tb_frame.f_code.co_filename == file:
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return file, line


def _near(entry: str, root: Path) -> str:
    """The file or folder of the project that an entry was probably meant to be."""
    try:
        there = [path.name for path in root.iterdir() if path.suffix == ".py" or path.is_dir()]
    except OSError:
        there = []
    near = nearest(entry, [name for name in there if not name.startswith((".", "_"))])
    if near is None:
        return f"files and folders are relative to {root}"
    return f"did you mean the {'folder' if (root / near).is_dir() else 'file'} {near!r}?"


def _misspelt(error: BaseException) -> str | None:
    """The name of this package that was probably meant, if the error is that there is no such name in it."""
    found = _NO_NAME.match(str(error)) if isinstance(error, ImportError) else None
    if found is None or found["module"].partition(".")[0] != "synergyflow":
        return None
    known = [name for name in dir(sys.modules.get(found["module"])) if not name.startswith("_")]
    near = nearest(found["name"], known)
    return f"did you mean {near!r}?" if near else None


def _fault_of(error: BaseException, target: Target, root: Path) -> Fault:
    """What went wrong, in one line."""
    file, line = _place_of(error, target)
    hint = "the flows of this file can't be used until it loads"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and target.module and f"{target.module}.".startswith(f"{missing}."):
        message = f"there is no module {target.module!r} to find flows in"
        return Fault(file, None, None, None, message, _near(target.module, root))
    if isinstance(error, SynergyFlowError):
        return Fault(shown(file, root), line, None, None, error.message, error.hint or hint)
    said = error.msg if isinstance(error, SyntaxError) and error.filename == file else error
    text = next(iter(str(said).splitlines()), "")
    hint = _misspelt(error) or hint
    name = type(error).__name__
    return Fault(shown(file, root), line, None, None, f"{name}: {text}" if text else name, hint)
