"""Which folders modules of a project can be imported from: after the standard library, before installed packages.

A folder of flows may hold a file called like any library, and two of them may hold helpers of one name; neither may
end in the wrong module being imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

_folders: list[str] = []


def make_importable(folder: Path) -> None:
    """Put the folder first among those of flows; helpers of another folder that it has its own of are forgotten."""
    text = str(folder)
    if text in sys.path and text not in _folders:
        return
    _forget_namesakes(folder)
    _folders[:] = [text, *(known for known in _folders if known != text)]
    rest = [entry for entry in sys.path if entry != text]
    place = next((i for i, entry in enumerate(rest) if entry in _folders or _holds_packages(entry)), len(rest))
    sys.path[:] = [*rest[:place], text, *rest[place:]]


def _forget_namesakes(folder: Path) -> None:
    tops = {name for name in sys.modules if "." not in name and _has_module(folder, name)}
    others = {known for known in _folders if known != str(folder)}
    foreign = {name for name in tops if _folder_of(name) in others}
    for name in list(sys.modules):
        if name.partition(".")[0] in foreign:
            del sys.modules[name]


def _folder_of(name: str) -> str | None:
    """The folder that a top-level module was imported from."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not file:
        return None
    path = Path(file)
    return str(path.parent.parent if path.name == "__init__.py" else path.parent)


def _has_module(folder: Path, name: str) -> bool:
    return Path(folder, f"{name}.py").is_file() or Path(folder, name, "__init__.py").is_file()


def _holds_packages(entry: str) -> bool:
    return Path(entry).name in ("site-packages", "dist-packages")
