"""The SQL of retention: which rows are due, which must wait, what goes with them.

A row goes when its time is over, no hold keeps it, and nothing that has a time of its own still
refers to it. Rows that cannot exist without it, and for which nothing is stated, go with it; where
a reference may be null, or a retention is stated, the referring rows are first in their own right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..domain.design import Column, Design, ForeignKey, Relation
from ..domain.expressions import parse_predicate
from ..domain.identifiers import quote, quote_literal
from ..domain.types import base_type, canonical_type, family

PERSONAL = ("personal", "sensitive", "secret")


class Reference(NamedTuple):
    """A foreign key, seen from the relation it refers to."""

    child: Relation
    key: ForeignKey


def references_to(design: Design, relation: Relation) -> list[Reference]:
    """The foreign keys that refer to a relation."""
    return [
        Reference(child, key)
        for child in design.relations
        for key in child.foreign_keys
        if key.references == relation.name
    ]


def over(relation: Relation, clock: str, period: str) -> str:
    """The predicate "the time of the row is over" at `%(now)s`."""
    kind = base_type(relation.column(clock).type)
    cutoff = f"(%(now)s::timestamptz - interval {quote_literal(period)})"
    if kind == "date":
        cutoff = f"({cutoff} AT TIME ZONE 'UTC')::date"
    elif kind == "timestamp without time zone":
        cutoff = f"({cutoff} AT TIME ZONE 'UTC')"
    return f"{quote(clock)} < {cutoff}"


def held(relation: Relation, hold: str | None) -> str:
    """The predicate of a legal hold; "false" where there is none."""
    if not hold:
        return "false"
    types = {column.name: column.type for column in relation.columns}
    return doubled(parse_predicate(hold, types, what=f"retention:{relation.name}").sql)


def doubled(sql: str) -> str:
    """SQL inside a statement with `%(now)s`: a `%` of its own is doubled."""
    return sql.replace("%", "%%")


def waits(design: Design, relation: Relation) -> list[str]:
    """Predicates under which a row, called t0, must wait."""
    return list(_waits(design, relation, 0, (relation.name,)))


def _waits(design: Design, relation: Relation, level: int, path: tuple[str, ...]) -> Iterator[str]:
    for child, key in references_to(design, relation):
        if key.on_delete == "SET NULL":
            continue
        alias = f"t{level + 1}"
        rows = f"SELECT FROM {quote(child.name)} {alias} WHERE {_link(design, key, level)}"
        if _in_its_own_right(child, key) or child.name in path:
            yield f"EXISTS ({rows})"
        else:
            for inner in _waits(design, child, level + 1, (*path, child.name)):
                yield f"EXISTS ({rows} AND {inner})"


def _in_its_own_right(child: Relation, key: ForeignKey) -> bool:
    """True where the child has a stated time, or can live without the parent."""
    if child.retention is not None and not child.retention.assumed:
        return True
    if key.on_delete == "CASCADE":
        return False
    return all(child.column(name).nullable for name in key.columns)


def _link(design: Design, key: ForeignKey, level: int) -> str:
    there = referenced(design, key)
    return " AND ".join(
        f"t{level + 1}.{quote(name)} = t{level}.{quote(other)}"
        for name, other in zip(key.columns, there, strict=True)
    )


def referenced(design: Design, key: ForeignKey) -> tuple[str, ...]:
    """The columns that a foreign key refers to."""
    return key.referenced_columns or design.relation(key.references).primary_key


def followers(
    design: Design, relation: Relation, chosen: str, path: tuple[str, ...] = ()
) -> Iterator[tuple[Relation, str]]:
    """The rows that go with the chosen rows, the deepest first, as (relation, predicate).

    `chosen` is the predicate of the rows of `relation`.
    """
    for child, key in references_to(design, relation):
        alone = _in_its_own_right(child, key) or key.on_delete == "SET NULL"
        if alone or child.name in (*path, relation.name):
            continue
        names = ", ".join(map(quote, key.columns))
        there = ", ".join(map(quote, referenced(design, key)))
        inner = f"({names}) IN (SELECT {there} FROM {quote(relation.name)} t0 WHERE {chosen})"
        yield from followers(design, child, inner, (*path, relation.name))
        yield child, inner


def anonymous(relation: Relation) -> dict[str, str]:
    """What each personal column of a relation becomes, as SQL; keys and references stay."""
    fixed = {name for key in relation.foreign_keys for name in key.columns}
    fixed |= set(relation.primary_key)
    found = {}
    for column in relation.columns:
        personal = column.classification in PERSONAL
        if personal and column.name not in fixed and column.generated is None:
            value = _nobody(relation, column)
            if value:
                found[column.name] = value
    return found


def changed_by(relation: Relation, becomes: dict[str, str]) -> str:
    """The predicate "at least one of the columns is not yet what it becomes"."""
    # As text, because json has no equality.
    return "({})".format(
        " OR ".join(
            f"{quote(name)}::text IS DISTINCT FROM ({value})::"
            f"{canonical_type(relation.column(name).type)}::text"
            for name, value in becomes.items()
        )
    )


def _nobody(relation: Relation, column: Column) -> str:
    """A value that tells nothing about a person; "" where none is known to fit."""
    unique = any(column.name in key.columns for key in relation.uniques)
    if column.nullable:
        return "NULL"
    group = family(column.type)
    if group == "text" and not column.values:
        return _nobody_text(relation, column)
    if unique or column.values:
        return ""
    name = quote(column.name)
    values = {
        "date": f"date_trunc('year', {name})::date",
        "timestamp": f"date_trunc('year', {name})",
        "integer": "0", "numeric": "0", "float": "0", "boolean": "false",
        "time": "'00:00'", "interval": "'0'", "json": "'{}'", "binary": "''", "inet": "'0.0.0.0'",
        "array": "'{}'", "range": "'empty'", "search": "''",
        "uuid": "'00000000-0000-0000-0000-000000000000'",
    }  # fmt: skip
    return values.get(group, "")


def _nobody_text(relation: Relation, column: Column) -> str:
    """`anonymised-` and the key, as an address where the column asks for one."""
    address = "email" in column.name or any(
        "@" in check.expression and column.name in check.expression for check in relation.checks
    )
    key = " || '-' || ".join(f"{quote(name)}::text" for name in relation.primary_key)
    text = f"'anonymised-' || {key}" + (" || '@example.invalid'" if address else "")
    size = column.type.partition("(")[2].rstrip(")")
    if size.isdigit():
        # Short columns keep the end of the key, which differs from row to row.
        text = f"right({text}, {size})"
    return text
