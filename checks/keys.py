"""Keys and references: primary keys, uniques, foreign keys, their targets, types and cycles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..domain.design import Design, ForeignKey, Relation
from ..domain.findings import Finding
from ..domain.naming import exclusion_name, foreign_key_name, unique_name
from ..domain.types import comparable, family
from .reading import keys_of, nullable, target_columns, types_of

_MOMENTS = ("timestamp", "date", "integer", "numeric")  # families that a range can be made of
_NOT_IN_GIST = ("json", "array", "range", "search")  # families that btree_gist does not know


def check_primary_keys(design: Design) -> Iterator[Finding]:
    """K1: every relation has columns and a primary key over columns that are never null."""
    for relation in design.relations:
        element = f"relation:{relation.name}"
        if not relation.columns:
            yield Finding(
                rule="K1", severity="error", element=element,
                message="The relation has no columns.", remediation="Give it columns or drop it.",
            )  # fmt: skip
        elif not relation.primary_key:
            yield Finding(
                rule="K1", severity="error", element=element,
                message="The relation has no primary key.",
                remediation="Name the columns that tell one row from another, or add an id.",
            )  # fmt: skip
        for name in relation.primary_key:
            column = relation.find(name)
            if column is not None and column.nullable:
                yield Finding(
                    rule="K1", severity="error", element=f"column:{relation.name}.{name}",
                    message="A column of the primary key may be null.",
                    remediation="Make it not null.",
                )  # fmt: skip


def check_key_columns(design: Design) -> Iterator[Finding]:
    """reference: keys, uniques and exclusions name columns that exist, each once."""
    for relation in design.relations:
        named: list[tuple[str, tuple[str, ...], str]] = [
            ("primary key", relation.primary_key, f"relation:{relation.name}"),
            *(
                ("unique", unique.columns, _constraint(relation, unique_name(relation, unique)))
                for unique in relation.uniques
            ),
            *(
                ("foreign key", key.columns, _constraint(relation, foreign_key_name(relation, key)))
                for key in relation.foreign_keys
            ),
            *(
                (
                    "exclusion",
                    (*exclusion.equal_columns, exclusion.start_column, exclusion.end_column),
                    _constraint(relation, exclusion_name(relation, exclusion)),
                )
                for exclusion in relation.exclusions
            ),
        ]
        for kind, columns, element in named:
            if kind != "primary key" and not columns:
                yield _bad_reference(element, f"The {kind} names no column.")
            yield from _names(relation, kind, columns, element)
        yield from _exclusion_types(relation)


def _names(
    relation: Relation, kind: str, columns: tuple[str, ...], element: str
) -> Iterator[Finding]:
    missing = [name for name in columns if relation.find(name) is None]
    if missing:
        yield _bad_reference(element, f"The {kind} names unknown columns: {', '.join(missing)}.")
    elif len(set(columns)) < len(columns):
        yield _bad_reference(element, f"The {kind} names a column twice.")


def _exclusion_types(relation: Relation) -> Iterator[Finding]:
    types = types_of(relation)
    for exclusion in relation.exclusions:
        start, end = types.get(exclusion.start_column), types.get(exclusion.end_column)
        if start is None or end is None:
            continue
        if not comparable(start, end) or family(start) not in _MOMENTS:
            yield Finding(
                rule="type", severity="error",
                element=_constraint(relation, exclusion_name(relation, exclusion)),
                message=f"No range goes from {start} to {end}.",
                remediation="Give both ends one type: timestamp with time zone, date or a number.",
            )  # fmt: skip
        for name in exclusion.equal_columns:
            if name in types and family(types[name]) in _NOT_IN_GIST:
                yield Finding(
                    rule="type", severity="error",
                    element=_constraint(relation, exclusion_name(relation, exclusion)),
                    message=f"{name} is {types[name]}, which an exclusion cannot compare.",
                    remediation="Exclude by a number, a text, a date or a uuid.",
                )  # fmt: skip


def check_targets(design: Design) -> Iterator[Finding]:
    """K2: a foreign key refers to a key of an existing relation, column by column of one type."""
    for relation in design.relations:
        for key in relation.foreign_keys:
            yield from _target(design, relation, key)


def _target(design: Design, relation: Relation, key: ForeignKey) -> Iterator[Finding]:
    element = _constraint(relation, foreign_key_name(relation, key))
    target = design.find(key.references)
    if target is None:
        yield Finding(
            rule="K2", severity="error", element=element,
            message=f"The foreign key refers to {key.references!r}, which is not in the design.",
            remediation="Add the relation, or drop the reference.",
        )  # fmt: skip
        return
    referenced = target_columns(design, key)
    if len(referenced) != len(key.columns):
        yield Finding(
            rule="K2", severity="error", element=element,
            message=f"{len(key.columns)} columns refer to {len(referenced)} of {target.name}.",
            remediation="Refer to all columns of the key.",
        )  # fmt: skip
        return
    if set(referenced) not in [set(columns) for columns in keys_of(target)]:
        yield Finding(
            rule="K2", severity="error", element=element,
            message=f"({', '.join(referenced)}) is no key of {target.name}.",
            remediation="Refer to its primary key, or declare the columns unique.",
        )  # fmt: skip
    own, theirs = types_of(relation), types_of(target)
    for here, there in zip(key.columns, referenced, strict=True):
        left, right = own.get(here), theirs.get(there)
        if left is not None and right is not None and not comparable(left, right):
            yield Finding(
                rule="K2", severity="error", element=f"column:{relation.name}.{here}",
                message=f"{left} refers to {target.name}.{there}, which is {right}.",
                remediation=f"Make it {right}.",
            )  # fmt: skip


def check_covering_indexes(design: Design) -> Iterator[Finding]:
    """K3: a foreign key's columns lead an index or a key."""
    for relation in design.relations:
        leading = [
            *keys_of(relation),
            *(
                tuple(key.column or "" for key in index.keys)
                for index in relation.indexes
                if index.method == "btree" and index.where is None
            ),
        ]
        for key in relation.foreign_keys:
            width = len(key.columns)
            if not any(set(columns[:width]) == set(key.columns) for columns in leading):
                yield Finding(
                    rule="K3", severity="warning",
                    element=_constraint(relation, foreign_key_name(relation, key)),
                    message="No index covers the foreign key.",
                    remediation=f"Index ({', '.join(key.columns)}).",
                )  # fmt: skip


def check_foreign_key_shape(design: Design) -> Iterator[Finding]:
    """K5 twins, K6 half-null keys, K7 keys that refer to themselves, set_null on never null."""
    for relation in design.relations:
        seen: set[tuple[tuple[str, ...], str]] = set()
        for key in relation.foreign_keys:
            element = _constraint(relation, foreign_key_name(relation, key))
            twin = (key.columns, key.references)
            if twin in seen:
                yield Finding(
                    rule="K5", severity="warning", element=element,
                    message="Two foreign keys lead from the same columns to the same relation.",
                    remediation="Keep one.",
                )  # fmt: skip
            seen.add(twin)
            loose = [name for name in key.columns if nullable(relation, name)]
            if len(loose) > 1:
                yield Finding(
                    rule="K6", severity="warning", element=element,
                    message="One null among the columns switches the whole reference off.",
                    remediation="Make all but one not null, or add a check: all null or none.",
                )  # fmt: skip
            if key.references == relation.name and key.columns == target_columns(design, key):
                yield Finding(
                    rule="K7", severity="error", element=element,
                    message="The foreign key refers to its own columns, so it always holds.",
                    remediation="Add a column for the other row, such as parent_id.",
                )  # fmt: skip
            if key.on_delete == "SET NULL" and key.columns and not loose:
                yield Finding(
                    rule="set_null", severity="error", element=element,
                    message="ON DELETE SET NULL, but no column of the key may be null.",
                    remediation="Make the column nullable, or choose RESTRICT or CASCADE.",
                )  # fmt: skip


def check_cycles(design: Design) -> Iterator[Finding]:
    """K8: relations that need each other's rows first, with no null and no deferral to begin."""
    edges: dict[str, set[str]] = {relation.name: set() for relation in design.relations}
    for relation in design.relations:
        for key in relation.foreign_keys:
            breakable = key.deferrable or any(nullable(relation, name) for name in key.columns)
            if not breakable and key.references in edges and key.references != relation.name:
                edges[relation.name].add(key.references)
    reach = {name: _reachable(name, edges) for name in edges}
    told: set[str] = set()
    for name in edges:
        circle = [other for other in edges if other in reach[name] and name in reach[other]]
        if name in told or name not in reach[name]:
            continue
        told.update(circle)
        yield Finding(
            rule="K8", severity="error", element=f"relation:{name}",
            message=f"No first row can be inserted: {' → '.join([*circle, circle[0]])} refer to "
            "each other, never null and never deferred.",
            remediation="Make one of the foreign keys deferrable, or its column nullable.",
        )  # fmt: skip


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    """What can be reached from a relation in one step or more."""
    found: set[str] = set()
    waiting: list[str] = [start]
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def check_missing_references(design: Design) -> Iterator[Finding]:
    """K9: a column `x_id` beside a relation `x` (or its plural), with no foreign key."""
    names = {relation.name for relation in design.relations}
    for relation in design.relations:
        referring = {name for key in relation.foreign_keys for name in key.columns}
        for column in relation.columns:
            if column.name in referring or not column.name.endswith("_id"):
                continue
            stem = column.name.removesuffix("_id")
            target = next((name for name in _plurals(stem) if name in names), None)
            if target is not None and not (
                target == relation.name and column.name in relation.primary_key
            ):
                yield Finding(
                    rule="K9", severity="warning", element=f"column:{relation.name}.{column.name}",
                    message=f"The column looks like a reference to {target}, but none is declared.",
                    remediation="Declare the foreign key, or rename the column.",
                )  # fmt: skip


def _plurals(stem: str) -> Iterable[str]:
    yield from (stem, f"{stem}s", f"{stem}es")
    if stem.endswith("y"):
        yield f"{stem[:-1]}ies"


def _constraint(relation: Relation, name: str) -> str:
    return f"constraint:{relation.name}.{name}"


def _bad_reference(element: str, message: str) -> Finding:
    return Finding(
        rule="reference", severity="error", element=element, message=message,
        remediation="Name columns of the relation, each once.",
    )  # fmt: skip


RULES = (
    check_primary_keys,
    check_key_columns,
    check_targets,
    check_covering_indexes,
    check_foreign_key_shape,
    check_cycles,
    check_missing_references,
)
