"""Queries derived from a design."""

from __future__ import annotations

from a13.domain.access import MAX_QUERIES, derive_workload, status_column, time_column
from a13.domain.design import Column, Design, ForeignKey, Relation, Tenancy, Unique
from a13.domain.expressions import parse_query


def relation(name: str, *columns: Column, **more: object) -> Relation:
    return Relation(
        name=name,
        columns=(Column(name="id", type="bigint", identity=True), *columns),
        primary_key=("id",),
        **more,  # type: ignore[arg-type]
    )


ORDERS = relation(
    "orders",
    Column(name="tenant_id", type="bigint"),
    Column(name="customer_id", type="bigint"),
    Column(name="number", type="text"),
    Column(name="order", type="integer"),
    Column(name="status", type="text", values=("new", "paid")),
    Column(name="due_on", type="date"),
    Column(name="placed_at", type="timestamp with time zone"),
    Column(name="words", type="tsvector"),
    uniques=(Unique(columns=("tenant_id", "number")), Unique(columns=("number",), where="true")),
    foreign_keys=(
        ForeignKey(columns=("tenant_id",), references="tenants"),
        ForeignKey(
            columns=("tenant_id", "customer_id"),
            references="customers",
            referenced_columns=("tenant_id", "id"),
        ),
    ),
    tenant_column="tenant_id",
)
DESIGN = Design(
    name="shop",
    tenancy=Tenancy(relation="tenants"),
    relations=(relation("tenants", Column(name="name", type="text")), ORDERS),
)


def test_each_kind_of_access_is_there() -> None:
    queries = {query.name: query for query in derive_workload(DESIGN)}
    assert set(queries) == {
        "tenants_by_id", "orders_by_id", "orders_by_customer", "orders_by_tenant_id_and_number",
        "orders_latest", "orders_by_status",
    }  # fmt: skip
    listed = queries["orders_by_customer"]
    assert listed.sql.endswith(
        "WHERE customer_id = :customer_id ORDER BY placed_at DESC, id DESC LIMIT 50"
    )
    assert [p.name for p in listed.parameters] == ["customer_id"]
    assert '"order"' in listed.sql and "words" not in listed.sql
    assert all(q.origin == "design" and q.sla is None for q in queries.values())


def test_the_texts_pass_the_parser() -> None:
    relations = {r.name: {c.name: c.type for c in r.columns} for r in DESIGN.relations}
    for query in derive_workload(DESIGN):
        parsed = parse_query(query.sql, relations)
        assert set(parsed.parameters) == {p.name for p in query.parameters}
        assert all(p.relation in relations for p in query.parameters)


def test_a_large_design_keeps_some_of_each_kind() -> None:
    relations = tuple(ORDERS.model_copy(update={"name": f"orders_{n}"}) for n in range(40))
    queries = derive_workload(DESIGN.model_copy(update={"relations": relations}))
    assert len(queries) == MAX_QUERIES
    for ending in ("_by_id", "_by_customer", "_and_number", "_latest", "_by_status"):
        assert sum(query.name.endswith(ending) for query in queries) == MAX_QUERIES // 5


def test_an_empty_design_has_no_queries() -> None:
    assert derive_workload(Design(name="nothing")) == ()


def test_the_time_of_a_row() -> None:
    def column(name: str, kind: str = "date", *, nullable: bool = False) -> Column:
        return Column(name=name, type=kind, nullable=nullable)

    assert time_column(ORDERS) == "placed_at"
    assert time_column(relation("a", column("birth_date"))) is None
    assert time_column(relation("a", column("visit_date"))) == "visit_date"
    assert time_column(relation("a", column("visit_date", nullable=True))) is None
    both = relation("a", column("updated_at"), column("starts_at"), column("created_at"))
    assert time_column(both) == "created_at"
    assert time_column(relation("a", column("name", "text"))) is None


def test_the_state_of_a_row() -> None:
    assert status_column(ORDERS) == "status"
    assert status_column(relation("a", Column(name="status", type="text"))) is None
    assert status_column(relation("a", Column(name="kind", type="text", values=("a", "b")))) is None


def test_columns_with_odd_names_have_parameters_that_parse() -> None:
    odd = relation(
        "odd",
        Column(name="ref%s", type="bigint"),
        Column(name="Value", type="bigint"),
        Column(name="value_1", type="bigint"),
        uniques=(Unique(columns=("ref%s", "value_1", "Value")),),
    )
    known = {"odd": {column.name: column.type for column in odd.columns}}
    query = derive_workload(Design(name="d", relations=(odd,)))[1]
    assert [p.column for p in query.parameters] == ["ref%s", "value_1", "Value"]
    parsed = parse_query(query.sql, known)
    assert set(parsed.parameters) == {p.name for p in query.parameters}
    assert len(parsed.parameters) == 3
