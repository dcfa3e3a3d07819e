"""What a plan asks of each relation: the conditions, joins and orders that an index could serve.

Read from EXPLAIN (VERBOSE, FORMAT JSON), where the planner has folded constants, flattened
sub-queries and added what row-level security demands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from .plans import Node, rows_removed, walk

T = TypeVar("T")
_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Join Filter", "Hash Cond", "Merge Cond")
# What stands for a value that is only known when the query runs.
_RUNTIME = re.compile(r"\((?:hashed |rescan )?(?:InitPlan|SubPlan|CTE) [^()]*\)(?:\.col\d+)?|\$\d+")
_PREFIX = re.compile(r"[^%_\\]+%")


@dataclass
class Demand:
    """What a plan asks of one relation under one alias.

    `members` are columns that must be one of several values (none known: only when it runs).
    `either` are columns of which one or another must have a value (OR): each needs an index.
    `special` are (kind, column or expression text) of what a B-tree cannot serve; `expressions` of
    columns that are compared with a constant; `constants` the equalities with a literal, which may
    make a partial index. `removed` counts rows that were read and thrown away.
    """

    relation: str
    alias: str
    equal: list[str] = field(default_factory=list)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    either: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    ranged: list[str] = field(default_factory=list)
    sorted: list[tuple[str, bool]] = field(default_factory=list)
    nulls: dict[str, bool] = field(default_factory=dict)
    expressions: list[str] = field(default_factory=list)
    special: list[tuple[str, str]] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    output: set[str] = field(default_factory=set)
    removed: float = 0.0
    rows: float = 0.0
    sequential: bool = False


def demands_of(root: Node) -> list[Demand]:
    """The demands of a plan, those that waste most first."""
    found: dict[str, Demand] = {}
    for node in walk(root):
        if "Relation Name" in node:
            alias = str(node.get("Alias", node["Relation Name"]))
            demand = found.setdefault(alias, Demand(str(node["Relation Name"]), alias))
            demand.removed += rows_removed(node)
            demand.rows += float(node.get("Actual Rows", 0)) * float(node.get("Actual Loops", 1))
            demand.sequential |= node["Node Type"] == "Seq Scan"
            for text in node.get("Output", ()):
                demand.output |= {c.name for c in _columns(_parse(text)) if c.table == alias}
    for node in walk(root):
        for key in _CONDITIONS:
            if isinstance(node.get(key), str):
                tree = _parse(node[key])
                for part in _conjuncts(tree) if tree is not None else ():
                    _read(part, found)
        _read_order(node, found)
    return sorted(found.values(), key=lambda d: (-d.removed, -d.rows))


def _read(node: exp.Expr, found: dict[str, Demand]) -> None:
    aliases = {column.table for column in _columns(node)}
    known = [found[a] for a in aliases if a in found]
    if len(aliases) > 1:
        _read_join(node, found)
        return
    if len(known) != 1:
        return
    _read_condition(node, known[0])


def _read_join(node: exp.Expr, found: dict[str, Demand]) -> None:
    if not isinstance(node, exp.EQ):
        return
    for side in (_plain(node.this), _plain(node.expression)):
        if isinstance(side, exp.Column) and side.table in found:
            _add(found[side.table].joined, side.name)


def _read_condition(node: exp.Expr, demand: Demand) -> None:
    negated = isinstance(node, exp.Not)
    inner = _bare(node.this) if negated else node
    if isinstance(inner, exp.Is):
        column = _plain(inner.this)
        if isinstance(column, exp.Column) and isinstance(_bare(inner.expression), exp.Null):
            demand.nulls[column.name] = not negated
        return
    if isinstance(inner, exp.Column):
        demand.constants.setdefault(inner.name, "false" if negated else "true")
        return
    if isinstance(inner, exp.Or) and not negated:
        _read_either(inner, demand)
    if negated or isinstance(inner, (exp.Or, exp.NEQ)):
        return
    left, right = _bare(node.this), _bare(node.args.get("expression") or exp.Null())
    if _columns(right) and not _columns(left):
        left, right = right, left
    column = _plain(left)
    if isinstance(inner, (exp.Like, exp.ILike)):
        _read_like(inner, column, right, demand)
    elif isinstance(inner, (exp.ArrayContainsAll, exp.ArrayContainedBy, exp.ArrayOverlaps)):
        if isinstance(column, exp.Column):
            _add(demand.special, ("contains", column.name))
    elif isinstance(inner, exp.MatchAgainst) or "@@" in inner.sql("postgres"):
        names = {c.name for c in _columns(inner)}
        if len(names) == 1:
            _add(demand.special, ("search", names.pop()))
    elif isinstance(inner, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.RegexpLike)):
        _read_comparison(inner, column, left, right, demand)


def _read_either(node: exp.Or, demand: Demand) -> None:
    """An OR that index scans can answer together: every side names a column by a value."""
    names: list[str] = []
    for side in node.flatten():
        found = [
            _plain(part.this).name
            for part in _conjuncts(side)
            if isinstance(part, exp.EQ)
            and isinstance(_plain(part.this), exp.Column)
            and not _columns(part.expression)
        ]
        if not found:
            return
        names.append(found[0])
    for name in names:
        _add(demand.either, name)


def _read_like(node: exp.Expr, column: exp.Expr, right: exp.Expr, demand: Demand) -> None:
    pattern = _literal(right)
    if not isinstance(column, exp.Column):
        return
    prefix = isinstance(node, exp.Like) and pattern is not None and _PREFIX.fullmatch(pattern)
    _add(demand.special, ("prefix" if prefix else "infix", column.name))


def _read_comparison(
    node: exp.Expr, column: exp.Expr, left: exp.Expr, right: exp.Expr, demand: Demand
) -> None:
    if _columns(right):
        return
    if isinstance(column, exp.Column):
        if isinstance(node, exp.EQ) and isinstance(right, exp.Any):
            values = _literal(right.this) or ""
            listed = [part.strip('"') for part in values.strip("{}").split(",")]
            demand.members.setdefault(column.name, tuple(part for part in listed if part))
        elif isinstance(node, exp.EQ):
            _add(demand.equal, column.name)
            text = _literal(right)
            if text is not None:
                demand.constants.setdefault(column.name, text)
        elif not isinstance(node, exp.RegexpLike):
            _add(demand.ranged, column.name)
    elif isinstance(node, (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE)):
        _add(demand.expressions, _without_alias(left))


def _read_order(node: Node, found: dict[str, Demand]) -> None:
    keys = node.get("Sort Key") or ()
    order: list[tuple[str, bool]] = []
    alias = ""
    for text in keys:
        words = text.split(" NULLS ")[0]
        descending = words.endswith(" DESC")
        tree = _parse(words.removesuffix(" DESC"))
        column = _plain(tree) if tree is not None else None
        if not isinstance(column, exp.Column) or (alias and column.table != alias):
            break
        alias = column.table
        order.append((column.name, descending))
    if order and alias in found and not found[alias].sorted:
        found[alias].sorted = order


def _parse(text: str) -> exp.Expr | None:
    try:
        return _bare(parse_one(_RUNTIME.sub("NULL", text), dialect="postgres"))
    except SqlglotError:
        return None


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    node = _bare(node)
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _plain(node: exp.Expr) -> exp.Expr:
    """The node below parentheses and casts between kinds of text."""
    node = _bare(node)
    while isinstance(node, exp.Cast) and node.to.is_type("text", "varchar"):
        node = _bare(node.this)
    return node


def _columns(node: exp.Expr | None) -> list[exp.Column]:
    return list(node.find_all(exp.Column)) if node is not None else []


def _literal(node: exp.Expr) -> str | None:
    node = _bare(node)
    while isinstance(node, exp.Cast):
        node = _bare(node.this)
    return node.name if isinstance(node, exp.Literal) else None


def _without_alias(node: exp.Expr) -> str:
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy.sql("postgres")


def _add(items: list[T], item: T) -> None:
    if item not in items:
        items.append(item)
