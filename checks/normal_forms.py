"""Normal forms over declared functional dependencies: closure, candidate keys, violations.

Only declared dependencies fail a design; that each key determines its row is added here. Sources:
W. W. Armstrong 1974 (closure); C. L. Lucchesi and S. L. Osborn 1978 (all candidate keys); for the
whole relation it is enough to test the given dependencies, not all that follow from them
(J. D. Ullman, Principles of Database Systems, 1982, chapter 7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from ..domain.base import Value
from ..domain.design import Design, Relation
from ..domain.findings import Finding
from .reading import keys_of

Dependency = tuple[frozenset[str], frozenset[str]]
"""Determinant and dependent."""

MAX_KEYS = 200  # a relation may have exponentially many candidate keys


class Violation(Value):
    """A dependency that breaks a normal form, with the smallest determinant that does."""

    form: Literal["2NF", "3NF", "BCNF"]
    determinant: tuple[str, ...]
    dependent: str


def closure(attributes: Iterable[str], dependencies: Collection[Dependency]) -> frozenset[str]:
    """Every attribute that the given ones determine.

    >>> sorted(closure("a", [(frozenset("a"), frozenset("b")), (frozenset("b"), frozenset("c"))]))
    ['a', 'b', 'c']
    """
    known = set(attributes)
    waiting = list(dependencies)
    while True:
        rest = [entry for entry in waiting if not entry[0] <= known]
        if len(rest) == len(waiting):
            return frozenset(known)
        for left, right in waiting:
            if left <= known:
                known |= right
        waiting = rest


def candidate_keys(
    attributes: Collection[str], dependencies: Collection[Dependency]
) -> tuple[frozenset[str], ...]:
    """All minimal sets of attributes that determine every attribute, at most `MAX_KEYS`.

    Ordered by size, then by name.
    """
    everything = frozenset(attributes)
    dependencies = [(left & everything, right & everything) for left, right in dependencies]
    found = [_reduced(everything, everything, dependencies)]
    for key in found:  # grows while it is walked
        for left, right in dependencies:
            if len(found) >= MAX_KEYS:
                break
            superkey = left | (key - right)
            if not any(known <= superkey for known in found):
                found.append(_reduced(superkey, everything, dependencies))
    return tuple(sorted(set(found), key=lambda key: (len(key), sorted(key))))


def _reduced(
    superkey: frozenset[str], target: frozenset[str], dependencies: Collection[Dependency]
) -> frozenset[str]:
    """A minimal part of `superkey` that still determines `target`."""
    kept = set(superkey)
    for attribute in sorted(superkey):
        if target <= closure(kept - {attribute}, dependencies):
            kept.discard(attribute)
    return frozenset(kept)


def violations(
    attributes: Collection[str], dependencies: Collection[Dependency]
) -> tuple[Violation, ...]:
    """Which of the dependencies break 2NF, 3NF or only BCNF.

    2NF: a part of a candidate key determines an attribute outside every candidate key. 3NF: what
    is no superkey determines such an attribute. BCNF: what is no superkey determines an attribute
    of a candidate key.
    """
    everything = frozenset(attributes)
    keys = candidate_keys(attributes, dependencies)
    prime = frozenset().union(*keys)
    found: dict[Violation, None] = {}
    for left, right in dependencies:
        for attribute in sorted((right - left) & everything):
            determinant = _reduced(left & everything, frozenset({attribute}), dependencies)
            if attribute in determinant or everything <= closure(determinant, dependencies):
                continue
            form: Literal["2NF", "3NF", "BCNF"]
            if attribute in prime:
                form = "BCNF"
            else:
                form = "2NF" if any(determinant < key for key in keys) else "3NF"
            found[
                Violation(form=form, determinant=tuple(sorted(determinant)), dependent=attribute)
            ] = None
    return tuple(found)


def dependencies_of(relation: Relation) -> tuple[Dependency, ...]:
    """The declared dependencies, and that each key without nulls determines the row.

    What the server computes (a generated column) cannot go wrong and is left out.
    """
    everything = frozenset(relation.column_names)
    computed = frozenset(column.name for column in relation.columns if column.generated)
    declared = [
        (frozenset(entry.determinant), frozenset(entry.dependent) - computed)
        for entry in relation.dependencies
    ]
    keys = [
        frozenset(key)
        for key in keys_of(relation)
        if key == relation.primary_key
        or not any(column.nullable for column in relation.columns if column.name in key)
    ]
    return (
        *(entry for entry in declared if entry[0] | entry[1] <= everything),
        *((key, everything) for key in keys if key <= everything),
    )


def check_normal_forms(design: Design) -> Iterator[Finding]:
    """N1: a declared dependency breaks 2NF or 3NF (error) or only BCNF (info)."""
    for relation in design.relations:
        if not relation.dependencies:
            continue
        for violation in violations(relation.column_names, dependencies_of(relation)):
            left = ", ".join(violation.determinant)
            yield Finding(
                rule="N1",
                severity="info" if violation.form == "BCNF" else "error",
                element=f"column:{relation.name}.{violation.dependent}",
                message=f"{left} → {violation.dependent} breaks {violation.form}.",
                remediation=f"Move {violation.dependent} to a relation with the key ({left}), "
                "or record a waiver with the reason for the redundancy.",
            )


def check_dependencies(design: Design) -> Iterator[Finding]:
    """reference: a declared dependency names columns that exist."""
    for relation in design.relations:
        for entry in relation.dependencies:
            missing = {*entry.determinant, *entry.dependent} - set(relation.column_names)
            if missing or not entry.determinant or not entry.dependent:
                what = (
                    f"unknown columns: {', '.join(sorted(missing))}" if missing else "a side empty"
                )
                yield Finding(
                    rule="reference",
                    severity="error",
                    element=f"relation:{relation.name}",
                    message=f"A functional dependency has {what}.",
                    remediation="Name columns of the relation.",
                )


RULES = (check_dependencies, check_normal_forms)
