"""What is known about the rows of a relation before any is made: links, rules, keys."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..domain.access import time_column
from ..domain.design import Design, Relation
from ..domain.expressions import Expression, parse_predicate
from .check_reading import read_shapes
from .draws import Draws
from .keys import KeyPlan, plan_keys
from .links import Link, links_of
from .moments import Derived, plan_derived
from .shapes import Shapes, column_types


@dataclass
class Recipe:
    """What is known about a relation before any row is there."""

    design: Design
    relation: Relation
    links: list[Link]
    shapes: Shapes
    derived: list[Derived]
    keys: KeyPlan
    draws: Draws
    moment: str | None
    fixed: set[str] = field(default_factory=set)

    def null_columns(self) -> list[str]:
        """The nullable columns that no link fills."""
        linked = {c for link in self.links for c in link.columns}
        return [
            c.name
            for c in self.relation.columns
            if c.nullable and c.generated is None and c.name not in linked
            and c.name not in self.keys.never_null and c.name not in self.fixed
        ]  # fmt: skip


def plan_rows(
    design: Design,
    relation: Relation,
    postponed: set[tuple[str, int]],
    seed: int,
    parent_rows: dict[str, int],
) -> Recipe:
    """The recipe of a relation. Raises ExpressionError for an expression that is not allowed."""
    links = links_of(design, relation, postponed)
    linked = {column for link in links for column in link.columns}
    free = frozenset(
        c.name
        for c in relation.columns
        if c.name not in linked and not c.identity and c.generated is None
    )
    shapes = read_shapes(relation, free)
    ranges = {c for ex in relation.exclusions for c in (ex.start_column, ex.end_column)}
    moment = time_column(relation)
    moment = moment if moment in free else None
    derived = plan_derived(relation, shapes, free - ranges, moment)
    names = {d.name for d in derived} | ranges
    keys = plan_keys(relation, links, shapes, names, parent_rows)
    for column in relation.columns:
        if column.identity:
            keys.by_row.add(column.name)
    return Recipe(design, relation, links, shapes, derived, keys, Draws(seed, relation.name),
                  moment, fixed=ranges)  # fmt: skip


def condition(relation: Relation, text: str) -> Expression:
    """A predicate of the design over the relation's columns."""
    return parse_predicate(text, column_types(relation))
