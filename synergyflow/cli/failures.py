"""How the program tells what went wrong: at most three lines on stderr and an exit code, a traceback only if asked for.

Everything that a command raises comes here. With `--json` the same is one JSON document on stderr.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.config.program import as_called
from synergyflow.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    ConfigurationError,
    DefinitionError,
    NotFoundError,
    SynergyFlowError,
)

ERROR_FILE = "engine-error.log"
_LONGEST = 1000
_MEANT = re.compile(r"^did you mean (?P<quote>['\"])(?P<name>.+)(?P=quote)\?$")

_COMMAND = re.compile(r"\bengine [a-z-]+( --[a-z]+ \S+)+$")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is told of a failure. `command`: a command line to try, where there is one beside the hint."""

    message: str
    hint: str | None
    exit_code: int
    command: str | None = None


def tell(error: BaseException, invocation: Invocation) -> int:
    """Say on stderr what went wrong, and return the exit code."""
    complaint = _callable(complaint_of(error, invocation))
    if invocation.debug:
        _write(invocation.masked("".join(traceback.format_exception(error))))
    _write(_as_json(complaint, invocation) if invocation.json else _as_lines(complaint, invocation))
    return complaint.exit_code


def complaint_of(error: BaseException, invocation: Invocation) -> Complaint:
    """What there is to say of an error."""
    match error:
        case SynergyFlowError():
            return _known(error, invocation)
        case click.UsageError():
            return _misused(error, invocation)
        case click.ClickException():
            return Complaint(error.format_message(), None, EXIT_REFUSED)
        case KeyboardInterrupt() | EOFError() | click.Abort():
            return Complaint("interrupted", None, EXIT_INTERRUPTED)
        case _:
            return _unexpected(error, invocation)


def _callable(complaint: Complaint) -> Complaint:
    """The complaint with its command lines as they work here."""
    hint, command = (text and as_called(text) for text in (complaint.hint, complaint.command))
    return replace(complaint, hint=hint, command=command)


def _known(error: SynergyFlowError, invocation: Invocation) -> Complaint:
    exit_code = error.exit_code or EXIT_REFUSED
    command = None
    if isinstance(error, NotFoundError) and "can't be loaded" in error.message:
        command = _corrected(invocation.argv, error.message, error.hint) or invocation.command("validate")
    elif isinstance(error, NotFoundError) or (isinstance(error, ConfigurationError) and "parameter" in error.message):
        command = _corrected(invocation.argv, error.message, error.hint)
    elif isinstance(error, DefinitionError) and invocation.argv[:1] != ("validate",):
        command = invocation.command("validate")
    return Complaint(error.message, _for_context(error.hint, invocation), exit_code, command)


def _for_context(hint: str | None, invocation: Invocation) -> str | None:
    """The hint; a command line that it ends with names the context, if it is not the usual one."""
    if hint is None or not invocation.context_options or not _COMMAND.search(hint):
        return hint
    return hint if "--context" in hint else f"{hint} {invocation.context_options}"


def _misused(error: click.UsageError, invocation: Invocation) -> Complaint:
    """Arguments that the program does not understand."""
    path = error.ctx.command_path if error.ctx is not None else "engine"
    if isinstance(error, click.NoSuchOption):
        near = error.possibilities[0] if error.possibilities else None
        message = f"there is no option {error.option_name!r}"
        hint = f"did you mean {near!r}?" if near else None
        command = _corrected(invocation.argv, message, hint)
        return Complaint(
            message, hint or f"{path} --help", EXIT_REFUSED, command or (f"{path} --help" if hint else None)
        )
    message = error.format_message().rstrip(".")
    return Complaint(message[:1].lower() + message[1:], f"{path} --help", EXIT_REFUSED)


def _unexpected(error: BaseException, invocation: Invocation) -> Complaint:
    what = f"unexpected: {type(error).__name__}: {error}"
    if invocation.debug:
        return Complaint(what, None, EXIT_FAILED)
    return Complaint(what, _kept(error, invocation), EXIT_FAILED)


def _kept(error: BaseException, invocation: Invocation) -> str:
    """Where the details are: in a file beside the logs if there is such a folder, else only with `--debug`."""
    directory = invocation.log_directory
    again = "the same command with --debug shows where"
    if directory is None or not directory.is_dir():
        return again
    path = directory / ERROR_FILE
    text = f"engine {shlex.join(invocation.argv)}\n{''.join(traceback.format_exception(error))}\n"
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(invocation.masked(text))
    except OSError:
        return again
    return f"the details are in {path}"


def _corrected(argv: Sequence[str], message: str, hint: str | None) -> str | None:
    """The command as typed, with the name that the hint offers in place of the one that the message complains of."""
    meant = _MEANT.match(hint or "")
    if meant is None:
        return None
    from difflib import SequenceMatcher

    name = meant["name"]
    found: list[tuple[float, int, str]] = []
    for index, word in enumerate(argv):
        before, equals, after = word.partition("=")
        for wrong, right in ((word, name), (before, name + equals + after), (after, before + equals + name)):
            if wrong != name and repr(wrong) in message:
                found.append((SequenceMatcher(None, wrong.casefold(), name.casefold()).ratio(), index, right))
    if not found:
        return None
    _, index, right = max(found)
    return shlex.join(["engine", *argv[:index], right, *argv[index + 1 :]])


def _as_lines(complaint: Complaint, invocation: Invocation) -> str:
    lines = [f"error: {_line(invocation.masked(complaint.message))}"]
    if complaint.hint:
        lines.append(f"try: {_line(invocation.masked(complaint.hint))}")
    if complaint.command and complaint.command != complaint.hint:
        lines.append(f"{'     ' if complaint.hint else 'try: '}{_line(invocation.masked(complaint.command))}")
    return "\n".join(lines) + "\n"


def _as_json(complaint: Complaint, invocation: Invocation) -> str:
    document = {
        "error": invocation.masked(complaint.message),
        "hint": invocation.masked(complaint.hint) if complaint.hint else None,
        "exit_code": complaint.exit_code,
    }
    if complaint.command:
        document["command"] = invocation.masked(complaint.command)
    return json.dumps(document, ensure_ascii=False) + "\n"


def _line(text: str) -> str:
    """One line that can't steer a terminal, of a length that somebody may read."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(plain.split())
    return words if len(words) <= _LONGEST else words[: _LONGEST - 2] + " …"


def _write(text: str) -> None:
    """To stderr, if there is anybody at its other end."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return
