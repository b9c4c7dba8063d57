"""The files of a new project, as `engine init` writes them: commented so that a newcomer understands each line."""

from __future__ import annotations

from collections.abc import Mapping

CONTEXT = """\
# The context `local`: everything on this machine. Other contexts are further files in this folder: --context NAME.
# Relative paths are relative to the folder above this one.

# Where flows are defined: modules ("package.module"), files and folders.
flows = ["flows"]

# The cluster profile that steps run on (clusters/local.toml), and how many clusters of it a run may use.
cluster = "local"
number_of_clusters = 2

# Log files, one folder for each flow. The state of runs is a SQLite file beside them, unless database_url says
# otherwise.
log_directory = "logs"
# database_url = { env = "SYNERGYFLOW_DATABASE_URL" }

# What plain paths of filesystem actions refer to.
bucket = "data"

# Free for your flows: self.settings["name"] in an action.
[settings]
greeting = "Hello"

# Secrets are never written here, only where they are; they are masked in logs, plans and messages.
[secrets]
# API_TOKEN = { env = "API_TOKEN" }
"""

PROFILE = """\
# The cluster profile `local`: steps run as processes of this machine.
type = "local"

# How many steps each cluster works on at a time.
slots = 4
"""

FLOW = '''\
"""A first flow. A flow is a graph of steps; a step waits for the steps that it depends on, then runs its actions."""

from synergyflow import FlowGraph, MkdirAction, PythonAction, ShellCommandAction


def greet(settings, parameters, timeperiod, filesystem, logger):
    """A step in Python. What it takes by these names is handed to it; what it logs goes to the log of its step."""
    words = f"{settings['greeting']}, {parameters['name']}! This is {timeperiod}.\\n"
    with filesystem.open_for_writing(f"hello/{timeperiod}/greeting.txt") as file:
        file.write(words.encode())
    logger.info("wrote %d characters", len(words))


hello = (
    # Flow and steps are known by their names. "daily" means timeperiods such as 2026010100, the first of January 2026.
    # Parameters have a type and a default, and are given by --param name=you.
    FlowGraph("hello", time_qualifier="daily", parameters={"name": "world"})
    # The first step waits for nothing. Its main action is a shell command; a pre action makes a folder, below data/.
    .append(
        "look_around",
        [],
        ShellCommandAction('echo "$SYNERGYFLOW_STEP of $SYNERGYFLOW_FLOW runs in $PWD"'),
        pre_actions=[MkdirAction("hello/{timeperiod}")],
    )
    # The second one waits for the first, and is tried twice more if it fails.
    .append("greet", ["look_around"], PythonAction(greet), retries=2, retry_delay=5)
    # The last one waits for the second, and may take a minute.
    .append(
        "read_aloud",
        ["greet"],
        ShellCommandAction('cat "data/hello/$SYNERGYFLOW_TIMEPERIOD/greeting.txt"'),
        timeout=60,
    )
)
'''

GITIGNORE = """\
logs/
data/
__pycache__/
"""

README = """\
# A project of flows

    engine run --flow hello --timeperiod 2026010100       run the first flow
    engine status --flow hello --timeperiod 2026010100    see what became of it

| folder | holds |
| --- | --- |
| `flows/` | flows, as Python files |
| `contexts/` | environments: where flows, logs and state are, which clusters to use |
| `clusters/` | cluster profiles |
| `data/` | what plain paths of filesystem actions refer to |
| `logs/` | log files, and the state of runs |

`engine show hello` draws the graph, `engine logs` shows what steps wrote, `engine recover` runs what a failed run has
left to do. `engine --help` lists the rest.
"""

FILES: Mapping[str, str] = {
    "contexts/local.toml": CONTEXT,
    "clusters/local.toml": PROFILE,
    "flows/hello.py": FLOW,
    ".gitignore": GITIGNORE,
    "README.md": README,
}
"""Contents by path."""
