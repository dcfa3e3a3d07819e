"""Generated rows: valid, skewed, repeatable."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from a13.database.compile import compile_design
from a13.database.digests import digests
from a13.database.generate import load, small_rows
from a13.database.server import Server
from a13.domain.design import (
    Check,
    Column,
    Design,
    Exclusion,
    ForeignKey,
    Relation,
    Tenancy,
    Unique,
)
from a13.domain.plan import RelationVolume
from a13.errors import DesignError


def identity() -> Column:
    return Column(name="id", type="bigint", identity=True)


def reference(name: str, *, nullable: bool = False) -> Column:
    return Column(name=name, type="bigint", nullable=nullable)


def create(server: Server, database: str, design: Design) -> None:
    with server.connect(database) as connection:
        for statement in compile_design(design):
            connection.execute(statement.sql.encode())


def volumes(design: Design, rows: int, **given: int) -> tuple[RelationVolume, ...]:
    return tuple(
        RelationVolume(
            relation=r.name,
            rows=given.get(r.name, rows),
            stated_rows=given.get(r.name, rows),
            assumed=False,
        )
        for r in design.relations
    )


def fill(
    server: Server, database: str, design: Design, rows: int = 500, *, seed: int = 7, **given: int
) -> dict[str, int]:
    loaded = load(server, database, design, volumes(design, rows, **given), seed=seed)
    return {one.relation: one.rows for one in loaded}


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def single(*columns: Column, name: str = "things", **more: object) -> Design:
    relation = Relation(name=name, columns=(identity(), *columns), primary_key=("id",), **more)  # type: ignore[arg-type]
    return Design(name="single", relations=(relation,))


SHOP = Design(
    name="shop",
    relations=(
        Relation(
            name="customers",
            columns=(
                identity(),
                Column(name="email", type="text"),
                Column(name="name", type="character varying(60)"),
                Column(name="country_code", type="character(2)"),
                Column(name="created_at", type="timestamp with time zone"),
                Column(name="referred_by", type="bigint", nullable=True),
            ),
            primary_key=("id",),
            uniques=(Unique(columns=("email",)),),
            foreign_keys=(ForeignKey(columns=("referred_by",), references="customers"),),
        ),
        Relation(
            name="products",
            columns=(
                Column(name="sku", type="character varying(12)"),
                Column(name="name", type="text"),
                Column(name="price", type="numeric(10,2)"),
            ),
            primary_key=("sku",),
            checks=(Check(expression="price > 0 AND price <= 500"),),
        ),
        Relation(
            name="orders",
            columns=(
                identity(),
                reference("customer_id"),
                Column(name="status", type="text", values=("new", "paid", "sent", "cancelled")),
                Column(name="placed_at", type="timestamp with time zone"),
                Column(name="paid_at", type="timestamp with time zone", nullable=True),
                Column(name="net", type="numeric(12,2)"),
                Column(name="tax", type="numeric(12,2)"),
                Column(name="total", type="numeric(12,2)"),
            ),
            primary_key=("id",),
            foreign_keys=(ForeignKey(columns=("customer_id",), references="customers"),),
            checks=(
                Check(expression="status <> 'paid' OR paid_at IS NOT NULL", name="ck_paid"),
                Check(expression="paid_at IS NULL OR paid_at >= placed_at"),
                Check(expression="total = net + tax AND net >= 0 AND tax >= 0"),
            ),
        ),
        Relation(
            name="order_lines",
            columns=(
                reference("order_id"),
                Column(name="line_no", type="integer"),
                Column(name="sku", type="character varying(12)"),
                Column(name="quantity", type="smallint"),
            ),
            primary_key=("order_id", "line_no"),
            uniques=(Unique(columns=("order_id", "sku")),),
            foreign_keys=(
                ForeignKey(columns=("order_id",), references="orders"),
                ForeignKey(columns=("sku",), references="products"),
            ),
            checks=(Check(expression="quantity BETWEEN 1 AND 99"),),
        ),
    ),
)


def test_rows_are_valid_counted_and_skewed(server: Server, database: str) -> None:
    create(server, database, SHOP)
    counts = fill(server, database, SHOP, 2000, products=300)
    assert counts["customers"] == counts["orders"] == 2000
    assert counts["products"] == 300
    assert counts["order_lines"] == 2000
    with server.connect(database) as connection:
        top = one(
            connection,
            "SELECT max(n) FROM (SELECT count(*) n FROM orders GROUP BY customer_id) t",
        )
        assert isinstance(top, int) and top > 100, "a few customers have most of the orders"
        assert one(connection, "SELECT count(*) FROM customers WHERE referred_by IS NOT NULL")
        assert one(connection, "SELECT count(*) FROM customers WHERE referred_by >= id") == 0
        assert one(connection, "SELECT count(DISTINCT status) FROM orders") == 4
        assert one(connection, "SELECT corr(id, extract(epoch from placed_at)) FROM orders") > 0.99
        assert one(connection, "SELECT max(line_no) FROM order_lines") > 1
        assert one(connection, "SELECT nextval(pg_get_serial_sequence('orders', 'id'))") == 2001
        statistics = one(connection, "SELECT count(*) FROM pg_stats WHERE schemaname = 'public'")
        assert isinstance(statistics, int) and statistics >= 15


def test_same_seed_same_rows(server: Server, database: str) -> None:
    create(server, database, SHOP)
    seen = []
    for seed in (1, 1, 2):
        fill(server, database, SHOP, 400, seed=seed)
        with server.connect(database) as connection:
            seen.append([(d.table, d.rows, d.digest) for d in digests(connection)])
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


FAMILIES = (
    "smallint", "integer", "bigint", "numeric", "numeric(8,3)", "real", "double precision", "text",
    "character varying(5)", "character varying(30)", "character(3)", "boolean",
    "timestamp with time zone", "timestamp without time zone", "date", "time without time zone",
    "time with time zone", "interval", "uuid", "json", "jsonb", "bytea", "inet", "cidr", "macaddr",
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "tsvector",
    "integer[]", "text[]", "numeric(6,2)[]", "timestamp with time zone[]", "uuid[]", "citext",
)  # fmt: skip


def test_every_type(server: Server, database: str) -> None:
    columns = [Column(name=f"c{n}", type=t) for n, t in enumerate(FAMILIES)]
    columns += [Column(name=f"n{n}", type=t, nullable=True) for n, t in enumerate(FAMILIES)]
    design = single(*columns)
    create(server, database, design)
    assert fill(server, database, design, 300) == {"things": 300}
    with server.connect(database) as connection:
        for n in range(len(FAMILIES)):
            absent = one(connection, f"SELECT count(*) FROM things WHERE n{n} IS NULL")
            assert isinstance(absent, int) and 0 < absent < 300


@pytest.mark.parametrize(
    "kind",
    [
        t
        for t in FAMILIES
        if not t.startswith("json") and not t.endswith("[]")
        and t not in ("boolean", "tsvector", "smallint", "interval", "time without time zone",
                      "time with time zone")
    ],
)  # fmt: skip
def test_every_type_can_be_unique(server: Server, database: str, kind: str) -> None:
    design = single(Column(name="c", type=kind), uniques=(Unique(columns=("c",)),))
    create(server, database, design)
    assert fill(server, database, design, 1500) == {"things": 1500}


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        (Column(name="rating", type="integer"), "rating BETWEEN 1 AND 5"),
        (Column(name="rate", type="numeric(5,4)"), "rate >= 0 AND rate < 0.3"),
        (Column(name="delta", type="integer"), "delta < -1000"),
        (Column(name="offset_m", type="real"), "offset_m > -1 AND offset_m < 1"),
        (Column(name="code", type="text"), "code ~ '^[A-Z]{3}-[0-9]{4}$'"),
        (Column(name="code", type="text"), "length(code) = 8"),
        (Column(name="code", type="text"), "char_length(code) >= 20"),
        (Column(name="code", type="character varying(10)"), "length(btrim(code)) > 0"),
        (Column(name="email", type="text"), "email LIKE '%@%.%'"),
        (Column(name="email", type="text"), "email = lower(email) AND email LIKE '%_@_%'"),
        (Column(name="iban", type="text"), "iban LIKE 'DE__%'"),
        (Column(name="kind", type="text"), "kind IN ('a', 'b') AND kind <> 'b'"),
        (Column(name="phone", type="text"), "phone ~ '^\\+[1-9]\\d{6,14}$'"),
        (Column(name="slug", type="text"), "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'"),
        (Column(name="currency", type="character(3)"), "currency = upper(currency)"),
        (Column(name="n", type="integer"), "n % 7 = 0"),
        (Column(name="n", type="integer"), "n <> 5 AND n > 0"),
        (Column(name="tags", type="text[]"), "cardinality(tags) <= 2"),
        (Column(name="data", type="jsonb"), "jsonb_typeof(data) = 'object'"),
        (Column(name="flag", type="boolean"), "NOT flag"),
        (Column(name="born_on", type="date"), "born_on > '1900-01-01'"),
        (Column(name="at", type="time without time zone"), "at >= '09:00' AND at < '17:00'"),
    ],
)
@pytest.mark.parametrize("unique", [False, True])
def test_checks_of_one_column(
    server: Server, database: str, column: Column, rule: str, unique: bool
) -> None:
    design = single(
        column,
        checks=(Check(expression=rule),),
        uniques=(Unique(columns=(column.name,)),) if unique else (),
    )
    create(server, database, design)
    rows = fill(server, database, design, 200)["things"]
    # A unique column of few possible values has as many rows as there are values.
    assert rows == 200 or (unique and rows > 0)


@pytest.mark.parametrize(
    "rule",
    [
        "a < b", "a <= b AND b <= 100", "b > a + 10", "a <> b", "a + b = c", "c = a * b",
        "a IS NULL OR b IS NULL", "num_nonnulls(a, b, c) = 1", "(a IS NULL) = (b IS NULL)",
        "a IS NOT NULL OR (b IS NOT NULL AND c IS NOT NULL)", "a < b AND b < c AND c < 1000",
        "CASE WHEN kind = 'x' THEN a IS NOT NULL ELSE a IS NULL END", "coalesce(a, b, c) > 0",
        "kind = 'x' OR b > 100", "(kind = 'x') = (done_at IS NOT NULL)", "a > b OR c > b",
        "done_at IS NULL OR done_at > begun_at", "due_on >= begun_at", "flag OR done_at IS NULL",
    ],
)  # fmt: skip
def test_checks_of_several_columns(server: Server, database: str, rule: str) -> None:
    columns = [Column(name=n, type="integer", nullable=True) for n in "abc"]
    columns += [
        Column(name="kind", type="text", values=("x", "y", "z")),
        Column(name="flag", type="boolean"),
        Column(name="begun_at", type="timestamp with time zone"),
        Column(name="done_at", type="timestamp with time zone", nullable=True),
        Column(name="due_on", type="date", nullable=True),
    ]
    design = single(*columns, checks=(Check(expression=rule),))
    create(server, database, design)
    assert fill(server, database, design, 300) == {"things": 300}
    with server.connect(database) as connection:
        assert one(connection, "SELECT count(DISTINCT kind) FROM things") >= (
            1 if "kind" in rule else 3
        )


def test_a_rule_that_no_row_meets_is_named(server: Server, database: str) -> None:
    design = single(
        Column(name="a", type="integer"),
        checks=(
            Check(expression="a > 0"),
            Check(expression="abs(a) = -1", name="ck_impossible"),
        ),
    )
    create(server, database, design)
    with pytest.raises(DesignError, match="ck_impossible") as caught:
        fill(server, database, design, 100)
    assert caught.value.facts["element"] == "constraint:things.ck_impossible"
    with server.connect(database) as connection, pytest.raises(DesignError, match="ck_impossible"):
        small_rows(design, seed=1)(connection)
    with server.connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM things") == 0
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid OR NOT indisready"
        assert one(connection, invalid) == 0


def association(*uniques: Unique, rows: tuple[str, str] = ("students", "courses")) -> Design:
    parents = tuple(
        Relation(
            name=name,
            columns=(identity(), Column(name="name", type="text")),
            primary_key=("id",),
        )
        for name in rows
    )
    child = Relation(
        name="enrolments",
        columns=(
            reference("student_id"),
            reference("course_id"),
            Column(name="role", type="text", values=("pupil", "helper", "guest")),
            Column(name="place", type="smallint"),
            Column(name="is_main", type="boolean"),
            Column(name="seen_on", type="date"),
        ),
        primary_key=("student_id", "course_id"),
        uniques=uniques,
        foreign_keys=(
            ForeignKey(columns=("student_id",), references="students"),
            ForeignKey(columns=("course_id",), references="courses"),
        ),
    )
    return Design(name="school", relations=(child, *parents))


@pytest.mark.parametrize(
    "uniques",
    [
        (),
        (Unique(columns=("course_id", "place")),),
        (Unique(columns=("student_id", "seen_on")),),
        (Unique(columns=("student_id",), where="is_main"),),
        (Unique(columns=("course_id",), where="role = 'helper'"),),
    ],
)
def test_composite_and_partial_keys(
    server: Server, database: str, uniques: tuple[Unique, ...]
) -> None:
    design = association(*uniques)
    create(server, database, design)
    counts = fill(server, database, design, 1000, courses=20)
    assert counts["enrolments"] == 1000
    with server.connect(database) as connection:
        assert one(connection, "SELECT count(DISTINCT course_id) FROM enrolments") > 10


def test_a_key_without_room_gives_as_many_rows_as_there_are(server: Server, database: str) -> None:
    design = association(Unique(columns=("student_id", "role")))
    create(server, database, design)
    counts = fill(server, database, design, 1000, students=10, courses=5)
    assert 10 < counts["enrolments"] <= 30


def test_one_to_one(server: Server, database: str) -> None:
    users = Relation(
        name="users", columns=(identity(), Column(name="email", type="text")), primary_key=("id",)
    )
    profiles = Relation(
        name="profiles",
        columns=(reference("user_id"), Column(name="bio", type="text")),
        primary_key=("user_id",),
        foreign_keys=(ForeignKey(columns=("user_id",), references="users"),),
    )
    badges = Relation(
        name="badges",
        columns=(identity(), reference("profile_id", nullable=True)),
        primary_key=("id",),
        uniques=(Unique(columns=("profile_id",)),),
        foreign_keys=(ForeignKey(columns=("profile_id",), references="profiles"),),
    )
    design = Design(name="people", relations=(badges, profiles, users))
    create(server, database, design)
    assert fill(server, database, design, 300, profiles=900) == {
        "users": 300, "profiles": 300, "badges": 300,
    }  # fmt: skip


def test_ranges_do_not_overlap(server: Server, database: str) -> None:
    courts = Relation(
        name="courts", columns=(identity(), Column(name="name", type="text")), primary_key=("id",)
    )
    kinds = {"a": "timestamp with time zone", "b": "date", "c": "integer", "d": "numeric(10,2)"}
    bookings = tuple(
        Relation(
            name=f"bookings_{name}",
            columns=(
                identity(),
                reference("court_id"),
                Column(name="starts", type=kind),
                Column(name="ends", type=kind, nullable=name == "b"),
                Column(name="status", type="text", values=("held", "cancelled")),
            ),
            primary_key=("id",),
            foreign_keys=(ForeignKey(columns=("court_id",), references="courts"),),
            checks=(Check(expression="ends > starts"),),
            exclusions=(
                Exclusion(
                    equal_columns=("court_id",),
                    start_column="starts",
                    end_column="ends",
                    where="status <> 'cancelled'" if name == "a" else None,
                ),
            ),
        )
        for name, kind in kinds.items()
    )
    design = Design(name="club", relations=(courts, *bookings))
    create(server, database, design)
    counts = fill(server, database, design, 800, courts=12)
    assert counts == {"courts": 12, **{f"bookings_{name}": 800 for name in kinds}}


def test_cycles_and_trees(server: Server, database: str) -> None:
    departments = Relation(
        name="departments",
        columns=(
            identity(),
            Column(name="name", type="text"),
            reference("manager_id", nullable=True),
            reference("parent_id", nullable=True),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("manager_id",)),),
        foreign_keys=(
            ForeignKey(columns=("manager_id",), references="employees"),
            ForeignKey(columns=("parent_id",), references="departments"),
        ),
        checks=(Check(expression="parent_id <> id"),),
    )
    employees = Relation(
        name="employees",
        columns=(identity(), Column(name="name", type="text"), reference("department_id")),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("department_id",), references="departments"),),
    )
    design = Design(name="firm", relations=(departments, employees))
    create(server, database, design)
    assert fill(server, database, design, 400, departments=40) == {
        "departments": 40, "employees": 400,
    }  # fmt: skip
    with server.connect(database) as connection:
        assert one(connection, "SELECT count(manager_id) FROM departments") > 0
        assert one(connection, "SELECT count(parent_id) FROM departments") > 0


def test_a_cycle_where_both_sides_are_mandatory(server: Server, database: str) -> None:
    left = Relation(
        name="invoices",
        columns=(identity(), reference("first_line_id")),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("first_line_id",), references="lines", deferrable=True),),
    )
    right = Relation(
        name="lines",
        columns=(identity(), reference("invoice_id")),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("invoice_id",), references="invoices", deferrable=True),),
    )
    design = Design(name="books", relations=(left, right))
    create(server, database, design)
    assert fill(server, database, design, 100, lines=300) == {"invoices": 100, "lines": 300}
    with server.connect(database) as connection:
        connection.execute("TRUNCATE invoices, lines")
        small_rows(design, seed=3, rows=50)(connection)
        assert one(connection, "SELECT count(*) FROM lines") == 50


def tenanted(*, composite: bool) -> Design:
    def table(name: str, *parents: str, extra: tuple[Column, ...] = ()) -> Relation:
        keys = [ForeignKey(columns=("tenant_id",), references="tenants")]
        columns = [identity(), reference("tenant_id")]
        for parent in parents:
            column = f"{parent.removesuffix('s')}_id"
            optional = parent == name
            columns.append(reference(column, nullable=optional))
            keys.append(
                ForeignKey(
                    columns=("tenant_id", column),
                    references=parent,
                    referenced_columns=("tenant_id", "id"),
                )
                if composite
                else ForeignKey(columns=(column,), references=parent)
            )
        return Relation(
            name=name,
            columns=(*columns, Column(name="name", type="text"), *extra),
            primary_key=("id",),
            uniques=(Unique(columns=("tenant_id", "id")), Unique(columns=("tenant_id", "name"))),
            foreign_keys=tuple(keys),
            tenant_column="tenant_id",
        )

    tenants = Relation(
        name="tenants", columns=(identity(), Column(name="name", type="text")), primary_key=("id",)
    )
    return Design(
        name="saas",
        tenancy=Tenancy(relation="tenants"),
        relations=(
            tenants,
            table("users"),
            table("projects", "projects"),
            table("tasks", "users", "projects"),
            table("comments", "tasks", "users"),
        ),
    )


@pytest.mark.parametrize("composite", [True, False])
def test_children_stay_with_their_tenant(server: Server, database: str, composite: bool) -> None:
    design = tenanted(composite=composite)
    create(server, database, design)
    counts = fill(server, database, design, 1000, tenants=20)
    assert counts == {"tenants": 20, "users": 1000, "projects": 1000, "tasks": 1000,
                      "comments": 1000}  # fmt: skip
    with server.connect(database) as connection:
        for child, parent in (("tasks", "user"), ("tasks", "project"), ("comments", "task"),
                              ("projects", "project")):  # fmt: skip
            query = (
                f"SELECT count(*) FROM {child} c JOIN {parent}s p ON p.id = c.{parent}_id "
                "WHERE p.tenant_id <> c.tenant_id"
            )
            assert one(connection, query) == 0
        assert one(connection, "SELECT count(DISTINCT tenant_id) FROM tasks") > 5
        assert one(connection, "SELECT count(project_id) FROM projects") > 0


def test_small_rows_meet_every_constraint_in_force(server: Server, database: str) -> None:
    for design in (SHOP, tenanted(composite=True), association()):
        name = f"{database}_{design.name}"
        server.create_database(name)
        create(server, name, design)
        with server.connect(name) as connection:
            small_rows(design, seed=5, rows=60)(connection)
            for relation in design.relations:
                rows = one(connection, f"SELECT count(*) FROM {relation.name}")
                assert isinstance(rows, int) and 0 < rows <= 60
            leftovers = "SELECT count(*) FROM pg_class WHERE relname LIKE 'a13%'"
            assert one(connection, leftovers) == 0
            assert one(connection, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'a13%'") == 0
        server.drop_database(name)


@pytest.fixture
def bulk(server: Server) -> Iterator[str]:
    server.create_database("bulk")
    yield "bulk"
    server.drop_database("bulk")


def test_bulk_loading_leaves_the_catalog_as_it_was(server: Server, bulk: str) -> None:
    create(server, bulk, SHOP)
    catalog = (
        "SELECT string_agg(pg_get_indexdef(indexrelid) || indisvalid || indisready || indisunique, "
        "';' ORDER BY indexrelid::regclass::text) FROM pg_index "
        "WHERE indrelid IN ('orders'::regclass, 'customers'::regclass)"
    )
    with server.connect(bulk) as connection:
        before = one(connection, catalog)
    assert fill(server, bulk, SHOP, 30_000)["orders"] == 30_000
    with server.connect(bulk) as connection:
        assert one(connection, catalog) == before
        plan = connection.execute("EXPLAIN SELECT FROM orders WHERE id = 77").fetchall()
        assert "pk_orders" in str(plan)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(
                "INSERT INTO customers OVERRIDING SYSTEM VALUE SELECT * FROM customers LIMIT 1"
            )
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(
                "DELETE FROM products WHERE sku = (SELECT min(sku) FROM order_lines)"
            )
