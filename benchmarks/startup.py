"""CPU seconds of starting: the interpreter, `import a13`, `a13 --help`; the private server.

    python benchmarks/startup.py [--times 10]

Each figure is the median of several fresh processes; CPU is user and system time of the process
and its children. The first start of the server on a machine creates the cached template
cluster; it is shown apart when the cache was empty.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("python -c pass", ("-c", "pass")),
    ("import a13", ("-c", "import a13")),
    ("from a13 import A13Agent", ("-c", "from a13 import A13Agent")),
    ("a13 --help", ("-m", "a13", "--help")),
    ("a13 run --help", ("-m", "a13", "run", "--help")),
)


def cpu_and_wall_seconds(arguments: tuple[str, ...]) -> tuple[float, float]:
    """What one fresh Python process costs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def server_seconds(times: int) -> tuple[float, list[float]]:
    """The first start and stop of this process, and the later ones."""
    from a13.database.server import Server

    def start_and_stop() -> None:
        with Server() as server, server.connect() as connection:
            connection.execute("SELECT 1")

    first = seconds(start_and_stop)
    return first, [seconds(start_and_stop) for _ in range(times)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=10, help="processes per figure")
    times = parser.parse_args().times

    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| what | CPU s, median | wall s, median |")
    print("|---|---|---|")
    for name, arguments in COMMANDS:
        cpu_and_wall_seconds(arguments)  # the first run writes the byte code
        runs = [cpu_and_wall_seconds(arguments) for _ in range(times)]
        cpu = statistics.median(cpu for cpu, _ in runs)
        wall = statistics.median(wall for _, wall in runs)
        print(f"| `{name}` | {cpu:.2f} | {wall:.2f} |", flush=True)
    first, later = server_seconds(times)
    print(f"| server: start, `SELECT 1`, stop | | {statistics.median(later):.2f} |")
    print(f"\nFirst start in this process: {first:.2f} s.")


if __name__ == "__main__":
    main()
