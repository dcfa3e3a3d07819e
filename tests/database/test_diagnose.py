"""From exceptions to failures: the code, the element, and no secrets."""

from __future__ import annotations

import psycopg
import pytest

from a13.database.compile import compile_design
from a13.database.diagnose import failure_of
from a13.database.server import Server
from a13.domain.design import Design


@pytest.mark.parametrize(
    ("statement", "sqlstate", "element"),
    [
        ("INSERT INTO courts (\"order\") VALUES (NULL)", "23502", "column:courts.order"),
        ("INSERT INTO clubs (name) VALUES ('a'), ('A')", "23505", "constraint:clubs.uq_clubs_name"),
        (
            "INSERT INTO members (club_id) VALUES (9)", "23503",
            "constraint:members.fk_members_club_id",
        ),
        (
            "INSERT INTO clubs (name) VALUES ('z'); INSERT INTO members (club_id, email) "
            "SELECT id, 'nope' FROM clubs",
            "23514", "constraint:members.ck_members_1290500d",
        ),
        ("CREATE INDEX ix_bookings_member_id ON courts (id)", "42P07",
         "index:ix_bookings_member_id"),
        ("CREATE TABLE bookings ()", "42P07", "relation:bookings"),
        ("DROP TABLE courts", "2BP01", "given"),
        ("SELECT 1 / 0", "22012", "given"),
    ],
)  # fmt: skip
def test_the_element_is_traced(
    server: Server, database: str, courts: Design, statement: str, sqlstate: str, element: str
) -> None:
    with server.connect(database) as connection:
        for part in compile_design(courts):
            connection.execute(part.sql.encode())
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement.encode())
    failure = failure_of(
        caught.value, kind="test", statement=statement, element="given", design=courts
    )
    assert (failure.sqlstate, failure.element) == (sqlstate, element)
    assert failure.message and failure.kind == "test" and failure.statement == statement


def test_what_is_no_sql_error_is_a_failure_too() -> None:
    failure = failure_of(RuntimeError("disk full"), kind="load")
    assert (failure.message, failure.sqlstate) == ("disk full", "")
    assert failure_of(RuntimeError(), kind="load").message == "RuntimeError"


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgresql://ann:hunter2@db.example.org/shop",
        "cannot reach postgresql+psycopg://ann:hunter2@/shop",
        "bad dsn: host=db password=hunter2 dbname=x",
    ],
)
def test_passwords_are_masked(text: str) -> None:
    failure = failure_of(RuntimeError(text), kind="load")
    assert "hunter2" not in failure.message and "***" in failure.message
