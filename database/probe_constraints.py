"""Probes of one relation: keys, NOT NULL, closed sets, checks, exclusions, generated columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..domain.design import Column, Exclusion, Relation, Unique
from ..domain.expressions import parse_scalar
from ..domain.identifiers import quote
from ..domain.measurement import Probe
from ..domain.naming import (
    check_name,
    exclusion_name,
    primary_key_name,
    unique_name,
    values_check_name,
)
from .probe_rows import Fresh, Row, RowMaker, insert, literal, rewrite, types_of
from .probe_session import Attempt, Session, accepted, inconclusive
from .probe_values import outsiders, violations

_MOST_ISOLATED = 40
_MOST_VALUES = 100


def probe_relation(session: Session, rows: RowMaker, relation: Relation) -> Iterator[Probe]:
    """A complete row is taken; each constraint takes and refuses a statement of its own."""
    element = f"relation:{relation.name}"
    fresh = rows.fresh(relation)
    if isinstance(fresh, str):
        fresh = rows.standing(relation)
    if isinstance(fresh, str):
        for name in (element, *_elements(relation)):
            yield inconclusive(name, "accepted, and refused", fresh)
        return
    one = _Prober(session, rows, relation, fresh)
    yield accepted(element, one.passing, session.attempt(one.passing))
    yield from one.not_null()
    yield from one.primary_key()
    for unique in relation.uniques:
        yield from one.unique(unique)
    for column in relation.columns:
        if column.values:
            yield from one.values(column)
        if column.generated is not None:
            yield from one.generated(column)
        elif column.identity:
            yield one.identity(column)
    for check in relation.checks:
        yield from one.check(check_name(relation, check), check.expression)
    for exclusion in relation.exclusions:
        yield from one.exclusion(exclusion)


def _elements(relation: Relation) -> Iterator[str]:
    """Every element that `probe_relation` speaks of."""
    for column in relation.columns:
        if not column.nullable and column.generated is None:
            yield f"column:{relation.name}.{column.name}"
    names = [primary_key_name(relation)]
    names += [unique_name(relation, unique) for unique in relation.uniques]
    names += [values_check_name(relation, c.name) for c in relation.columns if c.values]
    names += [check_name(relation, check) for check in relation.checks]
    names += [exclusion_name(relation, exclusion) for exclusion in relation.exclusions]
    yield from (f"constraint:{relation.name}.{name}" for name in names)


class _Prober:
    """The probes of one relation, around one row that the database takes, or has."""

    def __init__(self, session: Session, rows: RowMaker, relation: Relation, fresh: Fresh) -> None:
        self.session = session
        self.rows = rows
        self.relation = relation
        self.fresh = fresh
        # Of a row that exists only a rewrite can pass.
        self.passing = (rewrite(relation, fresh.row),) if fresh.exists else fresh.statements

    def _element(self, name: str) -> str:
        return f"constraint:{self.relation.name}.{name}"

    def _with(self, changes: Row) -> tuple[str, ...]:
        """The fresh row's statements with some columns set to other values."""
        return (*self.fresh.setup, insert(self.relation, {**self.fresh.row, **changes}))

    def _taken(self, name: str, statements: Sequence[str]) -> Probe:
        return accepted(self._element(name), statements, self.session.attempt(statements))

    def _refused(
        self, element: str, sqlstate: str, name: str, tries: Iterable[Sequence[str]]
    ) -> Probe:
        """The first statement that is refused as expected, else what was seen of the first.

        Where other rules speak first, the statement is tried again without them.
        """
        expected = f"refused: {sqlstate} {name}"
        seen: list[tuple[str, Attempt]] = []
        rest: list[Sequence[str]] = []
        for statements in tries:
            attempt = self.session.attempt(statements)
            probe = _judge(element, expected, sqlstate, name, statements[-1], attempt)
            if probe.passed:
                return probe
            seen.append((statements[-1], attempt))
            if attempt.constraint and len(rest) < _MOST_ISOLATED:
                rest.append(statements)
        for statements in rest:
            attempt, drops = self.session.isolated(statements, name)
            shown = ";\n".join((*drops, statements[-1]))
            probe = _judge(element, expected, sqlstate, name, shown, attempt)
            if probe.passed:
                return probe
        if not seen:
            return inconclusive(element, expected, "no statement was found that would break it")
        # What went through although it should not says more than another refusal.
        statement, attempt = next((pair for pair in seen if pair[1].passed), seen[0])
        return _judge(element, expected, sqlstate, name, statement, attempt)

    def not_null(self) -> Iterator[Probe]:
        """Each NOT NULL column refuses a NULL."""
        for column in self.relation.columns:
            if not column.nullable and column.generated is None:
                yield self._refused(
                    f"column:{self.relation.name}.{column.name}",
                    "23502",
                    column.name,
                    [self._with({column.name: None})],
                )

    def primary_key(self) -> Iterator[Probe]:
        """A second row with a key that is there."""
        name = primary_key_name(self.relation)
        yield self._taken(name, self.passing)
        yield self._refused(
            self._element(name), "23505", name, self._duplicates(self.relation.primary_key)
        )

    def unique(self, unique: Unique) -> Iterator[Probe]:
        """A second row with a candidate key that is there."""
        name = unique_name(self.relation, unique)
        yield self._taken(name, self.passing)
        where = self.rows.predicate(self.relation, unique.where)
        yield self._refused(
            self._element(name),
            "23505",
            name,
            self._duplicates(unique.columns, where, nulls=unique.nulls_not_distinct),
        )

    def _duplicates(
        self, key: tuple[str, ...], where: str = "true", *, nulls: bool = False
    ) -> Iterator[Sequence[str]]:
        """Rows that repeat an existing key and nothing else, if that can be."""
        given = (
            where
            if nulls
            else " AND ".join([f"({where})", *(f"{quote(name)} IS NOT NULL" for name in key)])
        )
        bases = self.rows.existing(self.relation, given)
        for base in bases:
            repeated = self.rows.fresh(self.relation, base=base, keep=key)
            if not isinstance(repeated, str):
                yield repeated.statements
        for base in bases:
            yield (insert(self.relation, base),)
        if not bases:
            yield from self._pairs(key)

    def _pairs(self, key: tuple[str, ...]) -> Iterator[Sequence[str]]:
        """Two new rows with one key, where no existing row has the key."""
        filled: Row = {}
        for name in key:
            column = self.relation.column(name)
            if self.fresh.row[name] is None:
                filled[name] = self.rows.new_value(self.relation, column, None)
        booleans = [c.name for c in self.relation.columns if c.type == "boolean"]
        for value in ("false", "true"):
            row: Row = {**self.fresh.row, **filled, **dict.fromkeys(booleans, value)}
            second = self.rows.fresh(self.relation, base=row, keep=key)
            if not isinstance(second, str):
                first = (*self.fresh.setup, insert(self.relation, row))
                yield (*first, *second.statements)

    def values(self, column: Column) -> Iterator[Probe]:
        """Another value of the closed set passes, one outside it does not."""
        name = values_check_name(self.relation, column.name)
        taken = (self._with({column.name: v}) for v in self._members(column)[:_MOST_VALUES])
        # Other rules may tie the value to other columns; the row's own value always passes.
        passing = (statements for statements in taken if self.session.attempt(statements).passed)
        yield self._taken(name, next(passing, self.passing))
        yield self._refused(
            self._element(name),
            "23514",
            name,
            (self._with(row) for row in outsiders(self.relation, column, self.fresh.row)),
        )

    def _members(self, column: Column) -> list[str]:
        others = [value for value in column.values if value != self.fresh.row[column.name]]
        return [f"{{{value}}}" for value in others] if column.type.endswith("[]") else others

    def check(self, name: str, expression: str) -> Iterator[Probe]:
        """The row as it is passes; a row that breaks the rule does not."""
        yield self._taken(name, self.passing)
        yield self._refused(self._element(name), "23514", name, self._broken(expression))

    def _broken(self, expression: str) -> Iterator[Sequence[str]]:
        """Rows that may break a CHECK: the new row with other values, then other rows so."""
        for changes in violations(self.relation, expression, self.fresh.row):
            yield self._with(changes)
        for base in self.rows.existing(self.relation)[1:]:
            other = self.rows.fresh(self.relation, base=base)
            if not isinstance(other, str):
                for changes in violations(self.relation, expression, other.row):
                    yield (*other.setup, insert(self.relation, {**other.row, **changes}))

    def exclusion(self, exclusion: Exclusion) -> Iterator[Probe]:
        """The range beside the others passes; the same range again does not."""
        name = exclusion_name(self.relation, exclusion)
        yield self._taken(name, self.passing)
        kept = (*exclusion.equal_columns, exclusion.start_column, exclusion.end_column)
        where = " AND ".join(
            [
                f"({self.rows.predicate(self.relation, exclusion.where)})",
                *(f"{quote(column)} IS NOT NULL" for column in exclusion.equal_columns),
            ]
        )
        tries = []
        for base in self.rows.existing(self.relation, where):
            again = self.rows.fresh(self.relation, base=base, keep=kept)
            if not isinstance(again, str):
                tries.append(again.statements)
        yield self._refused(self._element(name), "23P01", name, tries)

    def generated(self, column: Column) -> Iterator[Probe]:
        """No row differs from the expression, and nobody can set the column."""
        element = f"column:{self.relation.name}.{column.name}"
        plain = {c: t for c, t in types_of(self.relation).items() if c != column.name}
        expression = parse_scalar(column.generated or "", plain).sql
        table, name = quote(self.relation.name), quote(column.name)
        statement = (
            f"SELECT count(*) FROM {table}"
            f" WHERE {name} IS DISTINCT FROM ({expression})::{column.type}"
        )
        attempt = self.session.attempt([statement])
        differing = attempt.value if attempt.passed else attempt.said
        yield Probe(
            element=element,
            statement=statement,
            expected="0 rows",
            observed=f"{differing} rows" if attempt.passed else attempt.said,
            passed=attempt.passed and attempt.value == "0",
        )
        yield self._always(column, insert(self.relation, self.fresh.row, generated=True))

    def identity(self, column: Column) -> Probe:
        """A value of one's own is refused."""
        value = literal(self.fresh.row[column.name])
        table, name = quote(self.relation.name), quote(column.name)
        return self._always(column, f"INSERT INTO {table} ({name}) VALUES ({value})")

    def _always(self, column: Column, statement: str) -> Probe:
        attempt = self.session.attempt([*self.fresh.setup, statement])
        return Probe(
            element=f"column:{self.relation.name}.{column.name}",
            statement=statement,
            expected="refused: 428C9",
            observed=attempt.said,
            passed=attempt.sqlstate == "428C9",
        )


def _judge(
    element: str, expected: str, sqlstate: str, name: str, statement: str, attempt: Attempt
) -> Probe:
    hit = attempt.sqlstate == sqlstate and name in (attempt.constraint, attempt.column)
    return Probe(
        element=element,
        statement=statement,
        expected=expected,
        observed=attempt.said,
        passed=hit,
    )
