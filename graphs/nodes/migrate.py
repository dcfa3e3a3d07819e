"""migrate: the design becomes revisions, and every revision is proved on throwaway databases."""

from __future__ import annotations

import shutil
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ...database import revisions
from ...database.generate import small_rows
from ...database.probes import probe
from ...database.proof import prove
from ...database.rehearsal import rehearse_rollback
from ...domain.design import Design
from ...domain.evidence import Subject
from ...domain.findings import Failure
from ...domain.reports import ProbeReport
from ..context import RunContext, subject_of
from ..history import apply_history
from ..state import Reference, State
from .design import failure_of_state, with_decisions
from .spend import add_usage, spend

STEP = "migrate"
PROBE_DATABASE = "a13_probe"
# Failures that say nothing about the revision: trying the same again is the right repair.
TRANSIENT = ("08", "40001", "40P01", "53", "55P03", "57")


def migrate(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["rollback", "optimize", "acceptance"]]:
    """Write the missing revisions, run them up, down and up again on rows, probe the result."""
    context = runtime.context
    report = context.begin(STEP)
    design = context.design(state)
    directory = context.workspace.path("migrations")
    history, proved = apply_history(directory, design, tuple(state.get("proved", [])))
    rows = small_rows(design, seed=context.settings.seed)
    proof = prove(context.server(), directory, load_rows=rows, design=design, report=report)
    names = [*revisions.ENVIRONMENT_FILES, *(f"versions/{r.filename}" for r in history)]
    subjects = [context.workspace.subject(f"migrations/{name}") for name in names]
    update: State = {"reports": context.save_report(state, "proof", proof)}
    record = context.record(
        STEP,
        f"Revisions {history[0].id} to {history[-1].id}: up, down and up again on rows."
        if proof.passed
        else f"Revision {proof.revision} did not pass its proof: "
        + (proof.failure.message if proof.failure else "; ".join(proof.differences[:3])),
        "passed" if proof.passed else "failed",
        subjects=[*subjects, subject_of(update["reports"]["proof"])],
        facts={
            "fingerprint_up": proof.fingerprint_up,
            "differences": len(proof.differences),
            "sqlstate": proof.failure.sqlstate if proof.failure else "",
        },
        command=("alembic", "upgrade", "head"),
        exit_code=0 if proof.passed else 1,
        seconds=proof.seconds,
    )
    update["evidence"] = {**state.get("evidence", {}), "proof": record.id}
    update["proved"] = list(proved)
    if not proof.passed:
        failure = proof.failure or Failure(
            kind="proof",
            message="; ".join(proof.differences[:10]),
            revision=proof.revision,
        )
        update["failure"] = failure.model_dump(mode="json")
        return Command(goto="rollback", update=update)

    update["failure"] = None
    update["proved"] = [revision.id for revision in history]
    reports, probe_id = _probe({**state, **update}, context, design)
    update["reports"] = reports
    update["evidence"]["probes"] = probe_id
    return Command(goto="optimize", update=update)


def _probe(state: State, context: RunContext, design: Design) -> tuple[dict[str, Reference], str]:
    """Run one passing and one refused statement for each constraint and policy."""
    report = context.reporter(STEP)
    server = context.server()
    with context.database(PROBE_DATABASE) as name:
        failure = revisions.upgrade(server.url(name), context.workspace.path("migrations"))
        if failure is None:
            with server.connect(name) as connection:
                small_rows(design, seed=context.settings.seed)(connection)
            probes = probe(server, name, design)
        else:
            probes = ()
    reports = context.save_report(state, "probes", ProbeReport(probes=probes))
    passed = sum(one.passed for one in probes)
    inconclusive = sum(not one.conclusive for one in probes)
    report("constraints probed", probes=len(probes), passed=passed)
    record = context.record(
        STEP,
        f"{passed} of {len(probes)} constraint and policy probes behaved as designed.",
        "passed"
        if passed == len(probes) and probes
        else ("not_proved" if passed + inconclusive == len(probes) else "failed"),
        subjects=[subject_of(reports["probes"])],
        facts={"probes": len(probes), "passed": passed, "inconclusive": inconclusive},
    )
    return reports, record.id


def rollback(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["design", "migrate", "acceptance"]]:
    """Show that the failing revision leaves nothing behind, set it aside, have it repaired."""
    context = runtime.context
    context.begin("rollback")
    failure = failure_of_state(state)
    assert failure is not None, "rollback is only entered with a failure"
    design = context.design(state)
    proved = state.get("proved", [])
    # A rollback that was killed may have set the failing revision aside already: write it again.
    apply_history(context.workspace.path("migrations"), design, tuple(proved))
    rehearsal = rehearse_rollback(
        context.server(),
        context.workspace.path("migrations"),
        base=proved[-1] if proved else None,
        load_rows=small_rows(design, seed=context.settings.seed),
    )
    aside = _set_aside(context, state, failure)
    record = context.record(
        "rollback",
        "After the rollback the catalog is exactly as before the failing revision."
        if rehearsal.restored
        else f"The rollback did not restore the catalog: {rehearsal.detail}",
        "passed" if rehearsal.restored else "failed",
        subjects=aside,
        facts={
            "revision": failure.revision,
            "sqlstate": failure.sqlstate,
            "failure": failure.message,
            "stood_at": rehearsal.stood_at,
            "fingerprint_before": rehearsal.fingerprint_before,
            "fingerprint_after": rehearsal.fingerprint_after,
        },
        seconds=rehearsal.seconds,
    )
    update: State = {"evidence": {**state.get("evidence", {}), "rollback": record.id}}
    counters = spend(state, context.budget, "migration_repairs")
    if counters is None:
        return _give_up(update, failure, "the budget for repairs is spent")
    update["counters"] = counters
    if failure.sqlstate.startswith(TRANSIENT):
        claim = f"SQLSTATE {failure.sqlstate} is transient: the same revision is tried again."
        context.record("rollback", claim, "info")
        return Command(goto="migrate", update=update)
    proposal = context.planner.repair(design, failure=failure)
    update["usage"] = add_usage(state, proposal.usage)
    if not proposal.changes or proposal.design == design:
        return _give_up(update, failure, "the planner has no repair for it")
    update["design"] = context.save_design(with_decisions(proposal))
    context.record(
        "rollback",
        f"Repaired by the planner: {'; '.join(proposal.changes)}",
        "info",
        subjects=[subject_of(update["design"])],
        facts={"sqlstate": failure.sqlstate, "element": failure.element},
    )
    return Command(goto="design", update=update)


def _give_up(
    update: State, failure: Failure, why: str
) -> Command[Literal["design", "migrate", "acceptance"]]:
    update["status"] = "failed"
    update["reason"] = f"Revision {failure.revision} failed and {why}: {failure.message}"
    return Command(goto="acceptance", update=update)


def _set_aside(context: RunContext, state: State, failure: Failure) -> list[Subject]:
    """Keep the text of the revisions that did not pass, outside of the history."""
    directory = context.workspace.path("migrations")
    proved = state.get("proved", [])
    attempt = state.get("counters", {}).get("migration_repairs", 0) + 1
    history = revisions.read_history(directory)
    # Rows that the schema refuses, or catalogs that differ, name no revision: then it is the
    # oldest that has not passed.
    unproved = [revision.id for revision in history if revision.id not in proved]
    culprit = failure.revision if failure.revision in unproved else (unproved or [""])[0]
    subjects = []
    for revision in reversed(history):
        if revision.id in proved:
            break
        source = directory / "versions" / revision.filename
        if revision.id == culprit:
            text = source.read_text(encoding="utf-8")
            target = f"evidence/failed/attempt-{attempt}-{revision.filename}.txt"
            subjects.append(context.workspace.write(target, text))
        revisions.remove_revision(directory, revision.id)
    shutil.rmtree(directory / "versions" / "__pycache__", ignore_errors=True)
    return subjects
