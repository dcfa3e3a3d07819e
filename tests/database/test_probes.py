"""Probes on a sound database, and on one from which a promise was taken away."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest

from a13.database.compile import compile_design
from a13.database.digests import digests
from a13.database.generate import small_rows
from a13.database.probe_rows import reshape
from a13.database.probes import probe
from a13.database.server import Server
from a13.domain.design import Check, Column, Design, ForeignKey, Relation, Unique
from a13.domain.measurement import Probe


def build(server: Server, name: str, design: Design, rows: int = 60) -> None:
    with server.connect(name) as connection:
        for statement in compile_design(design):
            connection.execute(statement.sql.encode())
        if rows:
            small_rows(design, seed=7, rows=rows)(connection)


@pytest.fixture(scope="module")
def clinic(server: Server, clinic_design: Design) -> Iterator[str]:
    name = f"clinic_{secrets.token_hex(4)}"
    server.create_database(name)
    build(server, name, clinic_design)
    yield name
    server.drop_database(name)


@pytest.fixture(scope="module")
def sound(server: Server, clinic: str, clinic_design: Design) -> tuple[Probe, ...]:
    return probe(server, clinic, clinic_design)


@pytest.fixture
def copy(server: Server, clinic: str) -> Iterator[str]:
    """A copy of the clinic to break."""
    name = f"{clinic}_copy"
    server.create_database(name, template=clinic)
    yield name
    server.drop_database(name)


def of(probes: tuple[Probe, ...], element: str) -> list[Probe]:
    return [one for one in probes if one.element == element]


def test_every_promise_of_a_sound_database_holds(sound: tuple[Probe, ...]) -> None:
    assert [one for one in sound if not one.passed] == []
    assert all(one.conclusive for one in sound)


def test_every_element_has_a_statement_that_passes_and_one_that_is_refused(
    sound: tuple[Probe, ...], clinic_design: Design
) -> None:
    elements = {one.element for one in sound if one.element.startswith("constraint:")}
    named = 0
    for relation in clinic_design.relations:
        named += 1 + len(relation.uniques) + len(relation.checks) + len(relation.exclusions)
        named += len(relation.foreign_keys) + sum(bool(c.values) for c in relation.columns)
    assert len(elements) == named
    for element in elements:
        probes = of(sound, element)
        assert any(one.observed == "accepted" for one in probes), element
        assert any(one.expected.startswith("refused") for one in probes), element


def test_the_elements_are_those_of_the_design(sound: tuple[Probe, ...]) -> None:
    found = {one.element for one in sound}
    assert {
        "relation:visit",
        "column:visit.price",
        "column:visit.total",
        "constraint:clinic.pk_clinic",
        "constraint:doctor.uq_doctor_email",
        "constraint:patient.ck_patient_status_values",
        "constraint:patient.ck_patient_left",
        "constraint:visit.ex_visit_doctor_id_starts_at",
        "constraint:visit.fk_visit_clinic_id_patient_id",
        "constraint:insurance.uq_insurance_live",
        "constraint:doctor_patient.pk_doctor_patient",
        "policy:clinic",
        "policy:visit",
        "role:test_clinic_app",
        "role:test_clinic_reader",
        "database",
    } <= found


def test_what_was_observed_is_the_servers_answer(sound: tuple[Probe, ...]) -> None:
    refused = of(sound, "constraint:visit.ck_visit_period")[1]
    assert refused.expected == "refused: 23514 ck_visit_period"
    assert refused.observed == (
        '23514 ck_visit_period: new row for relation "visit" violates check constraint '
        '"ck_visit_period"'
    )
    assert refused.statement.startswith("INSERT INTO visit (")


def test_what_becomes_of_children(sound: tuple[Probe, ...]) -> None:
    expected = {
        "constraint:visit_note.fk_visit_note_visit_id": "the child is deleted too",
        "constraint:doctor.fk_doctor_mentor_id": "the child stays, without its reference",
        "constraint:doctor.fk_doctor_clinic_id": "refused: 23001 fk_doctor_clinic_id",
        "constraint:patient.fk_patient_clinic_id": "refused: 23503 fk_patient_clinic_id",
    }
    for element, text in expected.items():
        deletion = next(p for p in of(sound, element) if p.statement.startswith("DELETE"))
        assert deletion.expected == text


def test_nothing_stays(server: Server, clinic: str, clinic_design: Design) -> None:
    with server.connect(clinic) as connection:
        before = digests(connection)
        probe(server, clinic, clinic_design)
        assert digests(connection) == before


BROKEN = [
    ("alter table visit drop constraint ck_visit_price", "constraint:visit.ck_visit_price"),
    ("alter table visit alter price drop not null", "column:visit.price"),
    ("alter table doctor drop constraint uq_doctor_email", "constraint:doctor.uq_doctor_email"),
    ("drop index uq_insurance_live", "constraint:insurance.uq_insurance_live"),
    (
        "alter table doctor_patient drop constraint pk_doctor_patient",
        "constraint:doctor_patient.pk_doctor_patient",
    ),
    (
        "alter table patient drop constraint ck_patient_status_values",
        "constraint:patient.ck_patient_status_values",
    ),
    (
        "alter table visit drop constraint ex_visit_doctor_id_starts_at",
        "constraint:visit.ex_visit_doctor_id_starts_at",
    ),
    (
        "alter table insurance drop constraint fk_insurance_patient_id",
        "constraint:insurance.fk_insurance_patient_id",
    ),
    (
        "alter table visit_note drop constraint fk_visit_note_visit_id, add constraint"
        " fk_visit_note_visit_id foreign key (visit_id) references visit",
        "constraint:visit_note.fk_visit_note_visit_id",
    ),
    (
        "alter table visit alter total drop expression, alter total drop not null",
        "column:visit.total",
    ),
    ("alter table audit_event alter id drop identity", "column:audit_event.id"),
    # A rule under the right name that says something else.
    (
        "alter table visit drop constraint ck_visit_period, add constraint ck_visit_period"
        " check (ends_at is not null)",
        "constraint:visit.ck_visit_period",
    ),
    ("alter table visit disable row level security", "policy:visit"),
    ("drop policy tenant_isolation_patient on patient", "policy:patient"),
    (
        "alter policy tenant_isolation_visit on visit with check (true)",
        "policy:visit",
    ),
    (
        "create policy open_to_all on visit for select using (true)",
        "policy:visit",
    ),
    ("grant truncate on visit to test_clinic_app", "policy:visit"),
    ("grant delete on audit_event to test_clinic_reader", "role:test_clinic_reader"),
    ("revoke insert on audit_event from test_clinic_reader", "role:test_clinic_reader"),
]


@pytest.mark.parametrize(("fault", "element"), BROKEN, ids=[fault[:60] for fault, _ in BROKEN])
def test_a_promise_that_was_taken_away_is_seen(
    server: Server, copy: str, clinic_design: Design, fault: str, element: str
) -> None:
    with server.connect(copy) as connection:
        connection.execute(fault.encode())
    failed = {one.element for one in probe(server, copy, clinic_design) if not one.passed}
    assert failed == {element}


def test_a_relation_without_rows_is_not_conclusive(
    server: Server, database: str, clinic_design: Design
) -> None:
    build(server, database, clinic_design, rows=0)
    probes = probe(server, database, clinic_design)
    open_ = [one for one in probes if not one.conclusive]
    assert {one.element for one in open_} >= {
        "relation:visit", "constraint:visit.ck_visit_period", "column:visit.price",
        "constraint:visit.fk_visit_clinic_id_doctor_id", "policy:visit",
    }  # fmt: skip
    assert not any(one.passed for one in open_)
    # Grants and the digests need no rows.
    assert {one.element.partition(":")[0] for one in probes if one.passed} == {"role", "database"}


def test_a_check_that_nothing_breaks_is_not_proved(server: Server, database: str) -> None:
    design = Design(
        name="always",
        relations=(
            Relation(
                name="thing",
                columns=(
                    Column(name="id", type="bigint", identity=True),
                    Column(name="size", type="integer"),
                ),
                primary_key=("id",),
                checks=(Check(expression="size = size", name="ck_thing_always"),),
            ),
        ),
    )
    build(server, database, design)
    probes = of(probe(server, database, design), "constraint:thing.ck_thing_always")
    assert [one.passed for one in probes] == [True, False]
    assert probes[1].observed == "accepted"


def test_checks_of_many_kinds_are_broken(server: Server, database: str) -> None:
    """A violating value is found for each of these."""
    columns = (
        Column(name="id", type="bigint", identity=True),
        Column(name="percent", type="numeric(5,2)"),
        Column(name="stars", type="smallint"),
        Column(name="low", type="integer"),
        Column(name="high", type="integer"),
        Column(name="code", type="character varying(8)"),
        Column(name="mail", type="text"),
        Column(name="kind", type="text", values=("card", "cash")),
        Column(name="card_number", type="text", nullable=True),
        Column(name="day", type="date"),
        Column(name="gone_at", type="timestamp with time zone", nullable=True),
        Column(name="active", type="boolean"),
    )
    expressions = {
        "ck_percent": "percent between 0 and 100",
        "ck_stars": "stars in (1, 2, 3, 4, 5)",
        "ck_order": "low <= high",
        "ck_code": "code ~ '^[A-Z]{2}[0-9]+$'",
        "ck_mail": "mail = lower(mail)",
        "ck_card": "kind <> 'card' or card_number is not null",
        "ck_day": "day >= date '2000-01-01' and day < date '2100-01-01'",
        "ck_gone": "active = (gone_at is null)",
        "ck_length": "length(mail) <= 200",
    }
    relation = Relation(
        name="many",
        columns=columns,
        primary_key=("id",),
        checks=tuple(Check(expression=text, name=name) for name, text in expressions.items()),
    )
    design = Design(name="many", relations=(relation,))
    build(server, database, design, rows=0)
    with server.connect(database) as connection:
        connection.execute(
            "insert into many (percent, stars, low, high, code, mail, kind, day, active)"
            " values (10, 3, 1, 2, 'AB12', 'a@b.c', 'cash', '2024-05-05', true)"
        )
    probes = probe(server, database, design)
    assert [one for one in probes if not one.passed and one.element != "database"] == []
    for name in expressions:
        assert len(of(probes, f"constraint:many.{name}")) == 2


def test_keys_made_of_references_and_of_a_relation_to_itself(server: Server, database: str) -> None:
    node = Relation(
        name="node",
        columns=(
            Column(name="id", type="integer"),
            Column(name="parent_id", type="integer"),
            Column(name="label", type="character(4)"),
        ),
        primary_key=("id",),
        uniques=(Unique(columns=("parent_id", "label")),),
        foreign_keys=(ForeignKey(columns=("parent_id",), references="node"),),
    )
    edge = Relation(
        name="edge",
        columns=(Column(name="a", type="integer"), Column(name="b", type="integer")),
        primary_key=("a", "b"),
        foreign_keys=(
            ForeignKey(columns=("a",), references="node"),
            ForeignKey(columns=("b",), references="node", on_delete="CASCADE"),
        ),
    )
    design = Design(name="graph", relations=(node, edge))
    build(server, database, design, rows=0)
    with server.connect(database) as connection:
        connection.execute("insert into node values (1, 1, 'root'), (2, 1, 'leaf')")
        # Every pair is taken, so a new one needs a new node.
        connection.execute("insert into edge values (1, 1), (1, 2), (2, 1), (2, 2)")
    assert [one for one in probe(server, database, design) if not one.passed] == []


def test_another_design_of_every_kind(
    server: Server,
    database: str,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    build(server, database, courts, rows=0)
    with server.connect(database) as connection:
        courts_rows(connection)
    probes = probe(server, database, courts)
    assert [one for one in probes if not one.passed] == []


def test_names_that_need_quotes(server: Server, database: str) -> None:
    design = Design(
        name="odd",
        relations=(
            Relation(
                name="order",
                columns=(
                    Column(name="Id %s", type="integer"),
                    Column(name="user", type="text", default="'100%'"),
                ),
                primary_key=("Id %s",),
                uniques=(Unique(columns=("user",)),),
            ),
        ),
    )
    build(server, database, design, rows=0)
    with server.connect(database) as connection:
        connection.execute("""insert into "order" values (1, 'it''s 100% "ok"')""")
    assert [one for one in probe(server, database, design) if not one.passed] == []


def test_reshape_keeps_the_shape() -> None:
    made = reshape("INV-0042/x@y.org", 3)
    assert made != "INV-0042/x@y.org"
    assert [c for c in made if not c.isalnum()] == ["-", "/", "@", "."]
    assert made[:3].isupper() and made[4:8].isdigit()


def test_a_huge_closed_set_takes_few_statements(server: Server, database: str) -> None:
    values = tuple(f"value_{n}" for n in range(3_000))
    relation = Relation(
        name="t",
        columns=(
            Column(name="id", type="bigint", identity=True),
            Column(name="v", type="text", values=values),
        ),
        primary_key=("id",),
    )
    design = Design(name="many", relations=(relation,))
    build(server, database, design)
    with server.connect(database) as connection:
        connection.execute("SELECT pg_stat_reset()")
    assert [one for one in probe(server, database, design) if not one.passed] == []
    with server.connect(database) as connection:
        row = connection.execute(
            "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 't'"
        ).fetchone()
    assert row is not None
    assert row[0] < 100
