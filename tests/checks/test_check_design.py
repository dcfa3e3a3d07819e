# ruff: noqa: E501 (one case, one line)
"""Each rule finds what it is for (one true positive each) and is quiet on a clean design."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from a13.checks import RULES, WAIVABLE, check_design
from a13.database.compile import compile_design
from a13.database.server import Server
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
    Waiver,
)
from a13.domain.workload import Parameter, Sla, WorkloadQuery

Change = Callable[[Design], Design]


def test_a_clean_design_has_no_finding(clean: Design) -> None:
    assert check_design(clean) == ()


def test_an_empty_design_has_no_finding() -> None:
    assert check_design(Design(name="empty")) == ()


def relation(name: str, **update: Any) -> Change:
    """Replace fields of a relation."""
    return lambda design: design.replace(design.relation(name).model_copy(update=update))


def column(place: str, **update: Any) -> Change:
    """Replace fields of a column, `relation.column`."""
    table, _, name = place.partition(".")

    def change(design: Design) -> Design:
        columns = tuple(
            c.model_copy(update=update) if c.name == name else c
            for c in design.relation(table).columns
        )
        return relation(table, columns=columns)(design)

    return change


def more(place: str, *added: Any) -> Change:
    """Add to a tuple of a relation, `relation.field`."""
    table, _, name = place.partition(".")

    def change(design: Design) -> Design:
        have = getattr(design.relation(table), name)
        return relation(table, **{name: (*have, *added)})(design)

    return change


def another(*columns: Column, name: str = "other", **rest: Any) -> Change:
    """Add a relation with an id and the given columns."""
    made = Relation(
        name=name,
        columns=(Column(name="id", type="bigint"), *columns),
        **{"primary_key": ("id",), **rest},
    )
    return lambda design: design.model_copy(update={"relations": (*design.relations, made)})


def whole(**update: Any) -> Change:
    """Replace fields of the design."""
    return lambda design: design.model_copy(update=update)


def query(**update: Any) -> Change:
    """Replace fields of the query."""
    return lambda design: design.model_copy(
        update={"workload": (design.workload[0].model_copy(update=update),)}
    )


def twin(**update: Any) -> Change:
    """A second query with the same text."""
    return lambda design: design.model_copy(
        update={"workload": (*design.workload, design.workload[0].model_copy(update=update))}
    )


def chain(*changes: Change) -> Change:
    def change(design: Design) -> Design:
        for step in changes:
            design = step(design)
        return design

    return change


def fk(*columns: str, to: str, **rest: Any) -> ForeignKey:
    return ForeignKey(columns=columns, references=to, **rest)


def col(name: str, type: str = "text", **rest: Any) -> Column:
    return Column(name=name, type=type, **rest)


def ix(*names: str, **rest: Any) -> Index:
    return Index(keys=tuple(IndexKey(column=name) for name in names), **rest)


ORDERS = "relation:orders"
KEEP = Retention(period="", action="keep")
CASES: list[tuple[str, str, str, Change]] = [
    # Keys and references
    ("K1", "error", "relation:tenants", relation("tenants", columns=(), primary_key=())),
    ("K1", "error", "relation:other", another(col("a"), primary_key=())),
    ("K1", "error", "column:other.id", lambda d: column("other.id", nullable=True)(another(col("a"))(d))),
    ("reference", "error", "relation:other", another(col("a"), primary_key=("nope",))),
    ("reference", "error", "relation:other", another(col("a"), primary_key=("id", "id"))),
    ("reference", "error", "constraint:orders.uq_orders_nope", more("orders.uniques", Unique(columns=("nope",)))),
    ("reference", "error", "constraint:orders.uq_orders_", more("orders.uniques", Unique(columns=()))),
    ("reference", "error", "constraint:orders.fk_orders_nope", more("orders.foreign_keys", fk("nope", to="tenants"))),
    ("reference", "error", "constraint:orders.ex_orders_id_starts_at", more("orders.exclusions", Exclusion(equal_columns=("id",), start_column="starts_at", end_column="nope"))),
    ("type", "error", "constraint:orders.ex_orders_id_status", more("orders.exclusions", Exclusion(equal_columns=("id",), start_column="status", end_column="tags"))),
    ("type", "error", "constraint:orders.ex_orders_id_status", more("orders.exclusions", Exclusion(equal_columns=("id",), start_column="status", end_column="status"))),
    ("K2", "error", "constraint:orders.fk_orders_quantity", more("orders.foreign_keys", fk("quantity", to="warehouses"))),
    ("K2", "error", "constraint:orders.fk_orders_id_quantity", more("orders.foreign_keys", fk("id", "quantity", to="tenants"))),
    ("K2", "error", "constraint:orders.fk_orders_status", more("orders.foreign_keys", fk("status", to="tenants", referenced_columns=("name",)))),
    ("K2", "error", "constraint:orders.fk_orders_status", more("orders.foreign_keys", fk("status", to="tenants", referenced_columns=("gone",)))),
    ("K2", "error", "column:orders.status", more("orders.foreign_keys", fk("status", to="tenants"))),
    ("K2", "error", "column:orders.quantity", more("orders.foreign_keys", fk("quantity", to="tenants"))),
    ("K3", "warning", "constraint:orders.fk_orders_tenant_id_customer_id", relation("orders", indexes=(ix("parent_id", "tenant_id"), ix("customer_id")))),
    ("K3", "warning", "constraint:orders.fk_orders_tenant_id_parent_id", relation("orders", indexes=(ix("customer_id", "tenant_id"), ix("tenant_id", "parent_id", where="status = 'open'")))),
    ("K5", "warning", "constraint:orders.fk_twin", more("orders.foreign_keys", fk("tenant_id", "parent_id", to="orders", referenced_columns=("tenant_id", "id"), name="fk_twin"))),
    ("K6", "warning", "constraint:orders.fk_orders_tenant_id_customer_id", chain(column("orders.customer_id", nullable=True), column("orders.tenant_id", nullable=True))),
    ("K7", "error", "constraint:orders.fk_orders_id", more("orders.foreign_keys", fk("id", to="orders"))),
    ("set_null", "error", "constraint:orders.fk_orders_tenant_id_parent_id", column("orders.parent_id", nullable=False)),
    ("K8", "error", "relation:tenants", chain(more("tenants.columns", col("first_order_id", "bigint")), more("tenants.foreign_keys", fk("first_order_id", to="orders")))),
    ("K9", "warning", "column:other.tenant_id", another(col("tenant_id", "bigint"))),
    ("K9", "warning", "column:other.company_id", chain(another(col("a"), name="companies"), another(col("company_id", "bigint")))),
    ("type", "error", "constraint:orders.ex_orders_tags_starts_at", more("orders.exclusions", Exclusion(equal_columns=("tags",), start_column="starts_at", end_column="ends_at"))),
    # Types and values
    ("type", "error", "column:orders.status", column("orders.status", type="money", values=(), default=None)),
    ("type", "error", "column:orders.quantity", column("orders.quantity", type="INT")),
    ("type", "error", "column:tenants.name", column("tenants.name", type="character varying(0)")),
    ("type", "error", "column:orders.price", column("orders.price", type="numeric(2000,2)")),
    ("type", "error", "column:orders.price", column("orders.price", type="numeric(2,4)")),
    ("type", "error", "column:tenants.name", column("tenants.name", identity=True)),
    ("type", "error", "column:tenants.id", column("tenants.id", default="1")),
    ("type", "error", "column:other.n", another(col("n", "bigint", identity=True, nullable=True))),
    ("T1", "error", "column:orders.starts_at", column("orders.starts_at", type="timestamp without time zone")),
    ("T1", "error", "column:tenants.name", column("tenants.name", type="time with time zone")),
    ("T2", "error", "column:orders.price", column("orders.price", type="double precision")),
    ("T2", "error", "column:other.worth", another(col("worth", "real", unit="EUR"))),
    ("T3", "warning", "column:tenants.name", column("tenants.name", type="character(3)")),
    ("T5", "error", "column:other.id", lambda d: column("other.id", type="integer")(another(col("a"), volume=Volume(rows=2_000_000_000))(d))),
    ("T7", "warning", "column:tenants.name", column("tenants.name", type="json")),
    ("values", "error", "column:orders.status", column("orders.status", values=("open", "open"))),
    ("values", "error", "column:orders.status", column("orders.status", type="character varying(3)")),
    ("values", "error", "column:orders.status", column("orders.status", default="'shipped'")),
    ("values", "error", "column:orders.tags", column("orders.tags", type="integer[]", values=("x",))),
    # Shapes
    ("N2", "error", "column:other.product_ids", another(col("product_ids", "bigint[]"))),
    ("N3", "warning", "relation:other", another(col("tenant_id", "bigint"), col("attribute_name"), col("value"), foreign_keys=(fk("tenant_id", to="tenants"),), indexes=(ix("tenant_id"),))),
    ("N4", "warning", "relation:other", another(col("phone1"), col("phone2"), col("phone3"))),
    ("N4", "warning", "relation:sales_2024", chain(another(col("a"), name="sales_2024"), another(col("a"), name="sales_2025"))),
    ("N5", "warning", "relation:other", another(col("a", nullable=True), col("b", nullable=True))),
    ("N6", "warning", "column:other.subject_id", another(col("subject_type"), col("subject_id", "bigint"))),
    ("N7", "warning", "relation:other", another(*(col("c" + "abcdefghijklmnopqrstuvwxyz"[n % 26] * (n // 26 + 1)) for n in range(45)))),
    ("N7", "warning", "relation:other", another()),
    # Names
    ("name", "error", "relation:Orders", another(col("a"), name="Orders")),
    ("name", "error", "relation:tenants", another(col("a"), name="tenants")),
    ("name", "error", "relation:" + "x" * 63 + "b", chain(another(col("a"), name="x" * 63 + "a"), another(col("a"), name="x" * 63 + "b"))),
    ("name", "error", "column:other.A", another(col("a"), col("A"))),
    ("name", "error", "role:clerk", whole(roles=(Role(name="clerk"), Role(name="clerk")))),
    ("name", "error", "query:list_orders", twin()),
    ("name", "error", "constraint:orders.fk_orders_tenant_id_parent_id", more("orders.checks", Check(expression="price > 0", name="fk_orders_tenant_id_parent_id"))),
    ("name", "error", "index:ix_orders_tenant_id_parent_id", more("customers.indexes", ix("email", name="ix_orders_tenant_id_parent_id"))),
    ("name", "error", "index:tenants", more("orders.indexes", ix("status", name="tenants"))),
    ("name", "error", "column:other.ctid", another(col("ctid"))),
    ("name", "error", "relation:alembic_version", another(col("a"), name="alembic_version")),
    ("name", "error", "role:pg_monitor", whole(roles=(Role(name="pg_monitor"),))),
    ("D2", "warning", "column:other.order", another(col("order"))),
    ("D2", "warning", "relation:Users; DROP TABLE x", another(col("a"), name="Users; DROP TABLE x")),
    ("D2", "error", "column:other.a\u202eb", another(col("a\u202eb"))),
    ("D2", "error", "column:other.a\x00b", another(col("a\x00b"))),
    ("D2", "error", "column:other.a\u200bb", another(col("a\u200bb"))),
    ("D2", "error", "column:other.", another(col(""))),
    ("D3", "error", "column:other." + "ä" * 32, another(col("ä" * 32))),
    ("D3", "error", "constraint:orders." + "c" * 64, more("orders.checks", Check(expression="price > 0", name="c" * 64))),
    ("text", "error", "column:tenants.name", column("tenants.name", comment="a\x00b")),
    # Expressions
    ("expression", "error", "column:tenants.name", column("tenants.name", default="pg_read_file('/etc/passwd')")),
    ("expression", "error", "column:tenants.name", column("tenants.name", default="name")),
    ("expression", "error", "column:orders.total", column("orders.total", generated="price * nope")),
    ("expression", "error", "column:orders.total", column("orders.total", generated="total + 1")),
    ("expression", "error", "column:orders.total", column("orders.total", generated="extract(epoch from now())")),
    ("expression", "error", "constraint:orders.c", more("orders.checks", Check(expression="nope > 0", name="c"))),
    ("expression", "error", "constraint:orders.c", more("orders.checks", Check(expression="quantity", name="c2"), Check(expression="1 +", name="c"))),
    ("expression", "error", "constraint:orders.u", more("orders.uniques", Unique(columns=("status",), where="nope = 1", name="u"))),
    ("expression", "error", "constraint:orders.e", more("orders.exclusions", Exclusion(equal_columns=("id",), start_column="starts_at", end_column="ends_at", where="starts_at > now()", name="e"))),
    ("expression", "error", "index:i", more("orders.indexes", ix("status", where="starts_at > now()", name="i"))),
    ("expression", "error", "retention:customers", relation("customers", retention=Retention(period="P1Y", action="drop", clock_column="created_at", hold="drop table x"))),
    # Indexes
    ("index", "error", "index:i", more("orders.indexes", ix("nope", name="i"))),
    ("index", "error", "index:i", more("orders.indexes", ix("status", include=("nope",), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", Index(keys=(), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", Index(keys=(IndexKey(),), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", Index(keys=(IndexKey(expression="random()"),), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", Index(keys=(IndexKey(column="status", operator_class="x; drop"),), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", ix("status", method="gin", name="i"))),
    ("index", "error", "index:i", more("orders.indexes", ix("status", "price", method="hash", name="i"))),
    ("index", "error", "index:i", more("orders.indexes", ix("tags", method="gin", include=("price",), name="i"))),
    ("index", "error", "index:i", more("orders.indexes", Index(keys=(IndexKey(column="starts_at", descending=True),), method="brin", name="i"))),
    ("index", "warning", "index:i", chain(another(col("doc", "jsonb"), indexes=(ix("doc", name="i"),)))),
    ("index", "warning", "index:i", more("orders.indexes", ix("status", serves=("gone",), name="i"))),
    # Queries
    ("query", "error", "query:list_orders", query(sql="SELECT nope FROM orders")),
    ("query", "error", "query:list_orders", query(sql="DROP SCHEMA public CASCADE")),
    ("query", "error", "query:list_orders", query(sql="SELECT 1; SELECT 2")),
    ("query", "error", "query:list_orders", query(parameters=())),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE id = :id", parameters=(Parameter(name="id", relation="orders", column="nope"),))),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE id = :id", parameters=(Parameter(name="id", relation="nope", column="id"),))),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE id = :id", parameters=(Parameter(name="id", relation="orders", column="id"),) * 2)),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE id = :id", parameters=(Parameter(name="id", relation="orders", column="id", shift="soon"),))),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE status = :s", parameters=(Parameter(name="s", relation="orders", column="status", template="%"),))),
    ("query", "error", "query:list_orders", query(sql="SELECT id FROM orders WHERE status = :s", parameters=(Parameter(name="s", relation="orders", column="status", limit=0),))),
    ("query", "error", "query:list_orders", query(frequency=0)),
    ("query", "warning", "query:list_orders", query(sql="SELECT id FROM orders")),
    # Promises
    ("tenancy", "error", "relation:nope", whole(tenancy=Tenancy(relation="nope"))),
    ("tenancy", "error", "relation:tenants", relation("tenants", primary_key=("id", "name"))),
    ("tenancy", "error", "relation:tenants", whole(tenancy=Tenancy(relation="tenants", setting="x; drop"))),
    ("tenancy", "error", "column:orders.tenant_id", whole(tenancy=None)),
    ("tenancy", "error", "column:orders.nope", relation("orders", tenant_column="nope")),
    ("tenancy", "error", "column:orders.quantity", relation("orders", tenant_column="quantity")),
    ("tenancy", "error", "column:customers.tenant_id", column("customers.tenant_id", nullable=True)),
    ("S1", "warning", "relation:customers", relation("customers", tenant_column=None)),
    ("K12", "warning", "column:orders.parent_id", more("orders.foreign_keys", fk("parent_id", to="orders"))),
    ("reference", "error", "role:clerk", whole(roles=(Role(name="clerk", delete=("nope",)),))),
    ("L1", "warning", "relation:customers", relation("customers", retention=None)),
    ("retention", "error", "retention:customers", relation("customers", retention=Retention(period="41%", action="keep"))),
    ("retention", "error", "retention:customers", relation("customers", retention=Retention(period="P0D", action="drop", clock_column="created_at"))),
    ("retention", "error", "retention:customers", relation("customers", retention=Retention(period="P1Y", action="drop"))),
    ("retention", "error", "retention:customers", relation("customers", retention=Retention(period="P1Y", action="drop", clock_column="nope"))),
    ("retention", "error", "retention:customers", relation("customers", retention=Retention(period="P1Y", action="drop", clock_column="email"))),
    ("retention", "warning", "retention:customers", column("customers.created_at", nullable=True)),
    ("sla", "error", "objective:rpo", whole(objectives=Objectives(rpo_seconds=-1))),
    ("sla", "error", "objective:rto", whole(objectives=Objectives(rto_seconds=0))),
    ("sla", "error", "relation:customers", relation("customers", volume=Volume(rows=-1))),
    ("sla", "error", "query:list_orders", query(sla=Sla(target_ms=-5))),
    ("sla", "error", "query:list_orders", query(sla=Sla(target_ms=float("nan")))),
    ("sla", "error", "query:list_orders", query(sla=Sla(target_ms=5, concurrency=0))),
    ("sla", "error", "query:list_orders", query(sla=Sla(target_ms=5, rate_per_second=0))),
    ("sla", "error", "query:again", twin(name="again", sla=Sla(target_ms=500, concurrency=20))),
    ("sla", "error", "query:again", twin(name="again", sla=Sla(percentile=99, target_ms=20, concurrency=20))),
    # Requirements
    ("uncovered", "warning", "requirement:R-1", lambda d: d.model_copy(update={"requirements": (d.requirements[0].model_copy(update={"elements": ()}),)})),
    ("uncovered", "warning", "requirement:R-1", lambda d: d.model_copy(update={"requirements": (d.requirements[0].model_copy(update={"elements": ("relation:nope",)}),)})),
    ("name", "warning", "requirement:R-1", lambda d: d.model_copy(update={"requirements": d.requirements[:1] * 2})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "severity", "element", "change"),
    CASES,
    ids=[f"{n}-{case[0]}-{case[2][:40].encode('ascii', 'ignore').decode()!r}" for n, case in enumerate(CASES)],
)  # fmt: skip
def test_a_rule_finds_what_it_is_for(
    clean: Design, rule: str, severity: str, element: str, change: Change
) -> None:
    findings = check_design(change(clean))
    found = {(finding.rule, finding.severity, finding.element) for finding in findings}
    assert (rule, severity, element) in found, sorted(found)
    assert all(finding.message and finding.remediation for finding in findings)


FINE: list[Change] = [
    # A cycle that a null or a deferral breaks.
    chain(
        more("tenants.columns", col("first_order_id", "bigint", nullable=True)),
        more("tenants.foreign_keys", fk("first_order_id", to="orders")),
        more("tenants.indexes", ix("first_order_id")),
    ),
    chain(
        more("tenants.columns", col("first_order_id", "bigint")),
        more("tenants.foreign_keys", fk("first_order_id", to="orders", deferrable=True)),
        more("tenants.indexes", ix("first_order_id")),
    ),
    # A reference to a unique key that is not primary, with another length.
    chain(
        another(
            col("code", "character varying(4)"), name="units", uniques=(Unique(columns=("code",)),)
        ),
        another(
            col("unit_code", "character varying(8)"),
            foreign_keys=(fk("unit_code", to="units", referenced_columns=("code",)),),
            indexes=(ix("unit_code"),),
        ),
    ),
    another(col("latitude", "double precision"), col("unit"), col("value", "real")),
    another(col("address1"), col("address2")),
    another(col("a", nullable=True)),
    another(col("country_code", values=("DE", "FR")), col("at", "time without time zone")),
    another(col("n", "smallint", values=("1", "-2"), default="1")),
    another(col("doc", "jsonb"), indexes=(ix("doc", method="gin"), ix("id", method="hash"))),
    another(col("sales_2024", "bigint"), col("colours", "text[]", values=("red", "blue"))),
    another(col("external_id")),
    another(col("a"), primary_key=("id",), retention=KEEP),
    twin(name="again", sla=Sla(percentile=99, target_ms=90, concurrency=20)),
    twin(name="again", sla=Sla(target_ms=90, concurrency=200)),
    whole(objectives=Objectives(rpo_seconds=0)),
    relation("customers", volume=Volume(rows=10**15)),
    column("customers.created_at", type="date", default="current_date"),
    whole(roles=()),
]


@pytest.mark.parametrize("change", FINE)
def test_what_is_fine_is_left_alone(clean: Design, change: Change) -> None:
    assert check_design(change(clean)) == ()


@pytest.mark.parametrize("change", [lambda design: design, *FINE])
def test_what_is_fine_is_built_by_a_server(
    clean: Design, change: Change, server: Server, database: str
) -> None:
    with server.connect(database, autocommit=False) as connection:
        for statement in compile_design(change(clean)):
            connection.execute(statement.sql)  # type: ignore[arg-type]
        connection.rollback()


def test_a_longer_name_in_other_words_is_no_clash(clean: Design) -> None:
    change = chain(
        another(col("a"), name="a_rather_long_name_for_a_relation_one"),
        another(col("a"), name="a_rather_long_name_for_a_relation_two"),
    )
    assert check_design(change(clean)) == ()


def test_errors_come_first(clean: Design) -> None:
    change = chain(another(), column("orders.price", type="real"))
    severities = [finding.severity for finding in check_design(change(clean))]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)


def test_a_waiver_with_a_reason_silences_its_finding_only(clean: Design) -> None:
    change = chain(column("orders.price", type="real"), column("orders.total", type="real"))
    design = change(clean)
    keys = {finding.key for finding in check_design(design)}
    assert keys == {"T2:column:orders.price", "T2:column:orders.total"}
    waived = design.model_copy(
        update={"waivers": (Waiver(key="T2:column:orders.price", reason="Legacy import."),)}
    )
    assert {finding.key for finding in check_design(waived)} == {"T2:column:orders.total"}
    silent = design.model_copy(
        update={"waivers": (Waiver(key="T2:column:orders.price", reason="  "),)}
    )
    assert {finding.key for finding in check_design(silent)} == keys


def test_what_is_broken_cannot_be_waived(clean: Design) -> None:
    design = query(sql="DROP TABLE orders")(clean)
    (finding,) = check_design(design)
    waived = design.model_copy(update={"waivers": (Waiver(key=finding.key, reason="I insist."),)})
    assert check_design(waived) == (finding,)
    assert not {"query", "expression", "K2", "K8", "D3", "name", "type"} & WAIVABLE


def test_every_rule_says_what_it_is_for() -> None:
    assert all((rule.__doc__ or "").strip() for rule in RULES)
    assert len(set(RULES)) == len(RULES)


def test_a_broken_design_raises_nothing() -> None:
    """Everything at once that a planner could get wrong."""
    wild = Relation(
        name="",
        columns=(Column(name="", type=""), Column(name="", type="("), Column(name="x", type="x")),
        primary_key=("a", "a"),
        uniques=(Unique(columns=("b",), where=""),),
        foreign_keys=(ForeignKey(columns=(), references=""), fk("x", to="nope")),
        checks=(Check(expression=""), Check(expression="\x00")),
        exclusions=(Exclusion(equal_columns=(), start_column="", end_column=""),),
        indexes=(Index(keys=()), Index(keys=(IndexKey(expression=""),), method="gin")),
        tenant_column="y",
        retention=Retention(period="", action="drop"),
    )
    design = Design(
        name="",
        relations=(wild, wild),
        tenancy=Tenancy(relation="", setting=""),
        workload=(WorkloadQuery(name="", purpose="", sql=""),),
        roles=(Role(name=""),),
    )
    assert any(finding.severity == "error" for finding in check_design(design))


def test_a_large_design_is_judged_quickly_enough_to_run_each_time(clean: Design) -> None:
    relations = tuple(
        clean.relation("tenants").model_copy(update={"name": f"relation_number_{n}"})
        for n in range(400)
    )
    design = clean.model_copy(update={"relations": (*clean.relations, *relations)})
    assert check_design(design) == ()
