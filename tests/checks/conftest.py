from __future__ import annotations

import pytest

from a13.domain.design import (
    Check,
    Column,
    Design,
    Exclusion,
    ForeignKey,
    Index,
    IndexKey,
    Objectives,
    Relation,
    Retention,
    Role,
    Tenancy,
    Unique,
    Volume,
)
from a13.domain.requirements import Citation, Requirement
from a13.domain.workload import Parameter, Sla, WorkloadQuery

MOMENT = "timestamp with time zone"


@pytest.fixture
def clean() -> Design:
    """A multi-tenant design on which no rule has anything to say."""
    tenants = Relation(
        name="tenants",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="name", type="text"),
        ),
        primary_key=("id",),
    )
    customers = Relation(
        name="customers",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="tenant_id", type="bigint"),
            Column(name="email", type="text", classification="personal"),
            Column(name="created_at", type=MOMENT, default="now()"),
            Column(name="on_hold", type="boolean", default="false"),
        ),
        primary_key=("id",),
        uniques=(
            Unique(columns=("tenant_id", "id")),
            Unique(columns=("tenant_id", "email"), where="not on_hold"),
        ),
        foreign_keys=(ForeignKey(columns=("tenant_id",), references="tenants"),),
        tenant_column="tenant_id",
        volume=Volume(rows=10_000),
        retention=Retention(
            period="P7Y", action="anonymise", clock_column="created_at", hold="on_hold"
        ),
    )
    orders = Relation(
        name="orders",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="tenant_id", type="bigint"),
            Column(name="customer_id", type="bigint"),
            Column(name="parent_id", type="bigint", nullable=True),
            Column(name="status", type="text", values=("open", "paid"), default="'open'"),
            Column(name="quantity", type="integer"),
            Column(name="price", type="numeric(12,2)"),
            Column(name="total", type="numeric(12,2)", generated="price * quantity"),
            Column(name="tags", type="text[]", default="'{}'"),
            Column(name="starts_at", type=MOMENT),
            Column(name="ends_at", type=MOMENT),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("tenant_id", "id")),),
        foreign_keys=(
            ForeignKey(
                columns=("tenant_id", "customer_id"),
                references="customers",
                referenced_columns=("tenant_id", "id"),
                on_delete="CASCADE",
            ),
            ForeignKey(
                columns=("tenant_id", "parent_id"),
                references="orders",
                referenced_columns=("tenant_id", "id"),
                on_delete="SET NULL",
            ),
        ),
        checks=(Check(expression="quantity > 0", name="ck_orders_quantity"),),
        exclusions=(
            Exclusion(
                equal_columns=("customer_id",),
                start_column="starts_at",
                end_column="ends_at",
                where="status = 'paid'",
            ),
        ),
        indexes=(
            Index(keys=(IndexKey(column="tenant_id"), IndexKey(column="customer_id"))),
            Index(keys=(IndexKey(column="tenant_id"), IndexKey(column="parent_id"))),
            Index(keys=(IndexKey(column="tags"),), method="gin"),
            Index(
                keys=(IndexKey(expression="lower(status)"), IndexKey(column="starts_at")),
                include=("price",),
                where="status = 'open'",
                serves=("list_orders",),
            ),
        ),
        tenant_column="tenant_id",
    )
    return Design(
        name="shop",
        relations=(tenants, customers, orders),
        roles=(Role(name="clerk", select=("orders", "customers"), insert=("orders",)),),
        tenancy=Tenancy(relation="tenants"),
        workload=(
            WorkloadQuery(
                name="list_orders",
                purpose="List orders.",
                sql="SELECT id, total FROM orders WHERE customer_id = :customer AND starts_at > :a",
                parameters=(
                    Parameter(name="customer", relation="orders", column="customer_id"),
                    Parameter(name="a", relation="orders", column="starts_at", shift="-P30D"),
                ),
                sla=Sla(target_ms=50, concurrency=20),
            ),
        ),
        objectives=Objectives(rpo_seconds=300, rto_seconds=3600),
        requirements=(
            Requirement(
                id="R-1",
                kind="entity",
                text="Orders belong to customers.",
                source=Citation(line=1, quote="Orders belong to customers."),
                elements=("relation:orders", "constraint:orders.fk_orders_tenant_id_customer_id"),
            ),
            Requirement(
                id="R-2",
                kind="other",
                text="The page is blue.",
                source=Citation(line=2, quote="blue"),
                about_data=False,
            ),
        ),
    )
