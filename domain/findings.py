"""What a check says about a design or a catalog."""

from __future__ import annotations

from typing import Literal

from .base import Value

Severity = Literal["error", "warning", "info"]


class Finding(Value):
    """One finding: the rule, where, what is wrong and what to do about it."""

    rule: str
    severity: Severity
    element: str
    message: str
    remediation: str = ""

    @property
    def key(self) -> str:
        """The name under which the finding can be waived."""
        return f"{self.rule}:{self.element}"


class Failure(Value):
    """What PostgreSQL (or a program of it) refused, as a value.

    `sqlstate` is the five-character code, "" where the failure is not an SQL error. `element`
    is the element reference it could be traced to, "" if none. `revision` is the revision that
    failed, `statement` its text.
    """

    kind: str
    message: str
    sqlstate: str = ""
    statement: str = ""
    element: str = ""
    revision: str = ""
    detail: str = ""
