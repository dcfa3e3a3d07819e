"""The body of CREATE TABLE: columns, keys, checks and exclusions of one relation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..domain.design import Check, Column, Design, Exclusion, ForeignKey, Relation, Unique
from ..domain.expressions import parse_predicate, parse_scalar
from ..domain.identifiers import quote, quote_literal
from ..domain.naming import (
    check_name,
    exclusion_name,
    foreign_key_name,
    primary_key_name,
    unique_name,
    values_check_name,
)
from ..domain.types import base_type, canonical_type, comparable, family
from ..errors import DesignError
from .statement import Statement

_RANGES = {
    "timestamp with time zone": "tstzrange",
    "timestamp without time zone": "tsrange",
    "date": "daterange",
    "integer": "int4range",
    "smallint": "int4range",
    "bigint": "int8range",
    "numeric": "numrange",
}
_NO_EQUALITY_IN_GIST = ("json", "array", "range", "search")
_PLAIN_DEFAULT = re.compile(r"'(?:[^']|'')*'|-?\d+(\.\d+)?|[A-Za-z_]+(\(\))?")


def invalid(message: str, element: str, hint: str = "") -> DesignError:
    """The error for an element that cannot be compiled."""
    return DesignError(message, hint=hint, element=element)


def names(relation: Relation, columns: Iterable[str], element: str) -> str:
    """Column names as SQL, comma-separated. Raises DesignError for one that is not there."""
    for name in columns:
        if relation.find(name) is None:
            raise invalid(f"Relation {relation.name} has no column {name!r}.", element)
    return ", ".join(quote(name) for name in columns)


def column_types(relation: Relation) -> dict[str, str]:
    """Columns and their types, for the look-up of names in expressions."""
    return {column.name: column.type for column in relation.columns}


def relation_body(design: Design, relation: Relation, keys: Iterable[ForeignKey]) -> list[str]:
    """The lines between the parentheses of CREATE TABLE; of the foreign keys only `keys`."""
    element = f"relation:{relation.name}"
    if not relation.columns:
        raise invalid(f"Relation {relation.name} has no columns.", element)
    seen: set[str] = set()
    for column in relation.columns:
        if column.name in seen:
            raise invalid(f"Column {column.name!r} appears twice.", element)
        seen.add(column.name)
    constraints = list(_constraints(design, relation, keys))
    used: set[str] = set()
    for name, _ in constraints:
        if name in used:
            raise invalid(
                f"Two constraints of {relation.name} are called {name!r}.",
                f"constraint:{relation.name}.{name}",
                hint="Drop the duplicate or give one a name.",
            )
        used.add(name)
    return [
        *(_column(relation, column) for column in relation.columns),
        *(f"CONSTRAINT {quote(name)} {body}" for name, body in constraints),
    ]


def foreign_key_clause(design: Design, relation: Relation, key: ForeignKey) -> str:
    """`CONSTRAINT name FOREIGN KEY (…) REFERENCES …`, checked against the referenced key."""
    name, body = _foreign_key(design, relation, key)
    return f"CONSTRAINT {quote(name)} {body}"


def comments(relation: Relation) -> Iterator[Statement]:
    """COMMENT ON for the relation and its columns: meaning, unit, classification."""
    text = relation.comment or relation.title
    if text:
        yield Statement(
            sql=f"COMMENT ON TABLE {quote(relation.name)} IS {_text(text)}",
            reverse="",
            element=f"relation:{relation.name}",
        )
    for column in relation.columns:
        parts = [column.comment.strip()]
        if column.unit:
            parts.append(f"Unit: {column.unit}.")
        if column.classification != "internal":
            parts.append(f"Classification: {column.classification}.")
        text = " ".join(part for part in parts if part)
        if text:
            target = f"{quote(relation.name)}.{quote(column.name)}"
            yield Statement(
                sql=f"COMMENT ON COLUMN {target} IS {_text(text)}",
                reverse="",
                element=f"column:{relation.name}.{column.name}",
            )


def _text(text: str) -> str:
    return quote_literal(text.replace("\x00", ""))


def _column(relation: Relation, column: Column) -> str:
    element = f"column:{relation.name}.{column.name}"
    try:
        parts = [quote(column.name), canonical_type(column.type)]
    except ValueError as error:
        raise invalid(f"Column name {column.name[:40]!r}: {error}.", element) from error
    except DesignError as error:
        raise invalid(error.message, element, error.hint) from error
    given = [column.identity, column.generated is not None, column.default is not None]
    if sum(given) > 1:
        raise invalid(
            f"Column {column.name} may be an identity, generated or have a default, not two.",
            element,
        )
    if column.identity:
        if family(parts[1]) != "integer" or column.nullable:
            raise invalid(f"Identity column {column.name} must be a NOT NULL integer.", element)
        parts.append("GENERATED ALWAYS AS IDENTITY")
    elif column.generated is not None:
        plain = {c.name: c.type for c in relation.columns if c.generated is None}
        value = parse_scalar(column.generated, plain, volatility="immutable", what=element)
        parts.append(f"GENERATED ALWAYS AS ({value.sql}) STORED")
    elif column.default is not None:
        sql = parse_scalar(column.default, {}, what=element).sql
        parts.append(f"DEFAULT {sql if _PLAIN_DEFAULT.fullmatch(sql) else f'({sql})'}")
    if not column.nullable:
        parts.append("NOT NULL")
    return " ".join(parts)


def _constraints(
    design: Design, relation: Relation, keys: Iterable[ForeignKey]
) -> Iterator[tuple[str, str]]:
    yield _primary_key(relation)
    for unique in relation.uniques:
        if unique.where is None:
            yield _unique(relation, unique)
    for column in relation.columns:
        if column.values:
            yield _values(relation, column)
    for check in relation.checks:
        yield _check(relation, check)
    for exclusion in relation.exclusions:
        yield _exclusion(relation, exclusion)
    for key in keys:
        yield _foreign_key(design, relation, key)


def _primary_key(relation: Relation) -> tuple[str, str]:
    name = primary_key_name(relation)
    element = f"constraint:{relation.name}.{name}"
    if not relation.primary_key:
        raise invalid(f"Relation {relation.name} has no primary key.", element)
    listed = names(relation, relation.primary_key, element)
    for column in relation.primary_key:
        if relation.column(column).nullable:
            raise invalid(f"Key column {relation.name}.{column} must not be nullable.", element)
    return name, f"PRIMARY KEY ({listed})"


def _unique(relation: Relation, unique: Unique) -> tuple[str, str]:
    name = unique_name(relation, unique)
    element = f"constraint:{relation.name}.{name}"
    if not unique.columns:
        raise invalid(f"Unique constraint {name} has no columns.", element)
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    return name, f"UNIQUE{nulls} ({names(relation, unique.columns, element)})"


def _values(relation: Relation, column: Column) -> tuple[str, str]:
    name = values_check_name(relation, column.name)
    element = f"constraint:{relation.name}.{name}"
    kind = canonical_type(column.type)
    if family(kind) == "json":
        raise invalid(f"Column {column.name}: a {kind} column has no closed set.", element)
    try:
        listed = ", ".join(quote_literal(value) for value in dict.fromkeys(column.values))
    except ValueError as error:
        raise invalid(f"Column {column.name}: {error}.", element) from error
    if kind.endswith("[]"):
        return name, f"CHECK ({quote(column.name)} <@ ARRAY[{listed}]::{kind})"
    return name, f"CHECK ({quote(column.name)} IN ({listed}))"


def _check(relation: Relation, check: Check) -> tuple[str, str]:
    name = check_name(relation, check)
    predicate = parse_predicate(
        check.expression, column_types(relation), what=f"constraint:{relation.name}.{name}"
    )
    return name, f"CHECK ({predicate.sql})"


def _exclusion(relation: Relation, exclusion: Exclusion) -> tuple[str, str]:
    name = exclusion_name(relation, exclusion)
    element = f"constraint:{relation.name}.{name}"
    ends = names(relation, (exclusion.start_column, exclusion.end_column), element)
    start, end = (
        canonical_type(relation.column(column).type)
        for column in (exclusion.start_column, exclusion.end_column)
    )
    function = _RANGES.get(base_type(start))
    if function is None or base_type(start) != base_type(end):
        raise invalid(
            f"Exclusion {name}: {start} and {end} do not make a range.",
            element,
            hint="Use two columns of one type: timestamptz, date, integer or numeric.",
        )
    elements = []
    for column in exclusion.equal_columns:
        listed = names(relation, (column,), element)
        kind = canonical_type(relation.column(column).type)
        if family(kind) in _NO_EQUALITY_IN_GIST or base_type(kind) == "citext":
            raise invalid(f"Exclusion {name}: a {kind} column cannot be compared in it.", element)
        elements.append(f"{listed} WITH =")
    elements.append(f"{function}({ends}, '[)') WITH &&")
    sql = f"EXCLUDE USING gist ({', '.join(elements)})"
    if exclusion.where:
        predicate = parse_predicate(
            exclusion.where, column_types(relation), volatility="immutable", what=element
        )
        sql += f" WHERE ({predicate.sql})"
    return name, sql


def _foreign_key(design: Design, relation: Relation, key: ForeignKey) -> tuple[str, str]:
    name = foreign_key_name(relation, key)
    element = f"constraint:{relation.name}.{name}"
    target = design.find(key.references)
    if target is None:
        raise invalid(f"{name} references {key.references!r}, which is not a relation.", element)
    referenced = key.referenced_columns or target.primary_key
    listed, there = names(relation, key.columns, element), names(target, referenced, element)
    if not key.columns or len(key.columns) != len(referenced):
        raise invalid(
            f"{name} has {len(key.columns)} columns for {len(referenced)} of {target.name}.",
            element,
        )
    candidates = [target.primary_key, *(u.columns for u in target.uniques if u.where is None)]
    if not any(set(candidate) == set(referenced) for candidate in candidates):
        raise invalid(
            f"{name} references {target.name} ({', '.join(referenced)}), which is no key of it.",
            element,
            hint="Add a unique constraint over exactly these columns.",
        )
    for column, other in zip(key.columns, referenced, strict=True):
        left = canonical_type(relation.column(column).type)
        right = canonical_type(target.column(other).type)
        if not comparable(left, right):
            raise invalid(
                f"{name}: {column} is {left}, but {target.name}.{other} is {right}.", element
            )
    sql = f"FOREIGN KEY ({listed}) REFERENCES {quote(target.name)} ({there})"
    if key.on_delete == "SET NULL":
        sql += f" ON DELETE SET NULL{_set_null_columns(relation, key, element)}"
    elif key.on_delete != "NO ACTION":
        sql += f" ON DELETE {key.on_delete}"
    return name, sql + (" DEFERRABLE INITIALLY DEFERRED" if key.deferrable else "")


def _set_null_columns(relation: Relation, key: ForeignKey, element: str) -> str:
    """Of a composite key only what may be null: never the tenant, never a NOT NULL column."""
    nullable = [
        column
        for column in key.columns
        if relation.column(column).nullable and column != relation.tenant_column
    ]
    if not nullable:
        raise invalid(
            f"{', '.join(key.columns)} must not be null, so ON DELETE SET NULL cannot work.",
            element,
            hint="Make the column nullable, or use RESTRICT or CASCADE.",
        )
    return "" if tuple(nullable) == key.columns else f" ({', '.join(map(quote, nullable))})"
