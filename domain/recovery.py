"""Restore and retention as values: what was repaired and how, what is removed when."""

from __future__ import annotations

from .base import Value
from .damage import Damage, RuleRun, ValidationRule
from .design import Classification, RetentionAction
from .measurement import DrillStep, IntegrityCheck, TableDigest


class RestoreReport(Value):
    """A restore after corruption: the data from the backup and the archive, and what was learnt.

    `root_cause` is one sentence: which file and page, what happened to it, what does such a
    thing. `rules` are new checks, each of which ran once on the restored data (`rule_runs`).
    """

    steps: tuple[DrillStep, ...]
    before: tuple[TableDigest, ...] = ()
    after: tuple[TableDigest, ...] = ()
    integrity: tuple[IntegrityCheck, ...] = ()
    damage: tuple[Damage, ...] = ()
    root_cause: str = ""
    rules: tuple[ValidationRule, ...] = ()
    rule_runs: tuple[RuleRun, ...] = ()
    seconds: float = 0.0
    passed: bool = False


class RetentionStep(Value):
    """What happens to the rows of a relation when their time is over.

    The statements take one parameter, `%(now)s` (timestamp with time zone). `count_sql` is the
    dry run: how many rows are due. `action_sql` runs in order, in one transaction. Both are
    empty for `keep`. Steps come in an order that respects the foreign keys: children first.
    `archive_sql` selects the rows that must lie in an archive before the action runs, and
    `archive_more` those that go with them, as (relation, SELECT). `classification` is the most
    sensitive one among the columns. `reason` says what the plan decided beyond the words of the
    design.
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
    archive_more: tuple[tuple[str, str], ...] = ()
    reason: str = ""


class RetentionCount(Value):
    """A dry run: the rows of a relation that are due, of all its rows."""

    relation: str
    due: int
    rows: int


class RetentionProof(Value):
    """One retention step, run on rows of known age.

    `now` is the moment the step was run for (chosen, not the clock's). `due` is the dry run's
    count, `affected` what really went or changed, `held` the old rows that a hold kept, `waiting`
    those that stay because rows with a time of their own still refer to them. `untouched` says
    that every other row was the same. A proof that is not `conclusive` had no row that was due.
    """

    relation: str
    now: str = ""
    rows: int = 0
    due: int = 0
    held: int = 0
    waiting: int = 0
    affected: int = 0
    untouched: bool = False
    passed: bool = False
    conclusive: bool = True
    detail: str = ""


class RetentionReport(Value):
    """The retention plan, and what each of its steps did when it was drilled."""

    steps: tuple[RetentionStep, ...] = ()
    proofs: tuple[RetentionProof, ...] = ()
    passed: bool = False
