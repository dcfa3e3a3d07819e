"""Candidate indexes for a plan, best guesses first. What they are worth, only building them tells.

Shapes: equality columns, then the order or one range; join columns; the same with INCLUDE; partial
ones for conditions that every call repeats; expressions that are compared with a constant; trigram,
containment and full-text GIN; prefix operator classes; BRIN for a range over a column that grows
with the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

from ..domain.base import Value
from ..domain.design import Design, Index, IndexKey, IndexMethod, Relation
from ..domain.expressions import Query, parse_scalar
from ..domain.identifiers import quote, quote_literal
from ..domain.types import base_type, canonical_type, family
from ..errors import ExpressionError
from .conditions import Demand, demands_of
from .links import tenant_column
from .plans import Node
from .shapes import column_types

MAX_CANDIDATES = 12
_INCLUDE_BYTES = 64
_FEW_VALUES = 12
_MOST_KEYS = 4
_CORRELATED = 0.98


class Existing(Value):
    """An index that is there: its method, key columns in order ("" for an expression)."""

    relation: str
    method: str
    keys: tuple[str, ...]
    partial: bool


class ColumnFacts(Value):
    """What ANALYZE says of a column: different values (negative: a share of the rows), width."""

    distinct: float = -1.0
    width_bytes: int = 8
    correlation: float = 0.0


class Candidate(Value):
    """An index that may help a query."""

    relation: str
    index: Index


def candidates(
    design: Design,
    query: Query,
    root: Node,
    *,
    existing: Iterable[Existing],
    facts: Mapping[tuple[str, str], ColumnFacts],
) -> tuple[Candidate, ...]:
    """At most `MAX_CANDIDATES` candidates for a plan, none that an existing index already covers.

    `facts` are by (relation, column).
    """
    fixed = _fixed_literals(query)
    known = list(existing)
    queues = []
    for demand in demands_of(root):
        relation = design.find(demand.relation)
        if relation is not None:
            shapes = _Shapes(design, relation, demand, fixed, facts)
            queues.append([Candidate(relation=relation.name, index=i) for i in shapes.indexes()])
    found: dict[str, Candidate] = {}
    # Turn by turn, so that one relation's many shapes do not push another's first one out.
    for place in range(max((len(q) for q in queues), default=0)):
        for queue in queues:
            if place < len(queue) and not _covered(queue[place], known):
                found.setdefault(queue[place].model_dump_json(), queue[place])
    return tuple(found.values())[:MAX_CANDIDATES]


class _Shapes:
    """The shapes of indexes that serve one demand."""

    def __init__(
        self,
        design: Design,
        relation: Relation,
        demand: Demand,
        fixed: set[str],
        facts: Mapping[tuple[str, str], ColumnFacts],
    ) -> None:
        self.relation = relation
        self.demand = demand
        self.facts = facts
        tenant = tenant_column(design, relation)
        columns = set(relation.column_names)
        equal = [c for c in demand.equal if c in columns]
        # The tenant first: the same index then serves every query of the tenant.
        self.equal = sorted(equal, key=lambda c: (c != tenant, self._distinct_rank(c)))
        self.members = [c for c in demand.members if c in columns and c not in equal]
        self.joined = [c for c in demand.joined if c in columns and c not in equal]
        self.ranged = [c for c in demand.ranged if c in columns]
        self.order = [(c, d) for c, d in demand.sorted if c in columns and c not in equal]
        self.partial = self._partial(fixed)
        keys = [relation.primary_key, *(u.columns for u in relation.uniques if u.where is None)]
        self.unique = [list(key) for key in keys if len(key) == 1]

    def indexes(self) -> Iterator[Index]:
        """The indexes, most promising first; doubles are dropped by the caller."""
        yield from self._special()
        yield from self._expressions()
        for name in self.demand.either:
            if self.relation.find(name) is not None and self._ordered(name):
                yield _index([(name, False)])
        for equal, where in self._prefixes():
            yield from self._plain(equal, where)
        yield from self._brin()

    def _prefixes(self) -> Iterator[tuple[list[str], str | None]]:
        if self.partial:
            names, where = self.partial
            yield [c for c in self.equal if c not in names], where
        yield self.equal, None

    def _plain(self, equal: list[str], where: str | None) -> Iterator[Index]:
        shapes: list[list[tuple[str, bool]]] = []
        keys = [(c, False) for c in equal]
        if self.order:
            shapes.append([*keys, *_turned(self.order)])
            shapes += [[*keys, (c, False), *_turned(self.order)] for c in self.joined]
        shapes += [[*keys, (c, False)] for c in self.joined]
        shapes += [[*keys, (c, False)] for c in self.ranged if c not in equal]
        # Any of several values: behind the equal columns, or left to a filter where order counts.
        shapes += [[*keys, (c, False)] for c in self.members]
        shapes += [[*keys, (m, False), *_turned(self.order)] for m in self.members if self.order]
        if keys:
            shapes.append(keys)
        elif where and not shapes:
            # The condition alone finds the rows; the key is only there because there must be one.
            shapes.append([(c, False) for c in self.relation.primary_key])
        shapes += [[(c, False), *keys] for c in self.joined if keys]
        if self.order and keys:
            shapes.append(_turned(self.order))
        for shape in shapes:
            names = [c for c, _ in shape]
            if names[:1] in self.unique and where is None:
                continue  # one row at most: the key's own index finds it
            fits = 0 < len(names) <= _MOST_KEYS and len(set(names)) == len(names)
            if fits and all(self._ordered(c) for c in names):
                yield _index(shape, where=where)
                include = self._include(names)
                if include:
                    yield _index(shape, where=where, include=include)

    def _include(self, keys: list[str]) -> tuple[str, ...]:
        """What else the query reads, where that is little: then the table need not be read."""
        used = {*self.demand.output, *self.equal, *self.ranged, *self.joined}
        rest = [c for c in self.relation.column_names if c in used and c not in keys]
        width = sum(self._facts(c).width_bytes for c in rest)
        return tuple(rest) if rest and len(rest) <= 4 and width <= _INCLUDE_BYTES else ()

    def _special(self) -> Iterator[Index]:
        for kind, name in self.demand.special:
            column = self.relation.find(name)
            if column is None:
                continue
            what = family(canonical_type(column.type))
            if kind == "infix" and what == "text":
                yield _one(name, method="gin", operator_class="gin_trgm_ops")
            elif kind == "prefix" and what == "text":
                base = base_type(canonical_type(column.type))
                yield _one(name, operator_class=_PATTERN_CLASSES.get(base, "text_pattern_ops"))
                yield _one(name, method="gin", operator_class="gin_trgm_ops")
            elif kind == "contains" and canonical_type(column.type) == "jsonb":
                yield _one(name, method="gin", operator_class="jsonb_path_ops")
                yield _one(name, method="gin")
            elif kind == "contains" and what == "array":
                yield _one(name, method="gin")
            elif kind == "contains" and what == "range":
                yield _one(name, method="gist")
            elif kind == "search" and what == "search":
                yield _one(name, method="gin")

    def _expressions(self) -> Iterator[Index]:
        types = column_types(self.relation)
        for text in self.demand.expressions:
            try:
                made = parse_scalar(text, types, volatility="immutable")
            except ExpressionError:
                continue
            if made.sql.startswith("row("):
                continue
            key = IndexKey(expression=made.sql)
            equal = tuple(IndexKey(column=c) for c in self.equal)
            yield Index(keys=(*equal, key), origin="tuning")
            if equal:
                yield Index(keys=(key,), origin="tuning")

    def _brin(self) -> Iterator[Index]:
        for name in self.ranged:
            if abs(self._facts(name).correlation) > _CORRELATED:
                yield _one(name, method="brin")

    def _partial(self, fixed: set[str]) -> tuple[set[str], str] | None:
        """The conditions that every call repeats: literals of the query's text, NULL tests."""
        parts: list[str] = []
        names: set[str] = set()
        for name, text in self.demand.constants.items():
            column = self.relation.find(name)
            if column is None or (text not in fixed and text not in ("true", "false")):
                continue
            if canonical_type(column.type) == "boolean":
                parts.append(quote(name) if text == "true" else f"NOT {quote(name)}")
            elif 0 < self._facts(name).distinct <= _FEW_VALUES:
                parts.append(f"{quote(name)} = {quote_literal(text)}")
            else:
                continue
            names.add(name)
        for name, values in self.demand.members.items():
            column = self.relation.find(name)
            few = 0 < self._facts(name).distinct <= _FEW_VALUES
            if column is not None and few and values and set(values) <= fixed:
                listed = ", ".join(quote_literal(v) for v in values)
                parts.append(f"{quote(name)} IN ({listed})")
                names.add(name)
        for name, absent in self.demand.nulls.items():
            column = self.relation.find(name)
            if column is not None and column.nullable:
                parts.append(f"{quote(name)} IS {'' if absent else 'NOT '}NULL")
        return (names, " AND ".join(parts)) if parts else None

    def _ordered(self, name: str) -> bool:
        kind = family(canonical_type(self.relation.column(name).type))
        return kind not in ("json", "search")

    def _facts(self, name: str) -> ColumnFacts:
        return self.facts.get((self.relation.name, name), ColumnFacts())

    def _distinct_rank(self, name: str) -> float:
        """Columns with more different values first."""
        distinct = self._facts(name).distinct
        return distinct if distinct < 0 else 1 / (1 + distinct)


_PATTERN_CLASSES = {"character varying": "varchar_pattern_ops", "character": "bpchar_pattern_ops"}


def _index(
    keys: list[tuple[str, bool]], *, where: str | None = None, include: tuple[str, ...] = ()
) -> Index:
    return Index(
        keys=tuple(IndexKey(column=c, descending=d) for c, d in keys),
        where=where,
        include=include,
        origin="tuning",
    )


def _one(name: str, *, method: IndexMethod = "btree", operator_class: str | None = None) -> Index:
    key = IndexKey(column=name, operator_class=operator_class)
    return Index(keys=(key,), method=method, origin="tuning")


def _turned(order: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """An order that is descending throughout is read from a plain index backwards."""
    return [(c, False) for c, _ in order] if all(d for _, d in order) else order


def _covered(candidate: Candidate, existing: list[Existing]) -> bool:
    """An existing B-tree over all rows begins with the same columns."""
    index = candidate.index
    if index.method != "btree" or index.include or any(k.operator_class for k in index.keys):
        return False
    keys = tuple(key.column or "" for key in index.keys)
    if "" in keys or any(key.descending for key in index.keys):
        return False
    return any(
        other.relation == candidate.relation
        and other.method == "btree"
        and not other.partial
        and other.keys[: len(keys)] == keys
        for other in existing
    )


def _fixed_literals(query: Query) -> set[str]:
    """The literals that stand in the query's text, and so are the same in every call."""
    return {literal.name for literal in query.tree().find_all(exp.Literal)}
