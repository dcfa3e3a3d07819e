"""Seed files: readable, complete, loadable."""

from __future__ import annotations

from pathlib import Path

import pytest

from a13.database.compile import compile_design
from a13.database.digests import digests
from a13.database.seed import apply_seed, write_seed
from a13.database.server import Server
from a13.domain.design import Check, Column, Design, ForeignKey, Relation, Tenancy, Unique
from a13.errors import TargetError

DESIGN = Design(
    name="team",
    title="A team's tool",
    tenancy=Tenancy(relation="tenants"),
    relations=(
        Relation(
            name="teams",
            columns=(
                Column(name="id", type="bigint", identity=True),
                Column(name="tenant_id", type="bigint"),
                Column(name="name", type="text"),
                Column(name="lead_id", type="bigint", nullable=True),
            ),
            primary_key=("id",),
            foreign_keys=(
                ForeignKey(columns=("tenant_id",), references="tenants"),
                ForeignKey(columns=("lead_id",), references="users"),
            ),
            tenant_column="tenant_id",
        ),
        Relation(
            name="users",
            columns=(
                Column(name="id", type="bigint", identity=True),
                Column(name="tenant_id", type="bigint"),
                Column(name="team_id", type="bigint"),
                Column(name="first_name", type="text"),
                Column(name="last_name", type="text"),
                Column(name="email", type="text"),
                Column(name="email_key", type="text", generated="lower(email)"),
                Column(name="settings", type="jsonb"),
                Column(name="photo", type="bytea", nullable=True),
                Column(name="joined_at", type="timestamp with time zone"),
                Column(name="hours", type="int4range", nullable=True),
                Column(name="share", type="double precision"),
                Column(name="tags", type="text[]"),
            ),
            primary_key=("id",),
            uniques=(Unique(columns=("email_key",)),),
            foreign_keys=(
                ForeignKey(columns=("tenant_id",), references="tenants"),
                ForeignKey(columns=("team_id",), references="teams"),
            ),
            checks=(Check(expression="share >= 0 AND share <= 1"),),
            tenant_column="tenant_id",
        ),
        Relation(
            name="tenants",
            columns=(
                Column(name="id", type="bigint", identity=True),
                Column(name="name", type="text"),
            ),
            primary_key=("id",),
        ),
    ),
)


@pytest.fixture
def schema(server: Server, database: str) -> str:
    with server.connect(database) as connection:
        for statement in compile_design(DESIGN):
            connection.execute(statement.sql.encode())
    return database


def test_a_seed_file_loads_and_holds_what_was_made(
    server: Server, schema: str, tmp_path: Path
) -> None:
    path = tmp_path / "seed" / "seed.sql"
    with server.connect(schema) as connection:
        text = write_seed(connection, DESIGN, path, seed=11)
        assert all(d.rows == 0 for d in digests(connection)), "writing leaves nothing behind"
        assert path.read_text(encoding="utf-8") == text
        apply_seed(connection, path)
        rows = {d.table.split(".")[-1]: d.rows for d in digests(connection)}
        assert rows == {"tenants": 4, "teams": 20, "users": 20}
        led = connection.execute("SELECT count(lead_id) FROM teams").fetchone()
        assert led is not None and led[0] > 0
        connection.execute("INSERT INTO tenants (name) VALUES ('the next number is free')")
    assert "@example.com" in text
    assert "INSERT INTO users (id, tenant_id, team_id, first_name" in text
    assert "email_key" not in text


def test_the_text_is_repeatable(server: Server, schema: str, tmp_path: Path) -> None:
    with server.connect(schema) as connection:
        first = write_seed(connection, DESIGN, tmp_path / "a.sql", seed=11, rows=7)
        again = write_seed(connection, DESIGN, tmp_path / "b.sql", seed=11, rows=7)
        other = write_seed(connection, DESIGN, tmp_path / "c.sql", seed=12, rows=7)
    assert first == again != other


def test_a_second_time_is_refused_whole(server: Server, schema: str, tmp_path: Path) -> None:
    path = tmp_path / "seed.sql"
    with server.connect(schema) as connection:
        write_seed(connection, DESIGN, path, seed=11)
        apply_seed(connection, path)
        before = [(d.table, d.digest) for d in digests(connection)]
        with pytest.raises(TargetError, match="could not be loaded"):
            apply_seed(connection, path)
        assert [(d.table, d.digest) for d in digests(connection)] == before
