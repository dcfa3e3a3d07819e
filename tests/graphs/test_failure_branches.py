"""The failure branches, each entered by a fault from outside: data, a lock, a damaged file."""

from __future__ import annotations

from pathlib import Path

import pytest

from a13 import A13Agent
from a13.domain.design import Design, Index, IndexKey
from a13.domain.plan import Budget
from a13.domain.progress import Event
from a13.domain.workload import Sla, WorkloadQuery
from a13.evidence.verify import verify
from a13.testing import ScriptedPlanner

BUDGET = Budget(samples_per_query=5, rows_per_relation=300_000)


def with_column(design: Design, relation: str, name: str, **update: object) -> Design:
    found = design.relation(relation)
    columns = tuple(
        column.model_copy(update=update) if column.name == name else column
        for column in found.columns
    )
    return design.replace(found.model_copy(update={"columns": columns}))


def with_index(design: Design, index: Index) -> Design:
    books = design.relation("books")
    return design.replace(books.model_copy(update={"indexes": (*books.indexes, index)}))


def test_a_revision_that_fails_half_way_is_rolled_back_repaired_and_passes(
    library: Design, tmp_path: Path, records_of
) -> None:
    # The tables are created, then an index asks for an operator class that B-trees do not have.
    index = Index(keys=(IndexKey(column="title", operator_class="jsonb_path_ops"),))
    planner = ScriptedPlanner(proposals=[with_index(library, index)], repairs=[library])
    result = A13Agent(planner, budget=BUDGET).run("a library", workspace=tmp_path / "run")
    assert result.status == "completed"
    rolled_back = records_of(result.workspace, "rollback")
    assert rolled_back[0].outcome == "passed"
    assert dict(rolled_back[0].facts)["sqlstate"] == "42704"
    assert any(record.outcome == "failed" for record in records_of(result.workspace, "migrate"))
    assert [m.proved for m in result.migrations] == [True]
    kept = list((tmp_path / "run/evidence/failed").glob("*.txt"))
    assert len(kept) == 1, "the failed revision is kept outside of the history"
    assert verify(Path(result.workspace)).ok


def test_rows_that_the_schema_refuses_are_a_failure_too(
    library: Design, tmp_path: Path, records_of
) -> None:
    # No check can know that a generated column divides by zero for rows that do not exist yet.
    broken = with_column(library, "books", "price", generated="100 / (shelf - shelf)")
    planner = ScriptedPlanner(proposals=[broken], repairs=[library])
    result = A13Agent(planner, budget=BUDGET).run("a library", workspace=tmp_path / "run")
    assert result.status == "completed"
    assert dict(records_of(result.workspace, "rollback")[0].facts)["sqlstate"] == "22012"


def test_revision_two_fails_outside_a_transaction_after_revision_one(
    library: Design, tmp_path: Path, records_of
) -> None:
    # CREATE INDEX CONCURRENTLY evaluates the expression on rows: shelf 0 divides by zero, and
    # leaves an INVALID index behind that the rollback must remove.
    index = Index(
        keys=(IndexKey(expression="10 / shelf"),), origin="tuning", name="ix_books_per_shelf"
    )
    planner = ScriptedPlanner(proposals=[with_index(library, index)], repairs=[library])
    result = A13Agent(planner, budget=BUDGET).run("a library", workspace=tmp_path / "run")
    assert result.status == "completed"
    first = records_of(result.workspace, "rollback")[0]
    assert first.outcome == "passed"
    assert dict(first.facts)["revision"] == "0002"
    assert dict(first.facts)["sqlstate"] == "22012"
    assert len(result.migrations) == 1


def test_a_failure_without_an_answer_ends_as_failed_and_says_why(
    library: Design, tmp_path: Path
) -> None:
    broken = with_column(library, "books", "price", generated="100 / (shelf - shelf)")
    planner = ScriptedPlanner(proposals=[broken], repairs=[])
    result = A13Agent(planner, budget=BUDGET).run("a library", workspace=tmp_path / "run")
    assert result.status == "failed"
    assert result.exit_code == 1
    assert "division by zero" in result.reason
    assert {c.id: c.verdict for c in result.acceptance}["migrations"] == "not met"
    assert verify(Path(result.workspace)).ok


def test_the_budget_for_repairs_is_kept(library: Design, tmp_path: Path, records_of) -> None:
    def again(number: int) -> Design:
        return with_column(library, "books", "price", generated=f"{number} / (shelf - shelf)")

    planner = ScriptedPlanner(proposals=[again(1)], repairs=[again(n) for n in range(2, 9)])
    budget = BUDGET.model_copy(update={"migration_repairs": 2})
    result = A13Agent(planner, budget=budget).run("a library", workspace=tmp_path / "run")
    assert result.status == "failed"
    assert "budget" in result.reason
    assert len({r.attempt for r in records_of(result.workspace, "rollback")}) == 3


def lookup(target_ms: float) -> WorkloadQuery:
    return WorkloadQuery(
        name="dearest_books",
        purpose="the twenty dearest books",
        sql="SELECT id, title, price FROM books ORDER BY price DESC, id LIMIT 20",
        sla=Sla(percentile=95, target_ms=target_ms),
    )


def many_books(design: Design, query: WorkloadQuery) -> Design:
    books = design.relation("books")
    volume = books.volume.model_copy(update={"rows": 250_000}) if books.volume else None
    grown = design.replace(books.model_copy(update={"volume": volume}))
    return grown.model_copy(update={"workload": (query,)})


@pytest.mark.slow
def test_a_missed_sla_is_tuned_until_it_is_met(library: Design, tmp_path: Path, records_of) -> None:
    # Reading 250,000 rows and sorting them takes a hundred times longer than twenty from an index.
    planner = ScriptedPlanner(proposals=[many_books(library, lookup(15.0))])
    result = A13Agent(planner, budget=BUDGET).run("a library", workspace=tmp_path / "run")
    assert result.status == "completed"
    outcomes = [r.outcome for r in records_of(result.workspace, "optimize")]
    assert outcomes == ["failed", "passed"]
    assert records_of(result.workspace, "index_tuning")[0].outcome == "passed"
    assert [m.proved for m in result.migrations] == [True] * len(result.migrations)
    assert len(result.migrations) >= 2, "a kept index is a revision of its own"
    assert {c.id: c.verdict for c in result.acceptance}["performance"] == "met"
    assert verify(Path(result.workspace)).ok
    assert result.design is not None
    assert any(i.origin == "tuning" for i in result.design.relation("books").indexes)


@pytest.mark.slow
def test_an_sla_that_no_index_can_meet_ends_not_met_with_advice(
    library: Design, tmp_path: Path
) -> None:
    planner = ScriptedPlanner(proposals=[many_books(library, lookup(0.000_1))])
    budget = BUDGET.model_copy(update={"tuning_rounds": 2})
    result = A13Agent(planner, budget=budget).run("a library", workspace=tmp_path / "run")
    assert result.status == "completed"
    assert result.exit_code == 5
    verdict = {c.id: c for c in result.acceptance}["performance"]
    assert verdict.verdict == "not met"
    assert "dearest_books" in verdict.reason
    page = (tmp_path / "run/docs/operations/performance-tuning.md").read_text()
    assert "dearest_books" in page


def test_a_damaged_page_is_detected_restored_and_a_new_check_is_added(
    library: Design, tmp_path: Path, records_of
) -> None:
    damaged: list[Path] = []

    def damage(event: Event) -> None:
        """Overwrite a heap page of the drill's server, once, as a failing disk would."""
        if event.what == "base backup finished" and not damaged:
            base = Path(event.fact("data_directory")) / "base"
            largest = max(
                (p for p in base.glob("*/[0-9]*") if p.name.isdigit() and int(p.name) >= 16384),
                key=lambda p: p.stat().st_size,
            )
            with largest.open("r+b") as file:
                file.seek(8192 // 2)
                file.write(b"\xde\xad\xbe\xef" * 64)
            damaged.append(largest)

    planner = ScriptedPlanner(proposals=[library])
    agent = A13Agent(planner, budget=BUDGET)
    result = agent.run("a library", workspace=tmp_path / "run", on_event=damage)
    assert damaged, "the fault was injected"
    assert result.status == "completed"
    drills = records_of(result.workspace, "manage_data")
    assert drills[0].outcome == "failed"
    assert "orruption" in drills[0].claim
    restored = records_of(result.workspace, "restore")
    assert restored[0].outcome == "passed"
    assert dict(restored[0].facts)["new_checks"]
    assert {c.id: c.verdict for c in result.acceptance}["recovery"] == "met"
    runbook = (tmp_path / "run/docs/operations/backup-and-recovery.md").read_text()
    assert "oot cause" in runbook
    assert verify(Path(result.workspace)).ok


def test_damage_without_a_budget_for_restores_is_reported_not_hidden(
    library: Design, tmp_path: Path
) -> None:
    def damage(event: Event) -> None:
        if event.what == "base backup finished":
            base = Path(event.fact("data_directory")) / "base"
            for path in base.glob("*/[0-9]*"):
                if path.name.isdigit() and int(path.name) >= 16384 and path.stat().st_size:
                    with path.open("r+b") as file:
                        file.seek(100)
                        file.write(b"\xff" * 512)

    budget = BUDGET.model_copy(update={"restores": 0})
    agent = A13Agent(ScriptedPlanner(proposals=[library]), budget=budget)
    result = agent.run("a library", workspace=tmp_path / "run", on_event=damage)
    assert {c.id: c.verdict for c in result.acceptance}["recovery"] == "not met"
    assert result.exit_code == 5
