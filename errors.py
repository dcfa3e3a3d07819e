"""The A13Error tree: misuse and broken worlds.

An expected failure (a revision that fails, an SLA that is missed) is a value in the run's state.
These exceptions are for what a caller must act on. The docstring of a class is its default
message; `hint` says what to do next; `facts` are structured fields, never secrets.
"""

from __future__ import annotations


class A13Error(Exception):
    """A13 could not go on."""

    def __init__(self, message: str | None = None, *, hint: str = "", **facts: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.facts = facts
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(A13Error):
    """The PRD could not be read."""


class ConfigError(A13Error):
    """A setting or an argument does not make sense."""


class WorkspaceError(A13Error):
    """The workspace cannot be used."""


class ThreadError(A13Error):
    """The run cannot be resumed."""


class LockedError(A13Error):
    """Another process is running this workspace."""


class BinariesError(A13Error):
    """No PostgreSQL binaries were found."""


class ServerError(A13Error):
    """The private PostgreSQL server could not be started or stopped."""


class TargetError(A13Error):
    """The target database cannot be used."""


class DesignError(A13Error):
    """The design is not valid."""


class ExpressionError(DesignError):
    """An expression or a query in the design is not allowed."""


class EvidenceError(A13Error):
    """The evidence does not hold."""


class PlannerError(A13Error):
    """The planner gave no usable answer."""
