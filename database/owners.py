"""Processes as owners: who they are, told apart from a later process with the same id."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def command_line(pid: int) -> str:
    """The command line of a process; "" if there is none such."""
    if Path("/proc/self/cmdline").exists():
        try:
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode("utf-8", "replace")
            )
        except OSError:
            return ""
    return _ps(pid, "command=")


def identity(pid: int) -> dict[str, str]:
    """What tells a process from a later one with the same id."""
    return {"start": start_time(pid), "boot": _boot()}


def start_time(pid: int) -> str:
    """When a process started, in the system's own words; "" if it is gone or a zombie."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    return _ps(pid, "lstart=")


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _ps(pid: int, column: str) -> str:
    done = subprocess.run(
        ["ps", "-o", column, "-p", str(pid)],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
    )
    return done.stdout.strip()
