"""Statements that are tried: each in a savepoint, each rolled back, with what the server said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.base import Value
from ..domain.measurement import Probe


class Attempt(Value):
    """What the server said to a list of statements: all passed, or which one was refused and why.

    `rows` is what the last statement touched, `value` the first field it returned, as text.
    """

    passed: bool
    failed_at: int = -1
    sqlstate: str = ""
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

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query that must not fail."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(_plain(statement)).fetchall()


def _plain(statement: str) -> bytes:
    """A statement without parameters, where `%` is only a character."""
    return statement.encode()


def _refused(place: int, error: psycopg.Error) -> Attempt:
    diag = error.diag
    return Attempt(
        passed=False,
        failed_at=place,
        sqlstate=error.sqlstate or "",
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
