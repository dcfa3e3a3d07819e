"""Measurements: what a real server did, in numbers with their units."""

from __future__ import annotations

from typing import Literal

from .base import Value
from .damage import Damage, RuleRun
from .design import Index
from .findings import Failure
from .workload import Sla


class LoadedRelation(Value):
    """Rows that really were loaded, counted on the server."""

    relation: str
    rows: int
    size_bytes: int
    seconds: float


class QueryMeasurement(Value):
    """The times of one query on loaded data, in milliseconds.

    `clients` is how many connections ran it at once. `plan` is a one-line summary of the node
    types, `plan_json` the whole EXPLAIN (ANALYZE, BUFFERS) as text. `verdict` judges against the
    SLA: "no_sla" where there is none; "not_proved" with the reason where it cannot be judged
    (capped volume, stated concurrency not reached).
    """

    query: str
    sql: str
    samples: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    p90_ms: float = 0.0
    clients: int = 1
    transactions_per_second: float | None = None
    rows: int = 0
    shared_hit_blocks: int = 0
    shared_read_blocks: int = 0
    plan: str = ""
    plan_json: str = ""
    sla: Sla | None = None
    verdict: Literal["met", "missed", "not_proved", "no_sla"] = "no_sla"
    reason: str = ""
    failure: Failure | None = None


class IndexTrial(Value):
    """One candidate index, really built, measured and kept or dropped.

    A time that is `stopped` is the limit at which the server ended the query. `blocks` are those
    that an execution with the index touched, on average (None where that was not counted).
    """

    relation: str
    index: Index
    ddl: str
    query: str
    before_ms: float
    after_ms: float
    size_bytes: int
    build_seconds: float
    used: bool
    kept: bool
    reason: str
    before_stopped: bool = False
    after_stopped: bool = False
    blocks: float | None = None


class TuningReport(Value):
    """What index tuning tried: every trial, what is kept as (relation, index), and advice.

    Advice says what could help where indexes cannot. It is read off the plan, not proved.
    """

    trials: tuple[IndexTrial, ...] = ()
    kept: tuple[tuple[str, Index], ...] = ()
    advice: tuple[str, ...] = ()


class Probe(Value):
    """One statement that must pass, or must be refused by a named constraint or policy.

    `conclusive` is false where no statement could be found that tests the element: then nothing
    is proved, in neither direction (and `passed` is false).
    """

    element: str
    statement: str
    expected: str
    observed: str
    passed: bool
    conclusive: bool = True


class RevisionProof(Value):
    """The proof of the revisions up to `revision` on a throwaway database with rows in it."""

    revision: str
    steps: tuple[str, ...]
    fingerprint_before: str
    fingerprint_up: str
    fingerprint_down: str
    fingerprint_again: str
    rows_before: tuple[tuple[str, int, str], ...] = ()
    rows_after: tuple[tuple[str, int, str], ...] = ()
    differences: tuple[str, ...] = ()
    passed: bool
    seconds: float = 0.0
    failure: Failure | None = None


class TableDigest(Value):
    """What a table holds: row count and an order-free hash of the rows."""

    table: str
    rows: int
    digest: str


class IntegrityCheck(Value):
    """One integrity check of a database: its name, what it looked at, what it found."""

    check: str
    target: str
    passed: bool
    detail: str = ""


class DrillStep(Value):
    """One step of a drill, with the command that ran (no secrets) and its time."""

    name: str
    passed: bool
    seconds: float
    command: tuple[str, ...] = ()
    exit_code: int | None = None
    detail: str = ""


class DrillReport(Value):
    """A backup and recovery drill: the steps, the digests and the objectives that were measured.

    `rpo_seconds` is the work that a loss of the server cost: the time from the oldest commit that
    the recovery to the end of the archive had lost to the loss (0 where none was lost), measured
    with WAL archived at least every `archive_timeout_seconds`. `rto_seconds` is the time from "the
    server is gone" to "the recovered server answers and its rows are equal".

    A `corrupt` drill ended at its integrity checks; `damage` says where, and `directory` holds
    what a restore needs.
    """

    steps: tuple[DrillStep, ...]
    before: tuple[TableDigest, ...] = ()
    after_pitr: tuple[TableDigest, ...] = ()
    after_dump: tuple[TableDigest, ...] = ()
    integrity: tuple[IntegrityCheck, ...] = ()
    rule_runs: tuple[RuleRun, ...] = ()
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    archive_timeout_seconds: int | None = None
    backup_bytes: int = 0
    commits: int = 0
    commits_lost: int = 0
    corrupt: bool = False
    damage: tuple[Damage, ...] = ()
    directory: str = ""
    passed: bool = False
    failure: Failure | None = None
