"""Statements that are tried: each in a savepoint, each rolled back, with what the server said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.base import Value
from ..domain.identifiers import quote
from ..domain.measurement import Probe

_MOST_DROPS = 8


class Attempt(Value):
    """What the server said to a list of statements: all passed, or which one was refused and why.

    `rows` is what the last statement touched, `value` the first field it returned, as text.
    """

    passed: bool
    failed_at: int = -1
    sqlstate: str = ""
    table: str = ""
    constraint: str = ""
    column: str = ""
    message: str = ""
    rows: int = 0
    value: str | None = None

    @property
    def said(self) -> str:
        """The server's answer in one line."""
        if self.passed:
            return "accepted"
        name = self.constraint or self.column
        return " ".join(part for part in (self.sqlstate, name) if part) + f": {self.message}"


class Session:
    """A connection on which everything is tried and nothing stays."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.major = connection.info.server_version // 10000

    def attempt(self, statements: Sequence[str]) -> Attempt:
        """Run the statements in a savepoint until one is refused; then undo them."""
        rows, value = 0, None
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("savepoint probe")
            try:
                for place, statement in enumerate(statements):
                    try:
                        cursor.execute(_plain(statement))
                    except psycopg.Error as error:
                        if self.connection.closed:
                            raise
                        return _refused(place, error)
                    rows = cursor.rowcount
                    if cursor.description:
                        found = cursor.fetchone()
                        value = None if not found or found[0] is None else str(found[0])
            finally:
                if not self.connection.closed:
                    cursor.execute("rollback to savepoint probe")
                    cursor.execute("release savepoint probe")
        return Attempt(passed=True, rows=rows, value=value)

    def isolated(
        self, statements: Sequence[str], name: str, *, place: int = -1
    ) -> tuple[Attempt, tuple[str, ...]]:
        """Like `attempt`, but without the constraints that speak before the one called `name`.

        A row may break several rules, and PostgreSQL names the first. Those are dropped inside
        the savepoint, one after the other, until the statement at `place` is refused by `name`,
        passes, or fails otherwise. Returns the last answer and the DROP statements it needed.
        """
        probed = len(statements) + place if place < 0 else place
        drops: list[str] = []
        for _ in range(_MOST_DROPS):
            attempt = self.attempt((*drops, *statements))
            at = attempt.failed_at - len(drops)
            another = attempt.constraint not in ("", name) and attempt.sqlstate[:2] == "23"
            if attempt.passed or at != probed or not another or not attempt.table:
                break
            drop = _without(attempt.table, attempt.constraint)
            if drop in drops:
                break
            drops.append(drop)
        return attempt.model_copy(update={"failed_at": at}), tuple(drops)

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query that must not fail."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(_plain(statement)).fetchall()


def _without(table: str, constraint: str) -> str:
    """Drop a constraint, or an index that is unique without being one."""
    name = quote(constraint)
    return (
        f"ALTER TABLE {quote(table)} DROP CONSTRAINT IF EXISTS {name} CASCADE;"
        f" DROP INDEX IF EXISTS {name}"
    )


def _plain(statement: str) -> bytes:
    """A statement without parameters, where `%` is only a character."""
    return statement.encode()


def _refused(place: int, error: psycopg.Error) -> Attempt:
    diag = error.diag
    return Attempt(
        passed=False,
        failed_at=place,
        sqlstate=error.sqlstate or "",
        table=diag.table_name or "",
        constraint=diag.constraint_name or "",
        column=diag.column_name or "",
        message=(diag.message_primary or str(error)).strip().splitlines()[0],
    )


def accepted(element: str, statements: Sequence[str], attempt: Attempt) -> Probe:
    """The probe of a statement that must pass."""
    return Probe(
        element=element,
        statement=statements[-1],
        expected="accepted",
        observed=attempt.said,
        passed=attempt.passed,
    )


def inconclusive(element: str, expected: str, why: str) -> Probe:
    """The probe of an element for which no statement could be found."""
    return Probe(
        element=element,
        statement="",
        expected=expected,
        observed=why,
        passed=False,
        conclusive=False,
    )
