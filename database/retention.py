"""The retention plan of a design: for each relation what happens when, as SQL of our own."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from ..domain.design import Classification, Design, Relation, Retention
from ..domain.identifiers import quote
from ..domain.recovery import RetentionCount, RetentionStep
from ..domain.types import family
from . import retention_sql as build
from .canonical import canonical
from .retention_run import apply_retention, drill_retention

__all__ = ["apply_retention", "drill_retention", "dry_run", "plan_retention"]

_PERIOD = re.compile(
    r"P(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?"
)
_RANKS: tuple[Classification, ...] = ("public", "internal", "personal", "sensitive", "secret")


def plan_retention(design: Design) -> tuple[RetentionStep, ...]:
    """What happens to the rows of each relation, referring relations first.

    A relation without a retention, or with one that cannot be carried out (no clock column, a
    period that is no ISO 8601 duration, nothing personal to anonymise), is kept, and the reason
    says so. Raises ExpressionError for a hold that is no predicate over the relation's columns.
    """
    design = canonical(design)
    return tuple(_step(design, relation) for relation in _children_first(design))


def dry_run(
    connection: psycopg.Connection[Any], steps: tuple[RetentionStep, ...], now: datetime
) -> tuple[RetentionCount, ...]:
    """How many rows are due at a moment, for each step that removes or changes any.

    Each count stands alone: rows that wait for others only become due once those are gone.
    """
    counts = []
    for step in steps:
        if not step.count_sql:
            continue
        with connection.cursor(row_factory=tuple_row) as cursor:
            due = cursor.execute(step.count_sql.encode(), {"now": now}).fetchone()
            rows = cursor.execute(
                f"SELECT count(*) FROM {quote(step.relation)}".encode()
            ).fetchone()
        assert due is not None and rows is not None  # an aggregate always gives one row
        counts.append(RetentionCount(relation=step.relation, due=due[0], rows=rows[0]))
    return tuple(counts)


def _children_first(design: Design) -> list[Relation]:
    """The relations, those that refer before those they refer to; cycles in the design's order."""
    ordered: list[Relation] = []
    visiting: set[str] = set()

    def visit(relation: Relation) -> None:
        if relation.name in visiting:
            return
        visiting.add(relation.name)
        for child, _ in build.references_to(design, relation):
            visit(child)
        ordered.append(relation)

    for relation in design.relations:
        visit(relation)
    return ordered


def _step(design: Design, relation: Relation) -> RetentionStep:
    retention = relation.retention
    sensitive = max(
        (column.classification for column in relation.columns),
        key=_RANKS.index,
        default="internal",
    )
    if retention is None:
        return RetentionStep(
            relation=relation.name,
            classification=sensitive,
            action="keep",
            reason="Nothing is stated, so every row is kept.",
        )
    words = {
        "relation": relation.name,
        "classification": sensitive,
        "period": retention.period,
        "clock_column": retention.clock_column,
        "hold": retention.hold,
        "basis": retention.basis,
        "assumed": retention.assumed,
    }
    why = _cannot(relation, retention)
    if retention.action == "keep" or why:
        return RetentionStep(**words, action="keep", reason=why)
    return RetentionStep(**words, **_sql(design, relation, retention))


def _cannot(relation: Relation, retention: Retention) -> str:
    """Why a stated action cannot be carried out; "" where it can."""
    if retention.action == "keep":
        return ""
    said = f"The stated action is {retention.action}, but"
    if not _PERIOD.fullmatch(retention.period):
        return f"{said} {retention.period[:40]!r} is no ISO 8601 duration: every row is kept."
    clock = relation.find(retention.clock_column or "")
    if clock is None or family(clock.type) not in ("date", "timestamp"):
        return f"{said} no date or timestamp column starts the period: every row is kept."
    if retention.action == "anonymise" and not build.anonymous(relation):
        return f"{said} no column is classified as personal: every row is kept."
    return ""


def _sql(design: Design, relation: Relation, retention: Retention) -> dict[str, Any]:
    """The statements of a step, and what they leave out."""
    table = quote(relation.name)
    old = build.over(relation, retention.clock_column or "", retention.period)
    hold = build.held(relation, retention.hold)
    mine = f"{old} AND ({hold}) IS NOT TRUE" if retention.hold else old
    if retention.action == "anonymise":
        becomes = build.anonymous(relation)
        where = f"{mine} AND {build.changed_by(relation, becomes)}"
        sets = ", ".join(f"{quote(name)} = {value}" for name, value in becomes.items())
        return {
            "action": "anonymise",
            "count_sql": f"SELECT count(*) FROM {table} WHERE {where}",
            "action_sql": (f"UPDATE {table} SET {sets} WHERE {where}",),
            "reason": f"Columns that become anonymous: {', '.join(becomes)}.",
        }
    waits = build.waits(design, relation)
    due = " AND ".join([mine, *(f"NOT {wait}" for wait in waits)])
    going = list(build.followers(design, relation, due))
    reasons = []
    if going:
        names = ", ".join(dict.fromkeys(child.name for child, _ in going))
        reasons.append(f"Rows of {names} that belong to a removed row go with it.")
    if waits:
        reasons.append("Rows that others still refer to wait until those are gone.")
    archived: dict[str, Any] = {}
    if retention.action == "archive":
        order = ", ".join(map(quote, relation.primary_key))
        own = f"SELECT * FROM {table} t0 WHERE {due} ORDER BY {order}"
        archived = {
            "archive_sql": own,
            "archive_more": tuple(
                (child.name, f"SELECT * FROM {quote(child.name)} WHERE {where}")
                for child, where in going
            ),
        }
        reasons.append("Rows are deleted once the archive was read back and found equal.")
    return {
        "action": retention.action,
        "count_sql": f"SELECT count(*) FROM {table} t0 WHERE {due}",
        "action_sql": (
            *(f"DELETE FROM {quote(child.name)} WHERE {where}" for child, where in going),
            f"DELETE FROM {table} t0 WHERE {due}",
        ),
        "reason": " ".join(reasons),
        **archived,
    }
