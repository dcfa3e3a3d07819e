"""Index tuning: what helps is kept, what does not is dropped, the database stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a13.database.candidates import ColumnFacts, Existing, candidates
from a13.database.compile import compile_design, compile_index
from a13.database.generate import load
from a13.database.measure import measure
from a13.database.plans import indexes_used
from a13.database.server import Server
from a13.database.sessions import prepare
from a13.database.tuning import tune
from a13.domain.design import Column, Design, ForeignKey, Index, Relation, Tenancy, Unique
from a13.domain.measurement import QueryMeasurement, TuningReport
from a13.domain.plan import Budget, RelationVolume
from a13.domain.workload import Parameter, Sla, WorkloadQuery

BUDGET = Budget(samples_per_query=10, statement_seconds=20)
HOPELESS = Sla(percentile=95, target_ms=0.000001)
IDENTITY = Column(name="id", type="bigint", identity=True)


def query(name: str, sql: str, *parameters: tuple[str, str], **more: str) -> WorkloadQuery:
    return WorkloadQuery(
        name=name,
        purpose=name,
        sql=sql,
        parameters=tuple(
            Parameter(name=column, relation=relation, column=column, **more)
            for relation, column in parameters
        ),
        sla=HOPELESS,
    )


WORKLOAD = (
    query(
        "orders_of_customer",
        "SELECT id, note FROM orders WHERE customer_id = :customer_id "
        "ORDER BY placed_at DESC LIMIT 20",
        ("orders", "customer_id"),
    ),
    query("by_email", "SELECT id FROM customers WHERE lower(email) = lower(:email)",
          ("customers", "email")),
    query("search", "SELECT id FROM customers WHERE email LIKE :email", ("customers", "email"),
          template="%{}%"),
    query("by_data", "SELECT id FROM orders WHERE data @> '{\"attempt\": 4}' LIMIT 3"),
    query("refunds", "SELECT count(*) FROM orders WHERE status = 'refunded'"),
    query("all_totals", "SELECT customer_id, sum(total) FROM orders GROUP BY customer_id"),
    query("join", "SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer_id "
          "WHERE c.email = :email ORDER BY o.placed_at DESC", ("customers", "email")),
    query("by_key", "SELECT note FROM orders WHERE id = :id", ("orders", "id")),
)  # fmt: skip
DESIGN = Design(
    name="tuned",
    relations=(
        Relation(
            name="customers",
            columns=(
                IDENTITY,
                Column(name="email", type="text"),
                Column(name="name", type="text"),
            ),
            primary_key=("id",),
            uniques=(Unique(columns=("email",)),),
        ),
        Relation(
            name="orders",
            columns=(
                IDENTITY,
                Column(name="customer_id", type="bigint"),
                Column(name="status", type="text",
                       values=("new", "paid", "sent", "refunded", "cancelled")),
                Column(name="total", type="numeric(10,2)"),
                Column(name="note", type="text"),
                Column(name="data", type="jsonb"),
                Column(name="placed_at", type="timestamp with time zone"),
                Column(name="removed_at", type="timestamp with time zone", nullable=True),
            ),
            primary_key=("id",),
            foreign_keys=(ForeignKey(columns=("customer_id",), references="customers"),),
        ),
    ),
    workload=WORKLOAD,
)  # fmt: skip
VOLUMES = tuple(
    RelationVolume(relation=name, rows=rows, stated_rows=rows, assumed=False)
    for name, rows in (("customers", 20_000), ("orders", 30_000))
)


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[str]:
    server.create_database("tuned")
    with server.connect("tuned") as connection:
        for statement in compile_design(DESIGN):
            connection.execute(statement.sql.encode())
    load(server, "tuned", DESIGN, VOLUMES, seed=5)
    yield "tuned"
    server.drop_database("tuned")


def measured(server: Server, *names: str) -> tuple[QueryMeasurement, ...]:
    queries = [q for q in WORKLOAD if q.name in names]
    return measure(server, "tuned", DESIGN, queries, budget=BUDGET, seed=5, volumes=VOLUMES)


def tuned(server: Server, *names: str, budget: Budget = BUDGET) -> TuningReport:
    missed = measured(server, *names)
    assert all(one.verdict == "missed" for one in missed)
    return tune(server, "tuned", DESIGN, missed, budget=budget, seed=5)


def objects(server: Server) -> list[tuple[object, ...]]:
    with server.connect("tuned") as connection:
        return connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "UNION ALL SELECT extname FROM pg_extension ORDER BY 1"
        ).fetchall()


def columns(index: Index) -> tuple[str, ...]:
    return tuple(key.column or key.expression or "" for key in index.keys)


def test_a_missing_index_is_found_used_and_left_to_a_revision(server: Server, shop: str) -> None:
    before = objects(server)
    outcome = tuned(server, "orders_of_customer")
    assert objects(server) == before, "the database is left as it was found"
    kept = [trial for trial in outcome.trials if trial.kept]
    assert kept and all(trial.used for trial in kept)
    assert all(trial.after_ms <= 0.8 * trial.before_ms for trial in kept)
    (relation, index), *_ = outcome.kept
    assert relation == "orders" and columns(index)[0] == "customer_id"
    assert index.origin == "tuning" and index.serves == ("orders_of_customer",)
    assert "orders_of_customer" in index.reason

    (old,) = measured(server, "orders_of_customer")
    statement = compile_index(DESIGN.relation("orders"), index, concurrently=False)
    with server.connect(shop) as connection:
        connection.execute(statement.sql.encode())
    try:
        (new,) = measured(server, "orders_of_customer")
    finally:
        with server.connect(shop) as connection:
            connection.execute(statement.reverse.encode())
    assert not indexes_used(old.plan_json) and indexes_used(new.plan_json)
    blocks = [m.shared_hit_blocks + m.shared_read_blocks for m in (old, new)]
    assert blocks[1] < blocks[0] / 2


@pytest.mark.parametrize(
    ("name", "method", "keys"),
    [
        ("by_email", "btree", ("lower(email)",)),
        ("search", "gin", ("email",)),
        ("join", "btree", ("customer_id",)),
    ],
)
def test_special_shapes(
    server: Server, shop: str, name: str, method: str, keys: tuple[str, ...]
) -> None:
    before = objects(server)
    outcome = tuned(server, name)
    assert objects(server) == before
    trial = next(
        trial
        for trial in outcome.trials
        if trial.index.method == method and columns(trial.index)[: len(keys)] == keys
    )
    assert trial.used and trial.size_bytes > 0


def test_a_constant_makes_a_partial_candidate(server: Server, shop: str) -> None:
    outcome = tuned(server, "refunds")
    assert any(trial.index.where == "status = 'refunded'" for trial in outcome.trials)


def test_what_does_not_help_is_not_kept_and_advice_is_given(server: Server, shop: str) -> None:
    outcome = tuned(server, "all_totals", "by_key")
    assert outcome.kept == () or all("customer_id" in columns(i) for _, i in outcome.kept)
    assert all(trial.kept <= trial.used for trial in outcome.trials)
    assert not any(columns(t.index) == ("id",) for t in outcome.trials), "the key has an index"
    text = " ".join(outcome.advice)
    assert "all_totals" in text and "summary table" in text
    assert "by_key" in text


def test_a_build_that_takes_too_long_is_given_up(server: Server, shop: str) -> None:
    before = objects(server)
    slow = Budget(samples_per_query=5, statement_seconds=20, index_build_seconds=0.001)
    outcome = tuned(server, "orders_of_customer", budget=slow)
    assert objects(server) == before
    assert outcome.kept == ()
    assert any("not built within" in trial.reason for trial in outcome.trials)


def test_a_query_that_the_design_does_not_know(server: Server, shop: str) -> None:
    stranger = QueryMeasurement(
        query="nobody", sql="SELECT 1", samples=1, p50_ms=1, p95_ms=1, p99_ms=1, max_ms=1
    )
    outcome = tune(server, shop, DESIGN, (stranger,), budget=BUDGET, seed=5)
    assert outcome.trials == () and outcome.kept == ()
    assert "nobody" in outcome.advice[0]


def candidates_for(sql: str, *nodes: dict[str, object]) -> list[str]:
    asked = WorkloadQuery(name="q", purpose="", sql=sql)
    parsed = prepare(DESIGN, asked, seed=1).parsed
    root = {"Node Type": "Result", "Plans": list(nodes)}
    facts = {("orders", "status"): ColumnFacts(distinct=5)}
    found = candidates(DESIGN, parsed, root, existing=(), facts=facts)
    return [compile_index(DESIGN.relation(c.relation), c.index, concurrently=False).sql
            for c in found]  # fmt: skip


def scan(condition: str) -> dict[str, object]:
    return {
        "Node Type": "Seq Scan",
        "Relation Name": "orders",
        "Alias": "o",
        "Filter": condition,
    }


def test_shapes_from_a_plan() -> None:
    sort = {"Node Type": "Sort", "Sort Key": ["o.placed_at DESC", "o.id DESC"]}
    found = candidates_for(
        "SELECT id FROM orders o WHERE status = 'new' AND removed_at IS NULL",
        sort,
        scan("((o.status = 'new'::text) AND (o.customer_id = '5'::bigint) AND "
             "(o.removed_at IS NULL) AND (o.total > (InitPlan 1).col1))"),
    )  # fmt: skip
    text = "\n".join(found)
    assert "(customer_id, placed_at, id) WHERE status = 'new' AND removed_at IS NULL" in text
    assert "(customer_id, status, placed_at, id)" in text
    assert "(customer_id, total) WHERE" in text
    assert len(found) <= 12


def test_one_or_the_other() -> None:
    either = scan("((o.note = 'x'::text) OR (o.customer_id = '5'::bigint))")
    text = "\n".join(candidates_for("SELECT id FROM orders o", either))
    assert "btree (note)" in text and "btree (customer_id)" in text
    open_ended = scan("((o.note = 'x'::text) OR (o.total > '5'::numeric))")
    assert candidates_for("SELECT id FROM orders o", open_ended) == []


def test_one_of_several_values() -> None:
    sort = {"Node Type": "Sort", "Sort Key": ["o.placed_at DESC"]}
    some = scan("((o.status = ANY ('{new,paid}'::text[])) AND (o.customer_id = '5'::bigint))")
    fixed = "\n".join(
        candidates_for("SELECT id FROM orders o WHERE status IN ('new', 'paid')", sort, some)
    )
    assert "(customer_id, placed_at) WHERE status IN ('new', 'paid')" in fixed
    assert "(customer_id, placed_at)\n" in fixed + "\n"
    drawn = "\n".join(candidates_for("SELECT id FROM orders o", sort, some))
    assert "WHERE" not in drawn and "(customer_id, status)" in drawn


@pytest.mark.parametrize(
    "condition",
    [
        "((o.note ~~ '%(((%'::text) OR (o.id <> 3))",
        "(NOT (ANY (o.id = (hashed SubPlan 2).col1)))",
        "", "(((", "(o.nope = 3)", "(SubPlan 1)", "(o.id <> 3)", "(row(o.id, 3) = row(1, 2))",
    ],
)  # fmt: skip
def test_conditions_that_offer_nothing(condition: str) -> None:
    assert candidates_for("SELECT id FROM orders o", scan(condition)) == []


def test_a_covered_candidate_is_dropped() -> None:
    parsed = prepare(DESIGN, WORKLOAD[0], seed=1).parsed
    root = scan("(o.customer_id = '5'::bigint)")
    wide = Existing(
        relation="orders", method="btree", keys=("customer_id", "placed_at"), partial=False
    )
    assert candidates(DESIGN, parsed, root, existing=(), facts={})
    assert not candidates(DESIGN, parsed, root, existing=(wide,), facts={})
    partial = wide.model_copy(update={"partial": True})
    assert candidates(DESIGN, parsed, root, existing=(partial,), facts={})


def test_tenants_lead_the_index_and_are_measured(server: Server, database: str) -> None:
    tenant = Column(name="tenant_id", type="bigint")
    design = Design(
        name="rows",
        tenancy=Tenancy(relation="tenants"),
        relations=(
            Relation(name="tenants", columns=(IDENTITY, Column(name="name", type="text")),
                     primary_key=("id",)),
            Relation(
                name="events",
                columns=(IDENTITY, tenant, Column(name="kind", type="integer"),
                         Column(name="happened_at", type="timestamp with time zone")),
                primary_key=("id",),
                foreign_keys=(ForeignKey(columns=("tenant_id",), references="tenants"),),
                tenant_column="tenant_id",
            ),
        ),
        workload=(
            query(
                "latest", "SELECT id, kind FROM events ORDER BY happened_at DESC LIMIT 5"
            ),
        ),
    )  # fmt: skip
    with server.connect(database) as connection:
        for statement in compile_design(design):
            connection.execute(statement.sql.encode())
    volumes = tuple(
        RelationVolume(relation=name, rows=rows, stated_rows=rows, assumed=False)
        for name, rows in (("tenants", 40), ("events", 25_000))
    )
    load(server, database, design, volumes, seed=5)
    missed = measure(server, database, design, design.workload, budget=BUDGET, seed=5,
                     volumes=volumes)  # fmt: skip
    outcome = tune(server, database, design, missed, budget=BUDGET, seed=5)
    tried = {columns(trial.index): trial for trial in outcome.trials}
    assert tried["tenant_id", "happened_at"].used
