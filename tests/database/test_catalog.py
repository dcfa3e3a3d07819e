"""Reading the live catalog, and what its values say."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from a13.database.catalog import read_catalog
from a13.database.compile import compile_design
from a13.database.conformity import design_differences
from a13.database.server import Server
from a13.domain.catalog import Catalog
from a13.domain.design import Design


@pytest.fixture(scope="module")
def connection(server: Server, courts: Design) -> Iterator[psycopg.Connection]:
    server.create_database("catalog")
    with server.connect("catalog") as connection:
        for statement in compile_design(courts):
            connection.execute(statement.sql.encode())
        yield connection
    server.drop_database("catalog")


@pytest.fixture(scope="module")
def catalog(connection: psycopg.Connection) -> Catalog:
    connection.execute("CREATE TYPE mood AS ENUM ('ok', 'bad')")
    connection.execute(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end'"
    )
    connection.execute(
        "CREATE TRIGGER touched BEFORE UPDATE ON courts FOR EACH ROW EXECUTE FUNCTION f()"
    )
    return read_catalog(connection)


def test_tables_and_facts(catalog: Catalog, server: Server) -> None:
    assert [table.name for table in catalog.tables] == ["bookings", "clubs", "courts", "members"]
    assert catalog.server_version == server.version
    assert catalog.database == "catalog"
    assert catalog.extensions == ("btree_gist", "citext", "pg_trgm")
    assert catalog.enums == (("mood", ("ok", "bad")),)
    with pytest.raises(KeyError):
        catalog.table("ghost")


def test_columns(catalog: Catalog) -> None:
    columns = {column.name: column for column in catalog.table("bookings").columns}
    assert next(iter(columns)) == "id" and columns["id"].identity
    assert columns["price"].type == "numeric(10,2)"
    assert (columns["price"].default, columns["price"].comment) == ("0", "Unit: EUR.")
    assert columns["net"].generated == "round((price / 1.19), 2)" and columns["net"].default is None
    assert columns["note"].nullable and not columns["status"].nullable
    assert columns["note"].comment == "Written by the member. Classification: personal."


def test_constraints(catalog: Catalog) -> None:
    held = {constraint.name: constraint for constraint in catalog.table("bookings").constraints}
    assert held["pk_bookings"].kind == "primary key"
    key = held["fk_bookings_member_id_club_id"]
    assert (key.columns, key.references, key.referenced_columns) == (
        ("member_id", "club_id"), "members", ("id", "club_id"),
    )  # fmt: skip
    assert key.definition.endswith("ON DELETE SET NULL (member_id)")
    assert held["ex_bookings_court_id_starts_at"].kind == "exclusion"
    assert held["ck_bookings_status_values"].columns == ("status",)
    assert all(constraint.validated for constraint in held.values())


def test_indexes(catalog: Catalog) -> None:
    held = {index.name: index for index in catalog.table("bookings").indexes}
    assert held["pk_bookings"].constraint and held["pk_bookings"].unique
    assert held["ix_bookings_member_id"].columns == ("member_id",)
    assert not held["ix_bookings_member_id"].constraint
    partial = next(index for name, index in held.items() if "starts_at_expr" in name)
    assert partial.columns == ("starts_at", "lower(status)")
    assert "INCLUDE (price)" in partial.definition and "WHERE" in partial.definition
    gin = next(index for index in held.values() if index.method == "gin")
    assert gin.columns == ("note",)
    assert all(index.valid and index.size_bytes > 0 for index in held.values())


def test_security(catalog: Catalog) -> None:
    table = catalog.table("bookings")
    assert table.row_security and table.force_row_security
    (policy,) = table.policies
    assert (policy.name, policy.command, policy.roles) == (
        "tenant_isolation_bookings", "ALL", ("PUBLIC",),
    )  # fmt: skip
    assert policy.using == policy.with_check and "app.tenant_id" in (policy.using or "")
    assert table.grants == (
        ("courts_app", "DELETE"), ("courts_app", "INSERT"), ("courts_app", "SELECT"),
        ("courts_app", "UPDATE"), ("courts_report", "SELECT"),
    )  # fmt: skip
    assert not catalog.table("courts").row_security


def test_triggers_and_comments(catalog: Catalog) -> None:
    (trigger,) = catalog.table("courts").triggers
    assert trigger.name == "touched" and trigger.enabled
    assert catalog.table("bookings").comment.startswith("A court taken")
    assert catalog.table("clubs").comment == "Clubs"


def test_the_version_table_is_not_the_users(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE alembic_version (v text)")
    try:
        assert "alembic_version" not in [table.name for table in read_catalog(connection).tables]
        assert read_catalog(connection, version_table=True).table("alembic_version")
    finally:
        connection.execute("DROP TABLE alembic_version")


def test_rows_are_estimated_and_measured(connection: psycopg.Connection) -> None:
    connection.execute('INSERT INTO courts ("order") SELECT 1 FROM generate_series(1, 50)')
    connection.execute("ANALYZE courts")
    table = read_catalog(connection).table("courts")
    assert table.estimated_rows == 50 and table.size_bytes > 0


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        ("ALTER TABLE bookings DROP COLUMN note", "column bookings.note is not there"),
        ('ALTER TABLE courts ALTER "order" TYPE int', "is integer, not smallint"),
        ("ALTER TABLE members ALTER club_id DROP NOT NULL", "column members.club_id is nullable"),
        ("ALTER TABLE courts ALTER id DROP IDENTITY", "column courts.id is no identity"),
        ("ALTER TABLE bookings ALTER net DROP EXPRESSION", "column bookings.net is not generated"),
        ("ALTER TABLE bookings ALTER price DROP DEFAULT", "column bookings.price has no default"),
        ("ALTER TABLE clubs DROP CONSTRAINT fk_clubs_owner_id", "fk_clubs_owner_id is not there"),
        ("DROP INDEX ix_bookings_member_id", "index ix_bookings_member_id is not there"),
        ("ALTER TABLE bookings DISABLE ROW LEVEL SECURITY", "row-level security of bookings"),
        ("DROP POLICY tenant_isolation_members ON members", "policy tenant_isolation_members"),
        ("DROP TABLE bookings", "relation bookings is not there"),
        ("DROP EXTENSION citext CASCADE", "extension citext is not there"),
    ],
)
def test_what_is_not_as_designed_is_named(
    server: Server, database: str, courts: Design, drift: str, words: str
) -> None:
    with server.connect(database) as own:
        for statement in compile_design(courts):
            own.execute(statement.sql.encode())
        assert design_differences(courts, read_catalog(own)) == ()
        own.execute(drift.encode())
        found = design_differences(courts, read_catalog(own))
    assert any(words in text for text in found), found
