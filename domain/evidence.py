"""Evidence: what a run saw, in a form that can be checked later."""

from __future__ import annotations

from typing import Literal

from .base import Value

Outcome = Literal["passed", "failed", "not_proved", "info"]
Verdict = Literal["met", "not met", "not proved"]


class Subject(Value):
    """A file of the workspace and its hash. `path` is relative, with forward slashes."""

    path: str
    sha256: str


class Environment(Value):
    """Where a record was made."""

    server: str = ""
    settings_sha256: str = ""
    seed: int | None = None
    cpu: str = ""
    ram_bytes: int = 0
    python: str = ""
    a13: str = ""


class Record(Value):
    """One line of the ledger. `previous` is the hash of the line before ("" for the first).

    `id` is `E-0001`, `E-0002`, …; `step` the node that saw it; `claim` one sentence;
    `facts` measured figures as pairs (name with its unit, value as text). `attempt` counts the
    passes through the step: what an earlier pass saw stays in the ledger as history, and the
    newest pass speaks for the step.
    """

    id: str
    at: str
    step: str
    claim: str
    outcome: Outcome
    subjects: tuple[Subject, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    exit_code: int | None = None
    seconds: float | None = None
    environment: Environment | None = None
    log: Subject | None = None
    attempt: int = 1
    previous: str = ""


class Criterion(Value):
    """One of the four acceptance criteria, with what shows it."""

    id: Literal["schema", "migrations", "performance", "recovery"]
    text: str
    verdict: Verdict
    reason: str
    evidence: tuple[str, ...] = ()


CRITERIA: tuple[tuple[Literal["schema", "migrations", "performance", "recovery"], str], ...] = (
    ("schema", "The schema supports every requirement with relationships and constraints"),
    ("migrations", "Migration scripts are reversible and tested"),
    ("performance", "Query performance meets the SLAs"),
    ("recovery", "Backup and recovery are documented and tested"),
)
