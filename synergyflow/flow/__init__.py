"""What a user writes a flow with: graph, step, action, parameter; and how flows are found. Nothing here runs a step."""

from __future__ import annotations

from synergyflow.flow.action import Action
from synergyflow.flow.compatibility import flows
from synergyflow.flow.flow_graph import FlowGraph
from synergyflow.flow.parameters import Parameter
from synergyflow.flow.step import Step

__all__ = ["Action", "FlowGraph", "Parameter", "Step", "flows"]
