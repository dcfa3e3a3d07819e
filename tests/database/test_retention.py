"""Retention: the plan of a design, its dry run, and what each step does to rows of known age."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from a13.database.compile import compile_design
from a13.database.retention import apply_retention, drill_retention, dry_run, plan_retention
from a13.database.server import Server
from a13.domain.design import Column, Design, ForeignKey, Relation, Retention
from a13.domain.recovery import RetentionStep
from a13.errors import EvidenceError, ExpressionError

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def relation(name: str, *columns: Column, **more: Any) -> Relation:
    key = Column(name="id", type="bigint")
    return Relation(name=name, columns=(key, *columns), primary_key=("id",), **more)


def clock(name: str = "at", type_: str = "timestamp with time zone") -> Column:
    return Column(name=name, type=type_, nullable=True)


def stated(action: str, period: str = "P1Y", **more: Any) -> Retention:
    more = {"clock_column": "at", "assumed": False, **more}
    return Retention(period=period, action=action, **more)  # type: ignore[arg-type]


def step_of(design: Design, name: str) -> RetentionStep:
    return next(step for step in plan_retention(design) if step.relation == name)


@pytest.fixture
def connection(server: Server, database: str) -> Iterator[psycopg.Connection[Any]]:
    with server.connect(database) as connection:
        yield connection


def build(connection: psycopg.Connection[Any], design: Design, rows: str) -> None:
    for statement in compile_design(design):
        connection.execute(statement.sql.encode())
    connection.execute(rows.encode())


def ids(connection: psycopg.Connection[Any], table: str) -> list[int]:
    return [n for (n,) in connection.execute(f"select id from {table} order by id".encode())]


def test_what_is_old_goes_and_what_is_newer_or_held_stays(
    connection: psycopg.Connection[Any],
) -> None:
    log = relation(
        "log",
        clock(),
        Column(name="hold", type="boolean"),
        retention=stated("drop", hold="hold"),
    )
    design = Design(name="d", relations=(log,))
    build(
        connection,
        design,
        "insert into log values (1, '2028-12-31 23:59:59+00', false), (2, '2029-01-01 00:00+00',"
        " false), (3, '2020-01-01', true), (4, null, false), (5, '2031-01-01', false)",
    )
    steps = plan_retention(design)
    (count,) = dry_run(connection, steps, NOW)
    assert (count.due, count.rows) == (1, 5)
    assert apply_retention(connection, steps[0], NOW) == 1
    # The period is over only after it is over: row 2 is exactly one year old.
    assert ids(connection, "log") == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("type_", "kept"),
    [
        ("date", [2, 3]),
        ("timestamp without time zone", [2, 3]),
        ("timestamp with time zone", [2, 3]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/Los_Angeles"])
def test_the_time_zone_of_the_session_does_not_count(
    connection: psycopg.Connection[Any], type_: str, kept: list[int], zone: str
) -> None:
    log = relation("log", clock(type_=type_), retention=stated("drop"))
    design = Design(name="d", relations=(log,))
    build(
        connection,
        design,
        "set timezone = 'UTC'; insert into log values (1, '2028-12-31'), (2, '2029-01-01'),"
        " (3, '2029-01-02')",
    )
    connection.execute(f"set timezone = '{zone}'".encode())
    apply_retention(connection, plan_retention(design)[0], NOW)
    assert ids(connection, "log") == kept


def family(**line: Any) -> Design:
    """Orders that go after a year, with lines that refer to them."""
    orders = relation("orders", clock(), retention=stated("drop"))
    column = Column(name="order_id", type="bigint", nullable=line.pop("nullable", False))
    key = ForeignKey(
        columns=("order_id",), references="orders", on_delete=line.pop("on_delete", "NO ACTION")
    )
    lines = relation("lines", clock(), column, foreign_keys=(key,), **line)
    return Design(name="d", relations=(orders, lines))


FAMILY = (
    "insert into orders values (1, '2020-01-01'), (2, '2020-01-01'), (3, '2029-06-01');"
    "insert into lines values (1, '2029-12-01', 1), (2, '2029-12-01', 3)"
)


@pytest.mark.parametrize(
    ("design", "orders", "lines"),
    [
        # A line cannot be without its order, and nothing is stated for it: it goes along.
        (family(), [3], [2]),
        (family(on_delete="CASCADE"), [3], [2]),
        # A line has a time of its own, which is not over: its order waits.
        (family(retention=stated("drop")), [1, 3], [1, 2]),
        (family(on_delete="CASCADE", retention=stated("keep", "")), [1, 3], [1, 2]),
        # A line can be without its order: it is left alone, and the order waits.
        (family(nullable=True), [1, 3], [1, 2]),
        (family(nullable=True, on_delete="SET NULL"), [3], [1, 2]),
        # What is only assumed for the lines does not hold the orders back.
        (family(retention=stated("keep", "", assumed=True)), [3], [2]),
    ],
)
def test_rows_that_refer_to_what_is_due(
    connection: psycopg.Connection[Any], design: Design, orders: list[int], lines: list[int]
) -> None:
    build(connection, design, FAMILY)
    steps = plan_retention(design)
    assert [step.relation for step in steps] == ["lines", "orders"]
    due = {count.relation: count.due for count in dry_run(connection, steps, NOW)}
    assert due["orders"] == 3 - len(orders)
    for step in steps:
        apply_retention(connection, step, NOW)
    assert ids(connection, "orders") == orders
    assert ids(connection, "lines") == lines


def test_three_generations_and_a_cycle(connection: psycopg.Connection[Any]) -> None:
    orders = relation("orders", clock(), retention=stated("drop"))
    lines = relation(
        "lines",
        Column(name="order_id", type="bigint"),
        Column(name="next_id", type="bigint", nullable=True),
        foreign_keys=(
            ForeignKey(columns=("order_id",), references="orders"),
            ForeignKey(columns=("next_id",), references="lines", on_delete="SET NULL"),
        ),
    )
    claims = relation(
        "claims",
        clock(),
        Column(name="line_id", type="bigint"),
        foreign_keys=(ForeignKey(columns=("line_id",), references="lines"),),
        retention=stated("drop", "P5Y"),
    )
    notes = relation(
        "notes",
        Column(name="line_id", type="bigint"),
        foreign_keys=(ForeignKey(columns=("line_id",), references="lines"),),
    )
    design = Design(name="d", relations=(orders, lines, claims, notes))
    build(
        connection,
        design,
        "insert into orders values (1, '2020-01-01'), (2, '2020-01-01');"
        "insert into lines values (1, 1, null), (2, 2, 1);"
        "insert into claims values (1, '2029-01-01', 1);"
        "insert into notes values (1, 1), (2, 2)",
    )
    for step in plan_retention(design):
        apply_retention(connection, step, NOW)
    # The claim on the line of order 1 has a time of its own, so that order waits.
    assert ids(connection, "orders") == [1]
    assert (ids(connection, "lines"), ids(connection, "notes")) == ([1], [1])


def test_a_tree_loses_its_leaves_first(connection: psycopg.Connection[Any]) -> None:
    node = relation(
        "node",
        clock(),
        Column(name="parent_id", type="bigint", nullable=True),
        foreign_keys=(ForeignKey(columns=("parent_id",), references="node"),),
        retention=stated("drop"),
    )
    design = Design(name="d", relations=(node,))
    build(
        connection,
        design,
        "insert into node values (1, '2020-01-01', null), (2, '2020-01-01', 1),"
        " (3, '2029-12-01', 1)",
    )
    step = plan_retention(design)[0]
    assert apply_retention(connection, step, NOW) == 1
    assert ids(connection, "node") == [1, 3]


PERSON = relation(
    "person",
    clock(),
    Column(name="email", type="character varying(60)", classification="personal"),
    Column(name="name", type="text", classification="sensitive"),
    Column(name="phone", type="text", nullable=True, classification="personal"),
    Column(name="born", type="date", classification="personal"),
    Column(name="doc", type="json", classification="personal"),
    Column(name="country", type="text"),
    retention=stated("anonymise"),
)
PERSONS = (
    "insert into person values"
    " (1, '2020-01-01', 'ann@x.org', 'Ann', '123', '1990-05-06', '{\"a\": 1}', 'FR'),"
    " (2, '2029-12-01', 'bob@x.org', 'Bob', '456', '1991-07-08', '{\"b\": 2}', 'DE')"
)


def test_anonymise_takes_the_person_and_leaves_the_row(
    connection: psycopg.Connection[Any],
) -> None:
    design = Design(name="d", relations=(PERSON,))
    build(connection, design, PERSONS)
    step = plan_retention(design)[0]
    assert (step.action, step.classification) == ("anonymise", "sensitive")
    assert apply_retention(connection, step, NOW) == 1
    rows = connection.execute("select id, email, name, phone, born::text, doc::text, country"
                              " from person order by id").fetchall()  # fmt: skip
    assert rows == [
        (1, "anonymised-1@example.invalid", "anonymised-1", None, "1990-01-01", "{}", "FR"),
        (2, "bob@x.org", "Bob", "456", "1991-07-08", '{"b": 2}', "DE"),
    ]
    # Once is enough.
    assert dry_run(connection, (step,), NOW)[0].due == 0
    assert apply_retention(connection, step, NOW) == 0


def archived_family() -> Design:
    design = family()
    orders = design.relation("orders")
    return design.replace(orders.model_copy(update={"retention": stated("archive")}))


def test_an_archive_is_read_back_before_anything_is_deleted(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    design = archived_family()
    build(connection, design, FAMILY)
    step = step_of(design, "orders")
    assert apply_retention(connection, step, NOW, archive_directory=tmp_path) == 2
    assert ids(connection, "orders") == [3]
    files = {path.name.partition("-")[0]: path for path in tmp_path.iterdir()}
    assert set(files) == {"orders", "lines"}
    with files["orders"].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2"]
    with files["lines"].open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["1"]


def test_an_archive_that_is_not_equal_deletes_nothing(
    connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    design = archived_family()
    build(connection, design, FAMILY)
    step = step_of(design, "orders")
    # As if the rows changed on the way: the archive's query gives others each time.
    shaky = step.model_copy(
        update={"archive_sql": "SELECT id, at + random() * interval '1 s' AS at FROM orders"}
    )
    with pytest.raises(EvidenceError, match="does not hold the rows"):
        apply_retention(connection, shaky, NOW, archive_directory=tmp_path)
    assert ids(connection, "orders") == [1, 2, 3]


def test_an_archive_needs_a_directory(connection: psycopg.Connection[Any]) -> None:
    design = archived_family()
    build(connection, design, FAMILY)
    with pytest.raises(EvidenceError, match="must be archived first"):
        apply_retention(connection, step_of(design, "orders"), NOW)
    assert ids(connection, "orders") == [1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "retention", "why"),
    [
        ((clock(),), None, "Nothing is stated"),
        ((clock(),), stated("keep", ""), ""),
        ((clock(),), stated("drop", "seven years"), "no ISO 8601 duration"),
        ((clock(),), stated("drop", "P"), "no ISO 8601 duration"),
        ((clock(),), stated("drop", "P1Y'; drop table log; --"), "no ISO 8601 duration"),
        ((clock(),), stated("drop", clock_column=None), "no date or timestamp column"),
        ((clock(),), stated("drop", clock_column="nowhere"), "no date or timestamp column"),
        ((clock(type_="text"),), stated("drop"), "no date or timestamp column"),
        ((clock(),), stated("anonymise"), "no column is classified as personal"),
    ],
)
def test_what_cannot_be_carried_out_is_kept(
    columns: tuple[Column, ...], retention: Retention | None, why: str
) -> None:
    design = Design(name="d", relations=(relation("log", *columns, retention=retention),))
    (step,) = plan_retention(design)
    assert step.action == "keep"
    assert why in step.reason
    assert (step.count_sql, step.action_sql) == ("", ())


def test_a_hold_is_parsed_not_pasted() -> None:
    log = relation("log", clock(), retention=stated("drop", hold="true) or (delete from log"))
    with pytest.raises(ExpressionError):
        plan_retention(Design(name="d", relations=(log,)))


def test_a_percent_sign_in_a_hold(connection: psycopg.Connection[Any]) -> None:
    log = relation(
        "log", clock(), Column(name="tag", type="text"),
        retention=stated("drop", hold="tag like 'keep%'"),
    )  # fmt: skip
    design = Design(name="d", relations=(log,))
    build(connection, design, "insert into log values (1, '2020-01-01', 'keep it'),"
                              " (2, '2020-01-01', 'away')")  # fmt: skip
    apply_retention(connection, plan_retention(design)[0], NOW)
    assert ids(connection, "log") == [1]


def test_the_drill_of_a_plan(
    server: Server, clinic_design: Design, clinic_migrations: Path
) -> None:
    steps = plan_retention(clinic_design)
    heard: list[str] = []
    report = drill_retention(
        server, clinic_migrations, clinic_design, steps, seed=5,
        report=lambda what, /, **facts: heard.append(f"{facts['relation']} {facts['action']}"),
    )  # fmt: skip
    assert report.passed
    assert heard == ["visit drop", "patient anonymise", "audit_event archive"]
    assert all(p.passed and p.untouched and p.due == p.affected > 0 for p in report.proofs)
    assert next(p for p in report.proofs if p.relation == "patient").held > 0
    with server.connect() as connection:
        left = connection.execute(
            "select datname from pg_database where datname like 'a13_retention%'"
        ).fetchall()
    assert left == []


def test_a_plan_that_removes_too_much_does_not_pass(
    server: Server, clinic_design: Design, clinic_migrations: Path
) -> None:
    step = step_of(clinic_design, "audit_event")
    greedy = step.model_copy(
        update={"action": "drop", "archive_sql": "", "action_sql": ("DELETE FROM audit_event",)}
    )
    report = drill_retention(server, clinic_migrations, clinic_design, (greedy,), seed=5)
    assert not report.passed
    assert "that were not due were touched" in report.proofs[0].detail


def test_a_plan_that_the_server_refuses_does_not_pass(
    server: Server, clinic_design: Design, clinic_migrations: Path
) -> None:
    step = step_of(clinic_design, "visit")
    # Without the rows that refer to it.
    broken = step.model_copy(update={"action_sql": ("DELETE FROM patient",)})
    report = drill_retention(server, clinic_migrations, clinic_design, (broken,), seed=5)
    assert not report.passed
    assert "violates foreign key constraint" in report.proofs[0].detail


def test_nothing_to_drill(server: Server, clinic_design: Design, clinic_migrations: Path) -> None:
    report = drill_retention(server, clinic_migrations, clinic_design, (), seed=5)
    assert report.passed and report.proofs == ()
