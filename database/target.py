"""The user's own database: a plan bound to its hash, and the plan carried out under a lock.

Nothing that was there is dropped: names that are taken forbid the plan, and a failure is rolled
back and the catalog compared with what it was. Everything that tests happens on A13's own server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import URL

from ..domain.apply import (
    ApplyPlan,
    ApplyReport,
    CatalogDelta,
    PlannedRevision,
    StatementEffect,
)
from ..domain.base import sha256_of_json
from ..domain.design import Design
from ..domain.findings import Failure
from ..domain.progress import Report, silent
from ..errors import ConfigError, TargetError
from .connections import connect, database_url
from .diagnose import failure_of
from .effects import measure_effects
from .fingerprint import VERSION_TABLE, Fingerprint, differences, read_fingerprint
from .proof import throwaway
from .revisions import Revision, current_revision, read_history, rollback, upgrade
from .server import Server
from .target_facts import inspect_target

__all__ = ["apply_plan", "inspect_target", "plan_apply"]

LoadRows = Callable[[psycopg.Connection], None]
# The same number for every A13: two runs never change one database at once.
_ADVISORY_KEY = 0x0A13_0001
_LOCK_NOT_AVAILABLE = "55P03"
_RELATION_KINDS = (
    "table", "index", "sequence", "view", "materialized view", "foreign table", "composite type",
)  # fmt: skip
_TRIES = 3
_PAUSE_SECONDS = 0.5


def plan_apply(
    url: URL | str,
    directory: Path,
    *,
    server: Server,
    design: Design,
    load_rows: LoadRows,
) -> ApplyPlan:
    """What would happen to the user's database, measured on a clone with rows on A13's server.

    Reads the target, runs nothing there. A plan whose target has `problems` can be shown but not
    applied. Raises TargetError if the target cannot be read, ConfigError if there is nothing to
    apply or the clone refuses.
    """
    history = read_history(directory)
    facts = inspect_target(url, design=design, history=history, own_version=server.version)
    pending = _pending(history, facts.revision)
    if not pending:
        raise ConfigError(
            f"The database stands at revision {facts.revision}; there is nothing to apply.",
            hint="; ".join(facts.problems),
        )
    effects, expected = _rehearse(server, directory, facts.revision, pending, load_rows)
    known = {name.split(" ", 1)[1] for name in facts.collisions}
    taken = [name for name in _taken(url, expected) if name.split(" ", 1)[1] not in known]
    if taken:
        problems = (*facts.problems, *(f"{name} is already there" for name in taken))
        facts = facts.model_copy(
            update={"collisions": (*facts.collisions, *taken), "problems": problems}
        )
    return ApplyPlan(
        target=facts,
        revisions=tuple(
            PlannedRevision(
                id=revision.id,
                message=revision.message,
                sha256=revision.sha256,
                transactional=revision.transactional,
            )
            for revision in pending
        ),
        effects=effects,
        expected=expected,
        server_version=server.version,
        expected_seconds=round(sum(effect.seconds for effect in effects), 3),
        rollback=_rollback_text(facts.revision, pending),
    )


def apply_plan(
    url: URL | str,
    directory: Path,
    plan: ApplyPlan,
    *,
    approved_sha256: str,
    report: Report = silent,
) -> ApplyReport:
    """Carry out an approved plan. What fails is rolled back and compared with what was there.

    Raises TargetError, before anything is written, if the approval is for another plan, if the
    database or the revisions changed since, if the target has problems, or if another A13 is at
    work on it.
    """
    parsed = database_url(url)
    history = read_history(directory)
    _check_approval(plan, approved_sha256, history)
    with _connect(parsed) as guard:
        row = guard.execute("SELECT pg_try_advisory_lock(%s)", (_ADVISORY_KEY,)).fetchone()
        if row != (True,):
            raise TargetError(
                "Another A13 is changing this database.", hint="Wait for it, then plan again."
            )
        before = read_fingerprint(guard, version_table=True)
        if before.sha256 != plan.target.fingerprint:
            finished = _finished_before(guard, parsed, plan)
            if finished is not None:
                return finished
            raise TargetError(
                "The database changed since the plan was made.", hint="Plan again and approve that."
            )
        portable = read_fingerprint(guard, portable=True)
        started = time.monotonic()
        failure, attempts = _upgrade(parsed, directory, plan, report)
        seconds = round(time.monotonic() - started, 3)
        # The guard only holds the lock now: its session may have been ended by a revision.
        found: tuple[str, ...] = ()
        left: tuple[str, ...] = ()
        if failure is None:
            found = _compared(parsed, plan, portable)
            report("catalog compared with the proved one", differences=len(found))
        else:
            left = _roll_back(parsed, directory, plan.target.revision, before)
            report("rolled back", differences=len(left))
        return ApplyReport(
            plan_sha256=plan.sha256,
            revision=_stands_at(parsed),
            passed=failure is None and not found,
            seconds=seconds,
            attempts=attempts,
            differences=found,
            failure=failure,
            rolled_back=failure is not None and not left,
            left=left,
        )


def _check_approval(plan: ApplyPlan, approved_sha256: str, history: tuple[Revision, ...]) -> None:
    if approved_sha256 != plan.sha256:
        raise TargetError(
            "The approval is for another plan.", hint=f"Approve {plan.sha256[:12]}… or plan again."
        )
    if plan.target.problems:
        raise TargetError(
            "The plan cannot be applied: " + "; ".join(plan.target.problems) + ".",
            hint="Clear these, then plan again.",
        )
    planned = [(revision.id, revision.sha256) for revision in plan.revisions]
    there = [(r.id, r.sha256) for r in _pending(history, plan.target.revision)]
    if planned != there:
        raise TargetError(
            "The revisions changed since the plan was made.", hint="Plan again and approve that."
        )


def _connect(url: URL) -> psycopg.Connection:
    try:
        return connect(url)
    except psycopg.Error as error:
        failure = failure_of(error, kind="target")
        raise TargetError(f"The database cannot be reached: {failure.message}") from None


def _upgrade(
    url: URL, directory: Path, plan: ApplyPlan, report: Report
) -> tuple[Failure | None, int]:
    """Run the revisions; a lock that others hold is tried again with a growing pause."""
    head = plan.revisions[-1].id
    attempt = 1
    while True:
        failure = upgrade(url, directory, head)
        report("upgrade", attempt=attempt, failed=failure is not None)
        if failure is None or failure.sqlstate != _LOCK_NOT_AVAILABLE or attempt == _TRIES:
            return failure, attempt
        time.sleep(_PAUSE_SECONDS * attempt)
        attempt += 1


def _compared(url: URL, plan: ApplyPlan, portable: Fingerprint) -> tuple[str, ...]:
    """What came out other than planned."""
    try:
        with connect(url) as connection:
            delta = _delta(portable, read_fingerprint(connection, portable=True))
    except psycopg.Error as error:
        failure = failure_of(error, kind="target")
        return (f"the catalog could not be read afterwards: {failure.message}",)
    return _unexpected(plan.expected, delta, portable)


def _roll_back(url: URL, directory: Path, base: str | None, before: Fingerprint) -> tuple[str, ...]:
    """Undo what was applied; what then still differs from before, or cannot be seen."""
    own = f"table public.{VERSION_TABLE}"
    try:
        with connect(url) as connection:
            there = read_fingerprint(connection, version_table=True)
        if not differences(before, there):
            return ()  # nothing was applied: a database that refuses all changes also gets here
        failure = rollback(url, directory, to=base)
        with connect(url) as connection:
            if failure is None and own not in before.objects:
                # Alembic's table was not there before, and holds nothing now.
                connection.execute(f"DROP TABLE IF EXISTS public.{VERSION_TABLE}")
            left = differences(before, read_fingerprint(connection, version_table=True))
    except psycopg.Error as error:
        failure = failure_of(error, kind="rollback")
        return (f"the rollback could not be finished: {failure.message}",)
    return (failure.message, *left) if failure is not None else left


def _stands_at(url: URL) -> str | None:
    try:
        return current_revision(url)
    except psycopg.Error:
        return None


def _pending(history: tuple[Revision, ...], revision: str | None) -> tuple[Revision, ...]:
    """The revisions above the one the database stands at."""
    ids = [r.id for r in history]
    return history[ids.index(revision) + 1 :] if revision in ids else history


def _rehearse(
    server: Server,
    directory: Path,
    base: str | None,
    pending: tuple[Revision, ...],
    load_rows: LoadRows,
) -> tuple[tuple[StatementEffect, ...], CatalogDelta]:
    """The effects on a clone, and how its catalog changed."""
    with throwaway(server) as name:
        known = base if base in [r.id for r in read_history(directory)] else None
        if known is not None:
            failure = upgrade(server.url(name), directory, known)
            if failure is not None:
                raise ConfigError(f"Revision {known} fails on a clone: {failure.message}")
        with server.connect(name) as connection:
            try:
                if known is not None:
                    with connection.transaction():
                        load_rows(connection)
                before = read_fingerprint(connection, portable=True)
                effects = measure_effects(connection, pending)
            except psycopg.Error as error:
                failure = failure_of(error, kind="rehearsal")
                raise ConfigError(
                    f"The revisions fail on a clone: {failure.message}",
                    hint="Prove them first.",
                    sqlstate=failure.sqlstate,
                ) from error
            return effects, _delta(before, read_fingerprint(connection, portable=True))


def _finished_before(guard: psycopg.Connection, url: URL, plan: ApplyPlan) -> ApplyReport | None:
    """The report of an attempt that was killed after its last commit and before it could tell.

    The database then stands at the plan's last revision, with every object as it was proved.
    """
    if _stands_at(url) != plan.revisions[-1].id:
        return None
    there = read_fingerprint(guard, portable=True).objects
    missing = [
        name
        for name, facts in plan.expected.added
        if name not in there
        or (sha256_of_json(there[name]) != facts and not name.startswith("extension "))
    ]
    if missing:
        return None
    return ApplyReport(
        plan_sha256=plan.sha256,
        revision=plan.revisions[-1].id,
        passed=True,
        seconds=0.0,
        attempts=0,
    )


def _taken(url: URL | str, expected: CatalogDelta) -> tuple[str, ...]:
    """Names that the revisions will give and the target has given already."""
    with _connect(database_url(url)) as connection:
        connection.execute("SET default_transaction_read_only = on")
        there = {_place(name) for name in read_fingerprint(connection).objects}
    wanted = {name: _place(name) for name, _ in expected.added}
    return tuple(
        name.replace("public.", "", 1)
        for name, place in wanted.items()
        if place is not None and place in there
    )


def _place(name: str) -> str | None:
    """`public.orders` for everything that shares the name space of relations, else None."""
    kind = next((kind for kind in _RELATION_KINDS if name.startswith(f"{kind} ")), None)
    return None if kind is None else name.removeprefix(f"{kind} ")


def _delta(before: Fingerprint, after: Fingerprint) -> CatalogDelta:
    old, new = before.objects, after.objects
    return CatalogDelta(
        added=tuple((n, sha256_of_json(new[n])) for n in sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(n for n in old.keys() & new.keys() if old[n] != new[n])),
    )


def _unexpected(expected: CatalogDelta, seen: CatalogDelta, before: Fingerprint) -> tuple[str, ...]:
    """What came out other than on the clone. An extension that was there is no difference."""
    wanted = {
        name: facts
        for name, facts in expected.added
        if not (name.startswith("extension ") and name in before.objects)
    }
    added = dict(seen.added)
    found = [f"missing: {name}" for name in sorted(wanted.keys() - added.keys())]
    found += [f"not planned: {name}" for name in sorted(added.keys() - wanted.keys())]
    found += [
        f"other than proved: {name}"
        for name in sorted(wanted.keys() & added.keys())
        if wanted[name] != added[name]
    ]
    found += [f"gone: {name}" for name in sorted(set(seen.removed) - set(expected.removed))]
    found += [f"changed: {name}" for name in sorted(set(seen.changed) - set(expected.changed))]
    return tuple(found)


def _rollback_text(base: str | None, pending: tuple[Revision, ...]) -> str:
    steps = ", ".join(revision.id for revision in reversed(pending))
    roles = sorted(
        {e.removeprefix("role:") for r in pending for e in r.elements if e.startswith("role:")}
    )
    text = (
        f"If a revision fails, {steps} are undone as far as they were applied, back to "
        f"{base or 'before the first revision'}, and the catalog is compared with what it was. "
        f"By hand: alembic -c alembic.ini downgrade {base or 'base'}."
    )
    if roles:
        text += f" Roles belong to the cluster and stay: {', '.join(roles)}."
    return text
