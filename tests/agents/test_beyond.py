"""A sentence that asks for more than the design does is not counted as served."""

from __future__ import annotations

from a13.agents.rules import RulesPlanner
from a13.domain.design import Design

DATA = """\
# Clinic

## Data

- **Prescription**: issued_on (date), note (text)
- **Item**: prescription (reference to Prescription), quantity (integer)

## Requirements

| Id | Requirement |
|---|---|
"""


def read(*rows: str) -> Design:
    return RulesPlanner().propose(DATA + "\n".join(rows) + "\n", name="clinic").design


def test_a_minimum_of_rows_is_not_enforced_by_a_foreign_key() -> None:
    design = read("| FR-1 | A prescription has at least one item. |")
    requirement = next(r for r in design.requirements if r.id == "FR-1")
    assert requirement.elements == ()
    assert any("minimum" in unread.reason for unread in design.unread)


def test_an_audit_log_that_nothing_fills_does_not_audit() -> None:
    sentence = "Every change of a prescription is written to an audit log: who, when and what."
    design = read(f"| FR-2 | {sentence} |")
    assert design.find("audit_log_entries"), "the log itself is designed"
    requirement = next(r for r in design.requirements if r.id == "FR-2")
    assert requirement.elements == ()
    assert any("audit" in unread.reason for unread in design.unread)


def test_a_reference_that_is_all_that_is_asked_stays_served() -> None:
    design = read("| FR-3 | A prescription has many items. |")
    requirement = next(r for r in design.requirements if r.id == "FR-3")
    assert requirement.elements
