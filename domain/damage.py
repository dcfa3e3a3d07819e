"""Damage as values: where a cluster is damaged, and what is checked from then on."""

from __future__ import annotations

from typing import Literal

from .base import Value

DamageKind = Literal["missing file", "truncated file", "zeroed page", "changed page", "unknown"]


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
