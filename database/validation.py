"""Validation rules: checks that come out of a corruption, and the run of one.

A rule is one DO statement that raises an error where the check fails, so it can be run by hand,
by a scheduler, or by the next drill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from ..domain.damage import Damage, RuleRun, ValidationRule
from ..domain.identifiers import quote, quote_literal

# Counting through the key's index and through the table are two plans of one number. EXECUTE
# plans each under the settings of that moment.
_COUNT_BODY = """\
DECLARE by_key bigint; by_table bigint;
BEGIN
  PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_sort', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true);
  EXECUTE {by_key} INTO by_key;
  PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
    set_config('enable_indexonlyscan', 'off', true);
  EXECUTE {by_table} INTO by_table;
  IF by_key <> by_table THEN
    RAISE EXCEPTION '% rows by the key, % by the table', by_key, by_table;
  END IF;
END
"""
_SIZE_BODY = """\
DECLARE pages bigint; known bigint;
BEGIN
  SELECT pg_relation_size(c.oid) / current_setting('block_size')::int, c.relpages
    INTO pages, known FROM pg_class c WHERE c.oid = {table}::regclass;
  IF pages < known THEN
    RAISE EXCEPTION '% pages, and the catalog last saw %', pages, known;
  END IF;
END
"""
_READ_BODY = """\
DECLARE failures bigint;
BEGIN
  PERFORM count(md5(t::text)) FROM {table} t;
  SELECT coalesce(sum(checksum_failures), 0) INTO failures FROM pg_stat_database;
  IF failures > 0 THEN
    RAISE EXCEPTION '% page checksums failed', failures;
  END IF;
END
"""
_INDEX_BODY = """\
BEGIN
  -- Needs the extension amcheck.
  PERFORM bt_index_parent_check({index}::regclass, true, true);
END
"""


def rules_for(
    damage: tuple[Damage, ...], primary_keys: Mapping[str, tuple[str, ...]]
) -> tuple[ValidationRule, ...]:
    """New checks, one for each damaged relation and kind: each would have found this damage.

    `primary_keys`: the key's columns by table.
    """
    rules: dict[str, ValidationRule] = {}
    for one in damage:
        if one.relation or one.table in primary_keys:
            rule = _rule(one, primary_keys.get(one.table, ()))
            rules.setdefault(rule.name, rule)
    return tuple(rules.values())


def run_rule(connection: psycopg.Connection[Any], rule: ValidationRule, *, where: str) -> RuleRun:
    """Run a rule once, in a transaction that is rolled back. `where` names the server."""
    try:
        with connection.transaction(force_rollback=True):
            if "amcheck" in rule.sql:
                connection.execute("create extension if not exists amcheck")
            connection.execute(sql.SQL(rule.sql))  # our own text
    except psycopg.Error as error:
        message = (error.diag.message_primary or str(error)).strip().splitlines()[0]
        return RuleRun(rule=rule.name, where=where, passed=False, detail=message)
    return RuleRun(rule=rule.name, where=where, passed=True)


def primary_keys(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, ...]]:
    """The primary key's columns by table, as reports name the table."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "select coalesce(nullif(n.nspname, 'public') || '.', '') || t.relname,"
            " array_agg(a.attname order by k.ordinality) from pg_constraint c"
            " join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace"
            " cross join lateral unnest(c.conkey) with ordinality k(attnum, ordinality)"
            " join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum"
            " where c.contype = 'p' group by c.oid, n.nspname, t.relname"
        ).fetchall()
    return {name: tuple(columns) for name, columns in rows}


def _rule(damage: Damage, key: tuple[str, ...]) -> ValidationRule:
    relation = damage.relation or damage.table
    index = relation != damage.table and not relation.startswith("pg_toast.")
    table = _qualified(damage.table)
    if index:
        name = f"index_{relation}"
        body = _INDEX_BODY.format(index=quote_literal(_qualified(relation)))
    elif damage.kind in ("truncated file", "missing file"):
        name = f"size_of_{damage.table}"
        body = _SIZE_BODY.format(table=quote_literal(table))
    elif damage.kind in ("zeroed page", "unknown") and key and relation == damage.table:
        name = f"count_by_key_of_{damage.table}"
        columns = ", ".join(map(quote, key))
        by_key = (
            f"SELECT count(*) FROM (SELECT {columns} FROM {table} ORDER BY {columns} OFFSET 0) s"
        )
        body = _COUNT_BODY.format(
            by_key=quote_literal(by_key), by_table=quote_literal(f"SELECT count(*) FROM {table}")
        )
    else:
        name = f"pages_of_{damage.table}"
        body = _READ_BODY.format(table=table)
    page = "" if damage.block is None else f", page {damage.block}"
    return ValidationRule(
        name=name,
        sql=f"DO $check$\n{body}$check$",
        reason=f"{damage.kind} in {damage.file}{page}",
        element=f"index:{relation}" if index else f"relation:{damage.table}",
    )


def _qualified(name: str) -> str:
    """`orders` as `public.orders`; a name with a schema as it is; quoted where needed."""
    schema, _, table = name.rpartition(".")
    return f"{quote(schema or 'public')}.{quote(table)}"
