"""From CHECKs to shapes: reads each rule of a relation as far as a generator can follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from ..domain.design import Relation
from ..domain.expressions import parse_predicate
from ..domain.naming import check_name
from ..domain.types import family
from .shapes import Assignment, Bound, Domain, Order, Rest, Shapes, column_types
from .trees import bare, conjuncts, disjuncts, is_null_test, literal_text, parse_tree, render

_FLIPPED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
}  # fmt: skip
_SIGNS: dict[type[exp.Expr], str] = {exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_LENGTHS = ("length", "char_length", "character_length")
_TRIMS = ("btrim", "trim", "ltrim", "rtrim")
_ORDERED = ("integer", "numeric", "float", "timestamp", "date", "time")


def read_shapes(relation: Relation, free: frozenset[str]) -> Shapes:
    """The rules of a relation. `free` are the columns whose values the generator may choose.

    Raises ExpressionError for a CHECK that is not allowed.
    """
    shapes = Shapes()
    types = column_types(relation)
    for column in relation.columns:
        if column.values and not column.type.endswith("[]"):
            shapes.domains[column.name] = Domain(one_of=column.values)
    reader = _Reader(shapes, types, free)
    tight: list[tuple[str, Rest]] = []
    for check in relation.checks:
        rendered = parse_predicate(check.expression, types)
        for conjunct in conjuncts(parse_tree(rendered.sql)):
            columns = tuple(dict.fromkeys(c.name for c in conjunct.find_all(exp.Column)))
            rest = Rest(check_name(relation, check), render(conjunct), columns)
            before = (len(shapes.orders), len(shapes.assignments))
            if not reader.absorb(conjunct):
                shapes.rest.append(rest)
            elif before[0] < len(shapes.orders):
                tight.append((shapes.orders[-1].upper, rest))
            elif before[1] < len(shapes.assignments):
                tight.append((list(shapes.assignments)[-1], rest))
    _spread_bounds(shapes, types)
    # Between a lower column and a bound there may be no room left: those rows are tried again.
    for name, rest in tight:
        domain = shapes.domain(name)
        if domain.high is not None or (name in shapes.assignments and domain != Domain()):
            shapes.rest.append(rest)
    return shapes


class _Reader:
    """Absorbs conjuncts into the shapes, one at a time."""

    def __init__(self, shapes: Shapes, types: Mapping[str, str], free: frozenset[str]) -> None:
        self.shapes = shapes
        self.types = types
        self.free = free

    def absorb(self, node: exp.Expr) -> bool:
        """True where the generator can follow the rule; nothing is changed where it cannot."""
        node = bare(node)
        if isinstance(node, exp.Or):
            # NULL satisfies the rule, and so does what satisfies the other side.
            parts = list(disjuncts(node))
            others = [p for p in parts if not is_null_test(p)]
            tested = {c.name for p in parts if is_null_test(p) for c in p.find_all(exp.Column)}
            if len(others) != 1 or not tested <= {c.name for c in others[0].find_all(exp.Column)}:
                return False
            return self.absorb(others[0])
        if isinstance(node, exp.And):
            before = (dict(self.shapes.domains), list(self.shapes.orders))
            if all(self.absorb(part) for part in conjuncts(node)):
                return True
            self.shapes.domains, self.shapes.orders = before
            return False
        if isinstance(node, exp.Between):
            low, high = literal_text(node.args["low"]), literal_text(node.args["high"])
            if low is None or high is None:
                return False
            return self._bound(node.this, low, ">=") and self._bound(node.this, high, "<=")
        if isinstance(node, exp.In):
            return self._one_of(node.this, [literal_text(item) for item in node.expressions])
        if isinstance(node, exp.Column):
            return self._one_of(node, ["true"])
        if isinstance(node, exp.Not):
            inner = bare(node.this)
            if isinstance(inner, exp.Is) and isinstance(bare(inner.expression), exp.Null):
                return self._change(inner.this, not_null=True)
            return isinstance(inner, exp.Column) and self._one_of(inner, ["false"])
        if isinstance(node, (exp.Like, exp.RegexpLike)):
            pattern = literal_text(node.expression)
            if pattern is None:
                return False
            if isinstance(node, exp.Like):
                return self._change(node.this, like=pattern)
            return self._change(node.this, pattern=pattern)
        if isinstance(node, (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ)):
            return self._compare(node)
        return False

    def _compare(self, node: exp.Binary) -> bool:
        left, right = bare(node.this), bare(node.expression)
        kind: type[exp.Expr] = type(node)
        if literal_text(left) is not None and literal_text(right) is None:
            left, right, kind = right, left, _FLIPPED[kind]
        value = literal_text(right)
        if kind is exp.EQ:
            if isinstance(right, exp.Any) and isinstance(bare(right.this), exp.Array):
                listed = bare(right.this).expressions
                return self._one_of(left, [literal_text(item) for item in listed])
            if value is not None:
                return self._length(left, value, "=") or self._one_of(left, [value])
            return self._case(left, right) or self._case(right, left) or self._assign(left, right)
        if kind is exp.NEQ:
            # The generator never writes an empty text, trimmed or not.
            return value == "" and self._text_of(left) is not None
        sign = _SIGNS[kind]
        if value is not None:
            return self._length(left, value, sign) or self._bound(left, value, sign)
        return self._order(left, right, sign)

    def _text_of(self, node: exp.Expr) -> str | None:
        """The text column below trims, None where the node is something else."""
        node = bare(node)
        if isinstance(node, exp.Trim):
            node = bare(node.this)
        if isinstance(node, exp.Anonymous) and node.name.lower() in _TRIMS:
            node = bare(node.expressions[0])
        if isinstance(node, exp.Column) and node.name in self.free:
            return node.name if family(self.types[node.name]) == "text" else None
        return None

    def _change(self, node: exp.Expr, **changes: object) -> bool:
        node = bare(node)
        if not isinstance(node, exp.Column) or node.name not in self.free:
            return False
        domain = self.shapes.domain(node.name)
        for name in changes:
            if name != "not_null" and getattr(domain, name) not in (None, 0):
                return False
        self.shapes.domains[node.name] = replace(domain, **changes)  # type: ignore[arg-type]
        return True

    def _one_of(self, node: exp.Expr, values: list[str | None]) -> bool:
        node = bare(node)
        if not isinstance(node, exp.Column) or node.name not in self.free:
            return False
        if not values or any(value is None for value in values):
            return False
        known = self.shapes.domain(node.name).one_of
        texts = [v for v in values if v is not None and (known is None or v in known)]
        if not texts:
            return False
        domain = replace(self.shapes.domain(node.name), one_of=tuple(texts))
        self.shapes.domains[node.name] = domain
        return True

    def _bound(self, node: exp.Expr, text: str, sign: str) -> bool:
        node = bare(node)
        if not isinstance(node, exp.Column) or node.name not in self.free:
            return False
        if family(self.types[node.name]) not in ("integer", "numeric", "float"):
            return False
        bound = Bound(text, sign in ("<", ">"))
        if bound.number is None:
            return False
        domain = self.shapes.domain(node.name)
        if sign[0] == ">":
            domain = replace(domain, low=_tighter(domain.low, bound, 1))
        else:
            domain = replace(domain, high=_tighter(domain.high, bound, -1))
        self.shapes.domains[node.name] = domain
        return True

    def _length(self, node: exp.Expr, text: str, sign: str) -> bool:
        node = bare(node)
        named = isinstance(node, exp.Anonymous) and node.name.lower() in _LENGTHS
        if not named or not text.isdigit():
            return False
        column = self._text_of(node.expressions[0])
        if column is None:
            return False
        domain, number = self.shapes.domain(column), int(text)
        low = {">": number + 1, ">=": number, "=": number}.get(sign, 0)
        high = {"<": number - 1, "<=": number, "=": number}.get(sign)
        known = domain.max_length
        self.shapes.domains[column] = replace(
            domain,
            min_length=max(domain.min_length, low),
            max_length=known if high is None else high if known is None else min(known, high),
        )
        return True

    def _case(self, left: exp.Expr, right: exp.Expr) -> bool:
        if not isinstance(right, exp.Anonymous) or right.name.lower() not in ("upper", "lower"):
            return False
        inner = bare(right.expressions[0])
        if not (isinstance(left, exp.Column) and isinstance(inner, exp.Column)):
            return False
        return left.name == inner.name and self._change(left, case=right.name.lower())

    def _assign(self, left: exp.Expr, right: exp.Expr) -> bool:
        for target, source in ((left, right), (right, left)):
            if not isinstance(target, exp.Column) or target.name not in self.free:
                continue
            columns = tuple(dict.fromkeys(c.name for c in source.find_all(exp.Column)))
            taken = self.shapes.assignments
            # An assignment over an assigned column could run in a circle.
            if target.name in columns or target.name in taken or set(columns) & set(taken):
                continue
            if any(target.name in other.columns for other in taken.values()):
                continue
            text = render(source)
            taken[target.name] = Assignment(target.name, text, columns)
            return True
        return False

    def _order(self, left: exp.Expr, right: exp.Expr, sign: str) -> bool:
        if sign[0] == "<":
            lower, upper = left, right
        else:
            lower, upper = right, left
        gap: str | None = None
        if isinstance(lower, exp.Add) and isinstance(bare(upper), exp.Column):
            inner = bare(lower.expression)
            if literal_text(inner) is None:
                return False
            gap, lower = render(inner), bare(lower.this)
        if not (isinstance(lower, exp.Column) and isinstance(upper, exp.Column)):
            return False
        if lower.name not in self.free or upper.name not in self.free or lower.name == upper.name:
            return False
        families = {family(self.types[lower.name]), family(self.types[upper.name])}
        if not families <= set(_ORDERED):
            return False
        if len(families) > 1 and families != {"timestamp", "date"} and families != {
            "integer", "numeric",
        }:  # fmt: skip
            return False
        self.shapes.orders.append(Order(lower.name, upper.name, "=" not in sign, gap))
        return True


def _spread_bounds(shapes: Shapes, types: Mapping[str, str]) -> None:
    """What bounds the upper column bounds the lower one too."""
    for _ in shapes.orders:
        for order in shapes.orders:
            high = shapes.domain(order.upper).high
            if high is not None and high.number is not None:
                domain = shapes.domain(order.lower)
                whole = family(types[order.lower]) == "integer"
                below = Bound(str(high.number - 1), high.open) if whole else Bound(high.text, True)
                tight = _tighter(domain.high, below, -1)
                shapes.domains[order.lower] = replace(domain, high=tight)
            low = shapes.domain(order.lower).low
            if low is not None:
                domain = shapes.domain(order.upper)
                shapes.domains[order.upper] = replace(domain, low=_tighter(domain.low, low, 1))


def _tighter(known: Bound | None, new: Bound, direction: int) -> Bound:
    if known is None or known.number is None or new.number is None:
        return new
    if known.number == new.number:
        return known if known.open else new
    return new if (new.number - known.number) * direction > 0 else known
