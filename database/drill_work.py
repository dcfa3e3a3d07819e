"""The work and the accident of a drill, on whatever tables the design has."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ..domain.base import Value


class _Table(Value):
    """A table to work on: its name, a column that may be written to, whether it is referenced."""

    name: str
    column: str | None
    referenced: bool


_TABLES = """
select c.relname,
  (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
   and not a.attisdropped and a.attgenerated = '' and a.attidentity = '' order by a.attnum desc
   limit 1),
  exists (select from pg_constraint f where f.contype = 'f' and f.confrelid = c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname = 'public'
order by c.relname
"""


def _tables(connection: psycopg.Connection[Any]) -> list[_Table]:
    return [
        _Table(name=name, column=column, referenced=referenced)
        for name, column, referenced in connection.execute(_TABLES).fetchall()
        if name != "alembic_version"
    ]


def change_rows(connection: psycopg.Connection[Any]) -> int:
    """Change rows so that only the WAL can bring them back; the number of changed rows.

    New versions of rows with the same content everywhere, and deletions where nothing refers.
    The accident that follows needs rows to lose, so at most every second one goes.
    """
    changed = 0
    for table in _tables(connection):
        name = sql.Identifier(table.name)
        if table.column is not None:
            column = sql.Identifier(table.column)
            cursor = connection.execute(
                sql.SQL(
                    "update {0} set {1} = {1} where ctid = any"
                    " (array(select ctid from {0} limit 200))"
                ).format(name, column)
            )
            changed += cursor.rowcount
        if not table.referenced:
            cursor = connection.execute(
                sql.SQL(
                    "delete from {0} where ctid = any (array(select ctid from {0}"
                    " limit (select least(5, count(*) / 2) from {0})))"
                ).format(name)
            )
            changed += cursor.rowcount
    return changed


def truncate_largest(connection: psycopg.Connection[Any]) -> str:
    """TRUNCATE of the largest table and of what refers to it; its name."""
    largest, most = "", -1
    for table in _tables(connection):
        found = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(table.name))
        ).fetchone()
        assert found is not None
        if found[0] > most:
            largest, most = table.name, found[0]
    if largest:
        connection.execute(sql.SQL("truncate {} cascade").format(sql.Identifier(largest)))
    return largest
