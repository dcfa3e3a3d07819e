"""Volumes, retention, tenancy, privacy, roles, recovery objectives and the workload."""

from __future__ import annotations

from typing import Any

import pytest

from a13.domain.expressions import parse_query
from a13.domain.workload import WorkloadQuery

SHOP = """
## Data model
- **Customer**: email (unique), name, created at
- **Order**: number (unique), customer, status (open, paid), total, placed at
- **Order line**: order, sku, quantity, price
- **Session**: customer, token (unique)
{}
"""


def shop(read: Any, text: str) -> Any:
    return read(SHOP.format(text))


@pytest.mark.parametrize(
    ("text", "relation", "rows"),
    [
        ("- 50,000 customers", "customers", 50_000),
        ("- 2.5k customers", "customers", 2_500),
        ("- 10 million orders per year", "orders", 10_000_000),
        ("- about 1000 orders a day", "orders", 365_000),
        ("- Customers: 1'200'000", "customers", 1_200_000),
        ("- 100 orders, with about 4 order lines each", "order_lines", 400),
        ("- 200 orders\n- 2.5 order lines per order", "order_lines", 500),
    ],
)
def test_volumes(read: Any, text: str, relation: str, rows: int) -> None:
    volume = shop(read, f"## Volumes\n{text}\n").relation(relation).volume
    assert volume is not None
    assert (volume.rows, volume.assumed) == (rows, False)
    assert volume.source is not None


def test_volume_table_and_horizon(read: Any) -> None:
    design = shop(
        read,
        """## Numbers
| What | How many |
|---|---|
| Customers | 24,000 |
| Orders | 100,000 per year |
| Order lines | 2 per order |
## Data retention
- Orders are deleted after 3 years.
""",
    )
    assert design.relation("orders").volume.rows == 300_000
    assert design.relation("order_lines").volume.rows == 600_000
    assert any("3 years" in a.text for a in design.assumptions)


def test_contradicting_and_enormous_volumes_are_asked(read: Any) -> None:
    design = shop(read, "## Volumes\n- 5000 customers\n- 9000 customers\n- 1e15 orders\n")
    assert design.relation("customers").volume.rows == 9_000
    assert design.relation("orders").volume.rows == 10**15
    texts = [q.text for q in design.questions]
    assert any("different volumes for customers" in t for t in texts)
    assert any("1,000,000,000,000,000 rows of orders" in t for t in texts)


@pytest.mark.parametrize(
    ("text", "relation", "period", "action", "clock"),
    [
        ("Orders are kept for 10 years.", "orders", "P10Y", "keep", "placed_at"),
        ("Orders are deleted 90 days after placing.", "orders", "P90D", "drop", "placed_at"),
        ("Purge sessions after 30 days.", "sessions", "P30D", "drop", "created_at"),
        ("Customers are anonymised after five years.", "customers", "P5Y", "anonymise", None),
        ("Orders are archived after 18 months.", "orders", "P18M", "archive", "placed_at"),
        ("Orders are kept for ever.", "orders", "", "keep", "placed_at"),
    ],
)
def test_retention(
    read: Any, text: str, relation: str, period: str, action: str, clock: str | None
) -> None:
    retention = shop(read, f"## Retention\n- {text}\n").relation(relation).retention
    assert retention is not None
    assert (retention.period, retention.action) == (period, action)
    assert clock is None or retention.clock_column == clock
    assert retention.assumed is False


def test_retention_that_is_a_metric_is_none(read: Any) -> None:
    design = shop(read, "## Goals\n- Week-4 retention 41 %.\n- Customer retention of 12 months\n")
    assert all(r.retention is None for r in design.relations)


def test_two_periods_in_one_sentence_and_a_contradiction(read: Any) -> None:
    design = shop(
        read,
        "## Retention\n- Orders are kept for 10 years, sessions for 30 days.\n"
        "- Sessions are deleted after 60 days.\n",
    )
    assert design.relation("orders").retention.period == "P10Y"
    assert design.relation("sessions").retention.period == "P60D"
    assert any("P30D" in q.text and "P60D" in q.text for q in design.questions)


def test_retention_of_what_is_not_stored_is_asked(read: Any) -> None:
    design = shop(read, "## Retention\n- Call recordings are deleted after 6 months.\n")
    assert any("not stored" in q.text for q in design.questions)


def test_objectives(read: Any) -> None:
    design = shop(read, "## Recovery\n- RPO: 5 minutes. RTO: 1 hour.\n")
    assert (design.objectives.rpo_seconds, design.objectives.rto_seconds) == (300, 3600)
    design = shop(
        read,
        "## Recovery\nWe may lose at most 15 minutes of data and must be back within 4 hours.\n",
    )
    assert (design.objectives.rpo_seconds, design.objectives.rto_seconds) == (900, 14_400)


TENANTS = """
## Data model
- **Workspace**: name
- **Project**: workspace, name
- **Task**: project, title
- **Country**: code (unique)
## Tenancy
{}
"""


def test_tenancy_reaches_every_relation_of_a_tenant(read: Any) -> None:
    design = read(TENANTS.format("The product is multi-tenant: a workspace is a tenant."))
    assert design.tenancy.relation == "workspaces"
    assert design.relation("tasks").tenant_column == "workspace_id"
    assert design.relation("projects").tenant_column == "workspace_id"
    assert design.relation("countries").tenant_column is None
    (key,) = [k for k in design.relation("tasks").foreign_keys if k.references == "projects"]
    assert key.columns == ("workspace_id", "project_id")
    assert key.referenced_columns == ("workspace_id", "id")


@pytest.mark.parametrize(
    "text", ["Multi-tenant: not included.", "There is no multi-tenancy.", "Single-tenant."]
)
def test_no_tenancy_is_honoured(read: Any, text: str) -> None:
    assert read(TENANTS.format(text)).tenancy is None


def test_tenancy_without_a_tenant_is_asked(read: Any) -> None:
    design = read("## Data model\n- **Note**: title, body\n## Security\nIt is multi-tenant.\n")
    assert design.tenancy.relation == "tenants"
    assert design.relation("notes").tenant_column == "tenant_id"
    assert any("describes no tenant" in q.text for q in design.questions)


def test_privacy_and_roles(read: Any) -> None:
    design = shop(
        read,
        """## Privacy
Personal data: customer name; the number of an order.
## Access control
| Role | May read | May change |
|---|---|---|
| clerk | customers, orders | orders |
| user | everything except sessions | nothing |
""",
    )
    assert design.relation("customers").column("name").classification == "personal"
    assert design.relation("orders").column("number").classification == "personal"
    clerk, user = design.roles
    assert clerk.select == ("customers", "orders")
    assert clerk.update == ("orders",)
    assert user.name == "user_role"
    assert user.select == ("customers", "orders", "order_lines")
    assert user.update == ()


def parse(design: Any, query: WorkloadQuery) -> Any:
    return parse_query(
        query.sql, {r.name: {c.name: c.type for c in r.columns} for r in design.relations}
    )


@pytest.mark.parametrize(
    ("row", "fragments"),
    [
        ("Order lookup by number | < 300 ms for 50 concurrent users", ["o.number = :number"]),
        ("A customer's orders, newest first | 20 ms", ["customer_id = :", "placed_at DESC"]),
        ("Open an order with its lines | 30 ms", ["LEFT JOIN order_lines", "o.id = :id"]),
        ("Search customers by name | 150 ms", ["ILIKE :term"]),
        ("Open orders of the last 30 days | 80 ms", ["status = 'open'", "< :to_time"]),
        ("Place an order | 50 ms", ["INSERT INTO orders"]),
        ("Number of orders per day | 1 s", ["date_trunc('day'", "count(*)"]),
        ("Revenue per month | 2 s", ["sum(", "date_trunc('month'"]),
        ("My orders (10 newest) | 20 ms", ["customer_id = :customer_id", "LIMIT 10"]),
    ],
)
def test_sla_table(read: Any, row: str, fragments: list[str]) -> None:
    design = shop(read, f"## Performance\n| Operation | p95 |\n|---|---|\n| {row} |\n")
    (query,) = design.workload
    for fragment in fragments:
        assert fragment in query.sql
    assert query.sla is not None and query.origin == "prd"
    assert set(parse(design, query).parameters) == {p.name for p in query.parameters}
    (requirement,) = [r for r in design.requirements if r.kind == "sla"]
    assert requirement.elements == (f"query:{query.name}",)


def test_sla_sentences(read: Any) -> None:
    design = shop(
        read,
        "## Performance\n"
        "- Finding a customer by email must return within 10 ms (p99) at 200 requests per second.\n"
        "- Order lookup by number: p50 below 5 ms, 20 concurrent users.\n",
    )
    first, second = design.workload
    assert (first.sla.percentile, first.sla.target_ms, first.sla.rate_per_second) == (99, 10, 200)
    assert (second.sla.percentile, second.sla.target_ms, second.sla.concurrency) == (50, 5, 20)


def test_general_sla_serves_derived_queries(read: Any) -> None:
    design = shop(read, "## Performance\n- All read queries: p95 < 100 ms.\n")
    assert design.workload
    assert all(q.sla.target_ms == 100 for q in design.workload)
    (requirement,) = [r for r in design.requirements if r.kind == "sla"]
    assert len(requirement.elements) == len(design.workload)


@pytest.mark.parametrize("target", ["-5 ms", "0 ms", "−20 ms"])
def test_an_impossible_sla_is_asked(read: Any, target: str) -> None:
    design = shop(read, f"## Performance\n- Order lookup by number: p95 < {target}.\n")
    assert all(q.sla is None for q in design.workload)
    assert any("not possible" in q.text for q in design.questions)


def test_contradicting_slas_are_asked_and_the_stricter_holds(read: Any) -> None:
    design = shop(
        read,
        "## Performance\n- Order lookup by number: p95 < 50 ms.\n"
        "- Find an order by its number: p95 < 20 ms.\n",
    )
    (query,) = design.workload
    assert query.sla.target_ms == 20
    assert any("two response times" in q.text for q in design.questions)


def test_an_sla_without_data_is_asked_and_uncovered(read: Any) -> None:
    design = shop(read, "## Performance\n| ID | Operation | p95 |\n|---|---|---|\n"
                        "| P-1 | Recommendation carousel | 80 ms |\n")  # fmt: skip
    assert design.workload == ()
    (requirement,) = [r for r in design.requirements if r.id == "P-1"]
    assert requirement.elements == () and requirement.about_data
    assert any("Recommendation carousel" in q.text for q in design.questions)


def test_open_questions_of_the_prd(read: Any) -> None:
    design = shop(
        read,
        "## Requirements\n- **FR-001**: System MUST keep orders for [NEEDS CLARIFICATION: how "
        "long?]\n- Currency: TBD\n## Open questions\n- Do guests have accounts?\n",
    )
    texts = " ".join(q.text for q in design.questions)
    assert "how long?" in texts and "TBD" in texts and "Do guests" in texts
    assert all(q.source is not None for q in design.questions if "Line" in q.text)


def test_requirements_keep_their_ids(read: Any) -> None:
    design = shop(
        read,
        "## Requirements\n| ID | Requirement |\n|---|---|\n"
        "| FR-001 | The system SHALL record orders of customers. |\n"
        "| FR-002 | The user interface has a dark mode. |\n"
        "| FR-003 | The moon phase is considered. |\n",
    )
    by_id = {r.id: r for r in design.requirements}
    assert "relation:orders" in by_id["FR-001"].elements
    assert by_id["FR-002"].about_data is False
    assert by_id["FR-003"].about_data is True and by_id["FR-003"].elements == ()
    assert any("FR-003" in q.text for q in design.questions)


def test_an_insert_meets_no_old_key(read: Any) -> None:
    """Each key of the new row has a value that is not there, or one that may be empty."""
    design = read(
        """
        ## Data model
        - **Customer**: email (unique)
        - **Coupon**: code (unique)
        - **Order**: number (unique, 8 characters), customer, coupon (optional), total
        - **Basket item**: customer, coupon, added at
        ## Rules
        - One basket item per customer and coupon.
        - One order per customer and coupon.
        ## Performance
        | Operation | p95 |
        |---|---|
        | Place an order | 50 ms |
        | Add a basket item | 20 ms |
        """
    )
    order, item = design.workload
    drawn = {p.name: p for p in order.parameters}
    assert (drawn["number"].template, drawn["number"].limit) == ("{}2", 7)
    assert "coupon_id" not in drawn and "ON CONFLICT" not in order.sql
    assert {p.relation for p in item.parameters} == {"basket_items"} or "ON CONFLICT" in item.sql
