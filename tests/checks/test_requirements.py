# ruff: noqa: E501 (one case, one line)
"""Element references resolve, and a requirement is served by what really is there."""

from __future__ import annotations

import pytest

from a13.checks import Coverage, coverage, resolve
from a13.domain.design import Design


@pytest.mark.parametrize(
    "reference",
    [
        "relation:orders", "column:orders.total", "constraint:orders.pk_orders",
        "constraint:orders.uq_orders_tenant_id_id", "constraint:orders.ck_orders_quantity",
        "constraint:orders.ck_orders_status_values", "constraint:orders.ex_orders_customer_id_starts_at",
        "constraint:orders.fk_orders_tenant_id_customer_id", "index:ix_orders_tenant_id_customer_id",
        "index:pk_orders", "query:list_orders", "policy:orders", "retention:customers",
        "volume:customers", "objective:rpo", "objective:rto", "role:clerk",
    ],
)  # fmt: skip
def test_a_reference_that_leads_somewhere(clean: Design, reference: str) -> None:
    assert resolve(clean, reference)


@pytest.mark.parametrize(
    "reference",
    [
        "", "orders", "relation:", "relation:nope", "relation:orders.total", "column:orders",
        "column:orders.nope", "column:nope.id", "constraint:orders.nope", "constraint:orders",
        "index:nope", "query:nope", "policy:tenants", "retention:orders", "volume:orders",
        "objective:speed", "role:nope", "colour:orders", "policy:orders.x",
    ],
)  # fmt: skip
def test_a_reference_that_leads_nowhere(clean: Design, reference: str) -> None:
    assert not resolve(clean, reference)


def test_objectives_and_policies_must_be_stated(clean: Design) -> None:
    from a13.domain.design import Objectives

    bare = clean.model_copy(update={"objectives": Objectives(), "tenancy": None})
    assert not resolve(bare, "objective:rpo") and not resolve(bare, "policy:orders")


def test_coverage_tells_what_serves_and_what_is_missing(clean: Design) -> None:
    first, second = clean.requirements
    changed = clean.model_copy(
        update={
            "requirements": (
                first,
                second,
                first.model_copy(update={"id": "R-3", "elements": ()}),
                first.model_copy(
                    update={"id": "R-4", "elements": ("relation:orders", "relation:nope")}
                ),
            )
        }
    )
    entries = coverage(changed)
    assert [(entry.requirement, entry.served) for entry in entries] == [
        ("R-1", True), ("R-2", True), ("R-3", False), ("R-4", False),
    ]  # fmt: skip
    assert entries[3] == Coverage(
        requirement="R-4", elements=("relation:orders",), missing=("relation:nope",)
    )
    assert coverage(Design(name="empty")) == ()
