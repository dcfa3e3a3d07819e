"""Data types: an allow-list with one spelling each, which is the server's own."""

from __future__ import annotations

import pytest

from a13.database.server import Server
from a13.domain.types import base_type, canonical_type, comparable, family
from a13.errors import DesignError

KNOWN = [
    ("VARCHAR(40)", "character varying(40)"),
    ("varchar", "character varying"),
    ("timestamptz", "timestamp with time zone"),
    ("int[]", "integer[]"),
    ("INT8", "bigint"),
    ("decimal( 12 , 2 )", "numeric(12,2)"),
    ("numeric(5)", "numeric(5,0)"),
    ("numeric", "numeric"),
    ("Double   Precision", "double precision"),
    ("float", "double precision"),
    ("bool", "boolean"),
    ("char(3)", "character(3)"),
    ("text[]", "text[]"),
    ("jsonb", "jsonb"),
    ("tstzrange", "tstzrange"),
    ("uuid", "uuid"),
    ("bytea", "bytea"),
    ("interval", "interval"),
]


@pytest.mark.parametrize(("text", "known"), KNOWN)
def test_canonical_type(text: str, known: str) -> None:
    assert canonical_type(text) == known
    assert canonical_type(known) == known


@pytest.mark.parametrize(
    "text",
    ["", "money", "oid", "regclass", "text; drop table x", "varchar(a)", "varchar(1,2)", "int(11)",
     "uuid(3)", "text[][]", "numeric(1,2,3)", "numeric(-1)", "jsonb)", "x" * 10_000, "char\x00"],
)  # fmt: skip
def test_an_unknown_type_is_refused(text: str) -> None:
    with pytest.raises(DesignError):
        canonical_type(text)


def test_the_error_names_the_types_that_are_known() -> None:
    with pytest.raises(DesignError) as caught:
        canonical_type("money")
    assert "numeric" in caught.value.hint


def test_families() -> None:
    assert family("numeric(12,2)") == "numeric"
    assert family("integer[]") == "array"
    assert family("timestamp with time zone") == "timestamp"
    assert base_type("character varying(40)[]") == "character varying"


def test_comparable() -> None:
    assert comparable("character varying(4)", "character varying(8)")
    assert not comparable("integer", "bigint")
    assert not comparable("integer", "integer[]")
    assert not comparable("text", "uuid")


def test_the_spelling_is_the_servers(server: Server) -> None:
    """format_type of a column of each type, as a server writes it."""
    columns = ", ".join(f"c{n} {known}" for n, (_, known) in enumerate(KNOWN))
    with server.connect(autocommit=False) as connection:
        connection.execute(f"CREATE TEMPORARY TABLE t ({columns})")  # type: ignore[arg-type]
        rows = connection.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
        ).fetchall()
        connection.rollback()
    assert [written for (written,) in rows] == [known for _, known in KNOWN]
