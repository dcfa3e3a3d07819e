"""Seed data: a few readable rows for each relation, as a file of INSERTs that anyone can run.

The rows are made by the same generator as the large volumes, in a transaction that is rolled back;
what the server then shows is written down. So every row has passed every constraint once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg

from ..domain.design import Column, Design, Relation
from ..domain.identifiers import quote, quote_literal
from ..domain.types import family
from ..errors import TargetError
from .generate import small_rows
from .links import load_order

SEED_ROWS = 20
_BARE = ("integer", "numeric", "float", "boolean")


def seed_text(
    connection: psycopg.Connection, design: Design, *, seed: int, rows: int = SEED_ROWS
) -> str:
    """The text of a seed file for a schema that is there and empty.

    The connection's role must pass row-level security. Nothing stays in the database but the
    sequences' positions, which the file sets anyway.
    """
    ordered, postponed = load_order(design)
    waiting: dict[str, set[str]] = {}
    for name, number in postponed:
        keys = design.relation(name).foreign_keys
        if number < len(keys):
            relation = design.relation(name)
            columns = (c for c in keys[number].columns if relation.column(c).nullable)
            waiting.setdefault(name, set()).update(columns)
    with connection.transaction(force_rollback=True):
        small_rows(design, seed=seed, rows=rows)(connection)
        connection.execute("SET LOCAL timezone = 'UTC'")
        connection.execute("SET LOCAL datestyle = 'ISO, MDY'")
        connection.execute("SET LOCAL intervalstyle = 'postgres'")
        parts = [*_head(design, seed)]
        for relation in ordered:
            parts += _inserts(connection, relation, waiting.get(relation.name, set()))
        for relation in ordered:
            if relation.name in waiting:
                parts += _updates(connection, relation, waiting[relation.name])
    return "\n".join([*parts, "COMMIT;", ""])


def write_seed(
    connection: psycopg.Connection,
    design: Design,
    path: Path,
    *,
    seed: int,
    rows: int = SEED_ROWS,
) -> str:
    """Write the seed file of a design to `path` in one step; its text. See `seed_text`."""
    text = seed_text(connection, design, seed=seed, rows=rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
    return text


def apply_seed(connection: psycopg.Connection, path: Path) -> None:
    """Run a seed file in the schema behind the connection, whole or not at all.

    Raises TargetError where the server refuses a row (the schema is another one, or not empty).
    """
    try:
        connection.execute(path.read_text(encoding="utf-8").encode())
    except psycopg.Error as error:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.rollback()
        said = error.diag.message_primary or str(error).splitlines()[0]
        raise TargetError(
            f"The seed data could not be loaded: {said}.",
            hint="Seed data belong into an empty schema at the newest revision.",
            sqlstate=error.sqlstate or "",
        ) from error


def _head(design: Design, seed: int) -> Iterator[str]:
    title = " ".join((design.title or design.name).split()).replace("\x00", "")
    yield f"-- Seed data for {title}: made-up people and things (seed {seed})."
    yield "-- Run it in an empty schema at the newest revision, as a role that passes row-level"
    yield "-- security (a superuser, or one with BYPASSRLS). It is one transaction."
    yield ""
    yield "BEGIN;"
    yield "SET LOCAL timezone = 'UTC';"
    yield "SET LOCAL datestyle = 'ISO, MDY';"
    yield "SET CONSTRAINTS ALL DEFERRED;"
    yield ""


def _inserts(
    connection: psycopg.Connection, relation: Relation, waiting: set[str]
) -> Iterator[str]:
    columns = [c for c in relation.columns if c.generated is None and c.name not in waiting]
    rows = _rows(connection, relation, columns)
    if not rows:
        return
    listed = ", ".join(quote(c.name) for c in columns)
    over = " OVERRIDING SYSTEM VALUE" if any(c.identity for c in columns) else ""
    yield f"INSERT INTO {quote(relation.name)} ({listed}){over} VALUES"
    for place, row in enumerate(rows):
        end = ";" if place == len(rows) - 1 else ","
        yield f"    ({', '.join(row)}){end}"
    for column in columns:
        if column.identity:
            table, name = quote_literal(quote(relation.name)), quote_literal(column.name)
            yield (
                f"SELECT setval(pg_get_serial_sequence({table}, {name}), "
                f"(SELECT max({quote(column.name)}) FROM {quote(relation.name)}));"
            )
    yield ""


def _updates(
    connection: psycopg.Connection, relation: Relation, waiting: set[str]
) -> Iterator[str]:
    """The references of a cycle, set once both sides are there."""
    keys = [relation.column(name) for name in relation.primary_key]
    later = [c for c in relation.columns if c.name in waiting]
    for row in _rows(connection, relation, [*keys, *later]):
        where = " AND ".join(
            f"{quote(c.name)} = {text}" for c, text in zip(keys, row, strict=False)
        )
        changes = [
            f"{quote(c.name)} = {text}"
            for c, text in zip(later, row[len(keys) :], strict=True)
            if text != "NULL"
        ]
        if changes:
            yield f"UPDATE {quote(relation.name)} SET {', '.join(changes)} WHERE {where};"
    yield ""


def _rows(
    connection: psycopg.Connection, relation: Relation, columns: list[Column]
) -> list[list[str]]:
    """The rows as SQL texts, in the order of the primary key."""
    listed = ", ".join(f"{quote(c.name)}::text" for c in columns)
    # Qualified: a bare name would be the text of the select list, and 10 would come before 2.
    table = quote(relation.name)
    order = ", ".join(f"{table}.{quote(name)}" for name in relation.primary_key) or "1"
    query = f"SELECT {listed} FROM {quote(relation.name)} ORDER BY {order}"
    found = connection.execute(query.encode()).fetchall()
    return [
        [_literal(column, text) for column, text in zip(columns, row, strict=True)] for row in found
    ]


def _literal(column: Column, text: str | None) -> str:
    if text is None:
        return "NULL"
    special = text in ("NaN", "Infinity", "-Infinity")
    if family(column.type) in _BARE and not special:
        return text
    return quote_literal(text)
