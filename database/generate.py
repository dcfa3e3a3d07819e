"""Rows for a schema that is already there: valid, skewed, repeatable, made by the server itself.

`load` fills a database at volume in one transaction after a TRUNCATE, which under
`wal_level=minimal` writes no log. Triggers rest while it works and indexes are built once at the
end; then every foreign key is verified by an anti-join, and a rule that does not hold undoes
everything. `small_rows` fills the tables of a proof with every constraint in force.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ..domain.design import Design, Relation
from ..domain.identifiers import quote, quote_literal
from ..domain.measurement import LoadedRelation
from ..domain.plan import RelationVolume
from ..domain.progress import Report, silent
from ..domain.types import canonical_type
from ..errors import DesignError
from .draws import DROP_FUNCTIONS, FUNCTIONS
from .links import links_of, load_order
from .orphans import refusal, verify_links
from .parents import Filled, Parents
from .picking import link_later
from .recipe import Recipe, plan_rows
from .rows import Maker, Making
from .server import Server
from .volumes import is_lookup

# From this many rows on, building an index once is faster than keeping it up to date.
_BULK_ROWS = 20_000
_SESSION = """
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL work_mem = '128MB';
SET LOCAL enable_nestloop = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL client_min_messages = 'warning';
SET LOCAL synchronize_seqscans = off
"""
_SMALL_LOOKUPS = 8
_SMALL_TENANTS = 4


def load(
    server: Server,
    database: str,
    design: Design,
    volumes: Sequence[RelationVolume],
    *,
    seed: int,
    report: Report = silent,
) -> tuple[LoadedRelation, ...]:
    """Fill the relations with the planned rows, replacing what they hold.

    Returns what the server counted, in the order of loading. The same design, volumes and seed
    give the same rows. Raises DesignError, with the constraint in `facts`, where no row satisfies
    a rule; nothing has changed then.
    """
    wanted = {volume.relation: volume.rows for volume in volumes}
    with server.connect(database) as connection:
        with connection.transaction():
            _run(connection, "SET LOCAL session_replication_role = replica")
            filler = _Filler(connection, design, wanted, seed, bulk=True, report=report)
            filler.truncate()
            seconds = filler.fill()
            verify_links(connection, filler.design)
        started = time.perf_counter()
        for relation in design.relations:
            # Rows were analysed as they came in; vacuum lets index-only scans skip the table.
            _run(connection, f"VACUUM {quote(relation.name)}")
        report("tables vacuumed", seconds=round(time.perf_counter() - started, 3))
        return tuple(_loaded(connection, name, seconds[name]) for name in seconds)


def small_rows(
    design: Design, *, seed: int, rows: int = 200
) -> Callable[[psycopg.Connection], None]:
    """What fills an empty schema with at most `rows` rows a relation, constraints in force.

    The connection's role must pass row-level security (a superuser). One transaction.
    """

    def fill(connection: psycopg.Connection) -> None:
        with connection.transaction():
            wanted = {r.name: _few(design, r, rows) for r in design.relations}
            _Filler(connection, design, wanted, seed, bulk=False).fill()

    return fill


def _few(design: Design, relation: Relation, rows: int) -> int:
    if design.tenancy and relation.name == design.tenancy.relation:
        return min(rows, _SMALL_TENANTS)
    return min(rows, _SMALL_LOOKUPS) if is_lookup(relation, design) else rows


def _loaded(connection: psycopg.Connection, name: str, seconds: float) -> LoadedRelation:
    table = quote(name)
    row = connection.execute(
        f"SELECT count(*), pg_total_relation_size({quote_literal(table)}::regclass) "
        f"FROM {table}".encode()
    ).fetchone()
    assert row is not None
    return LoadedRelation(
        relation=name, rows=int(row[0]), size_bytes=int(row[1]), seconds=round(seconds, 3)
    )


@dataclass(frozen=True)
class _Try:
    """How many numbers to try for so many rows, and whether links go round."""

    factor: int
    even: bool = False


_TRIES = (_Try(1), _Try(3), _Try(10), _Try(10, even=True))


class _Filler:
    """Fills all relations of a design in the transaction of a connection."""

    def __init__(
        self,
        connection: psycopg.Connection,
        design: Design,
        wanted: dict[str, int],
        seed: int,
        *,
        bulk: bool,
        report: Report = silent,
    ) -> None:
        self.connection = connection
        self.design = _canonical(design)
        self.wanted = wanted
        self.seed = seed
        self.bulk = bulk
        self.report = report
        self.parents = Parents(connection)
        self.ordered, self.postponed = load_order(self.design)

    def truncate(self) -> None:
        """Empty every relation; also what lets the rows go in without a log."""
        listed = ", ".join(quote(relation.name) for relation in self.design.relations)
        if listed:
            _run(self.connection, f"TRUNCATE {listed}")

    def fill(self) -> dict[str, float]:
        """Fill the relations, parents first; the seconds that each took."""
        _run(self.connection, _SESSION)
        _run(self.connection, FUNCTIONS)
        seconds = {}
        for relation in self.ordered:
            started = time.perf_counter()
            hidden = self._hide_indexes(relation)
            rows = self._fill(relation)
            if hidden:
                self._guard(relation, f"REINDEX TABLE {quote(relation.name)}")
            if self.bulk and rows:
                _run(self.connection, f"ANALYZE {quote(relation.name)}")
            seconds[relation.name] = time.perf_counter() - started
            self.report(
                "relation loaded",
                relation=relation.name,
                rows=rows,
                seconds=round(seconds[relation.name], 3),
            )
        for relation in self.ordered:
            for link in links_of(self.design, relation, self.postponed):
                if link.postponed and link.optional:
                    statement = link_later(self.parents, relation, link, seed=self.seed)
                    self._guard(relation, statement)
                    _run(self.connection, f"ANALYZE {quote(relation.name)}")
        _run(self.connection, DROP_FUNCTIONS)
        return seconds

    # -- one relation --------------------------------------------------------------------------

    def _fill(self, relation: Relation) -> int:
        rows = self.wanted.get(relation.name, 0)
        recipe = plan_rows(self.design, relation, self.postponed, self.seed, self.parents.rows())
        self._expect_postponed(recipe)
        made, numbers, making = 0, 0, None
        for place, attempt in enumerate(_TRIES):
            if place and made:
                self._guard(relation, f"DELETE FROM {quote(relation.name)}")
            numbers = rows * attempt.factor
            making = Maker(recipe, self.parents, rows, numbers, even=attempt.even).make()
            made = self._insert(relation, making)
            if made >= rows or making.exact or (making.room is not None and made >= making.room):
                break
        assert making is not None
        if rows and not made and self._has_parents(recipe):
            raise self._unsatisfied(relation, making)
        # With a row for every number, a child knows its parent's key from the number.
        dense = made == rows == numbers
        self.parents.filled[relation.name] = Filled(made, making.formulas if dense else {})
        for column in relation.columns:
            if column.identity:
                self._advance(relation, column.name)
        return made

    def _insert(self, relation: Relation, making: Making) -> int:
        listed = ", ".join(quote(name) for name in making.columns)
        over = "OVERRIDING SYSTEM VALUE " if any(c.identity for c in relation.columns) else ""
        cursor = self._guard(
            relation, f"INSERT INTO {quote(relation.name)} ({listed}) {over}{making.sql}"
        )
        return cursor.rowcount

    def _expect_postponed(self, recipe: Recipe) -> None:
        """Keys of a relation that comes later are known in advance where they are row numbers."""
        for link in recipe.links:
            if link.postponed and not link.optional and link.parent not in self.parents.filled:
                target = self.design.relation(link.parent)
                later = plan_rows(self.design, target, self.postponed, self.seed, {})
                names = [there for _, there in link.pairs]
                if not set(names) <= later.keys.by_row:
                    raise refusal(
                        recipe.relation,
                        "+".join(link.columns),
                        f"It and {link.parent} each need a row of the other first.",
                        hint="Make one of the two references optional.",
                    )
                rows = self.wanted.get(link.parent, 0)
                maker = Maker(later, Parents(self.connection), rows, rows)
                formulas = {name: maker.formula(name) for name in names}
                self.parents.filled[link.parent] = Filled(rows, formulas)

    def _has_parents(self, recipe: Recipe) -> bool:
        """False where an empty parent, and no rule, is why there are no rows."""
        rows = self.parents.rows()
        return all(
            rows.get(link.parent, 1) > 0
            for link in recipe.links
            if not link.optional and not link.to_itself
        )

    def _unsatisfied(self, relation: Relation, making: Making) -> DesignError:
        """The error that names the rule which no row passed."""
        worst, fewest = "", None
        for rule in making.rest:
            row = self.connection.execute(
                f"SELECT count(*) FILTER (WHERE ({rule.sql}) IS NOT FALSE) "
                f"FROM (SELECT * FROM ({making.unfiltered}) AS u LIMIT 500) AS t".encode()
            ).fetchone()
            passed = int(row[0]) if row else 0
            if fewest is None or passed < fewest:
                worst, fewest = rule.name, passed
        return refusal(
            relation,
            worst or "its keys",
            f"No generated row of {relation.name} satisfies it.",
            hint="Check that the rule can hold, or write it as simple comparisons.",
        )

    def _advance(self, relation: Relation, column: str) -> None:
        """Let the identity go on after the highest number in use."""
        table = quote_literal(quote(relation.name))
        _run(
            self.connection,
            f"SELECT setval(pg_get_serial_sequence({table}, {quote_literal(column)}), "
            f"coalesce(max({quote(column)}), 1), max({quote(column)}) IS NOT NULL) "
            f"FROM {quote(relation.name)}",
        )

    def _hide_indexes(self, relation: Relation) -> bool:
        """Let the rows go in without keeping the indexes; REINDEX brings them back.

        A superuser's update of the catalog, undone by the REINDEX in the same transaction.
        """
        if not self.bulk or self.wanted.get(relation.name, 0) < _BULK_ROWS:
            return False
        table = quote_literal(quote(relation.name))
        cursor = self._guard(
            relation,
            "UPDATE pg_catalog.pg_index SET indisready = false, indisvalid = false "
            f"WHERE indrelid = {table}::regclass",
        )
        return cursor.rowcount > 0

    def _guard(self, relation: Relation, statement: str) -> psycopg.Cursor[Any]:
        """Run a statement; what the server refuses becomes an error that names the constraint."""
        try:
            return _run(self.connection, statement)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            name = error.diag.constraint_name or error.diag.column_name or "its types"
            text = error.diag.message_primary or str(error).splitlines()[0]
            raise refusal(
                relation, name, f"PostgreSQL says: {text}.", sqlstate=error.sqlstate or ""
            ) from error


def _canonical(design: Design) -> Design:
    """The design with every type in its one spelling."""
    relations = tuple(
        relation.model_copy(
            update={
                "columns": tuple(
                    column.model_copy(update={"type": canonical_type(column.type)})
                    for column in relation.columns
                )
            }
        )
        for relation in design.relations
    )
    return design.model_copy(update={"relations": relations})


def _run(connection: psycopg.Connection, statement: str) -> psycopg.Cursor[Any]:
    return connection.execute(statement.encode())
