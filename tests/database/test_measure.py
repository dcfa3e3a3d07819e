"""Measured queries: plans, times, verdicts. No test depends on how fast the machine is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from a13.database.compile import compile_design
from a13.database.generate import load
from a13.database.measure import measure, percentile
from a13.database.server import Server
from a13.domain.access import derive_workload
from a13.domain.design import Column, Design, ForeignKey, Relation, Role, Tenancy, Unique
from a13.domain.measurement import QueryMeasurement
from a13.domain.plan import Budget, RelationVolume
from a13.domain.workload import Parameter, Sla, WorkloadQuery

BUDGET = Budget(samples_per_query=10, statement_seconds=20)
EASY = Sla(percentile=95, target_ms=60_000)
HOPELESS = Sla(percentile=95, target_ms=0.000001)


def table(name: str, *columns: Column, keys: tuple[ForeignKey, ...] = ()) -> Relation:
    return Relation(
        name=name,
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="tenant_id", type="bigint"),
            *columns,
        ),
        primary_key=("id",),
        foreign_keys=(ForeignKey(columns=("tenant_id",), references="tenants"), *keys),
        tenant_column="tenant_id",
    )


DESIGN = Design(
    name="desk",
    tenancy=Tenancy(relation="tenants"),
    relations=(
        Relation(
            name="tenants",
            columns=(
                Column(name="id", type="bigint", identity=True),
                Column(name="name", type="text"),
            ),
            primary_key=("id",),
        ),
        table(
            "users",
            Column(name="email", type="character varying(80)"),
            Column(name="settings", type="jsonb"),
        ).model_copy(update={"uniques": (Unique(columns=("email",)),)}),
        table(
            "tickets",
            Column(name="user_id", type="bigint"),
            Column(name="title", type="text"),
            Column(name="status", type="text", values=("open", "closed")),
            Column(name="hours", type="numeric(6,2)"),
            Column(name="created_at", type="timestamp with time zone"),
            keys=(ForeignKey(columns=("user_id",), references="users"),),
        ),
    ),
    roles=(Role(name="desk_reader", select=("tenants",)),),
)
VOLUMES = tuple(
    RelationVolume(relation=name, rows=rows, stated_rows=rows, assumed=False)
    for name, rows in (("tenants", 10), ("users", 300), ("tickets", 3000))
)


@pytest.fixture(scope="module")
def desk(server: Server) -> Iterator[str]:
    server.create_database("desk")
    with server.connect("desk") as connection:
        for statement in compile_design(DESIGN):
            connection.execute(statement.sql.encode())
    load(server, "desk", DESIGN, VOLUMES, seed=3)
    yield "desk"
    server.drop_database("desk")


def run(
    server: Server,
    query: WorkloadQuery,
    *,
    budget: Budget = BUDGET,
    volumes: tuple[RelationVolume, ...] = VOLUMES,
) -> QueryMeasurement:
    (one,) = measure(server, "desk", DESIGN, (query,), budget=budget, seed=3, volumes=volumes)
    return one


def ticket(name: str, **more: str | int) -> Parameter:
    return Parameter(name=name, relation="tickets", column=name, **more)  # type: ignore[arg-type]


BY_USER = WorkloadQuery(
    name="tickets_of_user",
    purpose="List the tickets of a user.",
    sql="SELECT id, title FROM tickets WHERE user_id = :user_id ORDER BY created_at DESC LIMIT 50",
    parameters=(ticket("user_id"),),
    sla=EASY,
)


def test_a_query_is_measured_for_a_tenant_in_the_applications_role(
    server: Server, desk: str
) -> None:
    one = run(server, BY_USER)
    assert one.failure is None and one.verdict == "met"
    assert one.samples >= 40 and one.rows > 0
    assert 0 < one.p50_ms <= one.p90_ms <= one.p95_ms <= one.p99_ms <= one.max_ms
    assert one.shared_hit_blocks + one.shared_read_blocks > 0
    assert "tickets" in one.plan
    plan = json.dumps(json.loads(one.plan_json))
    assert "current_setting" in plan, "row-level security is part of the plan"
    assert "superuser" not in one.reason


def test_the_derived_workload_runs(server: Server, desk: str) -> None:
    queries = derive_workload(DESIGN)
    events: list[str] = []
    found = measure(
        server, desk, DESIGN, queries, budget=BUDGET, seed=3, volumes=VOLUMES,
        report=lambda what, /, **facts: events.append(what),
    )  # fmt: skip
    assert len(found) == len(queries) == len(events)
    assert [m.failure for m in found] == [None] * len(found)
    assert {m.verdict for m in found} == {"no_sla"}
    assert all(m.rows == 1 for m in found if m.query.endswith("_by_id"))
    assert all(m.rows >= 1 for m in found)


def test_an_objective_is_missed(server: Server, desk: str) -> None:
    one = run(server, BY_USER.model_copy(update={"sla": HOPELESS}))
    assert one.verdict == "missed"
    assert "is over" in one.reason


def test_a_capped_volume_proves_nothing_but_a_miss(server: Server, desk: str) -> None:
    short = RelationVolume(
        relation="tickets", rows=3000, stated_rows=10**15, assumed=False, capped=True
    )
    met = run(server, BY_USER, volumes=(short,))
    assert met.verdict == "not_proved"
    assert "3,000 of the stated 1,000,000,000,000,000 rows" in met.reason
    missed = run(server, BY_USER.model_copy(update={"sla": HOPELESS}), volumes=(short,))
    assert missed.verdict == "missed"
    other = RelationVolume(relation="users", rows=1, stated_rows=2, assumed=False, capped=True)
    assert run(server, BY_USER, volumes=(other,)).verdict == "met"


def test_a_timeout_is_a_miss_with_a_failure(server: Server, desk: str) -> None:
    slow = WorkloadQuery(
        name="slow",
        purpose="Count pairs.",
        sql="SELECT count(*) FROM tickets a, tickets b, tickets c"
        " WHERE a.hours + b.hours > c.hours",
        sla=EASY,
    )
    budget = Budget(samples_per_query=5, statement_seconds=0.2)
    one = run(server, slow, budget=budget)
    assert one.verdict == "missed" and one.failure is not None
    assert one.failure.sqlstate == "57014" and one.samples == 0
    assert one.p95_ms == pytest.approx(200)
    crowd = slow.model_copy(update={"sla": None})
    assert run(server, crowd, budget=budget).verdict == "no_sla"


@pytest.mark.parametrize(
    ("sql", "parameters", "said"),
    [
        ("SELECT id FROM tickets; DROP TABLE tickets", (), "exactly one statement"),
        ("SELECT pg_sleep(10)", (), "not an allowed function"),
        ("SELECT id FROM secrets", (), "no relation"),
        ("SELECT id FROM tickets WHERE id = :id", (), "no source"),
        (
            "SELECT id FROM tickets WHERE id = :id",
            (Parameter(name="id", relation="nowhere", column="id"),),
            "does not exist",
        ),
        (
            "SELECT id FROM tickets WHERE id = :id",
            (Parameter(name="id", relation="tickets", column="id", shift="P1D'; --"),),
            "shifts",
        ),
        ("SELECT 1 / (id - id) FROM tickets", (), "division by zero"),
    ],
)
def test_a_query_that_cannot_run_is_a_value(
    server: Server, desk: str, sql: str, parameters: tuple[Parameter, ...], said: str
) -> None:
    one = run(
        server,
        WorkloadQuery(name="bad", purpose="", sql=sql, parameters=parameters, sla=EASY),
    )
    assert one.verdict == "not_proved"
    assert one.failure is not None and said in one.failure.message
    with server.connect(desk) as connection:
        row = connection.execute("SELECT count(*) FROM tickets").fetchone()
        assert row == (3000,)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT id FROM tickets WHERE created_at >= :a AND created_at < :b",
         (Parameter(name="a", relation="tickets", column="created_at"),
          Parameter(name="b", relation="tickets", column="created_at", shift="P30D"))),
        ("SELECT id FROM tickets WHERE created_at > :a ORDER BY id LIMIT 5",
         (Parameter(name="a", relation="tickets", column="created_at", shift="-P1M"),)),
        ("SELECT id FROM tickets WHERE hours BETWEEN :a AND :b",
         (Parameter(name="a", relation="tickets", column="hours", shift="-0.5"),
          Parameter(name="b", relation="tickets", column="hours", shift="10"))),
        ("SELECT id FROM tickets WHERE title ILIKE :a AND title LIKE '%a%'",
         (Parameter(name="a", relation="tickets", column="title", template="%{}%", limit=4),)),
        ("SELECT id FROM users WHERE email = :a AND settings @> '{}'",
         (Parameter(name="a", relation="users", column="email"),)),
        ("SELECT id FROM users WHERE settings = :a",
         (Parameter(name="a", relation="users", column="settings"),)),
        ("SELECT count(*) FROM tickets WHERE created_at > now() - interval '700 days'", ()),
        ("SELECT t.id FROM tickets t JOIN users u ON u.id = t.user_id WHERE u.email = :a "
         "AND t.status = :b", (Parameter(name="a", relation="users", column="email"),
                               Parameter(name="b", relation="tickets", column="status"))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("clients", [None, 2])
def test_parameters_meet_rows(
    server: Server,
    desk: str,
    sql: str,
    parameters: tuple[Parameter, ...],
    clients: int | None,
) -> None:
    sla = EASY.model_copy(update={"concurrency": clients})
    one = run(server, WorkloadQuery(name="q", purpose="", sql=sql, parameters=parameters, sla=sla))
    assert one.failure is None and one.verdict == "met"
    assert one.clients == (clients or 1)
    if "email" not in sql or "JOIN" not in sql:
        assert one.rows >= 1
    assert ("now() taken as 2025-01-04" in one.reason) == ("now()" in sql)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("UPDATE tickets SET status = 'closed' WHERE id = :id", (ticket("id"),)),
        ("DELETE FROM tickets WHERE id = :id", (ticket("id"),)),
        ("INSERT INTO users (tenant_id, email, settings) VALUES (:tenant_id, :email, '{}')",
         (Parameter(name="tenant_id", relation="users", column="tenant_id"),
          Parameter(name="email", relation="users", column="email"))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("clients", [None, 2])
def test_writes_are_rolled_back(
    server: Server,
    desk: str,
    sql: str,
    parameters: tuple[Parameter, ...],
    clients: int | None,
) -> None:
    count = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM tickets t"
    sla = EASY.model_copy(update={"concurrency": clients})
    with server.connect(desk) as connection:
        before = connection.execute(count.encode()).fetchone()
        one = run(
            server,
            WorkloadQuery(name="w", purpose="", sql=sql, parameters=parameters, sla=sla),
        )
        assert connection.execute(count.encode()).fetchone() == before
    if clients is None or sql.startswith("UPDATE") or sql.startswith("DELETE"):
        assert one.failure is None and one.verdict == "met" and one.rows == 1


def test_many_clients_are_run_and_judged(server: Server, desk: str) -> None:
    one = run(server, BY_USER.model_copy(update={"sla": Sla(target_ms=60_000, concurrency=8)}))
    assert one.verdict == "met" and one.clients == 8
    assert one.transactions_per_second is not None and one.transactions_per_second > 0
    assert one.samples > 8
    missed = run(server, BY_USER.model_copy(update={"sla": Sla(target_ms=0.000001, concurrency=8)}))
    assert missed.verdict == "missed"
    assert not list(server.directory.glob("clients-*"))


def test_a_rate_is_run(server: Server, desk: str) -> None:
    sla = Sla(target_ms=60_000, rate_per_second=50)
    one = run(server, BY_USER.model_copy(update={"sla": sla}))
    assert one.transactions_per_second is not None and one.transactions_per_second < 120
    assert one.verdict in ("met", "not_proved")


def test_more_clients_than_the_server_takes_are_not_proved(server: Server, desk: str) -> None:
    one = run(server, BY_USER.model_copy(update={"sla": Sla(target_ms=60_000, concurrency=5000)}))
    assert one.verdict == "not_proved" and one.clients == 1
    assert "5000 clients" in one.reason


def test_percentiles() -> None:
    times = [float(n) for n in range(1, 101)]
    assert [percentile(times, p) for p in (50, 90, 95, 99, 100)] == [50, 90, 95, 99, 100]
    assert percentile([], 95) == 0.0
    assert percentile([7.0], 50) == 7.0
