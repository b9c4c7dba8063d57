"""`engine validate`: everything that is wrong with the context, its profiles and its flows, as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from synergyflow.cli.completing import complete_flows
from synergyflow.cli.invocation import Invocation
from synergyflow.cli.options import command
from synergyflow.errors import EXIT_OK, EXIT_REFUSED

if TYPE_CHECKING:
    from synergyflow.config.environment import Environment
    from synergyflow.flow.fault import Fault
    from synergyflow.flow.flow_graph import FlowGraph


@command("validate")
@click.argument("flow_name", metavar="[FLOW]", required=False, shell_complete=complete_flows)
def validate_command(invocation: Invocation, flow_name: str | None) -> int:
    """What is wrong with the flows (or one of them), the context and its profiles. Exit code 2 if anything is."""
    from synergyflow.cli.checks import capacity_of, faults_of_context, faults_of_flows
    from synergyflow.cli.surroundings import catalogue_of, environment_of

    environment = environment_of(invocation)
    catalogue = catalogue_of(environment)
    faults = faults_of_context(environment)
    faults += faults_of_flows(catalogue, None if faults else capacity_of(environment), flow_name)
    flows = [flow for name, flow in catalogue.flows.items() if flow_name in (None, name)]
    invocation.outcome = EXIT_REFUSED if faults else EXIT_OK
    if invocation.json:
        from synergyflow.cli.documents import fault_document
        from synergyflow.cli.output import print_json

        documents = [fault_document(fault) for fault in faults]
        print_json({"flows": [flow.flow_name for flow in flows], "faults": documents})
    else:
        _show(invocation, environment, faults, flows)
    return invocation.outcome


def _show(
    invocation: Invocation, environment: Environment, faults: Sequence[Fault], flows: Sequence[FlowGraph]
) -> None:
    from rich.text import Text

    from synergyflow.cli.render import Page
    from synergyflow.observers.log_line import one_line
    from synergyflow.observers.sentences import count

    page = Page()
    for fault in faults:
        bad = "✗ " if page.is_unicode else "x "
        page.copyable(Text.assemble((bad, "bold red"), one_line(invocation.masked(str(fault)))))
        if fault.hint:
            page.copyable(Text.assemble(("  try: ", "dim"), one_line(invocation.masked(fault.hint))))
    steps = sum(len(flow) for flow in flows)
    profiles = ", ".join(profile.name for profile, _ in environment.pool)
    looked = f"{count(len(flows), 'usable flow')}, {count(steps, 'step')}, context {environment.name}, pool {profiles}"
    verdict = (count(len(faults), "fault"), "bold red") if faults else ("nothing is wrong", "bold green")
    page.copyable(Text.assemble(verdict, (f" · {looked}", "dim")))
