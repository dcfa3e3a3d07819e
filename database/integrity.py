"""Integrity checks of a database: files, pages, indexes against tables, keys, contents.

No single check sees every corruption. pg_amcheck misses a zeroed heap page, a truncated heap and
a missing segment; page checksums miss a zeroed page and a missing file. So the rows are also
counted twice, by the primary key's index alone and by the table alone, every row is read, files
are compared with the size the catalog last saw, and contents with a baseline where there is one.

Results are parsed; exit codes are not trusted. A check that the server cannot run (amcheck is not
installed, checksums are off) is left out, never reported as passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ..domain.measurement import IntegrityCheck, TableDigest
from . import digests as digest
from .file_checks import check_files
from .processes import ProgramRun
from .server import Server

Connection = psycopg.Connection[Any]

_REPORTED = re.compile(r'^(heap table|btree index|toast table) "((?:[^"]|"")*)"(.*):$')
_LOOKED_AT = re.compile(r'checking (heap table|btree index) "')

_PRIMARY_KEYS = """
select c.conrelid::int8, array_agg(a.attname order by k.ordinality)
from pg_constraint c
cross join lateral unnest(c.conkey) with ordinality k(attnum, ordinality)
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
where c.contype = 'p' group by c.oid, c.conrelid
"""

# The leaves of the partition trees: where rows really are.
_LEAVES = """
select c.oid::int8, n.nspname, c.relname from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
order by n.nspname, c.relname
"""

_FOREIGN_KEYS = """
select c.conname, n.nspname, t.relname, t.relkind::text, fn.nspname, ft.relname,
  (select array_agg(a.attname order by k.ordinality)
   from unnest(c.conkey) with ordinality k(attnum, ordinality)
   join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum),
  (select array_agg(a.attname order by k.ordinality)
   from unnest(c.confkey) with ordinality k(attnum, ordinality)
   join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.attnum)
from pg_constraint c
join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
join pg_class ft on ft.oid = c.confrelid join pg_namespace fn on fn.oid = ft.relnamespace
where c.contype = 'f' and c.conparentid = 0 and c.convalidated
order by n.nspname, t.relname, c.conname
"""

_CHECKS = """
select c.conname, n.nspname, t.relname, pg_get_expr(c.conbin, c.conrelid)
from pg_constraint c
join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace
where c.contype = 'c' and c.convalidated and c.coninhcount = 0 and t.relkind in ('r', 'p')
  and n.nspname not in ('pg_catalog', 'information_schema')
order by n.nspname, t.relname, c.conname
"""


def check_integrity(
    server: Server, database: str, *, baseline: tuple[TableDigest, ...] = ()
) -> tuple[IntegrityCheck, ...]:
    """Every check that the server can run on a database, in the order of the module's account.

    `baseline`: digests that the contents must equal. What the server refuses is a failed check,
    also where the database cannot be reached at all.
    """
    try:
        with server.connect(database) as connection:
            checks = [
                *check_files(connection),
                *_check_counts(connection),
                *_check_rows(connection, baseline),
                *_check_keys(connection),
                *_check_indexes(connection),
            ]
            available = connection.execute(
                "select true from pg_available_extensions where name = 'amcheck'"
            ).fetchone()
        if available:
            checks += _check_with_amcheck(server, database)
        with server.connect(database) as connection:
            checks += _check_checksums(connection)
    except psycopg.Error as error:
        # The server closed the connection (it may have crashed on what it read), or none opens.
        return (_refused("connection", database, error),)
    return tuple(checks)


def _check_counts(connection: Connection) -> Iterator[IntegrityCheck]:
    """Rows by the primary key's index alone against rows by the table alone."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        keys: dict[int, list[str]] = dict(cursor.execute(_PRIMARY_KEYS).fetchall())
        leaves = cursor.execute(_LEAVES).fetchall()
    for oid, schema, name in leaves:
        if oid in keys:
            target = name if schema == "public" else f"{schema}.{name}"
            yield _guarded(
                connection,
                "count by index and by table",
                target,
                partial(_compare_counts, connection, schema, name, keys[oid]),
            )


def _compare_counts(
    connection: Connection, schema: str, name: str, columns: list[str]
) -> tuple[bool, str]:
    table = sql.Identifier(schema, name)
    keys = sql.SQL(", ").join(map(sql.Identifier, columns))
    # The order by can only come from the index once sorting is off.
    by_index = sql.SQL("select {} from only {} order by {}").format(keys, table, keys)
    by_table = sql.SQL("select from only {}").format(table)
    with connection.transaction(force_rollback=True):
        connection.execute("set transaction isolation level repeatable read, read only")
        _plan_only(connection, "enable_seqscan", "enable_bitmapscan", "enable_sort")
        index = _scan(connection, by_index)
        _plan_only(connection, "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")
        heap = _scan(connection, by_table)
    if index["Node Type"] != "Index Only Scan" or heap["Node Type"] != "Seq Scan":
        seen = f"{index['Node Type']} and {heap['Node Type']}"
        return False, f"the server did not take the two paths, but {seen}"
    in_index, in_table = round(index["Actual Rows"]), round(heap["Actual Rows"])
    # An entry whose page is not known to be visible to all is looked up in the table, so it
    # counts only if both have it.
    fetched = index.get("Heap Fetches", 0)
    detail = f"{in_index} by {index['Index Name']}, {in_table} by the table"
    if fetched:
        detail += f"; {fetched} index entries were looked up in the table"
    return in_index == in_table, detail


def _plan_only(connection: Connection, *off: str) -> None:
    """Plan serially, without the named kinds of node."""
    for kind in (
        "enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_indexscan",
        "enable_indexonlyscan",
    ):  # fmt: skip
        value = "off" if kind in off else "on"
        connection.execute("select set_config(%s, %s, true)", (kind, value))
    connection.execute("select set_config('max_parallel_workers_per_gather', '0', true)")


def _scan(connection: Connection, query: sql.Composed) -> dict[str, Any]:
    """The one scan node of the executed query."""
    explain = sql.SQL("explain (analyze, timing off, buffers off, format json) ") + query
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(explain).fetchone()
    assert found is not None  # EXPLAIN always answers
    node: dict[str, Any] = found[0][0]["Plan"]
    while "Plans" in node:
        node = node["Plans"][0]
    return node


def _check_rows(
    connection: Connection, baseline: tuple[TableDigest, ...]
) -> Iterator[IntegrityCheck]:
    """Every row of every table is read whole, and compared with the baseline."""
    found: list[TableDigest] = []
    for table in digest.user_tables(connection):

        def read(table: digest.Table = table) -> tuple[bool, str]:
            found.append(digest.table_digest(connection, table))
            return True, f"{found[-1].rows} rows"

        yield _guarded(connection, "every row can be read", table.name, read)
    if baseline:
        unequal = digest.differences(baseline, tuple(found))
        yield IntegrityCheck(
            check="contents equal the baseline",
            target="database",
            passed=not unequal,
            detail="; ".join(unequal) or f"{len(found)} tables",
        )


def _check_keys(connection: Connection) -> Iterator[IntegrityCheck]:
    """Rows that break a foreign key or a CHECK that PostgreSQL holds for validated."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        foreign_keys = cursor.execute(_FOREIGN_KEYS).fetchall()
        checks = cursor.execute(_CHECKS).fetchall()
    for name, schema, table, kind, other_schema, other, columns, others in foreign_keys:
        pairs = list(zip(columns, others, strict=True))
        statement = sql.SQL(
            "select count(*) from {only}{child} c where {given} and not exists"
            " (select from {parent} p where {equal})"
        ).format(
            only=sql.SQL("" if kind == "p" else "only "),
            child=sql.Identifier(schema, table),
            parent=sql.Identifier(other_schema, other),
            given=sql.SQL(" and ").join(
                sql.SQL("c.{} is not null").format(sql.Identifier(left)) for left, _ in pairs
            ),
            equal=sql.SQL(" and ").join(
                sql.SQL("p.{} = c.{}").format(sql.Identifier(right), sql.Identifier(left))
                for left, right in pairs
            ),
        )
        yield _guarded(
            connection,
            "foreign key holds",
            f"{table}.{name}",
            partial(_none, connection, statement, "rows without a parent"),
        )
    for name, schema, table, expression in checks:
        statement = sql.SQL("select count(*) from {} where not ({})").format(
            sql.Identifier(schema, table),
            sql.SQL(expression),  # the server's own text of the constraint
        )
        yield _guarded(
            connection,
            "check holds",
            f"{table}.{name}",
            partial(_none, connection, statement, "rows break it"),
        )


def _none(connection: Connection, statement: sql.Composed, what: str) -> tuple[bool, str]:
    with connection.transaction(force_rollback=True):
        # The rows decide, not the indexes.
        _plan_only(connection, "enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan")
        found = connection.execute(statement).fetchone()
    assert found is not None  # an aggregate always gives one row
    return found[0] == 0, f"{found[0]} {what}"


def _check_indexes(connection: Connection) -> Iterator[IntegrityCheck]:
    """Indexes that PostgreSQL itself holds for unusable."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "select indexrelid::regclass::text from pg_index where not (indisvalid and indisready)"
        ).fetchall()
    names = ", ".join(name for (name,) in rows)
    yield IntegrityCheck(
        check="indexes are valid", target="database", passed=not rows, detail=names
    )


def _check_with_amcheck(server: Server, database: str) -> list[IntegrityCheck]:
    """pg_amcheck over every table and B-tree; the extension is gone again afterwards."""
    with server.connect(database) as connection:
        present = connection.execute(
            "select true from pg_extension where extname = 'amcheck'"
        ).fetchone()
        if not present:
            connection.execute("create extension amcheck")
        major = connection.info.server_version // 10000
        try:
            options = ["--heapallindexed", "--parent-check", "--rootdescend", "--verbose"]
            if major >= 17:
                options.append("--checkunique")
            run = server.run("pg_amcheck", *options, f"--database={database}")
        finally:
            if not present:
                connection.execute("drop extension amcheck")
    return _parse_amcheck(run, database)


def _parse_amcheck(run: ProgramRun, database: str) -> list[IntegrityCheck]:
    """One failed check for each relation that pg_amcheck speaks of, or one that passed."""
    reported: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in run.stdout.splitlines():
        match = _REPORTED.match(line)
        if match:
            name = match[2].removeprefix(f"{database}.").removeprefix("public.")
            current = reported.setdefault(name, [])
            current.append(match[3].strip(", "))
        elif (
            current is not None and line.startswith(" ") and not line.strip().startswith("CONTEXT")
        ):
            current[-1] = f"{current[-1]} {line.strip()}".strip()
    looked_at = len(_LOOKED_AT.findall(run.stderr))
    errors = [line for line in run.stderr.splitlines() if "pg_amcheck: error" in line]
    checks = [
        IntegrityCheck(
            check="amcheck",
            target=name,
            passed=False,
            detail="; ".join(lines[:3]) + (f"; {len(lines) - 3} more" if len(lines) > 3 else ""),
        )
        for name, lines in reported.items()
    ]
    if errors or looked_at == 0 or (run.exit_code != 0 and not checks):
        detail = "; ".join(errors) or f"exit code {run.exit_code}, {looked_at} relations looked at"
        checks.append(IntegrityCheck(check="amcheck", target=database, passed=False, detail=detail))
    if not checks:
        detail = f"{looked_at} tables and indexes"
        checks.append(IntegrityCheck(check="amcheck", target=database, passed=True, detail=detail))
    return checks


def _check_checksums(connection: Connection) -> Iterator[IntegrityCheck]:
    """Pages whose checksum failed since the statistics began, as the server counted them."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(
            "select current_setting('data_checksums') = 'on', coalesce(sum(checksum_failures), 0)"
            " from pg_stat_database where datname = current_database() or datid = 0"
        ).fetchone()
    assert found is not None  # an aggregate always gives one row
    if found[0]:
        yield IntegrityCheck(
            check="page checksums",
            target="database",
            passed=found[1] == 0,
            detail=f"{found[1]} failures counted",
        )


def _guarded(
    connection: Connection, check: str, target: str, run: Callable[[], tuple[bool, str]]
) -> IntegrityCheck:
    """Run one check; what the server refuses is a failed check. A lost connection is raised."""
    try:
        passed, detail = run()
    except psycopg.Error as error:
        if connection.closed:
            raise
        return _refused(check, target, error)
    return IntegrityCheck(check=check, target=target, passed=passed, detail=detail)


def _refused(check: str, target: str, error: psycopg.Error) -> IntegrityCheck:
    message = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    code = f"{error.sqlstate}: " if error.sqlstate else ""
    return IntegrityCheck(check=check, target=target, passed=False, detail=code + message)
