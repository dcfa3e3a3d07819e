"""Decomposition: a dependency that breaks a normal form moves to a relation of its own.

`postal_code → city` in customers gives a relation postal_codes (postal_code, city), to which
customers refer. Source: the synthesis of 3NF relations, one relation for a dependency.
"""

from __future__ import annotations

from ...domain.design import (
    Design,
    ForeignKey,
    FunctionalDependency,
    Relation,
)
from ...domain.identifiers import RESERVED, shorten
from .words import plural_name


def decompose(design: Design, relation: Relation, dependent: str) -> tuple[Design, str] | None:
    """The design with the dependency of `dependent` moved out, and what was done; None where a
    rule, a key or a query still needs the column where it is."""
    dependency = next((d for d in relation.dependencies if dependent in d.dependent), None)
    if dependency is None or any(relation.find(c) is None for c in dependency.determinant):
        return None
    moved = tuple(c for c in dependency.dependent if relation.find(c))
    if not moved or _needed(relation, moved) or _queried(design, relation, moved):
        return None
    home = _home(design, relation, dependency)
    determinant = tuple(relation.column(c) for c in dependency.determinant)
    if any(c.nullable for c in determinant) and len(determinant) > 1:
        return None
    if home is None:
        name = shorten(plural_name("_".join(dependency.determinant)))
        name = f"{shorten(name, 55)}_records" if name in RESERVED else name
        if design.find(name) is not None:
            name = shorten(f"{relation.name}_{name}")
        if design.find(name) is not None:
            return None
        fresh = Relation(
            name=name,
            columns=(
                *(c.model_copy(update={"nullable": False, "default": None, "identity": False})
                  for c in determinant),
                *(relation.column(c) for c in moved),
            ),
            primary_key=dependency.determinant,
            title=name.replace("_", " "), comment=f"What {', '.join(dependency.determinant)} "
                f"determines",
            sources=dependency.sources,
        )  # fmt: skip
        design = design.model_copy(update={"relations": (*design.relations, fresh)})
        key = ForeignKey(
            columns=dependency.determinant, references=name, sources=dependency.sources
        )
        keys = (*relation.foreign_keys, key)
        target = name
    else:
        target, keys = home, relation.foreign_keys
    rest = tuple(
        FunctionalDependency(determinant=d.determinant, dependent=left, sources=d.sources)
        for d in relation.dependencies
        if d != dependency and (left := tuple(c for c in d.dependent if c not in moved))
        and not set(d.determinant) & set(moved)
    )  # fmt: skip
    slim = relation.model_copy(
        update={
            "columns": tuple(c for c in relation.columns if c.name not in moved),
            "dependencies": rest,
            "foreign_keys": keys,
            "indexes": tuple(
                i for i in relation.indexes if not {k.column for k in i.keys} & set(moved)
            ),
        }
    )
    design = design.replace(slim)
    return design, (
        f"{', '.join(moved)} moves from {relation.name} to {target}, whose key determines it"
    )


def _home(design: Design, relation: Relation, dependency: FunctionalDependency) -> str | None:
    """The relation that already holds what the determinant refers to."""
    for key in relation.foreign_keys:
        target = design.find(key.references)
        if target is not None and key.columns == dependency.determinant and all(
            target.find(c) for c in dependency.dependent
        ):  # fmt: skip
            return target.name
    return None


def _needed(relation: Relation, moved: tuple[str, ...]) -> bool:
    names = set(moved)
    if names & set(relation.primary_key) or any(names & set(u.columns) for u in relation.uniques):
        return True
    if any(names & set(k.columns) for k in relation.foreign_keys):
        return True
    texts = [c.expression for c in relation.checks]
    texts += [c.generated or "" for c in relation.columns]
    return any(name in text for name in names for text in texts)


def _queried(design: Design, relation: Relation, moved: tuple[str, ...]) -> bool:
    """True where a parameter is drawn from a column that would move."""
    return any(
        p.relation == relation.name and p.column in moved
        for query in design.workload
        for p in query.parameters
    )
