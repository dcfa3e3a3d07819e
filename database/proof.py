"""The proof of the revisions: up, down, up again on a throwaway database with rows in it.

Two witnesses compare the catalog at each turn: the fingerprint and a normalised `pg_dump`. A fresh
build of the design must have the same catalog as the revisions leave, and rows must survive
where their relations do.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ..domain.base import Value
from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.measurement import RevisionProof
from ..domain.progress import Report, silent
from ..errors import ConfigError, DesignError
from .catalog import read_catalog
from .compile import compile_design
from .conformity import design_differences
from .diagnose import failure_of
from .digests import digests
from .fingerprint import VERSION_TABLE, Fingerprint, compare, read_fingerprint, schema_dump
from .revisions import downgrade, read_history, upgrade
from .server import Server

LoadRows = Callable[[psycopg.Connection], None]
_MOST_DIFFERENCES = 200
Rows = tuple[tuple[str, int, str], ...]


class _Witness(Value):
    """What the two witnesses saw at one point, and the rows."""

    fingerprint: Fingerprint
    dump: dict[str, str]
    rows: Rows


class _Stopped(Exception):
    """The proof ended early with a failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def prove(
    server: Server,
    directory: Path,
    *,
    load_rows: LoadRows,
    design: Design | None,
    report: Report = silent,
    base_revision: str | None = None,
) -> RevisionProof:
    """Prove the revisions in `directory` on a database that is made for it and dropped after.

    Up to the newest revision, down to `base_revision` (None: to nothing), up again. `load_rows`
    fills the relations once their revision is up: the first one, or `base_revision`, whose rows
    must then survive the way up and down. It must load the same rows each time. With a `design`,
    the catalog is compared with a fresh build of it. Raises ConfigError for no revisions or an
    unknown `base_revision`.
    """
    history = read_history(directory)
    if not history:
        raise ConfigError("There is no revision to prove.", hint="Write one first.")
    if base_revision is not None and base_revision not in [r.id for r in history[:-1]]:
        raise ConfigError(f"Revision {base_revision} is not one below the newest.")
    run = _Proof(server, directory, load_rows, design, report, base_revision)
    started = time.monotonic()
    failure: Failure | None = None
    try:
        run.go(history[0].id)
    except _Stopped as stopped:
        failure = stopped.failure
    seen = [run.seen.get(turn) for turn in ("before", "up", "down", "again")]
    prints = [witness.fingerprint.sha256 if witness else "" for witness in seen]
    kept = ("before", "down") if base_revision else ("up", "again")
    rows = [run.seen[turn].rows if turn in run.seen else () for turn in kept]
    return RevisionProof(
        revision=history[-1].id, steps=tuple(run.steps), differences=_capped(run.differences),
        fingerprint_before=prints[0], fingerprint_up=prints[1], fingerprint_down=prints[2],
        fingerprint_again=prints[3], rows_before=rows[0], rows_after=rows[1],
        passed=failure is None and not run.differences, failure=failure,
        seconds=round(time.monotonic() - started, 3),
    )  # fmt: skip


class _Proof:
    """One proof under way: the steps done, what was seen, what differs."""

    def __init__(
        self,
        server: Server,
        directory: Path,
        load_rows: LoadRows,
        design: Design | None,
        report: Report,
        base: str | None,
    ) -> None:
        self.server, self.directory, self.load_rows = server, directory, load_rows
        self.design, self.report, self.base = design, report, base
        self.steps: list[str] = []
        self.differences: list[str] = []
        self.seen: dict[str, _Witness] = {}

    def go(self, first: str) -> None:
        """The whole way; raises _Stopped at the first failure."""
        with throwaway(self.server) as name:
            self._name = name
            if self.base is not None:
                self._upgrade(self.base)
                self._load()
            self._look("before")
            self._way_up("up", first)
            self._downgrade()
            self._look("down")
            self._compare("before", "down", "after the downgrade")
            if self.base is not None:
                self._compare_rows("before", "down", "after the downgrade")
            self._way_up("again", first)
            self._compare("up", "again", "after the second upgrade")
            self._compare_rows("up", "again", "after the second upgrade")
            self._check_design()
        self._fresh_build()

    def _way_up(self, turn: str, first: str) -> None:
        if self.base is None:
            self._upgrade(first)
            self._load()
        self._upgrade("head")
        self._look(turn)

    def _upgrade(self, target: str) -> None:
        started = time.monotonic()
        url = self.server.url(self._name)
        self._stop_on(upgrade(url, self.directory, target, design=self.design))
        self._done(f"upgrade to {target}", started)

    def _downgrade(self) -> None:
        started = time.monotonic()
        target = self.base or "base"
        url = self.server.url(self._name)
        self._stop_on(downgrade(url, self.directory, target, design=self.design))
        self._done(f"downgrade to {target}", started)

    def _load(self) -> None:
        started = time.monotonic()
        with self.server.connect(self._name) as connection:
            try:
                with connection.transaction():
                    self.load_rows(connection)
            except (psycopg.Error, DesignError) as error:
                raise _Stopped(failure_of(error, kind="load", design=self.design)) from error
        self._done("rows loaded", started)

    def _look(self, turn: str) -> None:
        with self.server.connect(self._name) as connection:
            fingerprint = read_fingerprint(connection)
            rows = tuple(
                (digest.table, digest.rows, digest.digest)
                for digest in digests(connection)
                if digest.table != VERSION_TABLE
            )
        dump = schema_dump(self.server, self._name)
        self.seen[turn] = _Witness(fingerprint=fingerprint, dump=dump, rows=rows)

    def _compare(self, old: str, new: str, when: str) -> None:
        before, after = self.seen[old], self.seen[new]
        found = [
            *compare(before.fingerprint.objects, after.fingerprint.objects),
            *compare(before.dump, after.dump),
        ]
        self.differences += [f"{when}: {text}" for text in found]
        self.report(f"catalog compared {when}", differences=len(found))

    def _compare_rows(self, old: str, new: str, when: str) -> None:
        before = {table: (rows, digest) for table, rows, digest in self.seen[old].rows}
        after = {table: (rows, digest) for table, rows, digest in self.seen[new].rows}
        for table in sorted(before.keys() | after.keys()):
            if before.get(table) == after.get(table):
                continue
            counts = [side[table][0] if table in side else "no" for side in (before, after)]
            what = f"{counts[0]} rows, now {counts[1]}"
            if counts[0] == counts[1]:
                what = f"{counts[0]} rows with other contents"
            self.differences.append(f"{when}: rows of {table}: {what}")

    def _check_design(self) -> None:
        if self.design is None:
            return
        with self.server.connect(self._name) as connection:
            found = design_differences(self.design, read_catalog(connection))
        self.differences += [f"against the design: {text}" for text in found]
        self.report("catalog compared with the design", differences=len(found))

    def _fresh_build(self) -> None:
        if self.design is None:
            return
        started = time.monotonic()
        with throwaway(self.server) as name, self.server.connect(name) as connection:
            statement = None
            try:
                for statement in compile_design(self.design):
                    connection.execute(statement.sql.encode())
            except psycopg.Error as error:
                failure = failure_of(
                    error, kind="fresh build", design=self.design,
                    statement=statement.sql if statement else "",
                    element=statement.element if statement else "",
                )  # fmt: skip
                raise _Stopped(failure) from error
            built = read_fingerprint(connection).objects
        found = compare(built, self.seen["again"].fingerprint.objects)
        self.differences += [f"against a fresh build of the design: {text}" for text in found]
        self._done("fresh build of the design", started)

    def _done(self, what: str, started: float) -> None:
        self.steps.append(what)
        self.report(what, seconds=round(time.monotonic() - started, 3))

    def _stop_on(self, failure: Failure | None) -> None:
        if failure is not None:
            raise _Stopped(failure)


def _capped(found: list[str]) -> tuple[str, ...]:
    more = len(found) - _MOST_DIFFERENCES
    return (*found[:_MOST_DIFFERENCES], *([f"… and {more} more"] if more > 0 else []))


@contextmanager
def throwaway(server: Server) -> Iterator[str]:
    """The name of a fresh database on A13's own server, dropped at the end."""
    name = f"proof_{secrets.token_hex(6)}"
    server.create_database(name)
    try:
        yield name
    finally:
        server.drop_database(name)
