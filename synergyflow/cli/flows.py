"""`engine flows`: which flows the context names, and which of them can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.errors import EXIT_OK

if TYPE_CHECKING:
    from synergyflow.flow.registry import Catalogue


@command("flows")
def flows_command(invocation: Invocation) -> int:
    """Which flows there are: steps, schedule, where each is defined, what is wrong with it."""
    from synergyflow.cli.surroundings import catalogue_of, environment_of

    environment = environment_of(invocation)
    catalogue = catalogue_of(environment)
    if invocation.json:
        from synergyflow.cli.output import print_json

        print_json(_document(catalogue, environment.root))
    else:
        _show(invocation, catalogue, environment.root)
    return EXIT_OK


def _document(catalogue: Catalogue, root: Path) -> dict[str, Any]:
    from synergyflow.cli.documents import fault_document
    from synergyflow.flow.source import shown

    flows = [
        {
            "name": name,
            "steps": len(flow),
            "schedule": flow.schedule,
            "time_qualifier": flow.time_qualifier,
            "file": shown(flow.source.file, root),
            "line": flow.source.line,
        }
        for name, flow in catalogue.flows.items()
    ]
    return {"flows": flows, "faults": [fault_document(fault) for fault in catalogue.faults]}


def _show(invocation: Invocation, catalogue: Catalogue, root: Path) -> None:
    from rich.text import Text

    from synergyflow.cli.render import Page, bad, quiet, row, table
    from synergyflow.flow.source import shown

    page = Page()
    if not catalogue.flows and not catalogue.broken:
        page.title("the context names no flows")
    else:
        made = table("flow", "steps", "timeperiods", "schedule", "file", "faults")
        for name, flow in catalogue.flows.items():
            place = f"{shown(flow.source.file, root)}:{flow.source.line}"
            row(made, Text(name, "bold"), str(len(flow)), flow.time_qualifier or "any", flow.schedule, quiet(place), "")
        for name, faults in sorted(catalogue.broken.items()):
            row(made, Text(name, "bold red"), "", "", "", quiet(faults[0].file), bad(str(len(faults))))
        page.add(made)
    for fault in catalogue.faults:
        if fault.flow is None:
            page.copyable(Text.assemble(("✗ " if page.is_unicode else "x ", "red"), str(fault)))
    if catalogue.faults:
        page.commands([("what is wrong", invocation.command("validate"))])
    elif catalogue.flows:
        page.commands([("its graph", invocation.command("show", next(iter(catalogue.flows))))])
