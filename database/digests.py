"""Digests: what the tables of a database hold, as a row count and a hash that ignores order.

Two databases with equal digests hold the same rows. The hash is PostgreSQL's own
(`hash_record_extended`, one 64-bit value a row), folded by XOR and by sum, so that neither the
order of the rows nor that of the columns counts. Types without a usable hash go in as text.

The hash functions may differ between major versions: compare those with `portable=True`, which
takes the MD5 of the row's text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from ..domain.base import Value
from ..domain.measurement import TableDigest

# The text of a value depends on these. row_security=off makes a role that would see only a part
# of the rows fail, instead of hashing that part.
_PINNED = (
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("row_security", "off"),
)
# Types whose hash says what the value says. Left out: those without a hash (json, tsvector), those
# whose `=` calls unlike contents equal (citext, interval), and those that are hashed by an OID,
# which another database gives anew (enums, domains and composites may hold one).
_HASHED = frozenset(
    (
        "boolean", "smallint", "integer", "bigint", "numeric", "real", "double precision", "text",
        "character varying", "character", "timestamp with time zone",
        "timestamp without time zone", "date", "time without time zone", "time with time zone",
        "uuid", "jsonb", "bytea", "inet", "cidr", "macaddr", "int4range", "int8range", "numrange",
        "tsrange", "tstzrange", "daterange",
    )
)  # fmt: skip

_TABLES = """
select c.oid::int8, n.nspname, c.relname, c.relkind::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                  and d.objid = c.oid and d.deptype = 'e')
order by n.nspname, c.relname
"""

_COLUMNS = """
select a.attname, a.atttypid::regtype::text
from pg_attribute a where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
order by a.attname collate "C"
"""


class Table(Value):
    """A user's table: `name` is bare in the schema public, else `schema.name`."""

    oid: int
    schema_name: str
    table: str
    partitioned: bool

    @property
    def name(self) -> str:
        """The name in reports."""
        if self.schema_name == "public":
            return self.table
        return f"{self.schema_name}.{self.table}"

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted, qualified name."""
        return sql.Identifier(self.schema_name, self.table)


def user_tables(connection: psycopg.Connection[Any]) -> tuple[Table, ...]:
    """The tables that hold a user's rows: no partitions (their parent speaks for them), no
    temporary tables, nothing that belongs to an extension."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_TABLES).fetchall()
    return tuple(
        Table(oid=oid, schema_name=schema, table=name, partitioned=kind == "p")
        for oid, schema, name, kind in rows
    )


def digests(
    connection: psycopg.Connection[Any],
    *,
    portable: bool = False,
    exclude_schemas: tuple[str, ...] = (),
) -> tuple[TableDigest, ...]:
    """The digest of every user table, from one snapshot, ordered by name.

    Leaves the connection as it was (settings included). Raises psycopg.Error where a table
    cannot be read, and where the role may see only a part of its rows.
    """
    with pinned(connection):
        return tuple(
            _digest(connection, table, portable=portable)
            for table in user_tables(connection)
            if table.schema_name not in exclude_schemas
        )


def table_digest(
    connection: psycopg.Connection[Any], table: Table, *, portable: bool = False
) -> TableDigest:
    """The digest of one table; raises psycopg.Error where it cannot be read."""
    with pinned(connection):
        return _digest(connection, table, portable=portable)


def differences(before: tuple[TableDigest, ...], after: tuple[TableDigest, ...]) -> tuple[str, ...]:
    """What differs, one line a table; empty where both hold the same.

    >>> a = TableDigest(table="t", rows=2, digest="x")
    >>> differences((a,), (a.model_copy(update={"rows": 1}),))
    ('t: 2 rows before, 1 after',)
    """
    old = {digest.table: digest for digest in before}
    new = {digest.table: digest for digest in after}
    lines = []
    for name in sorted(old.keys() | new.keys()):
        left, right = old.get(name), new.get(name)
        if left is None:
            lines.append(f"{name}: not there before")
        elif right is None:
            lines.append(f"{name}: missing after, {left.rows} rows before")
        elif left.rows != right.rows:
            lines.append(f"{name}: {left.rows} rows before, {right.rows} after")
        elif left.digest != right.digest:
            lines.append(f"{name}: {left.rows} rows, other contents")
    return tuple(lines)


@contextmanager
def pinned(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A block in which the text of every value is the same everywhere.

    One read-only snapshot where the block opens the transaction; always rolled back, which also
    takes the settings back.
    """
    outermost = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        if outermost:
            cursor.execute("set transaction isolation level repeatable read, read only")
        for name, value in _PINNED:
            cursor.execute("select set_config(%s, %s, true)", (name, value))
        yield


def _digest(connection: psycopg.Connection[Any], table: Table, *, portable: bool) -> TableDigest:
    with connection.cursor(row_factory=tuple_row) as cursor:
        columns = cursor.execute(_COLUMNS, (table.oid,)).fetchall()
        fields = [
            sql.SQL("t.{}").format(sql.Identifier(name))
            + sql.SQL("" if not portable and _hashable(type_) else "::text")
            for name, type_ in columns
        ]
        row = sql.SQL("row({})").format(sql.SQL(", ").join(fields))
        if portable:
            high, low = (
                sql.SQL("('x' || substr(h, {}, 16))::bit(64)::int8").format(sql.Literal(start))
                for start in (1, 17)
            )
            source = sql.SQL("(select md5({}::text) as h from {} t) s")
        else:
            high, low = sql.Composed([sql.SQL("h1")]), sql.Composed([sql.SQL("h2")])
            source = sql.SQL(
                "(select hash_record_extended(r, 0) as h1, hash_record_extended(r, 1) as h2"
                " from (select {} as r from {} t) r) s"
            )
        # A parent by plain inheritance is counted without its children, which are listed too.
        only = sql.SQL("") if table.partitioned else sql.SQL("only ")
        statement = sql.SQL(
            "select count(*), coalesce(bit_xor({}), 0), coalesce(sum({}::numeric), 0)::text from "
        ).format(high, low) + source.format(row, only + table.identifier)
        found = cursor.execute(statement).fetchone()
    assert found is not None  # an aggregate always gives one row
    count, xor, total = found
    # The columns' names and types are part of what a table holds.
    text = repr(("md5" if portable else "hash", columns, count, xor, total))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return TableDigest(table=table.name, rows=count, digest=digest)


def _hashable(type_: str) -> bool:
    """True where a field of that type is hashed as it is; all others go in as text."""
    return type_.removesuffix("[]") in _HASHED
