"""What generated models say about a database, compared with its live catalog."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import CheckConstraint, Column, MetaData, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import Constraint, DefaultClause, PrimaryKeyConstraint

from ..domain.catalog import Catalog, CatalogColumn, CatalogTable
from ..domain.types import canonical_type
from ..errors import DesignError
from .ddl import check_expression
from .entities import tables_of

# `dialect` has no annotation in SQLAlchemy.
_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]


def model_differences(metadata: MetaData, catalog: Catalog) -> tuple[str, ...]:
    """One sentence for each difference between the models and the catalog; () where they agree.

    Compared are tables, columns with type, nullability, default, identity, generated expression
    and comment, constraints with their columns and references, and indexes by name, uniqueness
    and predicate.
    """
    live = {table.name: table for table in tables_of(catalog)}
    modelled = {table.name: table for table in metadata.tables.values()}
    found = [f"table {name} has no model" for name in live if name not in modelled]
    found += [f"model of {name} has no table" for name in modelled if name not in live]
    for name, table in live.items():
        if name in modelled:
            found += _columns(modelled[name], table)
            found += _constraints(modelled[name], table)
            found += _indexes(modelled[name], table)
            if (modelled[name].comment or "") != table.comment:
                found.append(f"{name}: the comments differ")
    return tuple(found)


def _columns(model: Table, table: CatalogTable) -> list[str]:
    names = [column.name for column in table.columns]
    if [column.name for column in model.columns] != names:
        return [f"{table.name}: columns {[c.name for c in model.columns]}, live {names}"]
    found = []
    for column in table.columns:
        mapped = _facts(model.columns[column.name])
        for key, value in _live_facts(column).items():
            if mapped[key] != value:
                found.append(f"{table.name}.{column.name}: {key} {mapped[key]!r}, live {value!r}")
    return found


def _facts(column: Column[Any]) -> dict[str, object]:
    default = column.server_default
    text = str(default.arg) if isinstance(default, DefaultClause) else None
    computed = column.computed
    return {
        "type": _canonical(column.type.compile(dialect=_DIALECT)),
        "nullable": bool(column.nullable),
        "default": None if text is None else _plain(text),
        "identity": column.identity is not None,
        "generated": None if computed is None else _plain(str(computed.sqltext)),
        "comment": column.comment or "",
    }


def _live_facts(column: CatalogColumn) -> dict[str, object]:
    return {
        "type": _canonical(column.type),
        "nullable": column.nullable,
        "default": column.default,
        "identity": column.identity,
        "generated": column.generated,
        "comment": column.comment,
    }


def _canonical(type_name: str) -> str:
    text = re.sub(r"\s*,\s*", ",", type_name.lower())
    try:
        return canonical_type(text)
    except DesignError:
        return text


def _plain(text: str) -> str:
    """A `text()` clause without the escapes of its colons."""
    return text.replace("\\:", ":")


def _constraints(model: Table, table: CatalogTable) -> list[str]:
    modelled = {fact for c in model.constraints if (fact := _constraint(c)) is not None}
    live = set()
    for constraint in table.constraints:
        rest: tuple[str, ...] = constraint.columns
        if constraint.kind == "check":
            rest = (check_expression(constraint.definition),)
        elif constraint.kind == "foreign key":
            targets = (f"{constraint.references}.{c}" for c in constraint.referenced_columns)
            rest = (*rest, "→", *targets)
        elif constraint.kind == "exclusion":
            rest = ()
        live.add((constraint.kind, constraint.name, rest))
    found = [f"{table.name}: no model of {kind} {name}" for kind, name, _ in live - modelled]
    return sorted(found + [f"{table.name}: no live {k} {n}" for k, n, _ in modelled - live])


def _constraint(constraint: Constraint) -> tuple[str, str, tuple[str, ...]] | None:
    name = str(constraint.name)
    if isinstance(constraint, CheckConstraint):
        return "check", name, (_plain(str(constraint.sqltext)),)
    if isinstance(constraint, ExcludeConstraint):
        return "exclusion", name, ()
    columns = tuple(column.name for column in getattr(constraint, "columns", ()))
    if isinstance(constraint, PrimaryKeyConstraint):
        return "primary key", name, columns
    if isinstance(constraint, UniqueConstraint):
        return "unique", name, columns
    elements = getattr(constraint, "elements", None)
    if elements is None:
        return None
    targets = tuple(element.target_fullname for element in elements)
    return "foreign key", name, (*columns, "→", *targets)


def _indexes(model: Table, table: CatalogTable) -> list[str]:
    backed = {constraint.name for constraint in table.constraints}
    live = {
        (index.name, index.unique, " WHERE " in index.definition)
        for index in table.indexes
        if not index.constraint and index.name not in backed
    }
    modelled = {
        (str(i.name), bool(i.unique), i.dialect_options["postgresql"]["where"] is not None)
        for i in model.indexes
    }
    found = [f"{table.name}: no model of index {name}" for name, *_ in live - modelled]
    return sorted(found + [f"{table.name}: no live index {name}" for name, *_ in modelled - live])
