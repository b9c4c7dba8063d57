"""`engine show`: the graph of a flow, drawn for the terminal or written for Graphviz, Mermaid or a program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command, flow_argument
from synergyflow.errors import EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from synergyflow.flow.flow_graph import FlowGraph
    from synergyflow.flow.step import Step

_FORMATS = ("text", "dot", "mermaid", "json")
_LONGEST_NAME = 40


@command("show")
@flow_argument
@click.option("--format", "wanted", type=click.Choice(_FORMATS), help="text (default), dot, mermaid or json.")
@click.option("--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="Write to a file.")
def show_command(invocation: Invocation, flow_name: str, wanted: str | None, output: Path | None) -> int:
    """The graph of a flow: which step waits for which."""
    from synergyflow.cli.surroundings import environment_of, flow_of

    flow = flow_of(environment_of(invocation), flow_name)
    form = wanted or ("json" if invocation.json else "text")
    if output is not None:
        _write(output, _written(flow, form))
        if not invocation.json:
            click.echo(f"written to {output}")
    elif form == "text":
        _show(flow)
    else:
        click.echo(_written(flow, form), nl=False)
    return EXIT_OK


def _written(flow: FlowGraph, form: str) -> str:
    """The graph as a text file."""
    import json

    from synergyflow.cli.drawing import dot, mermaid

    match form:
        case "dot":
            return dot(flow.graph, flow.flow_name)
        case "mermaid":
            return mermaid(flow.graph)
        case "json":
            return json.dumps(_document(flow), ensure_ascii=False, indent=2, default=str) + "\n"
        case _:
            return "".join(f"{art}  {name}  {details}".rstrip() + "\n" for art, name, details in _lines(flow, 80))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{str(path)!r} can't be written: {error.strerror or error}", hint="choose another --output"
        ) from None


def _document(flow: FlowGraph) -> dict[str, Any]:
    from synergyflow.cli.documents import step_document

    return {
        "flow": flow.flow_name,
        "on_failure": flow.on_failure,
        "schedule": flow.schedule,
        "time_qualifier": flow.time_qualifier,
        "file": flow.source.file,
        "line": flow.source.line,
        "parameters": {
            name: {
                "type": parameter.type.__name__,
                "required": parameter.is_required,
                "default": None if parameter.is_required else parameter.default,
                "help": parameter.help,
                "choices": parameter.choices,
            }
            for name, parameter in flow.parameters.items()
        },
        "steps": [step_document(flow[name], flow.graph[name].parents) for name in flow.graph],
    }


def _show(flow: FlowGraph) -> None:
    from rich.text import Text

    from synergyflow.cli.render import Page
    from synergyflow.flow.source import shown
    from synergyflow.observers.log_line import one_line
    from synergyflow.observers.sentences import count

    page = Page()
    facts = [count(len(flow), "step"), str(flow.time_qualifier or "any timeperiod"), f"on failure: {flow.on_failure}"]
    facts += [f"schedule: {flow.schedule}"] if flow.schedule else []
    page.title(one_line(flow.flow_name), Text(one_line(" · ".join(facts)), "dim"))
    page.copyable(Text(f"{shown(flow.source.file, Path.cwd())}:{flow.source.line}", "dim"))
    for name, parameter in flow.parameters.items():
        needed = "required" if parameter.is_required else f"default {parameter.default}"
        choices = f", one of {', '.join(map(str, parameter.choices))}" if parameter.choices else ""
        told = f"{name}: {parameter.type.__name__}, {needed}{choices}{'; ' + parameter.help if parameter.help else ''}"
        page.copyable(Text.assemble(("parameter  ", "dim"), one_line(told)))
    page.copyable("")
    for art, name, details in _lines(flow, page.console.width):
        line = Text.assemble((page.art(art), "cyan"), "  ", (name, "bold"), "  ", (page.art(details), "dim"))
        line.rstrip()
        if page.console.is_terminal:
            line.truncate(page.console.width, overflow="ellipsis")
        page.copyable(line)


def _lines(flow: FlowGraph, width: int) -> list[tuple[str, str, str]]:
    """The drawing, the names beside it in a column, and what else there is to say of each step."""
    from synergyflow.cli.drawing import draw
    from synergyflow.observers.log_line import one_line

    drawn = draw(flow.graph, room=min(max(16, width // 2), 60))
    across = max((len(line.art) for line in drawn), default=0)
    names = {line.step: one_line(line.step) for line in drawn if line.step is not None}
    longest = min(_LONGEST_NAME, max((len(name) for name in names.values()), default=0))
    found = []
    for line in drawn:
        art = f"{line.art:<{across}}"
        if line.step is None:
            found.append((art, "", ""))
        else:
            details = _details(flow[line.step], flow.graph[line.step].parents)
            found.append((art, f"{names[line.step]:<{longest}}", one_line(details)))
    return found


def _details(step: Step, parents: tuple[str, ...]) -> str:
    """What it waits for, what it does, and the policy that is not the usual one."""
    policy = step.policy
    words = [f"after {', '.join(parents)}"] if parents else []
    words.append(" > ".join(action.log_name for _, action in step.actions))
    words += ["skipped"] if step.skip else []
    words += [f"cluster {policy.cluster}"] if policy.cluster else []
    pause = f" after {policy.retry_delay:g} s" if policy.retry_delay else ""
    words += [f"retries {policy.retries}{pause}"] if policy.retries else []
    words += [f"timeout {policy.timeout:g} s"] if policy.timeout is not None else []
    words += [f"priority {policy.priority}"] if policy.priority else []
    words += [f"resume by {policy.resume}"] if policy.resume else []
    return " · ".join(words)
