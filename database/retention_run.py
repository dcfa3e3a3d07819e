"""Retention carried out: one step on real rows, and the drill of a whole plan on rows of known age.

An archive is a CSV file for each relation. Nothing is deleted before the file was read back into
a table of the same columns and its digest is equal.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.design import Design
from ..domain.expressions import parse_predicate
from ..domain.identifiers import quote
from ..domain.progress import Report, silent
from ..domain.recovery import RetentionProof, RetentionReport, RetentionStep
from ..errors import DesignError, EvidenceError
from .canonical import canonical
from .generate import small_rows
from .retention_sql import held, over
from .revisions import upgrade
from .server import Server

_ROWS = 120
_END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


def apply_retention(
    connection: psycopg.Connection[Any],
    step: RetentionStep,
    now: datetime,
    *,
    archive_directory: Path | None = None,
) -> int:
    """Carry out one step in one transaction; the number of rows of its relation it touched.

    Raises EvidenceError where an archive is not equal to its rows, and for an archive without a
    directory: then nothing was deleted.
    """
    if not step.action_sql:
        return 0
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select set_config('row_security', 'off', true)")
        pairs = [(step.relation, step.archive_sql), *step.archive_more] if step.archive_sql else []
        if pairs and archive_directory is None:
            raise EvidenceError(
                f"The rows of {step.relation} must be archived first.",
                hint="Name a directory for the archive.",
            )
        for relation, query in pairs:
            assert archive_directory is not None
            _archive(connection, relation, query, now, archive_directory)
        for statement in step.action_sql:
            cursor.execute(statement.encode(), {"now": now})
        return cursor.rowcount


def _archive(
    connection: psycopg.Connection[Any],
    relation: str,
    query: str,
    now: datetime,
    directory: Path,
) -> Path:
    """Write rows to a CSV file, read it back, compare; the file."""
    path = directory / f"{relation}-{now:%Y%m%dT%H%M%S}.csv"
    with connection.cursor(row_factory=tuple_row) as cursor:
        # The text of a float or of a time must not depend on the session.
        for name, value in (
            ("extra_float_digits", "1"), ("datestyle", "ISO, YMD"),
            ("intervalstyle", "postgres"), ("timezone", "UTC"),
        ):  # fmt: skip
            cursor.execute("select set_config(%s, %s, true)", (name, value))
        with (
            path.open("xb") as file,
            cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)".encode(), {"now": now})
            as out,
        ):  # fmt: skip
            for chunk in out:
                file.write(chunk)
        again = quote(f"a13_archive_{secrets.token_hex(4)}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE {again} ON COMMIT DROP AS"
            f" SELECT * FROM {quote(relation)} WITH NO DATA".encode()
        )
        copy = f"COPY {again} FROM STDIN (FORMAT csv, HEADER)".encode()
        with path.open("rb") as file, cursor.copy(copy) as into:
            while chunk := file.read(1 << 16):
                into.write(chunk)
        hashed = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM "
        cursor.execute(f"{hashed} ({query}) t".encode(), {"now": now})
        there = cursor.fetchone()
        cursor.execute(f"{hashed} {again} t".encode())
        here = cursor.fetchone()
    if there != here:
        raise EvidenceError(
            f"The archive of {relation} does not hold the rows that were written to it.",
            hint="Nothing was deleted. Look for a full disk, then run the step again.",
        )
    return path


def drill_retention(
    server: Server,
    migrations: Path,
    design: Design,
    steps: tuple[RetentionStep, ...],
    *,
    seed: int,
    report: Report = silent,
) -> RetentionReport:
    """Run each step on generated rows: what is due goes, what is newer or held stays.

    The moment of a step is chosen from the rows' own clock so that about half of them are due;
    the machine's clock has no part in it. Works on a database of its own, which is dropped.
    """
    design = canonical(design)
    database = f"a13_retention_{secrets.token_hex(4)}"
    server.create_database(database)
    try:
        failure = upgrade(server.url(database), migrations)
        if failure is not None:
            return _without_rows(steps, failure.message)
        proofs = []
        with server.connect(database) as connection:
            try:
                small_rows(design, seed=seed, rows=_ROWS)(connection)
            except DesignError as error:
                return _without_rows(steps, str(error))
            for step in steps:
                if step.action_sql:
                    proof = _prove(connection, design, step, steps, server.directory)
                    proofs.append(proof)
                    report(
                        "retention drilled",
                        relation=step.relation,
                        action=step.action,
                        due=proof.due,
                        affected=proof.affected,
                        passed=proof.passed,
                    )
    finally:
        server.drop_database(database)
    # A step that no row was due for shows nothing, neither for nor against the plan.
    passed = all(proof.passed or not proof.conclusive for proof in proofs)
    return RetentionReport(steps=steps, proofs=tuple(proofs), passed=passed)


def _without_rows(steps: tuple[RetentionStep, ...], why: str) -> RetentionReport:
    """The report of a drill that had no rows to work on."""
    return RetentionReport(steps=steps, proofs=(RetentionProof(relation="", detail=why),))


def _prove(
    connection: psycopg.Connection[Any],
    design: Design,
    step: RetentionStep,
    steps: tuple[RetentionStep, ...],
    directory: Path,
) -> RetentionProof:
    """Run one step in a transaction that is rolled back, and look at every row."""
    archives = directory / f"archive-{secrets.token_hex(4)}"
    archives.mkdir()
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("set constraints all immediate")
            now = _moment(connection, step)
            if now is None:
                return _open(step, f"{step.relation} has no row with a {step.clock_column}")
            proof = _run(connection, design, step, now, archives)
        if proof.due == 0 and proof.waiting:
            # Everything old is still referred to: once more, after those rows had their time.
            with connection.transaction(force_rollback=True):
                connection.execute("set constraints all immediate")
                for other in steps[: steps.index(step)]:
                    if other.action in ("drop", "archive"):
                        apply_retention(connection, other, _END_OF_TIME, archive_directory=archives)
                proof = _run(connection, design, step, now, archives)
        return proof
    except (psycopg.Error, EvidenceError) as error:
        return RetentionProof(relation=step.relation, detail=str(error).strip().splitlines()[0])


def _open(step: RetentionStep, why: str) -> RetentionProof:
    return RetentionProof(relation=step.relation, conclusive=False, detail=why)


def _moment(connection: psycopg.Connection[Any], step: RetentionStep) -> datetime | None:
    """A moment at which about half of the rows are due."""
    clock = quote(step.clock_column or "")
    statement = (
        f"SELECT (percentile_disc(0.5) WITHIN GROUP (ORDER BY {clock}))::timestamp AT TIME ZONE"
        f" 'UTC' + interval '{step.period}' + interval '1 day' FROM {quote(step.relation)}"
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute("select set_config('timezone', 'UTC', true)")
        found = cursor.execute(statement.encode()).fetchone()
    return found[0] if found else None


def _run(
    connection: psycopg.Connection[Any],
    design: Design,
    step: RetentionStep,
    now: datetime,
    archives: Path,
) -> RetentionProof:
    relation = design.relation(step.relation)
    _hold_one(connection, design, step, now)
    before = dict(_rows(connection, design, step, now))
    with connection.cursor(row_factory=tuple_row) as cursor:
        counted = cursor.execute(step.count_sql.encode(), {"now": now}).fetchone()
    assert counted is not None
    due = int(counted[0])
    touched = apply_retention(connection, step, now, archive_directory=archives)
    after = dict(_rows(connection, design, step, now))
    changed = {key for key, row in before.items() if after.get(key) != row}
    old = {key for key, row in before.items() if row[1] and not row[2]}
    kept_back = sum(1 for row in before.values() if row[1] and row[2])
    wrong = [key for key in changed if key not in old]
    gone = {key for key in changed if key not in after}
    # Anonymised rows stay, all others go.
    as_meant = gone == (set() if step.action == "anonymise" else changed)
    waiting = len(old) - len(changed) if step.action != "anonymise" else 0
    passed = as_meant and not wrong and len(changed) == due == touched and due > 0
    what = "changed" if step.action == "anonymise" else "went"
    detail = f"{due} of {len(before)} rows were due at {now:%Y-%m-%d}, {len(changed)} {what}"
    if step.archive_sql:
        detail += f"; archived in {len(list(archives.glob('*.csv')))} files, read back equal"
    if wrong:
        detail += f"; {len(wrong)} rows of {relation.name} that were not due were touched"
    return RetentionProof(
        relation=step.relation,
        now=now.isoformat(),
        rows=len(before),
        due=due,
        held=kept_back,
        waiting=waiting,
        affected=len(changed),
        untouched=not wrong,
        passed=passed,
        conclusive=due > 0 or bool(changed),
        detail=detail if due or changed else f"no row was due; {waiting} wait for others",
    )


def _rows(
    connection: psycopg.Connection[Any], design: Design, step: RetentionStep, now: datetime
) -> Iterator[tuple[str, tuple[str, bool, bool]]]:
    """Every row of the relation by its key: its content, whether it is old, whether it is held."""
    relation = design.relation(step.relation)
    key = ", ".join(map(quote, relation.primary_key))
    old = over(relation, step.clock_column or "", step.period)
    statement = (
        f"SELECT row({key})::text, md5(t::text), coalesce({old}, false),"
        f" coalesce({held(relation, step.hold)}, false) FROM {quote(relation.name)} t"
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        for name, content, is_old, is_held in cursor.execute(statement.encode(), {"now": now}):
            yield name, (content, is_old, is_held)


def _hold_one(
    connection: psycopg.Connection[Any], design: Design, step: RetentionStep, now: datetime
) -> None:
    """Put one old row on hold where the hold is a column of its own."""
    relation = design.relation(step.relation)
    column = relation.find(step.hold or "")
    if column is None or column.type != "boolean":
        return
    types = {one.name: one.type for one in relation.columns}
    name = parse_predicate(step.hold or "", types).sql
    key = ", ".join(map(quote, relation.primary_key))
    old = over(relation, step.clock_column or "", step.period)
    table = quote(relation.name)
    statement = (
        f"UPDATE {table} SET {quote(column.name)} = true WHERE ({key}) IN"
        f" (SELECT {key} FROM {table} WHERE {old} AND ({name}) IS NOT TRUE ORDER BY {key} LIMIT 1)"
    )
    connection.execute(statement.encode(), {"now": now})
