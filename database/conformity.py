"""Conformity: does the live catalog hold what the design asks for? Differences in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.catalog import Catalog, CatalogTable
from ..domain.design import Design, Relation
from ..domain.naming import (
    check_name,
    exclusion_name,
    foreign_key_name,
    index_name,
    policy_name,
    primary_key_name,
    unique_name,
    values_check_name,
)
from ..domain.types import canonical_type
from .compile import extensions


def design_differences(design: Design, catalog: Catalog) -> tuple[str, ...]:
    """What the design asks for and the catalog does not hold; nothing where all is there."""
    found = [
        f"extension {name} is not there"
        for name in extensions(design)
        if name not in catalog.extensions
    ]
    for relation in design.relations:
        try:
            table = catalog.table(relation.name)
        except KeyError:
            found.append(f"relation {relation.name} is not there")
            continue
        found += _columns(relation, table)
        found += _constraints(relation, table)
        found += _indexes(relation, table)
        found += _security(design, relation, table)
    return tuple(found)


def _columns(relation: Relation, table: CatalogTable) -> Iterator[str]:
    held = {column.name: column for column in table.columns}
    for column in relation.columns:
        place = f"column {relation.name}.{column.name}"
        there = held.get(column.name)
        if there is None:
            yield f"{place} is not there"
            continue
        wanted = canonical_type(column.type)
        wanted = "character(1)" if wanted == "character" else wanted
        if there.type != wanted:
            yield f"{place} is {there.type}, not {wanted}"
        if there.nullable != column.nullable:
            yield f"{place} is {'nullable' if there.nullable else 'NOT NULL'}"
        if there.identity != column.identity:
            yield f"{place} is {'an' if there.identity else 'no'} identity"
        if (there.generated is None) != (column.generated is None):
            yield f"{place} is {'not ' if there.generated is None else ''}generated"
        if (there.default is None) != (column.default is None):
            yield f"{place} has {'no' if there.default is None else 'a'} default"


def _constraints(relation: Relation, table: CatalogTable) -> Iterator[str]:
    held = {constraint.name: constraint for constraint in table.constraints}
    wanted = [(primary_key_name(relation), "primary key")]
    wanted += [
        (unique_name(relation, unique), "unique")
        for unique in relation.uniques
        if unique.where is None
    ]
    wanted += [(foreign_key_name(relation, key), "foreign key") for key in relation.foreign_keys]
    wanted += [(check_name(relation, check), "check") for check in relation.checks]
    wanted += [(values_check_name(relation, c.name), "check") for c in relation.columns if c.values]
    wanted += [(exclusion_name(relation, e), "exclusion") for e in relation.exclusions]
    for name, kind in wanted:
        there = held.get(name)
        if there is None:
            yield f"constraint {relation.name}.{name} is not there"
        elif there.kind != kind:
            yield f"constraint {relation.name}.{name} is a {there.kind}, not a {kind}"
        elif not there.validated:
            yield f"constraint {relation.name}.{name} is not validated"
    for key in relation.foreign_keys:
        there = held.get(foreign_key_name(relation, key))
        if there is not None and there.references != key.references:
            yield f"constraint {relation.name}.{there.name} references {there.references}"


def _indexes(relation: Relation, table: CatalogTable) -> Iterator[str]:
    held = {index.name: index for index in table.indexes}
    wanted = [index_name(relation, index) for index in relation.indexes]
    wanted += [unique_name(relation, unique) for unique in relation.uniques if unique.where]
    for name in wanted:
        there = held.get(name)
        if there is None:
            yield f"index {name} is not there"
        elif not there.valid:
            yield f"index {name} is INVALID"


def _security(design: Design, relation: Relation, table: CatalogTable) -> Iterator[str]:
    tenants = design.tenancy is not None and design.tenancy.relation == relation.name
    if relation.tenant_column is None and not tenants:
        return
    if not (table.row_security and table.force_row_security):
        yield f"row-level security of {relation.name} is not enabled and forced"
    if all(policy.name != policy_name(relation) for policy in table.policies):
        yield f"policy {policy_name(relation)} of {relation.name} is not there"
