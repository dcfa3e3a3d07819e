"""Digests: equal where the rows are, different where anything is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from a13.database.digests import differences, digests
from a13.database.server import Server

TABLES = """
create table plain (id bigint primary key, name text, amount numeric(12,2), at timestamptz,
  flag boolean, day date, tags text[], span tstzrange, doc jsonb, raw bytea, addr inet, u uuid);
insert into plain select g, 'n' || g, g / 3.0,
  timestamptz '2024-01-01 00:00+00' + g * interval '1 h', g % 2 = 0, date '2024-01-01' + g,
  array['a', g::text],
  tstzrange('2024-01-01+00', '2025-01-01+00'),
  jsonb_build_object('g', g), decode(md5(g::text), 'hex'), '10.0.0.1', md5(g::text)::uuid
  from generate_series(1, 300) g;
create table odd (id int primary key, doc json, span interval, words tsvector, f double precision);
insert into odd values (1, '{"a": 1}', '1 day', to_tsvector('simple', 'a b'), 0.1);
create table empty (id int primary key);
create schema "Other One";
create table "Other One"."Select" (id int primary key);
insert into "Other One"."Select" values (1);
"""


@pytest.fixture
def connection(server: Server, database: str) -> Iterator[psycopg.Connection[Any]]:
    with server.connect(database) as connection:
        connection.execute(TABLES)
        yield connection


def by_name(connection: psycopg.Connection[Any], **options: Any) -> dict[str, tuple[int, str]]:
    return {d.table: (d.rows, d.digest) for d in digests(connection, **options)}


@pytest.mark.parametrize("portable", [False, True])
def test_names_and_counts(connection: psycopg.Connection[Any], portable: bool) -> None:
    found = by_name(connection, portable=portable)
    counts = {name: rows for name, (rows, _) in found.items()}
    assert counts == {"Other One.Select": 1, "empty": 0, "odd": 1, "plain": 300}


@pytest.mark.parametrize("portable", [False, True])
def test_the_order_of_rows_and_columns_does_not_count(
    connection: psycopg.Connection[Any], portable: bool
) -> None:
    before = by_name(connection, portable=portable)["plain"]
    connection.execute(
        "create table other as select u, addr, raw, doc, span, tags, day, flag, at, amount, name,"
        " id from plain order by u; drop table plain; alter table other rename to plain"
    )
    assert by_name(connection, portable=portable)["plain"] == before


@pytest.mark.parametrize(
    "change",
    [
        "update plain set amount = amount + 0.01 where id = 7",
        "update plain set name = null where id = 7",
        "update plain set id = 1000 where id = 7",
        "update plain set flag = not flag where id = 7",
        "update plain set at = at + interval '1 microsecond' where id = 7",
        "update plain set tags = array['a'] where id = 7",
        "delete from plain where id = 7",
        "update plain set name = case id when 7 then 'n8' else 'n7' end where id in (7, 8)",
        # Equal by `=`, and yet another content.
        "update odd set span = '24 hours'",
        "update odd set doc = '{\"a\":1}'",
        "update odd set words = to_tsvector('simple', 'b a')",
        "update odd set f = 0.1::real",
        "alter table plain rename column name to title",
        "alter table empty add column note text",
        "drop table empty",
        "create table fresh (id int)",
    ],
)
@pytest.mark.parametrize("portable", [False, True])
def test_every_change_shows(
    connection: psycopg.Connection[Any], change: str, portable: bool
) -> None:
    before = digests(connection, portable=portable)
    connection.execute(change)
    after = digests(connection, portable=portable)
    assert len(differences(before, after)) == 1
    assert len(differences(after, before)) == 1


def test_rows_that_cancel_out_under_xor_are_seen(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create table twice (v int); insert into twice values (1), (1), (2)")
    before = by_name(connection)["twice"]
    connection.execute("truncate twice; insert into twice values (2), (3), (3)")
    assert by_name(connection)["twice"] != before


@pytest.mark.parametrize(
    "settings",
    [
        "set timezone = 'Asia/Kathmandu'; set datestyle = 'German'",
        "set intervalstyle = 'iso_8601'; set extra_float_digits = -5; set bytea_output = 'escape'",
    ],
)
def test_the_settings_of_the_session_do_not_count(
    connection: psycopg.Connection[Any], settings: str
) -> None:
    before = digests(connection), digests(connection, portable=True)
    connection.execute(settings)
    assert (digests(connection), digests(connection, portable=True)) == before


def test_the_session_keeps_its_settings(connection: psycopg.Connection[Any]) -> None:
    connection.execute("set timezone = 'Asia/Kathmandu'")
    digests(connection)
    assert connection.execute("show timezone").fetchone() == ("Asia/Kathmandu",)
    assert connection.execute("show transaction_read_only").fetchone() == ("off",)


def test_inside_a_transaction(connection: psycopg.Connection[Any]) -> None:
    before = digests(connection)
    with connection.transaction():
        connection.execute("insert into empty values (1)")
        inside = digests(connection)
        connection.execute("insert into empty values (2)")
    assert differences(before, inside) == ("empty: 0 rows before, 1 after",)
    assert by_name(connection)["empty"][0] == 2


def test_a_copy_through_a_dump_is_equal(
    server: Server, database: str, connection: psycopg.Connection[Any]
) -> None:
    # An enum's hash is that of its OID, which the copy gives anew.
    connection.execute(
        "create type mood as enum ('sad', 'ok', 'happy'); create domain loud as text;"
        "create table moods (id int, m mood, l loud);"
        "insert into moods values (1, 'ok', 'A'), (2, 'happy', 'B')"
    )
    before = digests(connection)
    dump = server.run("pg_dump", database=database, check=True).stdout
    copy = f"{database}_copy"
    server.create_database(copy)
    try:
        with server.connect(copy) as other:
            other.execute("create type shift_the_oids as enum ('a')")
        server.run("psql", "-q", "-v", "ON_ERROR_STOP=1", database=copy, stdin=dump, check=True)
        with server.connect(copy) as other:
            assert differences(before, digests(other)) == ()
    finally:
        server.drop_database(copy)


def test_partitions_speak_through_their_parent(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "create table event (id int, at date) partition by range (at);"
        "create table event_1 partition of event for values from ('2024-01-01') to ('2024-07-01');"
        "create table event_2 partition of event for values from ('2024-07-01') to ('2025-01-01');"
        "insert into event values (1, '2024-02-01'), (2, '2024-08-01')"
    )
    found = by_name(connection)
    assert found["event"][0] == 2
    assert "event_1" not in found


def test_plain_inheritance_counts_each_row_once(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "create table base (id int); create table child () inherits (base);"
        "insert into base values (1); insert into child values (2)"
    )
    found = by_name(connection)
    assert (found["base"][0], found["child"][0]) == (1, 1)


def test_a_role_that_sees_a_part_of_the_rows_is_refused(
    connection: psycopg.Connection[Any],
) -> None:
    connection.execute(
        "alter table empty enable row level security; insert into empty values (1);"
        "do $$ begin create role digest_reader; exception when duplicate_object then end $$;"
        'grant usage on schema "Other One" to digest_reader;'
        'grant select on all tables in schema public, "Other One" to digest_reader'
    )
    with connection.transaction(force_rollback=True):
        connection.execute("set local role digest_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            digests(connection)


def test_schemas_can_be_left_out(connection: psycopg.Connection[Any]) -> None:
    assert "Other One.Select" not in by_name(connection, exclude_schemas=("Other One",))


def test_a_database_without_tables(server: Server, database: str) -> None:
    with server.connect(database) as connection:
        assert digests(connection) == ()
    assert differences((), ()) == ()
