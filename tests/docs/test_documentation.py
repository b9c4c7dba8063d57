"""The documentation holds: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.main import COMMANDS, engine
from synergyflow.flow.fingerprint import fingerprint, uncopyable
from synergyflow.flow.flow_graph import FlowGraph

from .pages import PAGES, ROOT, anchors, blocks, code_in_text, links, name_of

pages = pytest.mark.parametrize("page", PAGES, ids=name_of)
_COMMAND = re.compile(r"^\s*(?:\$ )?(?:\S*/)?engine (?P<words>\S.*)$")


@pages
def test_every_block_of_python_compiles(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile("\n" * (block.line - 1) + block.text, name_of(page), "exec")


@pages
def test_every_block_of_toml_or_json_can_be_read(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language == "json":
            json.loads(block.text)


@pytest.mark.parametrize("page", ["README.md", "docs/writing-flows.md"])
def test_the_flows_of_a_page_can_be_defined_and_copied(page: str) -> None:
    defined: dict[str, Any] = {}
    for block in blocks(ROOT / page):
        if block.language == "python":
            exec(compile(block.text, f"{page}:{block.line}", "exec"), defined)
    flows = [value for value in defined.values() if isinstance(value, FlowGraph)]
    assert flows
    for flow in flows:
        assert len(flow.graph) == len(flow) > 0
        assert all(fingerprint(step) and not uncopyable(step) for step in flow.steps)


def test_a_program_that_embeds_the_engine_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = [block.text for block in blocks(ROOT / "docs/contexts-and-profiles.md") if "ExecutionEngine" in block.text]
    assert len(code) == 1
    exec(compile(code[0], "contexts-and-profiles.md", "exec"), {})
    assert capsys.readouterr().out.startswith("processed () ")


def test_the_page_on_extending_prints_the_examples_as_they_are() -> None:
    folder = ROOT / "examples" / "extending"
    printed = [block.text for block in blocks(ROOT / "docs/extending.md")]
    for file in ("remote_shell.py", "pyproject.toml", "slow_steps.py"):
        assert (folder / file).read_text(encoding="utf-8") in printed


# -- commands -------------------------------------------------------------------------------------------------------


def commands(page: Path) -> list[tuple[int, list[str]]]:
    """Command lines of `engine` in fenced blocks without a language, with their lines."""
    found = []
    for block in blocks(page):
        for offset, line in enumerate(block.text.splitlines() if not block.language else ()):
            match = _COMMAND.match(line)
            if match:
                words = match["words"].partition("  ")[0].partition(" > ")[0]
                found.append((block.line + offset, shlex.split(words)))
    return found


def understood(words: list[str]) -> click.Context:
    """The command line taken apart by the program itself; nothing is run."""
    context = click.Context(engine, info_name="engine", obj=Invocation())
    command: click.Command = engine
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    return command.make_context(command.name, list(words), parent=context)


@pages
def test_every_command_line_is_one_that_the_program_understands(page: Path) -> None:
    for line, words in commands(page):
        try:
            understood(words)
        except click.ClickException as error:
            pytest.fail(f"{name_of(page)}:{line}: engine {shlex.join(words)}: {error.format_message()}")


@pages
def test_commands_that_the_text_speaks_of_exist(page: Path) -> None:
    spoken = [code.split() for code in code_in_text(page) if code.startswith("engine ")]
    unknown = [words[1] for words in spoken if words[1].replace("_", "-") not in COMMANDS and words[1][0] != "-"]
    assert unknown == []


def test_there_are_command_lines_to_look_at() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 30


@pytest.mark.parametrize("wrong", [["rn"], ["run", "--flo", "x"], ["run", "--flow", "x"], ["completion", "csh"]])
def test_a_wrong_command_line_would_be_noticed(wrong: list[str]) -> None:
    with pytest.raises((click.ClickException, AssertionError)):
        understood(wrong)


# -- links ----------------------------------------------------------------------------------------------------------


@pages
def test_every_relative_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page.is_dir():
            page = page / "README.md"
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
    assert [name_of(page) for page in PAGES if page not in reached] == []
