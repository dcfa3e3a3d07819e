"""Values that depend on other values: an end after its start, a sum, a count, a free time slot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..domain.design import Column, Exclusion, Relation
from ..domain.identifiers import quote
from ..domain.types import base_type, family
from .draws import SPAN_DAYS, Draws, newest_moment
from .shapes import Domain, Order, Shapes
from .values import number_range

# Names that mean "from" and "to" without a rule that says so.
_ENDS = (
    ("starts", "ends"), ("start", "end"), ("started", "ended"), ("begins", "ends"),
    ("from", "until"), ("from", "to"), ("opens", "closes"), ("min", "max"), ("in", "out"),
    ("started", "finished"), ("begin", "end"), ("lower", "upper"),
)  # fmt: skip
_SLOTS = {"timestamp", "date", "integer", "numeric"}


@dataclass(frozen=True)
class Derived:
    """A column that follows from others: `after` (or `before`) them, or an assignment.

    `gaps` belong to `others` one by one; "" where there is none.
    """

    column: Column
    others: tuple[Column, ...]
    gaps: tuple[str, ...]
    before: bool
    domain: Domain
    assignment: str = ""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    def sql(self, draws: Draws) -> str:
        """SQL over the columns of the layer below."""
        if self.assignment:
            return self.assignment
        kind = family(self.column.type)
        bases = []
        for other, gap in zip(self.others, self.gaps, strict=True):
            base = quote(other.name) + (f" + {gap}" if gap else "")
            bases.append(f"({base})::timestamptz" if kind in ("timestamp", "date") else f"({base})")
        base = bases[0] if len(bases) == 1 else f"greatest({', '.join(bases)})"
        sign = "-" if self.before else "+"
        return f"{base} {sign} {self._distance(kind, base, draws)}"

    def _distance(self, kind: str, base: str, draws: Draws) -> str:
        u = draws.u(self.column.name, "after")
        if kind == "timestamp":
            if self._slot():
                return f"(1 + floor({u} * 8)) * interval '15 minutes'"
            return f"(1 + floor(power({u}, 3) * 28800)) * interval '1 minute'"
        if kind == "date":
            # A whole day at least, so that a day after a moment is after it.
            return f"(1 + floor({u} * 20)) * interval '1 day'"
        if kind == "time":
            return f"(1 + floor({u} * 16)) * interval '15 minutes'"
        step = number_range(self.column, Domain())[2]
        high = self.domain.high.number if self.domain.high else None
        if high is not None and not self.before:
            top = high - (step if self.domain.high and self.domain.high.open else 0)
            room = f"greatest(({top})::numeric - ({base})::numeric, {step})"
            return f"greatest(floor({u} * {room} / {step})::numeric * {step}, {step})"
        return f"(1 + floor(power({u}, 2) * 50))::numeric * {step}"

    def _slot(self) -> bool:
        words = set(self.column.name.split("_"))
        return bool(words & {end for pair in _ENDS for end in pair})


def plan_derived(
    relation: Relation, shapes: Shapes, free: frozenset[str], moment: str | None
) -> list[Derived]:
    """The derived columns in an order in which each finds what it needs.

    Orders that run in a circle are dropped: their rules then only filter.
    """
    orders = [o for o in shapes.orders if o.lower in free and o.upper in free]
    orders += _common_sense(relation, shapes, free, orders, moment)
    after: dict[str, list[Order]] = {}
    before: dict[str, Order] = {}
    for order in orders:
        if order.upper in shapes.assignments:
            continue
        if order.upper == moment:
            if order.lower not in before and order.lower not in shapes.assignments:
                before[order.lower] = order
        elif not (order.soft and order.upper in after):
            after.setdefault(order.upper, []).append(order)
    needs: dict[str, set[str]] = {}
    made: dict[str, Derived] = {}
    for name, known in after.items():
        others = tuple(relation.column(o.lower) for o in known)
        gaps = tuple(o.gap or "" for o in known)
        made[name] = Derived(relation.column(name), others, gaps, False, shapes.domain(name))
        needs[name] = {o.lower for o in known}
    for name, order in before.items():
        if name not in made:
            upper = relation.column(order.upper)
            made[name] = Derived(relation.column(name), (upper,), ("",), True, shapes.domain(name))
            needs[name] = {order.upper}
    for name, assignment in shapes.assignments.items():
        made[name] = Derived(
            relation.column(name), (), (), False, shapes.domain(name), assignment.sql
        )
        needs[name] = set(assignment.columns)
    ordered: list[Derived] = []
    while made:
        ready = [n for n in made if not needs[n] & made.keys()]
        if not ready:
            # A circle: leave the soft ones out, then whatever is left to the rules.
            made.pop(next(iter(made)))
            continue
        for name in ready:
            ordered.append(made.pop(name))
    return ordered


def _common_sense(
    relation: Relation,
    shapes: Shapes,
    free: frozenset[str],
    orders: list[Order],
    moment: str | None,
) -> list[Order]:
    """Orders that names suggest: ends after starts, everything else after the creation."""
    taken = {o.upper for o in orders} | {o.lower for o in orders if o.upper == moment}
    found: list[Order] = []
    names = [c.name for c in relation.columns if c.name in free and c.name not in taken]
    for low, high in _ENDS:
        for name in names:
            parts = name.split("_")
            if low in parts:
                upper = "_".join(high if p == low else p for p in parts)
                if upper in names and upper != moment and upper not in {o.upper for o in found}:
                    same = family(relation.column(name).type) == family(relation.column(upper).type)
                    plain = shapes.domain(upper) == Domain() == shapes.domain(name)
                    if same and plain and family(relation.column(name).type) in (
                        "integer", "numeric", "timestamp", "date", "time",
                    ):  # fmt: skip
                        found.append(Order(name, upper, True, soft=True))
    if moment is not None:
        done = {o.upper for o in found} | taken | {moment}
        for column in relation.columns:
            words = column.name.split("_")
            born = {"birth", "dob", "born", "birthday"} & set(words)
            if column.name in free and column.name not in done and not born and family(
                column.type
            ) in ("timestamp", "date"):  # fmt: skip
                found.append(Order(moment, column.name, True, soft=True))
    return found


def count_value(column: Column, domain: Domain, draws: Draws, turn: str) -> tuple[str, int | None]:
    """SQL of the value number `turn` of a counting column, and how far it can count."""
    if family(column.type) == "date":
        end = newest_moment(draws.seed)
        return f"date '{end:%Y-%m-%d}' - ({turn})::int", None
    low, high, step, _ = number_range(column, domain)
    start = low if domain.low is not None else step
    most = int((high - start) / step) + 1 if domain.high is not None else None
    if most is None and base_type(column.type) == "smallint":
        most = 32_000
    return f"{start} + ({turn} - 1) * {step}", most


def exclusion_values(relation: Relation, exclusion: Exclusion, draws: Draws) -> dict[str, str]:
    """SQL of start and end columns that never overlap among equal rows."""
    start, end = relation.column(exclusion.start_column), relation.column(exclusion.end_column)
    listed = ", ".join(quote(c) for c in exclusion.equal_columns)
    partition = f"PARTITION BY {listed} " if listed else ""
    turn = f"(row_number() OVER ({partition}ORDER BY a13_g) - 1)"
    count = f"count(*) OVER ({partition.strip()})"
    u = draws.u(end.name, "length")
    begin = newest_moment(draws.seed) - timedelta(days=SPAN_DAYS)
    kind = family(start.type)
    if kind == "timestamp":
        # Slots of whole quarter hours, at least one hour each.
        quarters = SPAN_DAYS * 96
        slot = f"greatest({quarters} / {count}, 4)"
        first = f"timestamptz '{begin:%Y-%m-%d 00:00:00+00}' + {turn} * {slot} * interval '15 min'"
        last = f"{first} + (1 + floor({u} * least({slot} - 1, 8))) * interval '15 min'"
    elif kind == "date":
        slot = f"greatest({SPAN_DAYS} / {count}, 2)"
        first = f"date '{begin:%Y-%m-%d}' + ({turn} * {slot})::int"
        last = f"{first} + (1 + floor({u} * least({slot} - 1, 14)))::int"
    else:
        first = f"1 + {turn} * 20"
        last = f"{first} + 1 + floor({u} * 18)::int"
    return {
        start.name: f"({first})::{start.type}",
        end.name: f"({last})::{end.type}",
    }
