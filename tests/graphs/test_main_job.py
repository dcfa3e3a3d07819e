"""The main job, from a PRD's text to a proved database, and what it leaves in the workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from a13 import A13Agent, A13Result
from a13.domain.plan import Budget
from a13.evidence.verify import verify


@pytest.fixture(scope="module")
def finished(
    library_prd: str, small_budget: Budget, tmp_path_factory: pytest.TempPathFactory
) -> A13Result:
    place = tmp_path_factory.mktemp("main job") / "run"
    return A13Agent(budget=small_budget).run(library_prd, workspace=place)


def test_every_criterion_is_met(finished: A13Result) -> None:
    assert finished.status == "completed"
    assert {c.id: c.verdict for c in finished.acceptance} == {
        "schema": "met",
        "migrations": "met",
        "performance": "met",
        "recovery": "met",
    }, finished
    assert finished.exit_code == 0
    assert all(criterion.evidence for criterion in finished.acceptance)


def test_the_workspace_holds_what_the_role_promises(finished: A13Result) -> None:
    root = Path(finished.workspace)
    for path in (
        "docs/architecture/database.md",
        "docs/operations/backup-and-recovery.md",
        "docs/operations/migrations.md",
        "docs/operations/performance-tuning.md",
        "docs/operations/retention.md",
        "seed/seed.sql",
        "models.py",
        "task-progress.md",
        "evidence/ledger.jsonl",
    ):
        assert (root / path).stat().st_size > 0, path
    assert finished.artefacts
    verification = verify(root)
    assert verification.ok, verification.problems


def test_the_state_is_small_and_holds_no_secret(finished: A13Result) -> None:
    checkpoints = (Path(finished.workspace) / ".a13/checkpoints.sqlite").read_bytes()
    assert b"password" not in checkpoints.lower()
    assert len(checkpoints) < 2_000_000


def test_the_database_can_be_brought_up_again(finished: A13Result) -> None:
    with finished, finished.connect().connect() as connection:
        members = connection.execute(text("SELECT count(*) FROM members")).scalar_one()
        loans = connection.execute(text("SELECT count(*) FROM loans")).scalar_one()
    assert members > 0
    assert loans > 0


def test_plain_alembic_prints_the_migration_offline(finished: A13Result) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head", "--sql"],
        cwd=Path(finished.workspace) / "migrations",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "CREATE TABLE" in run.stdout


def test_the_result_shows_itself_in_three_ways(finished: A13Result) -> None:
    bundle = finished._repr_mimebundle_()
    assert "members" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert "met" in bundle["text/plain"]
    assert bundle["text/markdown"]
    assert json.loads(finished.model_dump_json())["status"] == "completed"


def test_a_finished_run_is_returned_as_it_is(finished: A13Result) -> None:
    again = A13Agent().resume(finished.workspace)
    assert again.status == "completed"
    assert again.acceptance == finished.acceptance
    assert again.artefacts == finished.artefacts


def test_a_structured_design_runs_too(
    finished: A13Result, tmp_path: Path, small_budget: Budget
) -> None:
    assert finished.design is not None
    agent = A13Agent(budget=small_budget)
    result = agent.run(finished.design.model_dump(mode="json"), workspace=tmp_path / "run")
    assert result.status == "completed"
    assert result.design is not None
    assert [r.name for r in result.design.relations] == [r.name for r in finished.design.relations]
