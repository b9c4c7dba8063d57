"""The code of a Python function or class as text that comments, blank lines and positions don't change.

Taken from the source, so that the version of Python doesn't matter; from the byte code where there is no source.
"""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType

_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
_Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def file_of(module_name: str) -> str | None:
    """The file of an imported module, None for one without, or that is not imported any more."""
    return getattr(sys.modules.get(module_name), "__file__", None)


@lru_cache(maxsize=4096)
def is_of_python(file: str | None) -> bool:
    """Whether the file belongs to the standard library, or is none at all (built in)."""
    return file is None or (file.startswith(_STDLIB) and not is_installed(file))


@lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Whether the file belongs to an installed package."""
    return not set(_INSTALLED).isdisjoint(Path(file).parts)


@lru_cache(maxsize=4096)
def code_text(function: FunctionType) -> str:
    """The function's code, with that of the functions of its own module that it names, and so on."""
    found: dict[FunctionType, None] = {function: None}
    waiting = [function]
    while waiting:
        for other in _named_functions(waiting.pop()):
            if other not in found:
                found[other] = None
                waiting.append(other)
    texts = [_own_text(function), *sorted(_own_text(other) for other in found if other is not function)]
    return hashlib.sha256("\0".join(texts).encode("utf-8", "backslashreplace")).hexdigest()


@lru_cache(maxsize=4096)
def class_text(written: type) -> str:
    """The code of all functions of the class, and its plain class attributes."""
    parts = []
    for name, value in sorted(vars(written).items()):
        functions = list(_functions_in(value))
        parts += [f"{name}={code_text(function)}" for function in functions]
        if not functions and not name.startswith("__") and isinstance(value, str | int | float | bytes | tuple):
            parts.append(f"{name}={value!r}" if " at 0x" not in repr(value) else name)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _functions_in(value: object) -> Iterator[FunctionType]:
    """The function itself, or those behind a property, a static or a class method."""
    for candidate in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "fset"))):
        if isinstance(candidate, FunctionType):
            yield candidate


def _named_functions(function: FunctionType) -> Iterator[FunctionType]:
    for name in sorted(_names(function.__code__)):
        other = function.__globals__.get(name)
        if isinstance(other, FunctionType) and other.__module__ == function.__module__:
            yield other


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(const) for const in code.co_consts if isinstance(const, CodeType)))


def _own_text(function: FunctionType) -> str:
    code = function.__code__
    node = _node_of(code)
    return ast.unparse(node) if node is not None else repr(_byte_code(code))


def _node_of(code: CodeType) -> _Node | None:
    """The definition in the source that became this code, None if there is none for certain."""
    source = "".join(linecache.getlines(code.co_filename))
    candidates = _definitions(source).get(code.co_firstlineno, ()) if source else ()
    named = [node for node in candidates if getattr(node, "name", "<lambda>") == code.co_name]
    if len(named) > 1:
        columns = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
        named = [node for node in named if columns and all(_covers(node, *place) for place in columns)]
        named.sort(key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
    return named[0] if named and _argument_names(named[0]) == _code_arguments(code) else None


@lru_cache(maxsize=256)
def _definitions(source: str) -> dict[int, list[_Node]]:
    """Every function and lambda by the line on which its code begins (that of its first decorator)."""
    found: dict[int, list[_Node]] = {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, _Node):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            found.setdefault(min([node.lineno, *(d.lineno for d in decorators)]), []).append(node)
    return found


def _covers(node: _Node, line: int, column: int) -> bool:
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return start <= (line, column) <= end


def _argument_names(node: _Node) -> list[str]:
    given = node.args
    some = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [argument.arg for argument in [*some, *(rest for rest in (given.vararg, given.kwarg) if rest)]]


def _code_arguments(code: CodeType) -> list[str]:
    variadic = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    return list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + variadic])


def _byte_code(code: CodeType) -> tuple[object, ...]:
    consts = tuple(_byte_code(const) if isinstance(const, CodeType) else _constant(const) for const in code.co_consts)
    return (code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, consts)


def _constant(value: object) -> object:
    return ("frozenset", *sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
