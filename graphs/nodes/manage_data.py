"""manage_data and restore: backup, recovery, integrity, retention, drilled on a durable server."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ...database.drill import drill
from ...database.restore import restore as restore_from_backup
from ...database.retention import plan_retention
from ...database.retention_run import drill_retention
from ...domain.evidence import Outcome
from ...domain.measurement import DrillReport
from ...domain.recovery import RestoreReport, RetentionReport
from ..context import RunContext, subject_of
from ..state import Reference, State
from .spend import spend

STEP = "manage_data"
DRILL_ROWS = 2_000


def manage_data(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["restore", "approve", "document"]]:
    """Back up, lose the server, recover to a point in time, compare; drill the retention plan."""
    context = runtime.context
    report = context.begin(STEP)
    design = context.design(state)
    # What an earlier corruption taught: its new checks run in every drill that follows.
    restored = context.report(state, "restore", RestoreReport)
    outcome = drill(
        context.settings,
        context.workspace.path("migrations"),
        design,
        rows=DRILL_ROWS,
        seed=context.settings.seed,
        rules=restored.rules if restored else (),
        report=report,
    )
    update: State = {"reports": context.save_report(state, "drill", outcome)}
    record = context.record(
        STEP,
        _claim(outcome),
        "passed" if outcome.passed else "failed",
        subjects=[subject_of(update["reports"]["drill"])],
        facts={
            "rpo_seconds": outcome.rpo_seconds,
            "rto_seconds": outcome.rto_seconds,
            "backup_bytes": outcome.backup_bytes,
            "steps": len(outcome.steps),
            "integrity_checks": len(outcome.integrity),
        },
        seconds=sum(step.seconds for step in outcome.steps),
    )
    update["evidence"] = {**state.get("evidence", {}), "drill": record.id}
    if outcome.corrupt:
        counters = spend(state, context.budget, "restores")
        if counters is not None:
            update["counters"] = counters
            update["drill_directory"] = outcome.directory
            return Command(goto="restore", update=update)
    update["reports"], update["evidence"]["retention"] = _retention({**state, **update}, context)
    return Command(goto="document" if context.database_url is None else "approve", update=update)


def restore(state: State, runtime: Runtime[RunContext]) -> Command[Literal["manage_data"]]:
    """Restore from the backup and the archive, name the root cause, add a check, drill again."""
    context = runtime.context
    report = context.begin("restore")
    damaged = context.report(state, "drill", DrillReport)
    assert damaged is not None, "restore is only entered from manage_data"
    outcome = restore_from_backup(
        context.settings, Path(state["drill_directory"]), damaged, report=report
    )
    update: State = {"reports": context.save_report(state, "restore", outcome)}
    record = context.record(
        "restore",
        f"Restored from backup and archive: {outcome.root_cause}"
        if outcome.passed
        else f"The restore failed: {outcome.root_cause}",
        "passed" if outcome.passed else "failed",
        subjects=[subject_of(update["reports"]["restore"])],
        facts={"new_checks": ", ".join(rule.name for rule in outcome.rules)},
    )
    update["evidence"] = {**state.get("evidence", {}), "restore": record.id}
    return Command(goto="manage_data", update=update)


def _retention(state: State, context: RunContext) -> tuple[dict[str, Reference], str]:
    """Show on rows what each retention rule would touch, and what it leaves."""
    design = context.design(state)
    outcome = drill_retention(
        context.server(),
        context.workspace.path("migrations"),
        design,
        plan_retention(design),
        seed=context.settings.seed,
        report=context.reporter(STEP),
    )
    reports = context.save_report(state, "retention", outcome)
    record = context.record(
        STEP,
        *_retention_claim(outcome),
        subjects=[subject_of(reports["retention"])],
    )
    return reports, record.id


def _retention_claim(outcome: RetentionReport) -> tuple[str, Outcome]:
    """What the retention drill showed: a rule that met no due row has shown nothing."""
    acting = [proof for proof in outcome.proofs if proof.rows or not proof.passed]
    if not any(step.action != "keep" for step in outcome.steps):
        return "No relation has a retention rule: every row is kept.", "info"
    failed = [proof.relation for proof in outcome.proofs if not proof.passed]
    if failed or not outcome.passed:
        return f"The retention drill failed for {', '.join(failed)}.", "failed"
    idle = [proof.relation for proof in acting if not proof.conclusive]
    if idle:
        return f"No row was due in the retention drill for {', '.join(idle)}.", "not_proved"
    stayed = "newer or on hold" if any(proof.held for proof in acting) else "newer"
    return (
        f"{len(acting)} retention rules were drilled on rows of known age: what was due went, "
        f"what was {stayed} stayed.",
        "passed",
    )


def _claim(outcome: DrillReport) -> str:
    if outcome.corrupt:
        bad = [check for check in outcome.integrity if not check.passed]
        return f"Corruption was detected by {len(bad)} check(s): {bad[0].detail if bad else ''}"
    if outcome.passed:
        return "Backup, point-in-time recovery and dump were drilled: counts and hashes are equal."
    failed = [step for step in outcome.steps if not step.passed]
    where = f" at {failed[0].name}: {failed[0].detail}" if failed else "."
    return f"The recovery drill failed{where}"
