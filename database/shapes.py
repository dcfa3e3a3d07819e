"""What the CHECKs of a relation allow, as far as a generator of rows can follow them.

Simple rules (bounds, sets, lengths, patterns, one column before another, a sum) become a `Domain`
of a column, an `Order` of two or an `Assignment`. What is left is a `Rest`: rows are tried against
it and thrown away where it does not hold. `check_reading` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal

from ..domain.design import Relation


@dataclass(frozen=True)
class Bound:
    """An end of a range: the literal's text, and whether it is itself outside."""

    text: str
    open: bool

    @property
    def number(self) -> Decimal | None:
        """The bound as a number, None where it is not one."""
        try:
            return Decimal(self.text)
        except InvalidOperation:
            return None


@dataclass(frozen=True)
class Domain:
    """What single-column rules allow. `one_of` holds texts; None means anything."""

    low: Bound | None = None
    high: Bound | None = None
    one_of: tuple[str, ...] | None = None
    min_length: int = 0
    max_length: int | None = None
    like: str | None = None
    pattern: str | None = None
    case: Literal["upper", "lower"] | None = None
    not_null: bool = False


@dataclass(frozen=True)
class Order:
    """`lower` comes before `upper` (by more than `gap`, an SQL text, where there is one).

    A `soft` order is common sense and no rule.
    """

    lower: str
    upper: str
    strict: bool
    gap: str | None = None
    soft: bool = False


@dataclass(frozen=True)
class Assignment:
    """`column` is always this expression of other columns."""

    column: str
    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Rest:
    """A rule that the generator only tests: constraint name, predicate and its columns."""

    name: str
    sql: str
    columns: tuple[str, ...]


@dataclass
class Shapes:
    """All the rules of one relation in the generator's terms."""

    domains: dict[str, Domain] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    assignments: dict[str, Assignment] = field(default_factory=dict)
    rest: list[Rest] = field(default_factory=list)

    def domain(self, column: str) -> Domain:
        """What is allowed in a column; everything where no rule speaks."""
        return self.domains.get(column, Domain())


def column_types(relation: Relation) -> dict[str, str]:
    """Column name → canonical type, as the expression parser wants it."""
    return {column.name: column.type for column in relation.columns}
