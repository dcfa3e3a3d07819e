"""Indexes on trial: built with a timeout, measured, and gone again in the end."""

from __future__ import annotations

import time

import psycopg

from ..domain.design import Design
from ..domain.identifiers import quote, quote_literal
from .candidates import Candidate, ColumnFacts, Existing


class TrialIndexes:
    """The indexes that a tuning has built on one database, through a superuser's connection."""

    def __init__(
        self, connection: psycopg.Connection, design: Design, *, build_seconds: float
    ) -> None:
        self.plain = connection
        self.design = design
        self.build_seconds = build_seconds
        self.built: dict[str, Candidate] = {}
        self._extensions: list[str] = []
        rows = connection.execute("SELECT relname FROM pg_class").fetchall()
        # Names that are there already, for whatever they stand.
        self.taken = {str(row[0]) for row in rows}

    def clean_up(self) -> None:
        """Drop what was built."""
        for name in list(self.built):
            self.drop(name)
        for name in self._extensions:
            self.plain.execute(f"DROP EXTENSION IF EXISTS {quote(name)}".encode())
        self._extensions.clear()

    def build(self, candidate: Candidate, name: str, ddl: str) -> tuple[float, int] | str:
        """Seconds and bytes of a new index, or why it could not be built."""
        timeout = str(max(1, round(self.build_seconds * 1000)))
        started = time.perf_counter()
        try:
            self._extension(candidate)
            self.plain.execute("SELECT set_config('statement_timeout', %s, false)", (timeout,))
            self.plain.execute(ddl.encode())
            self.built[name] = candidate
            if any(key.expression for key in candidate.index.keys):
                relation = self.design.relation(candidate.relation).name
                self.plain.execute(f"ANALYZE {quote(relation)}".encode())
        except psycopg.errors.QueryCanceled:
            return f"it was not built within {self.build_seconds:g} s"
        except psycopg.Error as error:
            return f"PostgreSQL did not build it: {error.diag.message_primary or error}"
        finally:
            self.plain.execute("RESET statement_timeout")
        return time.perf_counter() - started, self.size(name)

    def _extension(self, candidate: Candidate) -> None:
        classes = {key.operator_class for key in candidate.index.keys}
        if not classes & {"gin_trgm_ops", "gist_trgm_ops"} or "pg_trgm" in self._extensions:
            return
        row = self.plain.execute(
            "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"
        ).fetchone()
        if row and not row[0]:
            self.plain.execute("CREATE EXTENSION pg_trgm SCHEMA public")
            self._extensions.append("pg_trgm")

    def drop(self, name: str) -> None:
        self.plain.execute(f"DROP INDEX IF EXISTS {quote(name)}".encode())
        self.built.pop(name, None)

    def size(self, name: str) -> int:
        row = self.plain.execute(
            f"SELECT pg_relation_size({quote_literal(quote(name))}::regclass)".encode()
        ).fetchone()
        return int(row[0]) if row else 0


def existing_indexes(connection: psycopg.Connection) -> list[Existing]:
    """The valid indexes of the public schema."""
    rows = connection.execute(
        "SELECT t.relname, m.amname, i.indpred IS NOT NULL, "
        "array(SELECT coalesce(a.attname, '') "
        "FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(n, o)"
        " LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.n AND k.n > 0"
        " WHERE k.o <= i.indnkeyatts ORDER BY k.o) "
        "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
        "JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_am AS m ON m.oid = c.relam "
        "WHERE t.relnamespace = 'public'::regnamespace AND i.indisvalid"
    ).fetchall()
    return [
        Existing(relation=row[0], method=row[1], partial=row[2], keys=tuple(row[3])) for row in rows
    ]


def column_facts(connection: psycopg.Connection) -> dict[tuple[str, str], ColumnFacts]:
    """What ANALYZE gathered, by relation and column."""
    rows = connection.execute(
        "SELECT tablename, attname, n_distinct, avg_width, coalesce(correlation, 0) "
        "FROM pg_stats WHERE schemaname = 'public'"
    ).fetchall()
    return {
        (row[0], row[1]): ColumnFacts(distinct=row[2], width_bytes=row[3], correlation=row[4])
        for row in rows
    }
