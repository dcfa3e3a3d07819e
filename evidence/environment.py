"""The environment of a measurement: processor, memory, Python, A13 and the server."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..domain.evidence import Environment


@cache
def cpu_model() -> str:
    """The processor's name and how many of its cores this process may use."""
    name = ""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    name = name or platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name} x {cores or 1}"


@cache
def ram_bytes() -> int:
    """The memory of the machine, or of the container where that is less; 0 if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        return total
    return min(total, limit)


@cache
def a13_version() -> str:
    """The version of A13 that runs."""
    try:
        return version("a13")
    except PackageNotFoundError:
        return "unknown"


def environment(
    *, server: str = "", settings_sha256: str = "", seed: int | None = None
) -> Environment:
    """Where a record is made. `server` is the server's name and version ("" where none runs)."""
    return Environment(
        server=server,
        settings_sha256=settings_sha256,
        seed=seed,
        cpu=cpu_model(),
        ram_bytes=ram_bytes(),
        python=platform.python_version(),
        a13=a13_version(),
    )
