"""The proof: what passes, and every way in which a revision can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from a13.database.compile import Statement, compile_design, compile_index
from a13.database.history import initialise, remove_revision, write_revision
from a13.database.proof import prove
from a13.database.server import Server
from a13.domain.design import Check, Design, Index, IndexKey
from a13.errors import ConfigError

Rows = Callable[[psycopg.Connection], None]


def step(sql: str, reverse: str = "") -> Statement:
    return Statement(sql=sql, reverse=reverse, element="relation:x")


def databases(server: Server) -> list[str]:
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'proof%'"
        ).fetchall()
    return [row[0] for row in rows]


def test_the_schema_is_proved(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    heard: list[str] = []
    proof = prove(
        server, migrations, load_rows=courts_rows, design=courts,
        report=lambda what, /, **facts: heard.append(what),
    )  # fmt: skip
    assert proof.passed and proof.failure is None and proof.differences == ()
    assert proof.revision == "0001"
    assert proof.fingerprint_before == proof.fingerprint_down != ""
    assert proof.fingerprint_up == proof.fingerprint_again != proof.fingerprint_before
    assert [(table, rows) for table, rows, _ in proof.rows_before] == [
        ("bookings", 30), ("clubs", 3), ("courts", 5), ("members", 30),
    ]  # fmt: skip
    assert proof.rows_after == proof.rows_before
    assert "fresh build of the design" in proof.steps and proof.steps[1] == "rows loaded"
    assert "rows loaded" in heard
    assert databases(server) == []


def test_an_index_revision_is_proved_over_rows(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    bookings = courts.relation("bookings")
    index = Index(keys=(IndexKey(column="created_at"),), origin="tuning")
    tuned = courts.replace(bookings.model_copy(update={"indexes": (*bookings.indexes, index)}))
    write_revision(
        migrations, message="i", statements=[compile_index(bookings, index, concurrently=True)]
    )
    proof = prove(server, migrations, load_rows=courts_rows, design=tuned, base_revision="0001")
    assert proof.passed, proof
    assert proof.revision == "0002"
    assert proof.rows_before == proof.rows_after != ()
    assert prove(server, migrations, load_rows=courts_rows, design=tuned).passed
    # The design that does not know the index is not what the revisions build.
    proof = prove(server, migrations, load_rows=courts_rows, design=courts)
    assert not proof.passed
    assert proof.differences == (
        "against a fresh build of the design: left over: index public.ix_bookings_created_at",
    )


def test_what_a_downgrade_forgets_is_named_by_both_witnesses(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    write_revision(
        migrations, message="forgetful",
        statements=[
            step("CREATE TYPE old_status AS ENUM ('a')"),
            step("COMMENT ON TABLE courts IS 'x'"),
        ],
    )  # fmt: skip
    proof = prove(server, migrations, load_rows=courts_rows, design=None, base_revision="0001")
    assert not proof.passed
    assert "after the downgrade: left over: enum public.old_status" in proof.differences
    assert any("left over: dump of type public.old_status" in d for d in proof.differences)
    assert any("changed: table public.courts (comment" in d for d in proof.differences)
    # The second upgrade meets the type that was left over.
    assert proof.failure is not None and proof.failure.sqlstate == "42710"
    assert proof.failure.revision == "0002"
    assert databases(server) == []


def test_rows_that_a_downgrade_loses_are_named(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    write_revision(
        migrations, message="lossy",
        statements=[
            step("DELETE FROM bookings WHERE id = 1"),
            step("UPDATE members SET email = NULL WHERE id = 2"),
        ],
    )  # fmt: skip
    proof = prove(server, migrations, load_rows=courts_rows, design=courts, base_revision="0001")
    assert proof.failure is None and not proof.passed
    assert proof.differences == (
        "after the downgrade: rows of bookings: 30 rows, now 29",
        "after the downgrade: rows of members: 30 rows with other contents",
    )


def test_a_revision_that_fails_on_rows_fails_the_proof(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    write_revision(
        migrations, message="rule",
        statements=[step("ALTER TABLE bookings ADD CONSTRAINT ck_p CHECK (price > 100)")],
    )  # fmt: skip
    proof = prove(server, migrations, load_rows=courts_rows, design=courts)
    assert not proof.passed and proof.failure is not None
    assert (proof.failure.sqlstate, proof.failure.revision) == ("23514", "0002")
    assert proof.failure.element == "constraint:bookings.ck_p"
    assert proof.fingerprint_before != "" and proof.fingerprint_up == ""
    # On an empty database the same revision passes: that is why rows are loaded.
    assert prove(server, migrations, load_rows=lambda connection: None, design=None).failure is None


def test_rows_that_cannot_be_loaded_are_a_failure(
    server: Server, migrations: Path, courts: Design
) -> None:
    def load(connection: psycopg.Connection) -> None:
        connection.execute('INSERT INTO courts ("order") VALUES (1), (NULL)')

    proof = prove(server, migrations, load_rows=load, design=courts)
    assert proof.failure is not None
    assert (proof.failure.kind, proof.failure.sqlstate) == ("load", "23502")
    assert proof.failure.element == "column:courts.order"


def test_a_design_that_the_server_refuses_fails_with_its_element(
    server: Server, tmp_path: Path, courts: Design
) -> None:
    bad = Check(expression="status > 5", name="ck_bad")
    bookings = courts.relation("bookings")
    broken = courts.replace(bookings.model_copy(update={"checks": (*bookings.checks, bad)}))
    initialise(tmp_path)
    write_revision(tmp_path, message="schema", statements=compile_design(broken))
    proof = prove(server, tmp_path, load_rows=lambda connection: None, design=broken)
    assert proof.failure is not None
    assert (proof.failure.sqlstate, proof.failure.element) == ("42883", "relation:bookings")
    assert "CREATE TABLE bookings" in proof.failure.statement


def test_what_the_revisions_lack_is_named(
    server: Server, migrations: Path, courts: Design, courts_rows: Rows
) -> None:
    write_revision(
        migrations, message="less",
        statements=[
            step("DROP INDEX ix_bookings_member_id",
                 "CREATE INDEX ix_bookings_member_id ON bookings USING btree (member_id)"),
            step("ALTER TABLE bookings ALTER note SET NOT NULL",
                 "ALTER TABLE bookings ALTER note DROP NOT NULL"),
        ],
    )  # fmt: skip
    proof = prove(server, migrations, load_rows=courts_rows, design=courts)
    assert proof.failure is None
    assert "against the design: index ix_bookings_member_id is not there" in proof.differences
    assert "against the design: column bookings.note is NOT NULL" in proof.differences


def test_misuse_is_an_error(server: Server, migrations: Path, tmp_path: Path) -> None:
    def load(connection: psycopg.Connection) -> None:
        raise AssertionError

    with pytest.raises(ConfigError, match="0001"):
        prove(server, migrations, load_rows=load, design=None, base_revision="0001")
    remove_revision(migrations, "0001")
    with pytest.raises(ConfigError, match="no revision"):
        prove(server, migrations, load_rows=load, design=None)
