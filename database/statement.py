"""One statement of a migration and what undoes it."""

from __future__ import annotations

from ..domain.base import Value


class Statement(Value):
    """SQL, its reverse, and the element of the design it stands for.

    `reverse` is "" where the reverse of the owning relation undoes it too. A statement that is
    not `transactional` is a revision of its own; `prepare` runs before it and makes it idempotent;
    `index` is the index it builds.
    """

    sql: str
    reverse: str
    element: str
    transactional: bool = True
    prepare: tuple[str, ...] = ()
    index: str = ""
