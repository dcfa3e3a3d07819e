"""Checks of the files of a database, asked of the server: each is there, whole, and long enough.

A table's later segments (`12345.1`) and its length are not written down anywhere, so a lost
segment makes a table shorter without any error. What is left to compare with is the size in the
catalog, which VACUUM, ANALYZE and CREATE INDEX keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.measurement import IntegrityCheck

# relpages is the size at the last VACUUM or ANALYZE; whatever shrinks a table sets it anew.
_RELATIONS = """
select coalesce(nullif(n.nspname, 'public') || '.', '') || c.relname as name, f.path, c.relpages,
  (pg_stat_file(f.path, true)).size
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join lateral (select pg_relation_filepath(c.oid) as path) f
where c.relpersistence <> 't' and f.path is not null
order by 1
"""

_SEGMENTS = """
select d.name, (pg_stat_file(base.path || '/' || d.name, true)).size
from (select regexp_replace(pg_relation_filepath('pg_class'), '/[^/]*$', '') as path) base
cross join lateral pg_ls_dir(base.path) d(name)
where d.name ~ '^[0-9]+\\.[0-9]+$'
"""


def check_files(connection: psycopg.Connection[Any]) -> Iterator[IntegrityCheck]:
    """One failed check for each relation whose files do not fit, or one that passed."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        relations = cursor.execute(_RELATIONS).fetchall()
        segments: dict[str, dict[int, int]] = {}
        for name, size in cursor.execute(_SEGMENTS).fetchall():
            node, number = name.split(".")
            segments.setdefault(node, {})[int(number)] = size or 0
        found = cursor.execute(
            "select current_setting('block_size')::int,"
            " (select setting::bigint from pg_settings where name = 'segment_size')"
        ).fetchone()
    assert found is not None
    page_bytes, segment_pages = found
    failures = []
    for name, path, known_pages, size in relations:
        node = path.rsplit("/", 1)[-1]
        problem = _problem(
            size, segments.get(node, {}), known_pages, page_bytes, segment_pages * page_bytes
        )
        if problem:
            failures.append(
                IntegrityCheck(
                    check="files", target=name, passed=False, detail=f"{path}: {problem}"
                )
            )
    yield from failures
    if not failures:
        yield IntegrityCheck(
            check="files", target="database", passed=True, detail=f"{len(relations)} relations"
        )


def _problem(
    first_bytes: int | None,
    segments: dict[int, int],
    known_pages: int,
    page_bytes: int,
    segment_bytes: int,
) -> str:
    """What is wrong with the files of one relation; "" where nothing is.

    `segments` are the sizes of the later segments by number.
    """
    if first_bytes is None:
        return "the file is missing"
    sizes = {0: first_bytes, **segments}
    for number in sorted(sizes):
        if sizes[number] % page_bytes:
            return f"segment {number} ends inside a page"
        if number and sizes.get(number - 1) != segment_bytes:
            return f"segment {number} is there, but segment {number - 1} is not whole"
    pages = sum(sizes.values()) // page_bytes
    if pages < known_pages:
        return f"{pages} pages, and the catalog last saw {known_pages}"
    return ""
