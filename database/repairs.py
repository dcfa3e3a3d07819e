"""Rows against the rules that the generator cannot follow: repair, then filter.

A row that breaks a rule is tried again with other choices for the columns the rule speaks of: NULL
or not, another of few values. The first choice that passes is taken; a row with none is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from ..domain.design import Column, Unique
from ..domain.expressions import parse_predicate
from ..domain.identifiers import quote, quote_literal, shorten
from .layers import Layers
from .shapes import Domain, column_types
from .trees import bare, conjuncts, literal_text, parse_tree
from .values import at_index, few_values

if TYPE_CHECKING:
    from .recipe import Recipe

_MOST_CHOICES = 64


def drawn_name(column: str) -> str:
    """The name of the layer's column that keeps a value which may have become NULL."""
    return shorten(f"a13_drawn_{column}")


def settle_rules(recipe: Recipe, layers: Layers) -> None:
    """Repair what breaks a rule of `recipe.shapes.rest`, drop what cannot be repaired."""
    rest = recipe.shapes.rest
    tested = list(dict.fromkeys(c for rule in rest for c in rule.columns if layers.has(c)))
    # A rule over a column that is filled later sees NULL; the server has the last word.
    types = column_types(recipe.relation)
    unknown = {c for rule in rest for c in rule.columns} - set(tested)
    if unknown:
        layers.add({c: f"NULL::{types[c]}" for c in sorted(unknown)})
        tested += sorted(unknown)
    ok = " AND ".join(f"(({rule.sql}) IS NOT FALSE)" for rule in rest)
    choices = _choices(recipe, layers, [c for c in tested if c not in unknown])
    if not choices:
        layers.add(where=ok, drop=tuple(unknown))
        return
    layers.add({"a13_ok": ok})
    options, radix = [], 1
    for name in tested:
        if name in choices:
            listed = choices[name]
            whens = " ".join(f"WHEN {place} THEN {sql}" for place, sql in enumerate(listed[:-1]))
            number = f"(v.i / {radix}) % {len(listed)}"
            options.append(f"CASE {number} {whens} ELSE {listed[-1]} END AS {quote(name)}")
            radix *= len(listed)
        else:
            options.append(f"s.{quote(name)} AS {quote(name)}")
    found = "\nLEFT JOIN LATERAL (SELECT o.* FROM (SELECT v.i AS a13_i, "
    # A row that is fine has no choices to go through.
    many = f"CASE WHEN s.a13_ok THEN -1 ELSE {radix - 1} END"
    found += f"{', '.join(options)} FROM generate_series(0, {many}) AS v(i)) AS o WHERE {ok} "
    found += "ORDER BY hashint8extended(s.a13_g, o.a13_i) LIMIT 1) AS r ON NOT s.a13_ok"
    layers.add(
        {
            name: f"CASE WHEN s.a13_ok THEN s.{quote(name)} ELSE r.{quote(name)} END"
            for name in choices
        },
        joins=found,
        where="s.a13_ok OR r.a13_i IS NOT NULL",
        drop=(*sorted(unknown), "a13_ok"),
    )


def _choices(recipe: Recipe, layers: Layers, tested: list[str]) -> dict[str, list[str]]:
    """The SQL of the choices for each column that may be changed, at most 64 in all."""
    relation, keys = recipe.relation, recipe.keys
    linked = {c for link in recipe.links for c in link.columns}
    locked = keys.early | set(keys.few) | keys.by_row | recipe.fixed
    alone = {link.columns[0] for link in recipe.links if len(link.columns) == 1}
    found: dict[str, list[str]] = {}
    for name in tested:
        column = relation.column(name)
        drawn = drawn_name(name)
        if column.generated is not None or name in locked:
            continue
        few = few_values(column, recipe.shapes.domain(name))
        if few is not None and few <= 8 and name not in linked:
            found[name] = _all_values(column, recipe.shapes.domain(name), few)
            if layers.has(drawn):
                found[name].append(f"NULL::{column.type}")
        elif layers.has(drawn) and (name not in linked or name in alone):
            found[name] = [f"s.{quote(drawn)}", f"NULL::{column.type}"]
    total = 1
    kept: dict[str, list[str]] = {}
    for name, choices in sorted(found.items(), key=lambda item: len(item[1])):
        if total * len(choices) <= _MOST_CHOICES:
            kept[name] = choices
            total *= len(choices)
    return kept


def _all_values(column: Column, domain: Domain, few: int) -> list[str]:
    return [at_index(column, domain, str(place)) for place in range(1, few + 1)]


def settle_partial_keys(recipe: Recipe, layers: Layers) -> bool:
    """Where a partial key repeats, take the later row out of its predicate. True if one does."""
    found = False
    for unique in recipe.keys.partial:
        if not all(layers.has(c) for c in unique.columns):
            continue
        where = _where(recipe, unique)
        change = _falsify(recipe, layers, where)
        if change is None:
            continue
        name, sql = change
        layers.add({"a13_repeat": f"row_number() OVER ({_partition(unique, where)})"})
        layers.add(
            {
                name: f"CASE WHEN a13_repeat > 1 AND ({where}) THEN {sql} ELSE {quote(name)} END",
            },
            drop=("a13_repeat",),
        )
        found = True
    return found


def drop_repeated(recipe: Recipe, layers: Layers) -> bool:
    """Drop rows that repeat a key which nothing else makes unique. True where there is one."""
    found = False
    for unique in (*recipe.keys.clean, *recipe.keys.partial):
        if not all(layers.has(c) for c in unique.columns):
            continue
        where = _where(recipe, unique) if unique.where else "true"
        free = [f"NOT coalesce(({where}), false)"] if unique.where else []
        if not unique.nulls_not_distinct:
            free += [f"{quote(c)} IS NULL" for c in unique.columns]
        layers.add({"a13_repeat": f"row_number() OVER ({_partition(unique, where)})"})
        layers.add(where=" OR ".join(["a13_repeat = 1", *free]), drop=("a13_repeat",))
        found = True
    return found


def _where(recipe: Recipe, unique: Unique) -> str:
    return parse_predicate(unique.where or "true", column_types(recipe.relation)).sql


def _partition(unique: Unique, where: str) -> str:
    listed = ", ".join(quote(c) for c in unique.columns)
    return f"PARTITION BY {listed}, coalesce(({where}), false) ORDER BY a13_g"


def _falsify(recipe: Recipe, layers: Layers, where: str) -> tuple[str, str] | None:
    """A column and a value of it (SQL) that makes the predicate false, None where none is known."""
    linked = {c for link in recipe.links for c in link.columns}
    for part in conjuncts(parse_tree(where)):
        part = bare(part)
        wanted: object = True
        node = part
        if isinstance(part, exp.Not):
            node, wanted = bare(part.this), False
        if isinstance(node, exp.Is) and isinstance(bare(node.expression), exp.Boolean):
            wanted = wanted == bool(bare(node.expression).this)
            node = bare(node.this)
        compared = isinstance(node, (exp.EQ, exp.NEQ, exp.In, exp.Is))
        target = bare(node.this) if compared else node
        if not isinstance(target, exp.Column):
            continue
        column = recipe.relation.find(target.name)
        if column is None or column.name in linked or column.generated is not None:
            continue
        if column.name in recipe.fixed or column.name in recipe.keys.by_row:
            continue
        sql = _other_value(recipe, layers, column, node, wanted is True)
        if sql is not None:
            return column.name, sql
    return None


def _other_value(
    recipe: Recipe, layers: Layers, column: Column, node: exp.Expr, wanted: bool
) -> str | None:
    if isinstance(node, exp.Column):
        return f"{'false' if wanted else 'true'}"
    if isinstance(node, exp.Is):
        if not wanted:
            return f"NULL::{column.type}" if column.nullable else None
        drawn = drawn_name(column.name)
        return quote(drawn) if layers.has(drawn) else None
    named: list[str | None] = []
    if isinstance(node, (exp.EQ, exp.NEQ)):
        named = [literal_text(node.expression)]
    elif isinstance(node, exp.In):
        named = [literal_text(item) for item in node.expressions]
    if not named or None in named:
        return None
    inside = wanted != isinstance(node, exp.NEQ)
    domain = recipe.shapes.domain(column.name)
    values = domain.one_of or (("true", "false") if column.type == "boolean" else ())
    others = [v for v in values if (v not in named) == inside]
    if others:
        return f"{quote_literal(others[0])}::{column.type}"
    return None
