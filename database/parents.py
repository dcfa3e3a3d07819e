"""Rows of parents to link to: which are there, by number, within a tenant, without a look where
their keys follow from the number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ..domain.identifiers import quote
from .links import Link


@dataclass
class Filled:
    """A relation that has its rows. `formulas`: columns whose value follows from `a13_g`.

    Formulas only hold where the rows are numbered without a gap.
    """

    rows: int
    formulas: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """A temporary table with the parents' keys by ordinal (`a13_o`), within a scope or in all.

    `counts` is the table with the number of parents in each scope (`a13_n`), "" without a scope.
    """

    table: str
    counts: str
    rows: int


class Parents:
    """The parents that are filled so far, in one transaction of one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.filled: dict[str, Filled] = {}
        self._shelves: dict[tuple[object, ...], Shelf] = {}

    def rows(self) -> dict[str, int]:
        """Rows by relation."""
        return {name: filled.rows for name, filled in self.filled.items()}

    def formulas(self, link: Link, ordinal: str) -> dict[str, str] | None:
        """The link's columns as SQL over the ordinal, None where one must look them up."""
        filled = self.filled.get(link.parent)
        if filled is None or not all(there in filled.formulas for _, there in link.pairs):
            return None
        return {
            own: filled.formulas[there].replace("a13_g", f"({ordinal})")
            for own, there in link.pairs
        }

    def shelf(
        self, link: Link, scope: tuple[str, ...], siblings: Iterable[tuple[Link, tuple[str, ...]]]
    ) -> Shelf:
        """The parents of a link by number within `scope` (own columns).

        `siblings` are other links with the own columns they share: only parents are kept for
        which these have a row, so that no child is left without one.
        """
        parts = tuple(
            (other.parent, tuple((link.there(c), other.there(c)) for c in shared))
            for other, shared in siblings
        )
        columns = tuple(dict.fromkeys(there for _, there in link.pairs))
        inside = tuple(link.there(c) for c in scope)
        key = (link.parent, columns, inside, parts)
        if key not in self._shelves:
            self._shelves[key] = self._build(link.parent, columns, inside, parts)
        return self._shelves[key]

    def _build(
        self,
        parent: str,
        columns: tuple[str, ...],
        scope: tuple[str, ...],
        siblings: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    ) -> Shelf:
        name = f"a13_shelf_{len(self._shelves)}"
        listed = ", ".join(f"p.{quote(c)}" for c in columns)
        inside = ", ".join(f"p.{quote(c)}" for c in scope)
        where = " AND ".join(f"p.{quote(c)} IS NOT NULL" for c in columns)
        for other, shared in siblings:
            same = " AND ".join(f"o.{quote(there)} = p.{quote(here)}" for here, there in shared)
            where += f" AND EXISTS (SELECT FROM {quote(other)} AS o WHERE {same})"
        partition = f"PARTITION BY {inside} " if inside else ""
        self._run(
            f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {listed}, "
            f"row_number() OVER ({partition}ORDER BY p.ctid) AS a13_o "
            f"FROM {quote(parent)} AS p WHERE {where}"
        )
        self._run(f"ANALYZE {name}")
        counts = ""
        if scope:
            counts = f"{name}_counts"
            plain = ", ".join(quote(c) for c in scope)
            self._run(
                f"CREATE TEMP TABLE {counts} ON COMMIT DROP AS "
                f"SELECT {plain}, count(*) AS a13_n FROM {name} GROUP BY {plain}"
            )
            self._run(f"ANALYZE {counts}")
        row = self._run(f"SELECT count(*) FROM {name}").fetchone()
        return Shelf(name, counts, int(row[0]) if row else 0)

    def _run(self, text: str) -> psycopg.Cursor[Any]:
        return self.connection.execute(text.encode())
