"""Recovery and retention as values: what was damaged, what is checked from now on, what is
removed when."""

from __future__ import annotations

from typing import Literal

from .base import Value
from .design import Classification, RetentionAction

DamageKind = Literal[
    "missing file", "truncated file", "zeroed page", "changed page", "unknown"
]  # fmt: skip


class Damage(Value):
    """Where a cluster is damaged: a file below the data directory and, if one, a page of it.

    `relation` is the table or index that the file belongs to, `table` the table (itself, or the
    index's). `block` is 0-based, in pages of 8192 bytes.
    """

    kind: DamageKind
    file: str
    relation: str = ""
    table: str = ""
    block: int | None = None
    detail: str = ""


class ValidationRule(Value):
    """A check that is run from now on: one SQL statement that raises an error where it fails.

    `element` is the element reference it watches, `reason` the event it comes from.
    """

    name: str
    sql: str
    reason: str
    element: str = ""


class RuleRun(Value):
    """One run of a validation rule."""

    rule: str
    where: str
    passed: bool
    detail: str = ""


class RetentionStep(Value):
    """What happens to the rows of a relation when their time is over.

    The statements take one parameter, `%(now)s` (timestamp with time zone). `count_sql` is the
    dry run: how many rows are due. `action_sql` runs in order, in one transaction. Both are
    empty for `keep`. Steps come in an order that respects the foreign keys: children first.
    `classification` is the most sensitive one among the columns.
    """

    relation: str
    classification: Classification
    action: RetentionAction
    period: str = ""
    clock_column: str | None = None
    hold: str | None = None
    basis: str = ""
    assumed: bool = True
    count_sql: str = ""
    action_sql: tuple[str, ...] = ()
    archive_sql: str = ""
    reason: str = ""


class RetentionCount(Value):
    """A dry run: the rows of a relation that are due, of all its rows."""

    relation: str
    due: int
    rows: int
