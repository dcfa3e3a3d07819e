"""Applying to a user's own database: what it is, what would happen to it, what happened.

None of these values holds a password or a whole URL.
"""

from __future__ import annotations

from .base import Value
from .findings import Failure


class TargetFacts(Value):
    """A user's database as a read-only look found it.

    `problems` forbid applying; `not_proved` is what A13's own server could not show; `notes` are
    worth knowing. `collisions` are objects that are there under a name the design needs.
    `fingerprint` is the hash of the whole catalog, the version table included.
    """

    description: str
    database: str
    role: str
    server_version: str
    major: int
    superuser: bool
    may_create_tables: bool
    may_create_roles: bool
    may_create_extensions: bool
    tables: tuple[str, ...]
    size_bytes: int
    revision: str | None
    fingerprint: str
    extensions: tuple[str, ...] = ()
    collisions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class LockTaken(Value):
    """A lock on a relation that was there before: the strongest mode, as PostgreSQL names it."""

    relation: str
    mode: str


class StatementEffect(Value):
    """What one statement did on a clone with rows in it.

    `locks` are on relations that were there before its revision; `rewrites` those it wrote anew,
    `scans` those it read through. `measured` is false for a step that cannot run in a transaction;
    its locks are then the manual's.
    """

    revision: str
    statement: str
    element: str
    seconds: float
    locks: tuple[LockTaken, ...] = ()
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    measured: bool = True


class PlannedRevision(Value):
    """A revision that will run, bound to the hash of its file."""

    id: str
    message: str
    sha256: str
    transactional: bool


class CatalogDelta(Value):
    """How a catalog changes, in portable form: objects by name, the added ones with their hash."""

    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class ApplyPlan(Value):
    """What an approval must show, and what it is bound to: approve `plan.sha256`."""

    target: TargetFacts
    revisions: tuple[PlannedRevision, ...]
    effects: tuple[StatementEffect, ...]
    expected: CatalogDelta
    expected_seconds: float
    rollback: str
    server_version: str

    @property
    def sha256(self) -> str:
        """The hash that an approval names."""
        return self.content_hash()


class ApplyReport(Value):
    """What was done to the user's database.

    `differences` is what came out other than proved. After a failure `rolled_back` says that the
    catalog was seen to be exactly as before; else `left` names what is not.
    """

    plan_sha256: str
    revision: str | None
    passed: bool
    seconds: float
    attempts: int = 1
    differences: tuple[str, ...] = ()
    failure: Failure | None = None
    rolled_back: bool = False
    left: tuple[str, ...] = ()
