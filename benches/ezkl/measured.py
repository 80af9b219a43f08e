"""Runs a command under limits of time and memory, and says what it took. Linux only."""

import dataclasses
import json
import os
import select
import signal
import subprocess
import time

POLL_MILLISECONDS = 100
MIB = 1 << 20

DONE = "done"
OVER_TIME = "over the time limit"
OVER_MEMORY = "over the memory limit"
FAILED = "failed"
NOT_REACHED = "not reached"


@dataclasses.dataclass
class Step:
    """One command: wall and CPU seconds, peak resident MiB, and the JSON object it gave.

    After a limit was passed the figures are those at the stop, so lower bounds."""

    name: str
    status: str = NOT_REACHED
    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mib: float | None = None
    result: dict = dataclasses.field(default_factory=dict)
    note: str = ""

    @property
    def done(self):
        return self.status == DONE

    @property
    def bounded(self):
        """Stopped at a limit."""
        return self.status in (OVER_TIME, OVER_MEMORY)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of each step: seconds and bytes, None for no limit."""

    seconds: float | None
    memory: int | None


def resident(pid):
    """Resident bytes of a process now, 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def watch(pid, start, limits):
    """Waits for the end of a process or for a limit to be passed."""
    ended = select.poll()
    descriptor = os.pidfd_open(pid)
    try:
        ended.register(descriptor, select.POLLIN)
        while not ended.poll(POLL_MILLISECONDS):
            if limits.memory and resident(pid) > limits.memory:
                return OVER_MEMORY
            if limits.seconds and time.monotonic() - start > limits.seconds:
                return OVER_TIME
    finally:
        os.close(descriptor)
    return DONE


def last_words(path):
    """The last lines of a log that hold something."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return " / ".join(lines[-3:])[-400:]


def last_object(path):
    """The JSON object that begins in the last line with a brace at its start; empty if none does.

    It may be of one line or of several, and other lines may stand before and after it."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("{")]
    if not starts:
        return {}
    return json.JSONDecoder().raw_decode("".join(lines[starts[-1] :]))[0]


def error_of(path):
    """What a command that answers in JSON says went wrong; empty if that is not there."""
    try:
        return " / ".join(last_object(path)["error"]["messages"])
    except (ValueError, KeyError, TypeError):
        return ""


def measure(name, command, limits, log, cwd=None):
    """Runs a command in a process group of its own; never raises for what the command does."""
    step = Step(name)
    with open(log, "wb") as out, open(f"{log}.err", "wb") as err:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            start_new_session=True,
        )
        status = None
        try:
            status = watch(process.pid, start, limits)
        finally:
            # Also on Ctrl-C; the child is not reaped yet, so the group is still its own.
            if status != DONE:
                os.killpg(process.pid, signal.SIGKILL)
            _, code, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(code)
        step.wall_seconds = time.monotonic() - start
    step.cpu_seconds = usage.ru_utime + usage.ru_stime
    step.peak_mib = usage.ru_maxrss / 1024
    step.status = status
    # A short spike between two looks is seen here.
    if status == DONE and limits.memory and usage.ru_maxrss * 1024 > limits.memory:
        step.status = OVER_MEMORY
    if status == DONE and process.returncode < 0:
        step.status = FAILED
        step.note = f"ended by signal {-process.returncode}"
    elif status == DONE and process.returncode > 0:
        step.status = FAILED
        said = last_words(f"{log}.err") or error_of(log) or last_words(log) or "it said nothing"
        step.note = f"exit code {process.returncode}: {said}"
    if step.done:
        try:
            step.result = last_object(log)
        except json.JSONDecodeError as error:
            step.status, step.note = FAILED, f"no readable result: {error}"
    return step
