"""How generated rows stay unique: for each candidate key one part that makes it so.

A key is unique because one of its columns counts the rows (a name with a number), or counts the
rows with the same other columns (line 1, 2, 3 of an order), or because a link goes to a different
parent each time the rest of the key repeats. A key for which nothing of this works is cleaned up
afterwards by dropping the rows that repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.design import Relation, Unique
from ..domain.expressions import parse_scalar
from ..domain.types import family
from .links import Link
from .shapes import Shapes, column_types
from .values import few_values

_BY_ROW = ("uuid", "text", "timestamp", "inet", "range", "binary")
_BY_COUNT = ("integer", "date", "numeric")


@dataclass
class KeyPlan:
    """What makes the rows of one relation unique.

    `by_row`: columns that are unique on their own. `counters`: column → the columns within which
    it counts. `steps`: link → the columns within which it takes a new parent each time; `few` the
    same for columns of few values. `early`: columns of few values that a step depends on.
    `clean`: keys to clean up.
    """

    by_row: set[str] = field(default_factory=set)
    counters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    steps: dict[int, tuple[str, ...]] = field(default_factory=dict)
    few: dict[str, tuple[str, ...]] = field(default_factory=dict)
    early: set[str] = field(default_factory=set)
    clean: list[Unique] = field(default_factory=list)
    partial: list[Unique] = field(default_factory=list)
    never_null: set[str] = field(default_factory=set)


def plan_keys(
    relation: Relation,
    links: list[Link],
    shapes: Shapes,
    derived: set[str],
    parent_rows: Mapping[str, int],
) -> KeyPlan:
    """The plan for a relation. `derived` columns follow from others and cannot count.

    `parent_rows` tells which link has the most room.
    """
    plan = KeyPlan()
    planner = _Planner(relation, links, shapes, derived, parent_rows, plan)
    keys = [Unique(columns=relation.primary_key)] if relation.primary_key else []
    keys += sorted(relation.uniques, key=lambda unique: unique.where is not None)
    for unique in keys:
        if unique.nulls_not_distinct:
            plan.never_null |= set(unique.columns)
        planner.take(unique)
    return plan


class _Planner:
    def __init__(
        self,
        relation: Relation,
        links: list[Link],
        shapes: Shapes,
        derived: set[str],
        parent_rows: Mapping[str, int],
        plan: KeyPlan,
    ) -> None:
        self.relation = relation
        self.links = [link for link in links if not link.to_itself and not link.postponed]
        self.linked = {column for link in links for column in link.columns}
        self.shapes = shapes
        self.derived = derived
        self.rows = parent_rows
        self.plan = plan

    def take(self, unique: Unique) -> None:
        """Find what makes the key unique and note it."""
        columns = self._sources(unique.columns)
        plan = self.plan
        if any(c in plan.by_row for c in columns) or self._excluded(columns):
            return
        free = [c for c in columns if c not in self.linked and c not in self.derived]
        wide = [c for c in free if self._few(c) is None]
        for name in _BY_ROW:
            chosen = next((c for c in wide if family(self._type(c)) == name), None)
            if chosen is not None and chosen not in plan.counters:
                plan.by_row.add(chosen)
                return
        if unique.where is not None:
            plan.partial.append(unique)
            return
        for name in _BY_COUNT:
            chosen = next((c for c in wide if family(self._type(c)) == name), None)
            if chosen is not None and self._count(chosen, columns):
                return
        if not self._step(columns):
            plan.clean.append(unique.model_copy(update={"columns": columns}))

    def _count(self, chosen: str, columns: tuple[str, ...]) -> bool:
        rest = tuple(c for c in columns if c != chosen)
        plan = self.plan
        if not rest:
            # Alone in its key: a counter within others would not be enough.
            plan.counters.pop(chosen, None)
            plan.by_row.add(chosen)
            return True
        if chosen in plan.counters:
            return plan.counters[chosen] == rest
        if any(c in plan.counters for c in rest):
            return False
        plan.counters[chosen] = rest
        return True

    def _step(self, columns: tuple[str, ...]) -> bool:
        """Let the part with the most room take a new value each time the rest repeats."""
        plan = self.plan
        rooms: list[tuple[int, int, Link | str]] = []
        for link in self.links:
            if set(link.columns) & set(columns) and link.number not in plan.steps:
                rooms.append((self.rows.get(link.parent, 0), link.number, link))
        for place, column in enumerate(columns):
            few = self._few(column)
            if few is not None and column not in self.linked and column not in plan.few:
                rooms.append((few, -place, column))
        if not rooms:
            return False
        best = max(rooms, key=lambda room: (room[0], -room[1]))[2]
        taken = {best} if isinstance(best, str) else set(best.columns)
        rest = tuple(c for c in columns if c not in taken)
        if any(c in plan.few or c in plan.counters for c in rest):
            return False
        if any(self._stepping(c) for c in rest):
            return False
        early = {c for c in rest if c not in self.linked}
        if any(self._few(c) is None for c in early):
            return False
        if isinstance(best, str):
            plan.few[best] = rest
        else:
            plan.steps[best.number] = rest
            plan.early |= early
        return True

    def _stepping(self, column: str) -> bool:
        """True for a column of a link that itself depends on other columns of a key."""
        return any(
            column in link.columns and self.plan.steps.get(link.number) for link in self.links
        )

    def _excluded(self, columns: tuple[str, ...]) -> bool:
        """Ranges that never overlap start at different moments."""
        return any(
            {*ex.equal_columns, ex.start_column} <= set(columns) for ex in self.relation.exclusions
        )

    def _few(self, column: str) -> int | None:
        return few_values(self.relation.column(column), self.shapes.domain(column))

    def _type(self, column: str) -> str:
        return self.relation.column(column).type

    def _sources(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The columns, generated ones replaced by what they are generated from."""
        types = column_types(self.relation)
        found: dict[str, None] = {}
        for name in columns:
            generated = self.relation.column(name).generated
            if generated is None:
                found[name] = None
            else:
                found.update(dict.fromkeys(parse_scalar(generated, types).columns))
        return tuple(found)
