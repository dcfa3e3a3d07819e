"""Probes: what a design promises, tried on the real database with one statement each.

For every constraint one statement that must pass and one that must be refused, with the expected
SQLSTATE and by the expected name; for every policy and role what it must see, change or be
refused. The observed answer is the server's own. Everything runs in savepoints of one transaction
that is rolled back; the digests before and after are compared and are a probe of their own.

A rule for which no statement could be found is a probe that is not conclusive, never one that
passed.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from ..domain.design import Design
from ..domain.measurement import Probe, TableDigest
from .canonical import canonical
from .digests import differences, digests
from .probe_constraints import probe_relation
from .probe_references import probe_references
from .probe_rows import RowMaker
from .probe_security import probe_grants, probe_policy
from .probe_session import Session
from .server import Server

_STATEMENT_TIMEOUT = "30s"


def probe(server: Server, database: str, design: Design) -> tuple[Probe, ...]:
    """The probes of a design on a database with its schema and some rows.

    In the order of the design: each relation's constraints, references, policy; then the roles;
    then the digests. Raises psycopg.Error where the database cannot be used at all.
    """
    design = canonical(design)
    with server.connect(database) as connection:
        before = digests(connection)
        probes: list[Probe] = []
        with connection.transaction(force_rollback=True):
            connection.execute(
                "select set_config('statement_timeout', %s, true)", (_STATEMENT_TIMEOUT,)
            )
            # Deferred keys speak at once, so that the refusal belongs to its statement.
            connection.execute("set constraints all immediate")
            probes += _probes(Session(connection), design)
        probes.append(_untouched(connection, before))
    return tuple(probes)


def _probes(session: Session, design: Design) -> Iterator[Probe]:
    rows = RowMaker(session, design)
    for relation in design.relations:
        yield from probe_relation(session, rows, relation)
        yield from probe_references(session, rows, relation)
        yield from probe_policy(session, rows, relation)
    yield from probe_grants(session, design)


def _untouched(connection: psycopg.Connection, before: tuple[TableDigest, ...]) -> Probe:
    unequal = differences(before, digests(connection))
    return Probe(
        element="database",
        statement="-- digests of every table before and after the probes",
        expected="equal",
        observed="; ".join(unequal) or "equal",
        passed=not unequal,
    )
