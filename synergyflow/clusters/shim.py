"""Runs one local job and keeps its outcome: a plain script, so that the job outlives a killed engine.

Started as `python -I -S shim.py SPOOL` in a session of its own, with the request on its standard input. It imports
only what starts in milliseconds and nothing of synergyflow; the engine imports it for the few facts about processes
that both need. The job runs in another session below it, so that ending the job's group lets the shim live and record
the end.

Files of a job's spool folder (mode 0700, files 0600), each a few `name=value` lines but for the first and last:

    output   what the job wrote to stdout and stderr, written by the job itself
    shim     who runs the job; linked into place complete, and whoever links it is the only one that ever runs the job
    cancel   present once the end of the job was asked for; written by the engine
    status   how the job ended; renamed into place complete
    payload  the input of a Python job, while it runs

Whatever is killed at whatever instruction, a job without `shim` was never begun: the job's process is made before the
link and waits for a sign that only follows it. The request never lies on a disk, since it may hold secrets.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
import time
from typing import Any

MARKER = "SYNERGYFLOW_JOB"
_ROOM = 1024
"""Bytes that are set aside for the outcome before the job begins, so that a disk that it fills can't swallow it."""

STARTED = b"started\n"
TAKEN = b"taken\n"
CANNOT_EXECUTE = 126
NOT_FOUND = 127
_FILE_MODE = 0o600
_RESTORED = ("SIGPIPE", "SIGXFSZ", "SIGTERM", "SIGINT", "SIGHUP")


def boot_id() -> str:
    """One life of this machine, and of the process numbers within it; empty where the system has no name for it."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def process_stat(pid: int) -> tuple[str, int, str] | None:
    """State, process group and start time (in ticks since the boot) of a process; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[2]), fields[19].decode()
    except OSError:
        return None if os.path.exists("/proc/self/stat") else _stat_without_proc(pid)


def _stat_without_proc(pid: int) -> tuple[str, int, str] | None:
    try:
        return "?", os.getpgid(pid), ""
    except OSError:
        return None


def exists(pid: int, started: str) -> bool:
    """Whether that very process is still there, as a zombie at least."""
    stat = process_stat(pid)
    return stat is not None and stat[2] == started


def is_alive(pid: int, started: str) -> bool:
    """Whether that very process still runs."""
    stat = process_stat(pid)
    return stat is not None and stat[2] == started and stat[0] not in ("Z", "X")


def processes_of(token: str, group: int | None = None) -> list[int]:
    """Living processes that bear the job's mark in their environment, or are in `group`. Linux only; else none."""
    mark = f"{MARKER}={token}".encode()
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if pid != os.getpid() and _belongs(pid, mark, group)]


def _belongs(pid: int, mark: bytes, group: int | None) -> bool:
    stat = process_stat(pid)
    if stat is None or stat[0] in ("Z", "X"):
        return False
    if stat[1] == group:
        return True
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


def send(pid: int, number: int) -> None:
    """Signal a process, or with a negative number a group; one that is gone already is a success."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def end_all(token: str, group: int | None = None, rounds: int = 200) -> bool:
    """Kill what `processes_of` lists until nothing is left, for two seconds at most. Whether nothing is left."""
    for _ in range(rounds):
        left = processes_of(token, group)
        if not left:
            return True
        for pid in left:
            send(pid, signal.SIGKILL)
        time.sleep(0.01)
    return not processes_of(token, group)


def _utc_now() -> str:
    now = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now // 1000 % 10**6:06d}+00:00"


def _write(name: str, content: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with open(descriptor, "wb") as file:
        file.write(content)


def _lines(**values: object) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode()


def _become_job(request: dict[str, Any], ready: int, sign: int) -> None:
    """In the new process: say when it can be signaled, wait for the sign, then turn into the job. Never returns."""
    try:
        os.setsid()
        _restore_signals()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, _FILE_MODE)
        os.write(ready, b"1")
        if os.read(sign, 1) != b"1":
            os._exit(0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = _execute(request)
    except BaseException as error:  # noqa: BLE001 - this process must end here, whatever happens
        os.write(2, f"cannot start the job: {error}\n".encode())
        code = CANNOT_EXECUTE
    os._exit(code)


def _execute(request: dict[str, Any]) -> int:
    program = os.fsdecode(request["argv"][0])
    try:
        os.chdir(request["cwd"])
        _limit(request["limits"])
        os.execvpe(program, request["argv"], request["env"])
    except OSError as error:
        os.write(2, f"cannot start {program}: {error.strerror}\n".encode())
        return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_EXECUTE


def _restore_signals() -> None:
    for name in _RESTORED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _limit(limits: dict[str, int]) -> None:
    if limits:
        import resource

        for name, value in limits.items():
            hard = resource.getrlimit(getattr(resource, name))[1]
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (soft, hard))


def _claim(token: str, job: int) -> bool:
    """Whether this shim is the one that runs the job; recorded for ever, all at once."""
    stat = process_stat(job)
    own = process_stat(os.getpid())
    content = _lines(
        token=token,
        boot=boot_id(),
        pid=os.getpid(),
        started=own[2] if own else "",
        job=job,
        job_started=stat[2] if stat else "",
    )
    draft = f"shim.{os.getpid()}"
    _write(draft, content)
    try:
        os.link(draft, "shim")
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    return True


def _watch(token: str, job: int) -> tuple[int, float, int, bool]:
    """Wait status, processor seconds and memory of the job once it has ended, and whether its end was asked for.

    Where the system can, the job's process stays a zombie until nothing is left of a canceled job, so that its number
    can't come to name another group meanwhile.
    """
    reaped = None if hasattr(os, "waitid") else os.wait4(job, 0)
    if reaped is None:
        os.waitid(os.P_PID, job, os.WEXITED | os.WNOWAIT)
    canceled = os.path.exists("cancel")
    pause = 0.005
    while canceled and processes_of(token, job):
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    _, status, usage = reaped or os.wait4(job, 0)
    return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, canceled


def _record(started: str, status: int, cpu_seconds: float, max_rss: int, canceled: bool) -> None:
    signaled = os.WIFSIGNALED(status)
    content = _lines(
        exit="" if signaled else os.WEXITSTATUS(status),
        signal=os.WTERMSIG(status) if signaled else "",
        canceled=int(canceled),
        started=started,
        finished=_utc_now(),
        max_rss=max_rss,
        cpu_seconds=round(cpu_seconds, 6),
    )
    with open("status.draft", "r+b") as draft:
        draft.write(content)
        draft.truncate()
    os.rename("status.draft", "status")


def _tell(listener: int, message: bytes) -> None:
    try:
        os.write(listener, message)
    except BrokenPipeError:
        return  # an engine that is gone, which the job is to outlive; or a job that was killed before it began


def _leave_the_engine(answer: bytes) -> None:
    """Tell the engine, then hold nothing of it any more."""
    _tell(1, answer)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def main(spool: str) -> None:
    """Run the job that the request on stdin describes, unless another shim has claimed it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(spool)
    request = marshal.loads(sys.stdin.buffer.read())
    job, sign = _fork(request)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if not _claim(request["token"], job):
        os.close(sign)
        os.waitpid(job, 0)
        _leave_the_engine(TAKEN)
        return
    if request["payload"]:
        _write("payload", request["payload"])
    _write("status.draft", b"\n" * _ROOM)
    _leave_the_engine(STARTED)
    _run(request["token"], job, sign)


def _fork(request: dict[str, Any]) -> tuple[int, int]:
    """The process that will be the job, in its own group and deaf to no signal, and where to give it the sign."""
    (ready, tell_ready), (wait, sign) = os.pipe(), os.pipe()
    job = os.fork()
    if job == 0:
        os.close(sign)
        os.close(ready)
        _become_job(request, tell_ready, wait)
    os.close(tell_ready)
    os.close(wait)
    if not os.read(ready, 1):
        sys.exit(1)
    os.close(ready)
    return job, sign


def _run(token: str, job: int, sign: int) -> None:
    started = _utc_now()
    if os.path.exists("cancel"):
        send(job, signal.SIGKILL)
    else:
        _tell(sign, b"1")
    os.close(sign)
    ending = _watch(token, job)
    if os.path.exists("payload"):
        os.unlink("payload")
    _record(started, *ending)


if __name__ == "__main__":
    main(sys.argv[1])
