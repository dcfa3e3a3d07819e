"""Entities and references: what an ER diagram of a live catalog shows, before any drawing."""

from __future__ import annotations

from collections import Counter

from ..domain.base import Value
from ..domain.catalog import Catalog, CatalogTable
from ..domain.design import Design

# The table in which Alembic keeps its place is no part of the design.
BOOKKEEPING = frozenset({"alembic_version"})

_SHORT = (
    ("timestamp with time zone", "timestamptz"),
    ("timestamp without time zone", "timestamp"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
    ("character varying", "varchar"),
    ("double precision", "double"),
    ("character(", "char("),
)


class Reference(Value):
    """A foreign key as an edge. `optional`: a child may have no parent; `single`: at most one
    child for each parent."""

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    optional: bool
    single: bool
    definition: str = ""

    @property
    def column(self) -> str:
        """The column at which the edge begins: the last, for a shared tenant column comes first."""
        return self.columns[-1]


def tables_of(catalog: Catalog) -> tuple[CatalogTable, ...]:
    """The tables to document, in the catalog's order."""
    return tuple(table for table in catalog.tables if table.name not in BOOKKEEPING)


def short_type(type_name: str) -> str:
    """A type as people write it: `timestamptz`, `varchar(40)`."""
    for long, short in _SHORT:
        type_name = type_name.replace(long, short)
    return type_name


def references_of(tables: tuple[CatalogTable, ...]) -> tuple[Reference, ...]:
    """The foreign keys between these tables."""
    names = {table.name for table in tables}
    found = []
    for table in tables:
        nullable = {column.name for column in table.columns if column.nullable}
        keys = [
            set(constraint.columns)
            for constraint in table.constraints
            if constraint.kind in ("primary key", "unique")
        ]
        # A unique index may be partial; then it says nothing about all rows.
        keys += [
            set(index.columns)
            for index in table.indexes
            if index.unique and " WHERE " not in index.definition and "" not in index.columns
        ]
        for constraint in table.constraints:
            if constraint.kind != "foreign key" or constraint.references not in names:
                continue
            columns = set(constraint.columns)
            found.append(
                Reference(
                    name=constraint.name,
                    child=table.name,
                    columns=constraint.columns,
                    parent=constraint.references or "",
                    parent_columns=constraint.referenced_columns,
                    optional=bool(columns & nullable),
                    single=any(key and key <= columns for key in keys),
                    definition=constraint.definition,
                )
            )
    return tuple(found)


def hubs_of(
    tables: tuple[CatalogTable, ...], references: tuple[Reference, ...], design: Design
) -> tuple[str, ...]:
    """The tables that so many others refer to that edges would hide the rest.

    The relation of the tenants, or one that more than 40 % of the others refer to; in both cases
    only where at least four do, in a picture of eight tables or more.
    """
    if len(tables) < 8:
        return ()
    parents = Counter(
        p for _, p in {(r.child, r.parent) for r in references if r.child != r.parent}
    )
    tenants = design.tenancy.relation if design.tenancy else None
    return tuple(
        table.name
        for table in tables
        if parents[table.name] >= 4
        and (table.name == tenants or parents[table.name] > 0.4 * (len(tables) - 1))
    )


def visible(references: tuple[Reference, ...], hubs: tuple[str, ...]) -> tuple[Reference, ...]:
    """The references that are drawn as edges: all but those to a hub."""
    return tuple(reference for reference in references if reference.parent not in hubs)


class Domain(Value):
    """A group of tables that belong together, named after its most referenced table."""

    name: str
    tables: tuple[str, ...]


def domains_of(
    tables: tuple[CatalogTable, ...], references: tuple[Reference, ...], hubs: tuple[str, ...]
) -> tuple[Domain, ...]:
    """The tables in groups, by greedy modularity over the references that are not to hubs.

    Source: Clauset, Newman, Moore, "Finding community structure in very large networks" (2004).
    Tables that only refer to a hub join its group; tables without any reference share one.
    """
    order = {table.name: position for position, table in enumerate(tables)}
    edges = Counter(
        frozenset((r.child, r.parent)) for r in visible(references, hubs) if r.child != r.parent
    )
    total = sum(edges.values())
    degree = Counter(name for edge, n in edges.items() for name in edge for _ in range(n))
    groups: list[set[str]] = [{table.name} for table in tables if degree[table.name]]
    limit = max(5, round(len(tables) / 2.5))
    while total:
        group_of = {name: number for number, group in enumerate(groups) for name in group}
        weight = [sum(degree[name] for name in group) for group in groups]
        between: Counter[tuple[int, int]] = Counter()
        for edge, number in edges.items():
            low, high = sorted(group_of[name] for name in edge)
            if low != high:
                between[low, high] += number
        best: tuple[float, int, int] | None = None
        for (i, j), number in sorted(between.items()):
            if len(groups[i]) + len(groups[j]) <= limit:
                gain = number / total - weight[i] * weight[j] / (2 * total * total)
                if best is None or gain > best[0] + 1e-9:
                    best = (gain, i, j)
        if best is None or best[0] <= 0:
            break
        groups[best[1]] |= groups.pop(best[2])
    # A table alone joins the group that it has most to do with, if it has to do with any.
    for alone in [group for group in groups if len(group) == 1]:
        near = [
            (sum(n for edge, n in edges.items() if edge & alone and edge & group), -position)
            for position, group in enumerate(groups)
            if group is not alone
        ]
        if near and max(near)[0]:
            groups[-max(near)[1]] |= alone
            groups = [group for group in groups if group is not alone]
    # Then what only refers to a hub joins the hub, and the rest stands together.
    lonely = {table.name for table in tables} - {name for group in groups for name in group}
    for hub in hubs:
        followers = {r.child for r in references if r.parent == hub} & lonely
        if hub in lonely:
            groups.append({hub})
        next(group for group in groups if hub in group).update(followers)
        lonely -= followers | {hub}
    if lonely:
        groups.append(lonely)
    referenced = Counter(reference.parent for reference in references)
    named = []
    for group in groups:
        members = sorted(group, key=lambda name: order[name])
        inside = [name for name in members if name in hubs]
        head = inside[0] if inside else max(members, key=lambda n: (referenced[n], -order[n]))
        named.append(Domain(name=head, tables=tuple(members)))
    return tuple(sorted(named, key=lambda domain: min(order[name] for name in domain.tables)))
