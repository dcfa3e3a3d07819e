"""The compiler: order, reverses, what runs, and what is refused with its element."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from a13.database.catalog import read_catalog
from a13.database.compile import (
    Statement,
    application_role,
    compile_design,
    compile_index,
    extensions,
)
from a13.database.conformity import design_differences
from a13.database.fingerprint import differences, read_fingerprint
from a13.database.server import Server
from a13.domain.design import (
    Check,
    Column,
    Design,
    Exclusion,
    ForeignKey,
    Index,
    IndexKey,
    Relation,
    Role,
    Tenancy,
    Unique,
)
from a13.errors import DesignError, ExpressionError

KEY = Column(name="id", type="bigint", identity=True)


def table(name: str = "t", *columns: Column, **more: object) -> Relation:
    return Relation(name=name, columns=(KEY, *columns), primary_key=("id",), **more)  # type: ignore[arg-type]


def design(*relations: Relation, **more: object) -> Design:
    return Design(name="d", relations=relations, **more)  # type: ignore[arg-type]


def build(connection: psycopg.Connection, statements: tuple[Statement, ...]) -> None:
    for statement in statements:
        connection.execute(statement.sql.encode())


def test_the_same_design_compiles_to_the_same_statements(courts: Design) -> None:
    assert compile_design(courts) == compile_design(
        Design.model_validate_json(courts.model_dump_json())
    )


def test_order_and_elements(courts: Design) -> None:
    statements = compile_design(courts)
    created = [s.element for s in statements if s.sql.startswith("CREATE TABLE")]
    assert created == [
        "relation:courts", "relation:clubs", "relation:members", "relation:bookings",
    ]  # fmt: skip
    late = [s for s in statements if s.sql.startswith("ALTER TABLE clubs ADD")]
    assert [s.element for s in late] == ["constraint:clubs.fk_clubs_owner_id"]
    assert late[0].reverse == "ALTER TABLE clubs DROP CONSTRAINT fk_clubs_owner_id"
    assert all(statement.element for statement in statements)
    assert extensions(courts) == ("btree_gist", "citext", "pg_trgm")


def test_it_builds_what_the_design_asks_for_and_reverses(
    server: Server, database: str, courts: Design
) -> None:
    with server.connect(database) as connection:
        before = read_fingerprint(connection)
        statements = compile_design(courts)
        build(connection, statements)
        catalog = read_catalog(connection)
        assert design_differences(courts, catalog) == ()
        for statement in reversed(statements):
            if statement.reverse:
                connection.execute(statement.reverse.encode())
        assert differences(before, read_fingerprint(connection)) == ()


def test_an_extension_that_was_there_stays(server: Server, database: str) -> None:
    relation = table("t", Column(name="name", type="citext"))
    with server.connect(database) as connection:
        connection.execute("CREATE EXTENSION citext")
        before = read_fingerprint(connection)
        statements = compile_design(design(relation))
        build(connection, statements)
        for statement in reversed(statements):
            if statement.reverse:
                connection.execute(statement.reverse.encode())
        assert differences(before, read_fingerprint(connection)) == ()


def test_tenants_see_their_rows_only(
    server: Server,
    database: str,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    with server.connect(database) as connection:
        build(connection, compile_design(courts))
        courts_rows(connection)

        def as_application(tenant: str | None, statement: str) -> list[tuple[object, ...]]:
            with connection.transaction(force_rollback=True):
                connection.execute(f"SET LOCAL ROLE {application_role(courts)}".encode())
                if tenant is not None:
                    connection.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
                cursor = connection.execute(statement.encode())
                return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

        count = "SELECT count(*), count(DISTINCT club_id) FROM bookings"
        assert as_application("1", count) == [(10, 1)]
        assert as_application(None, count) == [(0, 0)]
        assert as_application("", count) == [(0, 0)]
        assert as_application("2", "SELECT count(*) FROM clubs") == [(1,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_application("1", "INSERT INTO members (club_id) VALUES (2)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_application("1", "UPDATE members SET club_id = 2")
        assert as_application("1", "DELETE FROM members WHERE club_id = 2") == [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_application("1", "TRUNCATE bookings")
        assert as_application(
            "1", "INSERT INTO members (club_id, email) VALUES (1, 'x@y.z') RETURNING club_id"
        ) == [(1,)]


def test_set_null_of_a_composite_key_spares_the_tenant(
    server: Server,
    database: str,
    courts: Design,
    courts_rows: Callable[[psycopg.Connection], None],
) -> None:
    with server.connect(database) as connection:
        build(connection, compile_design(courts))
        courts_rows(connection)
        connection.execute("DELETE FROM members WHERE id = 7")
        row = connection.execute(
            "SELECT count(*) FROM bookings WHERE member_id IS NULL AND club_id = 2"
        ).fetchone()
        assert row == (1,)


def test_a_cycle_of_keys_that_may_not_be_null_is_deferred(server: Server, database: str) -> None:
    def half(name: str, other: str) -> Relation:
        return table(
            name, Column(name="other", type="bigint"),
            foreign_keys=(ForeignKey(columns=("other",), references=other, deferrable=True),),
        )  # fmt: skip

    with server.connect(database) as connection:
        build(connection, compile_design(design(half("a", "b"), half("b", "a"))))
        with connection.transaction():
            connection.execute("INSERT INTO a (other) VALUES (1)")
            connection.execute("INSERT INTO b (other) VALUES (1)")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute("INSERT INTO a (other) VALUES (99)")


def test_odd_names_and_values_are_quoted(server: Server, database: str) -> None:
    evil = 'x"; DROP TABLE victim; --'
    relation = Relation(
        name="Order", primary_key=("user",), comment="'; DROP TABLE victim; --",
        columns=(
            Column(name="user", type="uuid", default="gen_random_uuid()"),
            Column(name=evil, type="text", nullable=True, values=("';--", "ä:b%"), unit="'"),
        ),
        indexes=(Index(keys=(IndexKey(column=evil),), name='ix "odd"'),),
    )  # fmt: skip
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE victim ()")
        build(connection, compile_design(design(relation)))
        catalog = read_catalog(connection)
    assert catalog.table("victim") and catalog.table("Order").columns[1].name == evil
    assert design_differences(design(relation), catalog) == ()


def test_an_index_built_concurrently_is_a_step_of_its_own(courts: Design) -> None:
    relation = courts.relation("bookings")
    index = Index(keys=(IndexKey(column="created_at"),))
    statement = compile_index(relation, index, concurrently=True)
    assert not statement.transactional
    assert statement.sql == (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_bookings_created_at "
        "ON bookings USING btree (created_at)"
    )
    assert statement.reverse == "DROP INDEX CONCURRENTLY IF EXISTS ix_bookings_created_at"
    assert "NOT indisvalid" in statement.prepare[0]


@pytest.mark.parametrize(
    ("broken", "element", "words"),
    [
        (Relation(name="t", columns=(KEY,), primary_key=()), "constraint:t.pk_t", "no primary key"),
        (Relation(name="t", columns=(), primary_key=("id",)), "relation:t", "no columns"),
        (
            Relation(name="t", columns=(Column(name="id", type="int", nullable=True),),
                     primary_key=("id",)),
            "constraint:t.pk_t", "nullable",
        ),
        (table("t", KEY), "relation:t", "twice"),
        (table("t" * 70), f"relation:{'t' * 70}", "longer than 63"),
        (table("t", Column(name="a", type="money")), "column:t.a", "money"),
        (table("t", Column(name="a", type="text", identity=True)), "column:t.a", "Identity"),
        (table("t", Column(name="a", type="int", identity=True, default="1")), "column:t.a", "two"),
        (
            table("t", foreign_keys=(ForeignKey(columns=("id",), references="ghost"),)),
            "constraint:t.fk_t_id", "ghost",
        ),
        (
            table("t", Column(name="a", type="text"),
                  foreign_keys=(ForeignKey(columns=("a",), references="t"),)),
            "constraint:t.fk_t_a", "is text, but",
        ),
        (
            table("t", Column(name="a", type="bigint"), foreign_keys=(
                ForeignKey(columns=("id",), references="t", referenced_columns=("a",)),)),
            "constraint:t.fk_t_id", "no key",
        ),
        (
            table("t", Column(name="a", type="bigint"), foreign_keys=(
                ForeignKey(columns=("a",), references="t", on_delete="SET NULL"),)),
            "constraint:t.fk_t_a", "must not be null",
        ),
        (table("t", uniques=(Unique(columns=("ghost",)),)), "constraint:t.uq_t_ghost", "ghost"),
        (
            table("t", checks=(Check(expression="id > 0"), Check(expression="id > 0"))),
            None, "Two constraints",
        ),
        (
            table("t", Column(name="a", type="text"), Column(name="b", type="text"),
                  exclusions=(Exclusion(equal_columns=(), start_column="a", end_column="b"),)),
            "constraint:t.ex_t_a", "range",
        ),
        (
            table("t", Column(name="a", type="jsonb"), Column(name="b", type="date"), exclusions=(
                Exclusion(equal_columns=("a",), start_column="b", end_column="b"),)),
            "constraint:t.ex_t_a_b", "compared",
        ),
        (table("t", indexes=(Index(keys=()),)), None, "no keys"),
        (
            table("t", indexes=(Index(keys=(IndexKey(column="id", operator_class="x; drop"),)),)),
            None, "Operator class",
        ),
        (table("t", Column(name="a", type="jsonb", values=("x",))), None, "closed set"),
        (table("t", tenant_column="ghost"), "policy:t", "ghost"),
        (
            table("t", indexes=(Index(keys=(IndexKey(column="id"),), name="pk_t"),)),
            "index:pk_t", "used twice",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_compiled_names_its_element(
    broken: Relation, element: str | None, words: str
) -> None:
    with pytest.raises(DesignError, match=words) as caught:
        compile_design(design(broken))
    if element is not None:
        assert caught.value.facts["element"] == element


@pytest.mark.parametrize(
    "broken",
    [
        table("t", checks=(Check(expression="pg_sleep(1) is null"),)),
        table("t", Column(name="a", type="text", default="current_setting('x')")),
        table("t", Column(name="a", type="text", default="draft")),
        table("t", Column(name="a", type="timestamptz", generated="now()")),
        table("t", indexes=(Index(keys=(IndexKey(expression="now()"),)),)),
        table("t", indexes=(Index(keys=(IndexKey(column="id"),), where="id > random()"),)),
        table("t", uniques=(Unique(columns=("id",), where="1 = 1; drop table t"),)),
    ],
)
def test_texts_that_are_not_allowed_do_not_compile(broken: Relation) -> None:
    with pytest.raises(ExpressionError):
        compile_design(design(broken))


@pytest.mark.parametrize("name", ["pg_boss", "public", "postgres", "x" * 64])
def test_roles_with_names_of_the_server_are_refused(name: str) -> None:
    with pytest.raises(DesignError):
        compile_design(design(table(), roles=(Role(name=name),)))


def test_a_role_on_an_unknown_relation_is_refused() -> None:
    with pytest.raises(DesignError, match="ghost"):
        compile_design(design(table(), roles=(Role(name="r", select=("ghost",)),)))


def test_a_design_may_say_itself_what_the_application_may_do() -> None:
    wanted = design(table(), roles=(Role(name="d_app", select=("t",)),))
    granted = [s.sql for s in compile_design(wanted) if s.sql.startswith("GRANT S")]
    assert granted == ["GRANT SELECT ON TABLE t TO d_app"]


@pytest.mark.parametrize("setting", ["a'b", "role", "app.tenant_id') or true --", ""])
def test_the_tenant_setting_is_a_setting_of_ones_own(setting: str) -> None:
    wanted = design(
        table("t", Column(name="owner", type="text"), tenant_column="owner"),
        tenancy=Tenancy(relation="t", setting=setting),
    )
    with pytest.raises(DesignError, match="setting"):
        compile_design(wanted)


def test_a_comment_cannot_close_the_quote_of_a_block(server: Server, database: str) -> None:
    evil = "x' $a13$; DROP TABLE victim; DO $a13$ BEGIN END $a13$ $a13x$"
    role = Role(name="r$a13$", comment=evil, select=("t",))
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE victim ()")
        build(connection, compile_design(design(table(), roles=(role,))))
        assert read_catalog(connection).table("victim")
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'r$a13$'"
        ).fetchone()
        assert row == (evil,)
        connection.execute('DROP OWNED BY "r$a13$"; DROP ROLE "r$a13$"')
