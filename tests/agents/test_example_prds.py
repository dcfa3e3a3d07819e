"""The examples, read by rules: what a careful engineer would look for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a13.checks import check_design
from a13.domain.design import Design

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(read: Any, name: str) -> Design:
    design: Design = read((EXAMPLES / f"{name}.md").read_text())
    return design


@pytest.mark.parametrize("name", ["clinic", "saas", "shop"])
def test_every_element_says_where_it_comes_from(read: Any, name: str) -> None:
    design = example(read, name)
    lines = (EXAMPLES / f"{name}.md").read_text().split("\n")
    for relation in design.relations:
        assert relation.sources, relation.name
        for column in relation.columns:
            for source in column.sources:
                assert 1 <= source.line <= len(lines)
    for requirement in design.requirements:
        assert lines[requirement.source.line - 1].strip()
    assert len({r.id for r in design.requirements}) == len(design.requirements)
    rules = {finding.rule for finding in check_design(design)}
    assert not rules & {"K3", "K9", "T1", "T5", "D2", "query", "index"}


def test_clinic(read: Any) -> None:
    design = example(read, "clinic")
    assert len(design.relations) == 21
    appointments = design.relation("appointments")
    assert appointments.exclusions[0].equal_columns == ("practitioner_id",)
    assert appointments.volume is not None and appointments.volume.rows == 210_000
    assert {q.name for q in design.workload if q.sla and q.sla.target_ms < 1000} >= {
        "day_view", "book_an_appointment", "overdue_invoices_by_age",
    }  # fmt: skip
    covered = {r.id for r in design.requirements if r.elements}
    assert {"FR-001", "FR-003", "FR-004", "FR-005", "FR-008", "FR-014"} <= covered
    # Nothing fills the audit log, and no constraint demands an item for a prescription.
    assert not {"FR-010", "FR-017"} & covered
    assert "FR-015" not in covered
    assert {r.name for r in design.roles} == {"reception", "practitioner", "accounting", "dpo"}
    assert (design.objectives.rpo_seconds, design.objectives.rto_seconds) == (300, 3600)


def test_saas(read: Any) -> None:
    design = example(read, "saas")
    assert design.tenancy is not None and design.tenancy.relation == "organizations"
    assert design.relation("plans").tenant_column is None
    assert design.relation("users").tenant_column is None
    for name in ("tickets", "messages", "attachments", "contacts", "invoices", "team_users"):
        assert design.relation(name).tenant_column == "organization_id"
    tickets = design.relation("tickets")
    assert ("organization_id", "number") in [u.columns for u in tickets.uniques]
    assert len(design.relation("subscriptions").exclusions) == 1


def test_shop(read: Any) -> None:
    design = example(read, "shop")
    assert design.tenancy is None
    assert design.find("gift_cards") is None
    orders = design.relation("orders")
    assert orders.column("total").generated == "subtotal + shipping_cost + tax - discount"
    assert orders.find("bill_street") is not None
    stock = design.relation("stock_levels")
    assert ("variant_id", "warehouse_id") in [u.columns for u in stock.uniques]
    assert "reserved <= on_hand" in [c.expression for c in stock.checks]
    assert design.relation("product_categories").primary_key == ("product_id", "category_id")
    assert any("30 days" in q.text or "P30D" in q.text for q in design.questions)
