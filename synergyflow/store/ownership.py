"""Who holds a flow run, and whether that engine still lives, as far as it can be seen from here.

A process is told from a later one with the same number by the boot of its machine, its start in clock ticks, and the
namespace that its number counts in. Standard library only: this is imported by what must start quickly.
"""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from synergyflow.core.records import Owner

_DEAD = ("Z", "X", "x")
_disowned: set[Owner] = set()


def current_owner() -> Owner:
    """This process, as an owner from now on."""
    pid = os.getpid()
    return Owner(host=socket.gethostname(), pid=pid, process=process_of(pid), since=datetime.now(UTC), user=_user())


def process_of(pid: int) -> str:
    """One life of a process: `<boot>:<start in ticks>:<namespace>`, each empty where the system does not tell it."""
    found = _state_and_start(pid)
    return f"{_boot()}:{found[1] if found else ''}:{_namespace()}"


def is_same_boot(process: str) -> bool:
    """Whether that process was of this machine, since it was started last."""
    return bool(_boot()) and process.partition(":")[0] == _boot()


def disown(owner: Owner) -> None:
    """This process holds nothing as that owner any more, although it could not say so in the database."""
    _disowned.add(owner)


def can_see(owner: Owner) -> bool:
    """Whether a look at this system's processes tells if the owner lives; an owner before the last boot does not."""
    if owner.host != socket.gethostname():
        return False
    namespace = owner.process.rpartition(":")[2]
    return not is_same_boot(owner.process) or namespace == _namespace()


def is_process_alive(owner: Owner) -> bool:
    """Whether that very process runs, not another with its number, nor one that only waits to be collected."""
    if owner in _disowned:
        return False
    if not owner.process.strip(":"):
        return _exists(owner.pid)
    if owner.process.partition(":")[0] != _boot():
        return False
    start = owner.process.split(":")[1]
    found = _state_and_start(owner.pid)
    if found is None:
        return not start and _exists(owner.pid)
    return found[0] not in _DEAD and found[1] == start


def is_alive(owner: Owner) -> bool | None:
    """Whether the owner lives; None where that can't be seen from here, so that its lease must decide."""
    return is_process_alive(owner) if can_see(owner) else None


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """State letter and start in clock ticks since boot; None where the process or `/proc` is not there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
