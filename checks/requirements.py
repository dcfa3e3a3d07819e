"""Requirements: what in the design serves each of them."""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.base import Value
from ..domain.design import Design, Relation
from ..domain.findings import Finding
from ..domain.naming import (
    check_name,
    exclusion_name,
    foreign_key_name,
    index_name,
    primary_key_name,
    unique_name,
    values_check_name,
)


class Coverage(Value):
    """A requirement (by id), what serves it, and which of its references lead nowhere.

    `served` is true for a requirement that no database can serve (`about_data` false).
    """

    requirement: str
    about_data: bool = True
    elements: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def served(self) -> bool:
        """At least one element serves it, and every reference leads to one."""
        return not self.about_data or (bool(self.elements) and not self.missing)


def resolve(design: Design, reference: str) -> bool:
    """True where an element reference (see `Requirement.elements`) leads to what the design has."""
    kind, _, rest = reference.partition(":")
    if kind == "query":
        return any(query.name == rest for query in design.workload)
    if kind == "role":
        return any(role.name == rest for role in design.roles)
    if kind == "objective":
        objectives = {"rpo": design.objectives.rpo_seconds, "rto": design.objectives.rto_seconds}
        return objectives.get(rest) is not None
    if kind == "index":
        return any(rest in index_names(relation) for relation in design.relations)
    name, _, part = rest.partition(".")
    relation = design.find(name)
    if relation is None:
        return False
    if kind == "column":
        return relation.find(part) is not None
    if kind == "constraint":
        return part in constraint_names(relation)
    if part:
        return False
    return {
        "relation": True,
        "policy": relation.tenant_column is not None and design.tenancy is not None,
        "retention": relation.retention is not None,
        "volume": relation.volume is not None,
    }.get(kind, False)


def constraint_names(relation: Relation) -> frozenset[str]:
    """The names of all constraints of a relation."""
    return frozenset(
        [
            *([primary_key_name(relation)] if relation.primary_key else []),
            *(unique_name(relation, unique) for unique in relation.uniques),
            *(foreign_key_name(relation, key) for key in relation.foreign_keys),
            *(check_name(relation, check) for check in relation.checks),
            *(values_check_name(relation, c.name) for c in relation.columns if c.values),
            *(exclusion_name(relation, exclusion) for exclusion in relation.exclusions),
        ]
    )


def index_names(relation: Relation) -> frozenset[str]:
    """The names of a relation's indexes, those behind its keys included."""
    return frozenset(
        [
            *([primary_key_name(relation)] if relation.primary_key else []),
            *(unique_name(relation, unique) for unique in relation.uniques),
            *(exclusion_name(relation, exclusion) for exclusion in relation.exclusions),
            *(index_name(relation, index) for index in relation.indexes),
        ]
    )


def coverage(design: Design) -> tuple[Coverage, ...]:
    """For each requirement, the elements that serve it."""
    entries: list[Coverage] = []
    for requirement in design.requirements:
        found = {element: resolve(design, element) for element in requirement.elements}
        entries.append(
            Coverage(
                requirement=requirement.id,
                about_data=requirement.about_data,
                elements=tuple(element for element, there in found.items() if there),
                missing=tuple(element for element, there in found.items() if not there),
            )
        )
    return tuple(entries)


def check_coverage(design: Design) -> Iterator[Finding]:
    """uncovered: a requirement about data that no element serves, or with a dangling reference."""
    seen: set[str] = set()
    for entry in coverage(design):
        element = f"requirement:{entry.requirement}"
        if entry.requirement in seen:
            yield Finding(
                rule="name", severity="warning", element=element,
                message="Two requirements share the id.", remediation="Number them apart.",
            )  # fmt: skip
        seen.add(entry.requirement)
        if entry.served:
            continue
        message = (
            f"It names {entry.missing[0]}, which the design does not have."
            if entry.missing
            else "Nothing in the design serves it."
        )
        yield Finding(
            rule="uncovered", severity="warning", element=element, message=message,
            remediation="Add what serves it, or say that it is not about data.",
        )  # fmt: skip


RULES = (check_coverage,)
