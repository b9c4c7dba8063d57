"""The names of modules that were loaded from files of flows: no other process could import them by these names."""

from __future__ import annotations

import sys
from types import ModuleType

PRIVATE_PREFIX = "synergyflow_flow_file_"


def private_modules() -> list[ModuleType]:
    """Those that are loaded now."""
    return [module for name, module in list(sys.modules.items()) if name.startswith(PRIVATE_PREFIX)]
