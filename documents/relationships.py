"""Relationships between the generated models, with names that collide with nothing."""

from __future__ import annotations

import keyword
import re
from collections import defaultdict

from ..domain.base import Value
from ..domain.catalog import Catalog
from ..domain.identifiers import snake_case
from .entities import Reference, references_of, tables_of
from .python_names import TAKEN, singular


class Relationship(Value):
    """One side of a reference between two models."""

    attribute: str
    annotation: str
    target: str
    back: str
    foreign_keys: tuple[str, ...]
    remote_side: tuple[str, ...] = ()
    passive_deletes: bool = False
    post_update: bool = False
    overlaps: tuple[str, ...] = ()

    def line(self) -> str:
        """The attribute's statement."""
        keys = ", ".join(self.foreign_keys)
        arguments = [f'foreign_keys="[{keys}]"', f'back_populates="{self.back}"']
        if self.remote_side:
            arguments.append(f'remote_side="[{", ".join(self.remote_side)}]"')
        if self.passive_deletes:
            arguments.append('passive_deletes="all"')
        if self.post_update:
            arguments.append("post_update=True")
        if self.overlaps:
            arguments.append(f'overlaps="{",".join(self.overlaps)}"')
        head = f"    {self.attribute}: Mapped[{self.annotation}] = relationship("
        one = head + ", ".join(arguments) + ")"
        if len(one) <= 100:
            return one
        return "\n".join([head, *(f"        {argument}," for argument in arguments), "    )"])


def relationships_of(
    catalog: Catalog, classes: dict[str, str], attributes: dict[str, dict[str, str]]
) -> dict[str, tuple[Relationship, ...]]:
    """By table, both sides of every foreign key."""
    references = references_of(tables_of(catalog))
    taken = {table: set(names.values()) for table, names in attributes.items()}
    cyclic = _cyclic(references)
    forward: dict[str, str] = {}
    reverse: dict[str, str] = {}
    several: dict[tuple[str, str], int] = defaultdict(int)
    for r in references:
        several[r.child, r.parent] += 1
    for r in references:
        role = _role(r)
        forward[_key(r)] = _free(role, taken[r.child], role if role != r.parent else "parent")
        many = several[r.child, r.parent] > 1 or r.child == r.parent
        child = singular(r.child) if r.single else r.child
        name = f"{child}_by_{role}" if many else child
        reverse[_key(r)] = _free(snake_case(name) or "children", taken[r.parent], "children")
    found: dict[str, list[Relationship]] = defaultdict(list)
    for r in references:
        keys = tuple(f"{classes[r.child]}.{attributes[r.child][c]}" for c in r.columns)
        # Two keys that write the same column: SQLAlchemy wants to know that this is meant.
        rivals = [
            other
            for other in references
            if other.child == r.child
            and _key(other) != _key(r)
            and set(other.columns) & set(r.columns)
        ]
        overlaps = tuple(
            sorted({forward[_key(o)] for o in rivals} | {reverse[_key(o)] for o in rivals})
        )
        remote = tuple(f"{classes[r.parent]}.{attributes[r.parent][c]}" for c in r.parent_columns)
        self_reference = r.child == r.parent
        found[r.child].append(
            Relationship(
                attribute=forward[_key(r)],
                annotation=classes[r.parent] + (" | None" if r.optional else ""),
                target=classes[r.parent],
                back=reverse[_key(r)],
                foreign_keys=keys,
                remote_side=remote if self_reference else (),
                post_update=r.name in cyclic,
                overlaps=overlaps,
            )
        )
        child = classes[r.child]
        found[r.parent].append(
            Relationship(
                attribute=reverse[_key(r)],
                annotation=f"{child} | None" if r.single else f"list[{child}]",
                target=child,
                back=forward[_key(r)],
                foreign_keys=keys,
                # The database deletes or refuses; the session must not null the key first.
                passive_deletes=True,
                post_update=r.name in cyclic,
                overlaps=overlaps,
            )
        )
    return {table: tuple(items) for table, items in found.items()}


def _key(reference: Reference) -> str:
    return f"{reference.child}.{reference.name}"


def _role(reference: Reference) -> str:
    """What the parent is to the child: the key's column without its `_id`."""
    name = re.sub(r"_(id|uuid|key|code|number)$", "", snake_case(reference.column))
    return name or snake_case(reference.parent) or "parent"


def _free(name: str, taken: set[str], fallback: str) -> str:
    """The name, or one beside it, that no attribute has; it is taken from then on."""
    for candidate in (name, f"{fallback}_ref", *(f"{name}_{n}" for n in range(2, 1000))):
        bad = keyword.iskeyword(candidate) or candidate in TAKEN
        if candidate.isidentifier() and not bad and candidate not in taken:
            taken.add(candidate)
            return candidate
    raise AssertionError("a thousand relationships of one name")


def _cyclic(references: tuple[Reference, ...]) -> set[str]:
    """The references that lie on a cycle of tables (a table's own reference aside)."""
    after: dict[str, set[str]] = defaultdict(set)
    for r in references:
        if r.child != r.parent:
            after[r.child].add(r.parent)

    def reaches(start: str, goal: str) -> bool:
        seen, todo = {start}, [start]
        while todo:
            for following in after[todo.pop()]:
                if following == goal:
                    return True
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
        return False

    return {r.name for r in references if r.child != r.parent and reaches(r.parent, r.child)}
