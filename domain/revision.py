"""A revision of the migration history, as a value."""

from __future__ import annotations

from .base import Value


class Revision(Value):
    """One revision as it lies on disk. `elements` are parallel to `upgrade`.

    `prepare` runs before `upgrade` and makes a step outside of transactions idempotent.
    """

    id: str
    down_revision: str | None
    message: str
    filename: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]
    transactional: bool
    sha256: str
    elements: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
