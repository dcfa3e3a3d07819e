"""The layers that link rows to parents.

A parent is drawn with skew, or taken in turn where a key allows each only once; within the tenant
(or whatever else another link has fixed already) where columns are shared.
"""

from __future__ import annotations

from ..domain.design import Relation
from ..domain.identifiers import quote
from .draws import Draws
from .layers import Layers
from .links import Link
from .parents import Parents, Shelf
from .recipe import Recipe
from .shapes import column_types


class Picker:
    """Adds the links of a recipe to the layers. `even`: parents go round instead of being drawn."""

    def __init__(self, recipe: Recipe, layers: Layers, parents: Parents, *, even: bool) -> None:
        self.recipe = recipe
        self.layers = layers
        self.parents = parents
        self.even = even

    def pick_all(self) -> None:
        """A layer or more for each link to another relation."""
        for link in self._picking_order():
            if link.to_itself:
                continue
            if link.postponed:
                self._postpone(link)
                continue
            missing = [c for c in link.columns if not self.layers.has(c)]
            scope = tuple(c for c in link.columns if self.layers.has(c))
            if missing:
                self._pick(link, scope, missing)

    def _picking_order(self) -> list[Link]:
        """Links that take each parent once first, then those with more columns, then the rest."""
        steps = self.recipe.keys.steps

        def rank(link: Link) -> tuple[int, int, int, int]:
            once = link.number in steps and not steps[link.number]
            within = bool(steps.get(link.number))
            first = 0 if once else 2 if within else 1
            return (first, int(link.optional), -len(link.columns), link.number)

        return sorted(self.recipe.links, key=rank)

    def _pick(self, link: Link, scope: tuple[str, ...], missing: list[str]) -> None:
        steps = self.recipe.keys.steps
        siblings = self._siblings(link) if not scope else []
        filled = self.parents.filled.get(link.parent)
        direct = not scope and not siblings and self.parents.formulas(link, "1") is not None
        shelf: Shelf | None = None
        if not direct:
            shelf = self.parents.shelf(link, scope, siblings)
        count = shelf.rows if shelf else filled.rows if filled else 0
        if count == 0:
            self._absent(link, missing)
            return
        if scope:
            self._pick_in_scope(link, scope, missing, shelf)
            return
        within = steps.get(link.number)
        if within is None:
            ordinal = self._draw(link, f"{count}::bigint")
        elif not within:
            self.layers.limit(count)
            self.layers.add(where=f"a13_g <= {count}")
            ordinal = "a13_g"
        else:
            self._turns(link, within)
            self.layers.add(where=f"a13_turn <= {count}")
            ordinal = f"(1 + (a13_turn - 1 + a13_shift % {count}) % {count})"
            self.layers.exact = self.layers.sorted = False
        if shelf is None:
            values = self.parents.formulas(link, ordinal) or {}
            self.layers.add({c: values[c] for c in missing}, drop=("a13_turn", "a13_shift"))
            return
        self.layers.add({"a13_o": ordinal}, drop=("a13_turn", "a13_shift"))
        self.layers.add(
            {c: f"p.{quote(link.there(c))}" for c in missing},
            joins=f"\nJOIN {shelf.table} AS p ON p.a13_o = s.a13_o",
            drop=("a13_o",),
        )
        self.layers.sorted = False

    def _pick_in_scope(
        self, link: Link, scope: tuple[str, ...], missing: list[str], shelf: Shelf | None
    ) -> None:
        assert shelf is not None
        join = "LEFT JOIN" if link.optional else "JOIN"
        same = " AND ".join(f"p.{quote(link.there(c))} = s.{quote(c)}" for c in scope)
        within = self.recipe.keys.steps.get(link.number)
        if within is not None:
            self._turns(link, within)
        self.layers.add({"a13_n": "p.a13_n"}, joins=f"\n{join} {shelf.counts} AS p ON {same}")
        if within is None:
            ordinal = self._draw(link, "greatest(a13_n, 1)")
        else:
            self.layers.add(where="a13_turn <= coalesce(a13_n, a13_turn)")
            ordinal = "(1 + (a13_turn - 1 + a13_shift % a13_n) % a13_n)"
        self.layers.add({"a13_o": ordinal}, drop=("a13_turn", "a13_shift", "a13_n"))
        self.layers.add(
            {c: f"p.{quote(link.there(c))}" for c in missing},
            joins=f"\n{join} {shelf.table} AS p ON p.a13_o = s.a13_o AND {same}",
            drop=("a13_o",),
        )
        self.layers.exact = self.layers.exact and link.optional and within is None
        self.layers.sorted = False

    def _draw(self, link: Link, count: str) -> str:
        purpose = "+".join(link.columns)
        u = self.recipe.draws.u(purpose, "link")
        crowded = {c for ex in self.recipe.relation.exclusions for c in ex.equal_columns}
        if self.even:
            return f"(1 + (a13_g - 1) % {count})"
        # Where ranges must not overlap, nobody may have most of them.
        draw = "a13_spread" if crowded & set(link.columns) else "a13_zipf"
        return f"pg_temp.{draw}({u}, {count})"

    def _turns(self, link: Link, within: tuple[str, ...]) -> None:
        """How often the rest of the key came up to here, and where that rest starts counting."""
        listed = ", ".join(quote(c) for c in within)
        over = f"PARTITION BY {listed} ORDER BY a13_g" if listed else "ORDER BY a13_g"
        shift = f"(hash_record_extended(row({listed}), 0) & 1048575)" if listed else "0"
        self.layers.add({"a13_turn": f"row_number() OVER ({over})", "a13_shift": shift})

    def _siblings(self, link: Link) -> list[tuple[Link, tuple[str, ...]]]:
        """The mandatory links that share columns with this one."""
        found = []
        for other in self.recipe.links:
            shared = tuple(c for c in link.columns if c in other.columns)
            if other != link and shared and not (
                other.optional or other.to_itself or other.postponed
            ):  # fmt: skip
                same = {(link.there(c), other.there(c)) for c in shared}
                if other.parent != link.parent or any(a != b for a, b in same):
                    found.append((other, shared))
        return found

    def _absent(self, link: Link, missing: list[str]) -> None:
        """No parent to link to: NULL where that is allowed, else no rows at all."""
        types = column_types(self.recipe.relation)
        self.layers.add({c: f"NULL::{types[c]}" for c in missing})
        if not link.optional:
            self.layers.limit(0)

    def _postpone(self, link: Link) -> None:
        missing = [c for c in link.columns if not self.layers.has(c)]
        types = column_types(self.recipe.relation)
        optional = set(link.null_columns)
        values = {c: f"NULL::{types[c]}" for c in missing if c in optional}
        must = [c for c in missing if c not in optional]
        if must:
            # Both sides need each other: the key's value is known from the number in advance.
            planned = self.parents.formulas(link, self._draw(link, self._planned_rows(link)))
            values |= {c: planned[c] for c in must} if planned else {}
        self.layers.add(values)

    def _planned_rows(self, link: Link) -> str:
        filled = self.parents.filled.get(link.parent)
        return f"{filled.rows if filled else 1}::bigint"

    def link_to_itself(self) -> None:
        """Link rows to earlier rows of the same relation: trees and chains."""
        for link in self.recipe.links:
            if not link.to_itself:
                continue
            missing = [c for c in link.columns if not self.layers.has(c)]
            scope = [c for c in link.columns if self.layers.has(c)]
            if not missing:
                continue
            within = ", ".join(f"r.{quote(c)}" for c in scope)
            over = f"PARTITION BY {within} ORDER BY a13_g" if within else "ORDER BY a13_g"
            same = "".join(f" AND p.{quote(link.there(c))} = s.{quote(c)}" for c in scope)
            alone = link.number in self.recipe.keys.steps
            u = self.recipe.draws.u("+".join(link.columns), "own")
            if alone:
                earlier = "s.a13_rank - 1"
            else:
                earlier = f"pg_temp.a13_spread({u.replace('a13_g', 's.a13_g')}, s.a13_rank - 1)"
            if not link.optional:
                earlier = f"CASE WHEN s.a13_rank = 1 THEN 1 ELSE {earlier} END"
            absent = "s.a13_rank > 1"
            if link.optional and not alone:
                absent += f" AND {u.replace('a13_g', 's.a13_g')} >= 0.2"
            if not link.optional:
                absent = "true"
            kept = ", ".join(f"s.{quote(c)}" for c in self.layers.columns)
            own = ", ".join(f"p.{quote(link.there(c))} AS {quote(c)}" for c in missing)
            self.layers.sql = (
                f"WITH ranked AS MATERIALIZED (SELECT r.*, row_number() OVER ({over}) AS a13_rank "
                f"FROM ({self.layers.sql}) AS r)\n"
                f"SELECT {kept}, {own} FROM ranked AS s LEFT JOIN ranked AS p "
                f"ON p.a13_rank = {earlier} AND {absent}{same}"
            )
            self.layers.columns = [*self.layers.columns, *missing]
            self.layers.sorted = False


def link_later(parents: Parents, relation: Relation, link: Link, *, seed: int) -> str:
    """The UPDATE that links the rows of a relation to a parent that was filled after it."""
    missing = list(link.null_columns)
    scope = tuple(c for c in link.columns if c not in missing)
    shelf = parents.shelf(link, scope, [])
    alone = any(
        set(u.columns) <= set(link.columns)
        for u in relation.uniques
    )  # fmt: skip
    u = Draws(seed, relation.name).u("+".join(link.columns), "later")
    count = "n.a13_n" if scope else f"{max(1, shelf.rows)}::bigint"
    pick = "s.a13_g" if alone else f"pg_temp.a13_zipf({u}, {count})"
    keep = "" if alone else f" AND {u} >= 0.15"
    within = ", ".join(quote(c) for c in scope)
    over = f"PARTITION BY {within} ORDER BY ctid" if scope else "ORDER BY ctid"
    counted = ""
    if scope:
        same = " AND ".join(f"n.{quote(link.there(c))} = s.{quote(c)}" for c in scope)
        counted = f" JOIN {shelf.counts} AS n ON {same}"
    picked = (
        f"SELECT s.*, {pick} AS a13_o FROM (SELECT ctid AS a13_row"
        f"{', ' + within if within else ''}, row_number() OVER ({over}) AS a13_g "
        f"FROM {quote(relation.name)}) AS s{counted} WHERE true{keep}"
    )
    same = "".join(f" AND p.{quote(link.there(c))} = s.{quote(c)}" for c in scope)
    changes = ", ".join(f"{quote(c)} = p.{quote(link.there(c))}" for c in missing)
    return (
        f"UPDATE {quote(relation.name)} AS t SET {changes} FROM ({picked}) AS s "
        f"JOIN {shelf.table} AS p ON p.a13_o = s.a13_o{same} WHERE t.ctid = s.a13_row"
    )
