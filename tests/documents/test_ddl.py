"""Definitions as the server prints them, taken apart."""

from __future__ import annotations

import pytest

from a13.documents.ddl import (
    bare,
    check_expression,
    exclusion_parts,
    index_parts,
    is_column,
    split,
    unwrap,
)


def test_index_with_every_clause() -> None:
    parts = index_parts(
        'CREATE UNIQUE INDEX "i USING x" ON public."t (" USING btree (lower(a), b DESC NULLS LAST, '
        "\"c,d\", (a || ')'::text)) INCLUDE (e, \"f g\") NULLS NOT DISTINCT WITH (fillfactor='70') "
        "WHERE ((a > 1) AND (b <> ' WHERE '::text))"
    )
    assert parts.method == "btree"
    assert parts.keys == ("lower(a)", "b DESC NULLS LAST", '"c,d"', "(a || ')'::text)")
    assert parts.include == ("e", "f g")
    assert parts.nulls_not_distinct
    assert parts.options == "fillfactor='70'"
    assert parts.where == "(a > 1) AND (b <> ' WHERE '::text)"


def test_plain_index() -> None:
    parts = index_parts("CREATE INDEX i ON public.t USING gin (doc jsonb_path_ops)")
    assert (parts.method, parts.keys, parts.where) == ("gin", ("doc jsonb_path_ops",), "")


def test_exclusion() -> None:
    parts = exclusion_parts(
        "EXCLUDE USING gist (court_id WITH =, tstzrange(starts_at, ends_at) WITH &&) "
        "WHERE ((status <> 'cancelled'::text))"
    )
    assert parts.elements == (("court_id", "="), ("tstzrange(starts_at, ends_at)", "&&"))
    assert parts.where == "status <> 'cancelled'::text"


def test_check() -> None:
    assert check_expression("CHECK ((a > 1))") == "a > 1"
    assert check_expression("CHECK (((a > 1) OR (b < 2))) NOT VALID") == "(a > 1) OR (b < 2)"


@pytest.mark.parametrize(
    ("text", "column"),
    [("a", True), ('"a b"', True), ("lower(a)", False), ("a DESC", False), ('"a""b"', True)],
)
def test_columns_are_told_from_expressions(text: str, column: bool) -> None:
    assert is_column(text) is column


def test_pieces() -> None:
    assert split("a, 'x, y', f(b, c), \"d,e\"") == ("a", "'x, y'", "f(b, c)", '"d,e"')
    assert unwrap("((a) and (b))") == "(a) and (b)"
    assert unwrap("(a) and (b)") == "(a) and (b)"
    assert bare('"a""b"') == 'a"b'
    assert bare("plain") == "plain"
