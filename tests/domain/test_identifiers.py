"""Identifiers: from words to names that PostgreSQL takes, and safely back into SQL."""

from __future__ import annotations

import pytest

from a13.database.server import Server
from a13.domain.identifiers import (
    MAX_BYTES,
    RESERVED,
    is_plain,
    quote,
    quote_literal,
    shorten,
    snake_case,
    strip_invisible,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Order Line", "order_line"),
        ("orderLine", "order_line"),
        ("HTTPStatus", "http_status"),
        ("Straße № 5", "strasse_no_5"),
        ("  --Ünïcode!! ", "unicode"),
        ("2nd address", "n_2nd_address"),
        ("Users; DROP TABLE x", "users_drop_table_x"),
        ("us\u200ber", "user"),
        ("\u202eresu", "resu"),
        ("日本", ""),
        ("", ""),
        ("___", ""),
        ("a_b__c", "a_b_c"),
    ],
)
def test_snake_case(text: str, name: str) -> None:
    assert snake_case(text) == name


def test_snake_case_is_stable() -> None:
    for text in ("Order Line", "x" * 200, "HTTPStatus", "2nd"):
        assert snake_case(snake_case(text)) == snake_case(text)


def test_long_names_are_cut_and_kept_apart() -> None:
    one, two = shorten("a" * 80 + "1"), shorten("a" * 80 + "2")
    assert one != two and len(one.encode()) <= MAX_BYTES and len(two.encode()) <= MAX_BYTES
    assert shorten("a" * 63) == "a" * 63
    assert len(shorten("ä" * 60).encode()) <= MAX_BYTES
    assert shorten(one) == one


@pytest.mark.parametrize("text", ["a\u200bb", "a\u202eb", "a\ufeffb", "a\u00adb", "a\u2066b"])
def test_invisible_characters_go(text: str) -> None:
    assert strip_invisible(text) == "ab"


def test_plain_names_need_no_quotes() -> None:
    assert is_plain("orders") and is_plain("_x9")
    for name in ("order", "user", "Orders", "a b", "9a", "a-b", "", "ä"):
        assert not is_plain(name)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("orders", "orders"),
        ("order", '"order"'),
        ("Orders", '"Orders"'),
        ('a"b', '"a""b"'),
        ('x"; DROP TABLE y; --', '"x""; DROP TABLE y; --"'),
    ],
)
def test_quote(name: str, sql: str) -> None:
    assert quote(name) == sql


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 64, "ä" * 32])
def test_quote_refuses_what_postgresql_would_refuse_or_cut(name: str) -> None:
    with pytest.raises(ValueError):
        quote(name)


def test_quote_literal() -> None:
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("a\\") == "'a\\'"
    with pytest.raises(ValueError):
        quote_literal("\x00")


def test_a_server_reads_back_what_was_quoted(server: Server) -> None:
    names = ["order", "Ord er", 'a"b', "ä" * 31, "x'; DROP TABLE y", "select", "a\\b", "\u202e"]
    with server.connect() as connection:
        for name in names:
            row = connection.execute(
                f"SELECT {quote_literal(name)} AS {quote(name)}"  # type: ignore[arg-type]
            )
            assert row.description is not None and row.description[0].name == name
            assert row.fetchone() == (name,)


def test_the_server_reserves_the_words_we_quote(server: Server) -> None:
    """pg_get_keywords: R is reserved, T reserved but for functions and types."""
    with server.connect() as connection:
        rows = connection.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
        assert {word for (word,) in rows} <= RESERVED
