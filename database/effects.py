"""Effects of revisions, measured: locks, rewrites and scans on a clone with rows in it.

Static linters miss unsafe changes; here each statement really runs and `pg_locks`, `relfilenode`
and the counters of sequential reads are read inside its transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from ..domain.apply import LockTaken, StatementEffect
from ..domain.revision import Revision

_MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
_NAMES = {
    "AccessShareLock": "ACCESS SHARE", "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE", "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE", "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE", "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}  # fmt: skip
_TABLES = """
SELECT c.oid::int8, c.relname, c.relfilenode::int8 FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'm') AND c.relnamespace = 'public'::regnamespace
"""
_LOCKS = """
SELECT relation::int8, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
"""
_READ = "SELECT relid::int8, seq_tup_read FROM pg_stat_xact_user_tables"


def measure_effects(
    connection: psycopg.Connection, revisions: Sequence[Revision]
) -> tuple[StatementEffect, ...]:
    """Run the revisions on a clone and note what each statement does to relations that were there.

    The connection must be in autocommit mode and lead to a throwaway database that stands just
    below the first revision. Raises psycopg.Error for a statement that fails.
    """
    connection.execute("SET search_path = public")
    effects: list[StatementEffect] = []
    for revision in revisions:
        if revision.transactional:
            with connection.transaction():
                effects += _in_transaction(connection, revision)
        else:
            effects += _outside(connection, revision)
    return tuple(effects)


def _in_transaction(connection: psycopg.Connection, revision: Revision) -> list[StatementEffect]:
    tables = {oid: (name, file) for oid, name, file in connection.execute(_TABLES)}
    held: dict[int, int] = {}
    files = {oid: file for oid, (_, file) in tables.items()}
    read = _tuples_read(connection)
    effects = []
    for position, statement in enumerate(revision.upgrade):
        started = time.monotonic()
        connection.execute(statement.encode())
        seconds = time.monotonic() - started
        locks = []
        for oid, mode in _strongest(connection).items():
            if oid in tables and mode > held.get(oid, 0):
                held[oid] = mode
                # Reading the catalog takes no more than ACCESS SHARE.
                if mode > 0:
                    locks.append(LockTaken(relation=tables[oid][0], mode=_NAMES[_MODES[mode]]))
        now = {oid: file for oid, _, file in connection.execute(_TABLES)}
        rewrites = [tables[oid][0] for oid in tables if now.get(oid, files[oid]) != files[oid]]
        files.update({oid: file for oid, file in now.items() if oid in tables})
        after = _tuples_read(connection)
        scans = [tables[oid][0] for oid in tables if after.get(oid, 0) > read.get(oid, 0)]
        read = after
        effects.append(
            StatementEffect(
                revision=revision.id,
                statement=statement,
                element=_element(revision, position),
                seconds=round(seconds, 6),
                scans=tuple(sorted(scans)),
                locks=tuple(sorted(locks, key=lambda lock: lock.relation)),
                rewrites=tuple(sorted(rewrites)),
            )
        )
    return effects


def _outside(connection: psycopg.Connection, revision: Revision) -> list[StatementEffect]:
    effects = []
    for statement in revision.prepare:
        connection.execute(statement.encode())
    for position, statement in enumerate(revision.upgrade):
        started = time.monotonic()
        connection.execute(statement.encode())
        locks: tuple[LockTaken, ...] = ()
        if "CONCURRENTLY" in statement:
            locks = (
                LockTaken(
                    relation=_indexed_table(statement), mode=_NAMES["ShareUpdateExclusiveLock"]
                ),
            )
        effects.append(
            StatementEffect(
                revision=revision.id,
                statement=statement,
                element=_element(revision, position),
                seconds=round(time.monotonic() - started, 6),
                locks=locks,
                measured=False,
            )
        )
    return effects


def _indexed_table(statement: str) -> str:
    """The relation of CREATE INDEX … ON relation USING …, as `compile_index` writes it."""
    return statement.split(" ON ", 1)[-1].split(" USING ", 1)[0].strip('"')


def _element(revision: Revision, position: int) -> str:
    return revision.elements[position] if position < len(revision.elements) else ""


def _strongest(connection: psycopg.Connection) -> dict[int, int]:
    locks: dict[int, int] = {}
    for oid, mode in connection.execute(_LOCKS).fetchall():
        locks[oid] = max(locks.get(oid, 0), _MODES.index(mode))
    return locks


def _tuples_read(connection: psycopg.Connection) -> dict[int, int]:
    return dict(connection.execute(_READ).fetchall())
