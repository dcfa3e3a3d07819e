"""The SELECT that makes the rows of one relation.

Layers, from the bottom: numbers; links to parents; values; what counts within others (line
numbers, ranges that do not overlap); what follows from other columns; NULLs; repairs against rules
that could not be followed; a filter; the links to rows of the relation itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..domain.access import time_column
from ..domain.design import Design, Relation
from ..domain.expressions import Expression, parse_predicate, parse_scalar
from ..domain.identifiers import quote
from . import repairs
from .draws import Draws
from .keys import KeyPlan, plan_keys
from .layers import Layers
from .links import Link, links_of
from .moments import Derived, count_value, exclusion_values, plan_derived
from .parents import Parents, Shelf
from .shapes import Rest, Shapes, column_types, read_shapes
from .values import at_index, few_values, null_share, value


@dataclass
class Making:
    """How the rows of a relation are made.

    `sql` gives the columns in the order of `columns`. `exact`: each number gives one row.
    `room`: how many rows there can be at most, None for any number. `formulas`: columns that
    follow from the number alone, as long as no number was dropped.
    """

    sql: str
    columns: tuple[str, ...]
    exact: bool
    room: int | None
    formulas: dict[str, str]
    rest: list[Rest]
    unfiltered: str


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


class Maker:
    """Builds the SELECT of a recipe for so many numbers.

    `even`: links go round instead of being drawn, which leaves room where keys are scarce.
    """

    def __init__(
        self, recipe: Recipe, parents: Parents, rows: int, numbers: int, *, even: bool = False
    ) -> None:
        self.recipe = recipe
        self.parents = parents
        self.rows = rows
        self.even = even
        self.layers = Layers(numbers)
        self.exact = True
        self.sorted = True
        self.room: int | None = None
        self.formulas: dict[str, str] = {}

    def make(self) -> Making:
        """The SELECT and what is known about it."""
        recipe, layers = self.recipe, self.layers
        self._early()
        self._links()
        self._values()
        self._counters()
        self._followers()
        self._nulls()
        if repairs.settle_partial_keys(recipe, layers):
            self.sorted = False
        unfiltered = layers.sql
        if recipe.shapes.rest:
            self.exact = False
            repairs.settle_rules(recipe, layers)
        if repairs.drop_repeated(recipe, layers):
            self.exact = self.sorted = False
        if not self.exact:
            order = "" if self.sorted else " ORDER BY a13_g"
            layers.sql = f"SELECT * FROM ({layers.sql}) AS f{order} LIMIT {self.rows}"
            self.sorted = True
        self._own_links()
        columns = tuple(
            c.name for c in recipe.relation.columns if c.generated is None and layers.has(c.name)
        )
        listed = ", ".join(quote(name) for name in columns)
        order = "" if self.sorted else " ORDER BY a13_g"
        return Making(
            sql=f"SELECT {listed} FROM ({layers.sql}) AS made{order}",
            columns=columns,
            exact=self.exact,
            room=self.room,
            formulas=self.formulas,
            rest=recipe.shapes.rest,
            unfiltered=unfiltered,
        )

    def formula(self, name: str) -> str:
        """The SQL over `a13_g` of a column that follows from the row's number."""
        return self._plain(name)

    # -- links ---------------------------------------------------------------------------------

    def _early(self) -> None:
        values = {}
        for name in sorted(self.recipe.keys.early):
            values[name] = self._plain(name)
        if values:
            self.layers.add(values)

    def _links(self) -> None:
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
            self.room = count if self.room is None else min(self.room, count)
            self.layers.add(where=f"a13_g <= {count}")
            ordinal = "a13_g"
        else:
            self._turns(link, within)
            self.layers.add(where=f"a13_turn <= {count}")
            ordinal = f"(1 + (a13_turn - 1 + a13_shift % {count}) % {count})"
            self.exact = self.sorted = False
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
        self.sorted = False

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
        self.exact = self.exact and link.optional and within is None
        self.sorted = False

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
            self.room = 0

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

    # -- values --------------------------------------------------------------------------------

    def _plain(self, name: str) -> str:
        recipe = self.recipe
        column = recipe.relation.column(name)
        made = value(
            column,
            recipe.shapes.domain(name),
            recipe.draws,
            rows=self.rows,
            unique=name in recipe.keys.by_row,
            moment=name == recipe.moment,
        )
        if name in recipe.keys.by_row:
            if made.capacity is not None:
                self.room = made.capacity if self.room is None else min(self.room, made.capacity)
            self.formulas[name] = f"({made.sql})::{column.type}"
        return f"({made.sql})::{column.type}"

    def _values(self) -> None:
        recipe = self.recipe
        later = {d.name for d in recipe.derived} | set(recipe.keys.counters)
        later |= set(recipe.keys.few) | recipe.fixed
        later |= {c for link in recipe.links if link.to_itself for c in link.columns}
        values = {
            c.name: self._plain(c.name)
            for c in recipe.relation.columns
            if c.generated is None and c.name not in later and not self.layers.has(c.name)
        }
        self.layers.add(values)
        if self.room is not None:
            self.layers.add(where=f"a13_g <= {self.room}")

    def _counters(self) -> None:
        recipe = self.recipe
        for name, within in recipe.keys.counters.items():
            turn = self._window(within)
            column = recipe.relation.column(name)
            sql, most = count_value(column, recipe.shapes.domain(name), recipe.draws, turn)
            self.layers.add({name: f"({sql})::{column.type}"})
            self.sorted = False
            if most is not None:
                self.layers.add({"a13_turn": turn}, drop=())
                self.layers.add(where=f"a13_turn <= {most}", drop=("a13_turn",))
                self.exact = False
        for name, within in recipe.keys.few.items():
            turn = self._window(within)
            column, domain = recipe.relation.column(name), recipe.shapes.domain(name)
            size = few_values(column, domain) or 1
            self.layers.add({"a13_turn": turn})
            index = f"1 + (a13_turn - 1) % {size}"
            self.layers.add(
                {name: at_index(column, domain, index)},
                where=f"a13_turn <= {size}",
                drop=("a13_turn",),
            )
            self.exact = self.sorted = False
        for exclusion in recipe.relation.exclusions:
            self.layers.add(exclusion_values(recipe.relation, exclusion, recipe.draws))
            self.sorted = False

    def _window(self, within: tuple[str, ...]) -> str:
        listed = ", ".join(quote(c) for c in within)
        over = f"PARTITION BY {listed} ORDER BY a13_g" if listed else "ORDER BY a13_g"
        return f"row_number() OVER ({over})"

    def _followers(self) -> None:
        recipe = self.recipe
        for derived in recipe.derived:
            column = derived.column
            self.layers.add({column.name: f"({derived.sql(recipe.draws)})::{column.type}"})
        wanted = {c for rest in recipe.shapes.rest for c in rest.columns}
        wanted |= {c for unique in recipe.keys.partial for c in unique.columns}
        types = column_types(recipe.relation)
        for column in recipe.relation.columns:
            if column.generated is not None and column.name in wanted:
                made = parse_scalar(column.generated, types).sql
                self.layers.add({column.name: f"({made})::{column.type}"})

    def _nulls(self) -> None:
        recipe = self.recipe
        tested = {c for rest in recipe.shapes.rest for c in rest.columns}
        for unique in recipe.keys.partial:
            tested |= set(condition(recipe.relation, unique.where or "true").columns)
        values: dict[str, str] = {}
        for name in recipe.null_columns():
            share = null_share(recipe.relation.column(name), reference=False)
            u = recipe.draws.u(name, "null")
            values[name] = f"CASE WHEN {u} >= {share} THEN {quote(name)} END"
            if name in tested:
                values[repairs.drawn_name(name)] = quote(name)
        for link in recipe.links:
            if link.optional and not link.postponed and not link.to_itself:
                share = null_share(recipe.relation.column(link.null_columns[0]), reference=True)
                u = recipe.draws.u("+".join(link.columns), "null")
                for name in link.null_columns:
                    if name in recipe.keys.never_null:
                        continue
                    values[name] = f"CASE WHEN {u} >= {share} THEN {quote(name)} END"
                    if name in tested:
                        values[repairs.drawn_name(name)] = quote(name)
        if values:
            self.layers.add(values)

    # -- the relation itself -------------------------------------------------------------------

    def _own_links(self) -> None:
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
            self.sorted = False


def condition(relation: Relation, text: str) -> Expression:
    """A predicate of the design over the relation's columns."""
    return parse_predicate(text, column_types(relation))
