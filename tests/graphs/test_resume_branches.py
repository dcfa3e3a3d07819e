"""Kill -9 in the failure branches and in apply, then resume in a new process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from a13 import A13Agent
from a13.database.server import Server
from a13.domain.design import Design, Index, IndexKey, Volume
from a13.domain.plan import Budget
from a13.domain.workload import Sla, WorkloadQuery
from a13.evidence.ledger import Ledger
from a13.evidence.verify import verify
from a13.evidence.workspace import Workspace

# One script starts a run and kills itself at the nth event of a step; without a step it resumes.
# The planner's script lies in files: a new process must be able to read it again.
SCRIPT = textwrap.dedent("""\
    import os, pathlib, signal, sys
    from a13 import A13Agent, Budget
    from a13.domain.design import Design
    from a13.testing import ScriptedPlanner
    place, step, nth, damage, url = sys.argv[1:6]
    place = pathlib.Path(place)
    def design(name):
        return Design.model_validate_json((place / name).read_text())
    planner = ScriptedPlanner(proposals=[design("first.json")], repairs=[design("repaired.json")])
    seen = 0
    damaged = False
    def hear(event):
        global seen, damaged
        if damage == "yes" and event.what == "base backup finished" and not damaged:
            damaged = True
            base = pathlib.Path(event.fact("data_directory")) / "base"
            files = [p for p in base.glob("*/[0-9]*") if p.name.isdigit() and int(p.name) >= 16384]
            with max(files, key=lambda p: p.stat().st_size).open("r+b") as file:
                file.seek(4096)
                file.write(b"\\xde\\xad" * 128)
        if event.step == step:
            if seen == int(nth):
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
    agent = A13Agent(
        planner,
        budget=Budget(samples_per_query=5, rows_per_relation=100_000),
        database=url or None,
        approval="always",
    )
    if step:
        agent.run("a library", workspace=place / "run", on_event=hear)
    else:
        print(agent.resume(place / "run").model_dump_json())
    """)


def killed_and_resumed(
    place: Path,
    first: Design,
    repaired: Design,
    *,
    step: str,
    nth: int = 1,
    damage: bool = False,
    url: str = "",
) -> dict:  # type: ignore[type-arg]
    """Run until the nth event of `step`, die there, and resume in a new process."""
    (place / "first.json").write_text(first.model_dump_json())
    (place / "repaired.json").write_text(repaired.model_dump_json())
    arguments = [str(place), step, str(nth), "yes" if damage else "no", url]
    died = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, timeout=300
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    before = Ledger(Workspace.open(place / "run")).records()
    resumed = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(place), "", "0", "no", url],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert resumed.returncode == 0, resumed.stderr
    after = Ledger(Workspace.open(place / "run")).records()
    assert after[: len(before)] == before, "nothing that was recorded is lost"
    assert verify(place / "run").ok
    result: dict = json.loads(resumed.stdout)  # type: ignore[type-arg]
    assert result["status"] == "completed"
    return result


def with_index(design: Design, index: Index) -> Design:
    books = design.relation("books")
    return design.replace(books.model_copy(update={"indexes": (*books.indexes, index)}))


@pytest.mark.slow
def test_killed_in_rollback(library: Design, tmp_path: Path, records_of) -> None:
    index = Index(keys=(IndexKey(expression="10 / shelf"),), origin="tuning", name="ix_broken")
    result = killed_and_resumed(tmp_path, with_index(library, index), library, step="rollback")
    assert len(result["migrations"]) == 1
    assert records_of(tmp_path / "run", "rollback")[-2].attempt == 2


@pytest.mark.slow
def test_killed_in_index_tuning(library: Design, tmp_path: Path) -> None:
    query = WorkloadQuery(
        name="dearest_books",
        purpose="the twenty dearest books",
        sql="SELECT id, title, price FROM books ORDER BY price DESC, id LIMIT 20",
        sla=Sla(percentile=95, target_ms=0.000_1),  # missed for certain, so that tuning is entered
    )
    books = library.relation("books").model_copy(
        update={"volume": Volume(rows=60_000, assumed=False)}
    )
    design = library.replace(books).model_copy(update={"workload": (query,)})
    result = killed_and_resumed(tmp_path, design, design, step="index_tuning")
    assert {c["id"]: c["verdict"] for c in result["acceptance"]}["performance"] == "not met"
    assert all(migration["proved"] for migration in result["migrations"])


@pytest.mark.slow
def test_killed_in_restore(library: Design, tmp_path: Path, records_of) -> None:
    result = killed_and_resumed(tmp_path, library, library, step="restore", damage=True)
    assert {c["id"]: c["verdict"] for c in result["acceptance"]}["recovery"] == "met"
    restored = records_of(tmp_path / "run", "restore")
    assert restored[-1].outcome == "passed"
    drills = records_of(tmp_path / "run", "manage_data")
    assert drills[0].outcome == "failed", "the corruption was found before the kill"


@pytest.mark.slow
@pytest.mark.parametrize("nth", [0, 1, 2])
def test_killed_in_apply(library: Design, tmp_path: Path, nth: int) -> None:
    with Server(profile="durable") as theirs:
        theirs.create_database("shop")
        url = theirs.url("shop").render_as_string(hide_password=False)
        result = killed_and_resumed(tmp_path, library, library, step="apply", nth=nth, url=url)
        assert result["reason"] == "", "the plan was carried out, once"
        with theirs.connect("shop") as connection:
            tables = connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone()
        assert tables == (3,), "two relations and Alembic's own table"


@pytest.mark.slow
def test_a_question_survives_the_process(tmp_path: Path) -> None:
    agent = A13Agent(budget=Budget(samples_per_query=5, rows_per_relation=1_000))
    asked = agent.run("# Plan\n\nBe the best.\n", workspace=tmp_path / "run")
    assert asked.status == "needs_input"
    script = (
        "import sys; from a13 import A13Agent, Budget\n"
        "agent = A13Agent(budget=Budget(samples_per_query=5, rows_per_relation=1_000))\n"
        "text = '## Data model\\n\\n- **Customer**: name (text)\\n'\n"
        "result = agent.resume(sys.argv[1], answers={'Q-ENTITIES': text})\n"
        "print(result.status, len(result.design.relations))\n"
    )
    resumed = subprocess.run(
        [sys.executable, "-c", script, asked.workspace],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert resumed.stdout.split() == ["completed", "1"], resumed.stderr
