"""Seconds end to end of A13 on PRDs, and how many of them were spent waiting for PostgreSQL.

    python benchmarks/run_examples.py                   the three examples and ten_tables.md
    python benchmarks/run_examples.py examples/shop.md  the PRDs named
    python benchmarks/run_examples.py --json out.json   the figures as JSON, too

Every PRD runs in a process of its own, in a temporary workspace that is removed afterwards
(`--keep DIR` keeps the workspaces). The figures:

- wall: from the start of the process to its end, imports included.
- waiting: the time in which at least one thread waited for PostgreSQL, for one of its programs,
  or paused until a server was up (see waiting.py).
- own: wall minus waiting, the part that is A13's; `own_cpu` is what its process computed in all,
  the client library's work on rows included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
PRDS = (
    EXAMPLES / "saas.md",
    EXAMPLES / "clinic.md",
    EXAMPLES / "shop.md",
    HERE / "ten_tables.md",
)


def measure_one(prd: Path, workspace: Path) -> dict[str, Any]:
    """Run one PRD in this process."""
    began = time.perf_counter()
    from waiting import Waiting

    from a13 import A13Agent
    from a13.domain.progress import Event

    steps: dict[str, float] = defaultdict(float)
    last = time.perf_counter()

    def on_event(event: Event) -> None:
        nonlocal last
        now = time.perf_counter()
        steps[event.step] += now - last
        last = now

    with Waiting() as waiting:
        result = A13Agent(workspace=workspace).run(prd, on_event=on_event)
    wall = time.perf_counter() - began
    waited = waiting.seconds()
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "prd": prd.name,
        "status": result.status,
        "exit_code": result.exit_code,
        "verdicts": {criterion.id: criterion.verdict for criterion in result.acceptance},
        "relations": len(result.design.relations) if result.design else 0,
        "queries": len(result.sla),
        "wall_seconds": round(wall, 2),
        "waiting_seconds": round(waited, 2),
        "waiting_postgresql_seconds": round(waiting.seconds("postgresql"), 2),
        "waiting_programs_seconds": round(waiting.seconds("programs"), 2),
        "waiting_pauses_seconds": round(waiting.seconds("pauses"), 2),
        "own_seconds": round(wall - waited, 2),
        "own_share": round((wall - waited) / wall, 3),
        "own_cpu_seconds": round(own.ru_utime + own.ru_stime, 2),
        "own_cpu_share": round((own.ru_utime + own.ru_stime) / wall, 3),
        "peak_mb": round(own.ru_maxrss / 1024),
        "steps_seconds": {step: round(seconds, 2) for step, seconds in steps.items()},
    }


def measure(prd: Path, workspace: Path) -> dict[str, Any]:
    """Run one PRD in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(prd), str(workspace)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def line(figures: dict[str, Any]) -> str:
    verdicts = ", ".join(f"{name} {verdict}" for name, verdict in figures["verdicts"].items())
    return (
        f"| `{figures['prd']}` | {figures['relations']} | {figures['queries']} "
        f"| {figures['wall_seconds']:.1f} | {figures['waiting_seconds']:.1f} "
        f"| {figures['own_seconds']:.1f} ({figures['own_share']:.0%}) "
        f"| {figures['own_cpu_seconds']:.1f} ({figures['own_cpu_share']:.0%}) "
        f"| {figures['peak_mb']} "
        f"| {figures['exit_code']}: {verdicts or figures['status']} |"
    )


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure_one(Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("prd", nargs="*", type=Path, default=PRDS)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--keep", type=Path, help="keep the workspaces in this folder")
    arguments = parser.parse_args()

    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(
        "| PRD | tables | queries | wall s | waiting s | own s | own CPU s | peak MB | exit code |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory(prefix="a13-benchmark-") as folder:
        keep = (arguments.keep or Path(folder)).resolve()
        keep.mkdir(parents=True, exist_ok=True)
        for prd in arguments.prd:
            found.append(measure(prd.resolve(), keep / prd.stem))
            print(line(found[-1]), flush=True)
    print("\nSeconds per step:\n")
    for figures in found:
        steps = ", ".join(f"{name} {s:.1f}" for name, s in figures["steps_seconds"].items())
        print(f"- `{figures['prd']}`: {steps}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
