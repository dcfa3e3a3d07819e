"""Kill -9 in the middle of every step, then resume in a new process: the same result."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from a13 import A13Agent, A13Result
from a13.config import Settings
from a13.domain.plan import Budget
from a13.domain.progress import Event
from a13.errors import EvidenceError, LockedError, ThreadError, WorkspaceError
from a13.evidence.ledger import Ledger
from a13.evidence.verify import verify
from a13.evidence.workspace import Workspace

HASH = re.compile(r"\.[0-9a-f]{12}(?=\.json$)")
STEPS = ("intake", "design", "migrate", "optimize", "manage_data", "document", "acceptance")

# Runs A13 and kills its own process, hard, at the nth event of a step.
KILLER = textwrap.dedent("""\
    import os, signal, sys
    from a13 import A13Agent, Budget
    prd, workspace, step, nth = sys.argv[1:5]
    seen = 0
    def hear(event):
        global seen
        if event.step == step:
            if seen == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
    budget = Budget(samples_per_query=5, rows_per_relation=20_000)
    A13Agent(budget=budget).run(prd, workspace=workspace, on_event=hear)
    """)
RESUMER = textwrap.dedent("""\
    import sys
    from a13 import A13Agent, Budget
    budget = Budget(samples_per_query=5, rows_per_relation=20_000)
    print(A13Agent(budget=budget).resume(sys.argv[1]).model_dump_json())
    """)


@pytest.fixture(scope="module")
def unbroken(
    library_prd: str, small_budget: Budget, tmp_path_factory: pytest.TempPathFactory
) -> tuple[A13Result, dict[str, int]]:
    """A run that nobody disturbs, and how many events each step told."""
    events: dict[str, int] = {}

    def hear(event: Event) -> None:
        events[event.step] = events.get(event.step, 0) + 1

    place = tmp_path_factory.mktemp("unbroken") / "run"
    result = A13Agent(budget=small_budget).run(library_prd, workspace=place, on_event=hear)
    return result, events


def what_counts(result: A13Result | dict) -> dict[str, object]:  # type: ignore[type-arg]
    """The parts of a result that a kill must not change (times and ids of records may)."""
    plain = result if isinstance(result, dict) else result.model_dump(mode="json")
    stable = ("migrations/", "seed/", "models.py", "design/", "input/")
    return {
        "status": plain["status"],
        "verdicts": {c["id"]: c["verdict"] for c in plain["acceptance"]},
        "design": plain["design"],
        "migrations": plain["migrations"],
        "files": {
            a["path"]: a["sha256"] for a in plain["artefacts"] if a["path"].startswith(stable)
        },
        # A report's name holds its hash, and a report holds times.
        "paths": sorted({HASH.sub("", a["path"]) for a in plain["artefacts"]}),
    }


def servers_of(pid: int) -> list[str]:
    """Processes of private servers whose owner was that process."""
    found = []
    for record in (Settings().cache_dir / "run").glob("*.json"):
        try:
            owner = json.loads(record.read_text()).get("pid")
        except (OSError, ValueError):
            continue
        if owner != pid:
            continue
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if record.stem in command and "postgres" in command:
                found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_kill_and_resume(
    step: str,
    unbroken: tuple[A13Result, dict[str, int]],
    library_prd: str,
    tmp_path: Path,
) -> None:
    whole, events = unbroken
    nth = events[step] // 2
    place = tmp_path / "run"
    prd = tmp_path / "prd.md"
    prd.write_text(library_prd)
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLER, str(prd), str(place), step, str(nth)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, errors = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, errors.decode()
    before = Ledger(Workspace.open(place)).records()

    resumed = subprocess.run(
        [sys.executable, "-c", RESUMER, str(place)], capture_output=True, text=True, timeout=300
    )
    assert resumed.returncode == 0, resumed.stderr
    result = json.loads(resumed.stdout)
    assert servers_of(killed.pid) == [], "no server outlives its owner"

    assert what_counts(result) == what_counts(whole)
    ledger = Ledger(Workspace.open(place))
    assert ledger.records()[: len(before)] == before, "nothing that was recorded is lost"
    finished_before = STEPS[: STEPS.index(step)]
    again = {record.step for record in ledger.records() if record.attempt > 1}
    assert not again & set(finished_before), "finished steps do not run again"
    assert verify(place).ok


def test_one_workspace_runs_once_at_a_time(
    library_prd: str, small_budget: Budget, tmp_path: Path
) -> None:
    refused: list[Exception] = []

    def second(event: Event) -> None:
        if event.step == "design" and not refused:
            with pytest.raises(LockedError) as error:
                A13Agent(budget=small_budget).resume(tmp_path / "run")
            refused.append(error.value)
            agent.cancel()

    agent = A13Agent(budget=small_budget)
    result = agent.run(library_prd, workspace=tmp_path / "run", on_event=second)
    assert str(os.getpid()) in str(refused[0])
    assert result.status == "failed"
    assert "ancel" in result.reason


def test_a_cancelled_run_goes_on(library_prd: str, small_budget: Budget, tmp_path: Path) -> None:
    agent = A13Agent(budget=small_budget)

    def stop(event: Event) -> None:
        if event.step == "migrate":
            agent.cancel()

    result = agent.run(library_prd, workspace=tmp_path / "run", on_event=stop)
    assert result.status == "failed"
    assert "resume" in result.reason
    assert agent.resume(tmp_path / "run").status == "completed"


def test_an_edited_prd_is_not_resumed(
    library_prd: str, small_budget: Budget, tmp_path: Path
) -> None:
    agent = A13Agent(budget=small_budget)

    def stop(event: Event) -> None:
        agent.cancel()

    agent.run(library_prd, workspace=tmp_path / "run", on_event=stop)
    prd = tmp_path / "run/input/prd.md"
    prd.write_text(prd.read_text() + "\n- **Shelf**: code (text)\n")
    with pytest.raises(EvidenceError, match="changed"):
        agent.resume(tmp_path / "run")


def test_another_version_of_the_graph_is_refused(
    library_prd: str, small_budget: Budget, tmp_path: Path
) -> None:
    agent = A13Agent(budget=small_budget)
    agent.run(library_prd, workspace=tmp_path / "run", on_event=lambda event: _cancel(agent))
    about = tmp_path / "run/.a13/run.json"
    facts = json.loads(about.read_text())
    about.write_text(json.dumps({**facts, "graph_version": "0"}))
    with pytest.raises(ThreadError, match="version"):
        agent.resume(tmp_path / "run")
    about.write_text("not json")
    with pytest.raises(ThreadError, match="cannot be read"):
        agent.resume(tmp_path / "run")


def _cancel(agent: A13Agent) -> None:
    agent.cancel()


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="not a workspace"):
        A13Agent().resume(tmp_path)
    Workspace.create(tmp_path / "empty", name="x", run_id="x1")
    with pytest.raises(ThreadError, match="no run"):
        A13Agent().resume(tmp_path / "empty")


def test_a_workspace_takes_one_run(library_prd: str, small_budget: Budget, tmp_path: Path) -> None:
    agent = A13Agent(budget=small_budget)
    agent.run(library_prd, workspace=tmp_path / "run", on_event=lambda event: _cancel(agent))
    with pytest.raises(ThreadError, match="holds a run already"):
        agent.run(library_prd, workspace=tmp_path / "run")
