"""The SELECT that makes the rows of one relation.

Layers, from the bottom: numbers; links to parents; values; what counts within others (line
numbers, ranges that do not overlap); what follows from other columns; NULLs; repairs against rules
that could not be followed; a filter; the links to rows of the relation itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.expressions import parse_scalar
from ..domain.identifiers import quote
from . import repairs
from .layers import Layers
from .moments import count_value, exclusion_values
from .parents import Parents
from .picking import Picker
from .recipe import Recipe, condition
from .shapes import Rest, column_types
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
        self.formulas: dict[str, str] = {}

    def make(self) -> Making:
        """The SELECT and what is known about it."""
        recipe, layers = self.recipe, self.layers
        self._early()
        picker = Picker(recipe, layers, self.parents, even=self.even)
        picker.pick_all()
        self._values()
        self._counters()
        self._followers()
        self._nulls()
        if repairs.settle_partial_keys(recipe, layers):
            self.layers.sorted = False
        unfiltered = layers.sql
        if recipe.shapes.rest:
            self.layers.exact = False
            repairs.settle_rules(recipe, layers)
        if repairs.drop_repeated(recipe, layers):
            self.layers.exact = self.layers.sorted = False
        if not self.layers.exact:
            order = "" if self.layers.sorted else " ORDER BY a13_g"
            layers.sql = f"SELECT * FROM ({layers.sql}) AS f{order} LIMIT {self.rows}"
            self.layers.sorted = True
        picker.link_to_itself()
        columns = tuple(
            c.name for c in recipe.relation.columns if c.generated is None and layers.has(c.name)
        )
        listed = ", ".join(quote(name) for name in columns)
        order = "" if self.layers.sorted else " ORDER BY a13_g"
        return Making(
            sql=f"SELECT {listed} FROM ({layers.sql}) AS made{order}",
            columns=columns,
            exact=self.layers.exact,
            room=self.layers.room,
            formulas=self.formulas,
            rest=recipe.shapes.rest,
            unfiltered=unfiltered,
        )

    def formula(self, name: str) -> str:
        """The SQL over `a13_g` of a column that follows from the row's number."""
        return self._plain(name)

    # -- values --------------------------------------------------------------------------------

    def _early(self) -> None:
        """Columns that a link's turns depend on."""
        values = {name: self._plain(name) for name in sorted(self.recipe.keys.early)}
        if values:
            self.layers.add(values)

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
                self.layers.limit(made.capacity)
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
        if self.layers.room is not None:
            self.layers.add(where=f"a13_g <= {self.layers.room}")

    def _counters(self) -> None:
        recipe = self.recipe
        for name, within in recipe.keys.counters.items():
            turn = self._window(within)
            column = recipe.relation.column(name)
            sql, most = count_value(column, recipe.shapes.domain(name), recipe.draws, turn)
            self.layers.add({name: f"({sql})::{column.type}"})
            self.layers.sorted = False
            if most is not None:
                self.layers.add({"a13_turn": turn}, drop=())
                self.layers.add(where=f"a13_turn <= {most}", drop=("a13_turn",))
                self.layers.exact = False
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
            self.layers.exact = self.layers.sorted = False
        for exclusion in recipe.relation.exclusions:
            self.layers.add(exclusion_values(recipe.relation, exclusion, recipe.draws))
            self.layers.sorted = False

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
