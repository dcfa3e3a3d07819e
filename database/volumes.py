"""How many rows each relation gets: what the PRD states, else a rule in words, within a budget.

The rule for a relation without a stated volume: tenants 100; a look-up (no foreign key beyond the
tenant's, few columns, referenced by others) 50; a root 10,000; a relation that is one-to-one with
its parent as many as the parent; any other child three times its largest parent, at most 100,000
or as many as that parent. The budget cuts assumed volumes first; a stated volume that is cut is
`capped`, and what is measured on it proves nothing about the stated one. A key of few possible
values limits a relation too: three plans are three rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..domain.access import time_column
from ..domain.design import Design, Relation
from ..domain.plan import Budget, RelationVolume

ROOT_ROWS = 10_000
TENANT_ROWS = 100
LOOKUP_ROWS = 50
CHILDREN_PER_PARENT = 3
ASSUMED_CAP = 100_000
_LOOKUP_COLUMNS = 5


@dataclass
class _Wish:
    """What a relation should hold before the budget speaks."""

    rows: int
    assumed: bool
    reason: str
    capped: bool = False

    @property
    def stated(self) -> bool:
        return not self.assumed


def plan_volumes(design: Design, budget: Budget) -> tuple[RelationVolume, ...]:
    """The rows to load into each relation, in the design's order.

    `stated_rows` is the wish before the budget: the PRD's figure, or the assumption.
    """
    wishes = _wishes(design)
    wanted = {name: wish.rows for name, wish in wishes.items()}
    _apply_relation_cap(wishes, budget.rows_per_relation)
    _apply_total_cap(wishes, budget.rows_total)
    return tuple(
        RelationVolume(
            relation=relation.name,
            rows=wishes[relation.name].rows,
            stated_rows=wanted[relation.name],
            assumed=wishes[relation.name].assumed,
            capped=wishes[relation.name].capped,
            reason=wishes[relation.name].reason,
        )
        for relation in design.relations
    )


def _wishes(design: Design) -> dict[str, _Wish]:
    wishes: dict[str, _Wish] = {}
    for relation in design.relations:
        volume = relation.volume
        if volume is not None and (volume.rows > 0 or not volume.assumed):
            what = "assumed by the design" if volume.assumed else "stated"
            reason = f"{what}: {volume.text}" if volume.text else what
            wishes[relation.name] = _Wish(max(0, volume.rows), volume.assumed, reason)
    referenced = {key.references for r in design.relations for key in r.foreign_keys}
    # Parents first; what is left after a round without progress is a cycle, and counts as a root.
    open_relations = [r for r in design.relations if r.name not in wishes]
    while open_relations:
        ready = [r for r in open_relations if not _waits(r, design, wishes)]
        for relation in ready or open_relations[:1]:
            wishes[relation.name] = _assume(relation, design, wishes, referenced)
        open_relations = [r for r in open_relations if r.name not in wishes]
    _lift_one_to_one_parents(design, wishes)
    return wishes


def _few_rows(relation: Relation) -> int | None:
    """How many rows a key of one column with a closed set of values allows, None for many."""
    keys = [relation.primary_key, *(u.columns for u in relation.uniques if u.where is None)]
    sizes = [
        len(relation.column(key[0]).values)
        for key in keys
        if len(key) == 1 and relation.column(key[0]).values
    ]
    return min(sizes) if sizes else None


def _waits(relation: Relation, design: Design, wishes: dict[str, _Wish]) -> bool:
    return any(parent not in wishes for parent in _parents(relation, design))


def _parents(relation: Relation, design: Design) -> list[str]:
    """The relations it refers to, without itself, the tenants and names the design lacks."""
    tenants = design.tenancy.relation if design.tenancy else None
    names = dict.fromkeys(key.references for key in relation.foreign_keys)
    return [n for n in names if n not in (relation.name, tenants) and design.find(n) is not None]


def _assume(
    relation: Relation, design: Design, wishes: dict[str, _Wish], referenced: set[str]
) -> _Wish:
    if design.tenancy and relation.name == design.tenancy.relation:
        return _Wish(TENANT_ROWS, True, f"assumed: {TENANT_ROWS} tenants")
    few = _few_rows(relation)
    if few is not None:
        return _Wish(few, True, f"assumed: its key has {few} possible values")
    parents = [(wishes[name].rows, name) for name in _parents(relation, design) if name in wishes]
    if not parents:
        if is_lookup(relation, design) and relation.name in referenced:
            return _Wish(LOOKUP_ROWS, True, f"assumed: a look-up relation has {LOOKUP_ROWS} rows")
        return _Wish(ROOT_ROWS, True, f"assumed: a root relation has {ROOT_ROWS:,} rows")
    rows, parent = max(parents)
    if parent in _one_to_one(relation):
        return _Wish(rows, True, f"assumed: one row for each row of {parent}")
    if all(_is_lookup_name(name, design) for _, name in parents):
        what = f"it only refers to look-up relations, so it has {ROOT_ROWS:,} rows"
        return _Wish(ROOT_ROWS, True, f"assumed: {what}")
    cap = max(ASSUMED_CAP, rows)
    fan_out = min(CHILDREN_PER_PARENT * rows, cap)
    capped = f", at most {cap:,}" if fan_out < CHILDREN_PER_PARENT * rows else ""
    return _Wish(
        fan_out, True, f"assumed: {CHILDREN_PER_PARENT} rows for each row of {parent}{capped}"
    )


def is_lookup(relation: Relation, design: Design) -> bool:
    """True for a small list of terms: no parents, few columns, no moment in time."""
    return (
        not _parents(relation, design)
        and len(relation.columns) <= _LOOKUP_COLUMNS
        and relation.tenant_column is None
        and time_column(relation) is None
        and any(c.name in _TERM_WORDS or c.name in relation.primary_key for c in relation.columns)
        and any(c.name in _TERM_WORDS for c in relation.columns)
    )


_TERM_WORDS = ("name", "code", "label", "title", "term", "symbol", "slug", "description")


def _is_lookup_name(name: str, design: Design) -> bool:
    parent = design.find(name)
    return parent is not None and is_lookup(parent, design)


def _one_to_one(relation: Relation) -> set[str]:
    """The relations of which each row has at most one row here."""
    keys = [set(relation.primary_key)]
    keys += [set(unique.columns) for unique in relation.uniques if unique.where is None]
    return {
        key.references
        for key in relation.foreign_keys
        if any(unique and unique <= set(key.columns) for unique in keys)
    }


def _lift_one_to_one_parents(design: Design, wishes: dict[str, _Wish]) -> None:
    """An assumed parent has room for every stated row that needs a parent of its own."""
    for relation in design.relations:
        wish = wishes[relation.name]
        for parent in _one_to_one(relation) & wishes.keys():
            if wish.stated and wishes[parent].assumed and wishes[parent].rows < wish.rows:
                reason = f"assumed: as many as {relation.name}, which is one-to-one with it"
                wishes[parent] = _Wish(wish.rows, True, reason)


def _apply_relation_cap(wishes: dict[str, _Wish], limit: int) -> None:
    for wish in wishes.values():
        if wish.rows > limit:
            why = f"the budget allows {limit:,} rows per relation"
            _cut(wish, limit, why)


def _apply_total_cap(wishes: dict[str, _Wish], limit: int) -> None:
    """Scale down in proportion until the total fits: assumed volumes first, then the stated."""
    total = sum(wish.rows for wish in wishes.values())
    if total <= limit:
        return
    why = f"the budget allows {limit:,} rows in all"
    stated = sum(wish.rows for wish in wishes.values() if wish.stated)
    assumed = total - stated
    # Assumed relations keep a tenth of the budget at least, so that joins meet rows.
    room = max(limit - stated, min(assumed, limit // 10))
    _level([wish for wish in wishes.values() if wish.assumed], room, why)
    room = limit - sum(wish.rows for wish in wishes.values() if wish.assumed)
    _scale([wish for wish in wishes.values() if wish.stated], max(0, room), why)


def _level(wishes: list[_Wish], room: int, why: str) -> None:
    """Cut the largest ones to one level, so that small relations stay as they are."""
    left = len(wishes)
    for wish in sorted(wishes, key=lambda w: w.rows):
        level = max(0, room // left)
        if wish.rows > level:
            _cut(wish, level, why)
        room -= wish.rows
        left -= 1


def _scale(wishes: list[_Wish], room: int, why: str) -> None:
    total = sum(wish.rows for wish in wishes)
    if total <= room:
        return
    # Small relations keep what they have: they cost little, and scaling them distorts the joins.
    for wish in sorted(wishes, key=lambda w: w.rows):
        share = math.floor(wish.rows * room / total) if total else 0
        rows = min(wish.rows, max(share, min(wish.rows, 100, room)))
        total -= wish.rows
        room -= rows
        if rows < wish.rows:
            _cut(wish, rows, why)


def _cut(wish: _Wish, rows: int, why: str) -> None:
    wish.reason = f"{wish.reason}; cut from {wish.rows:,} to {rows:,} because {why}"
    wish.rows = rows
    wish.capped = wish.capped or wish.stated
