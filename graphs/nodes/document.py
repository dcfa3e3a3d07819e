"""document and acceptance: written from the live catalog and the ledger, then judged."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ...database import revisions
from ...database.catalog import read_catalog
from ...database.seed import apply_seed, seed_text
from ...documents import Dossier, write_documents
from ...domain.apply import ApplyPlan, ApplyReport
from ...domain.evidence import Criterion, Outcome, Verdict
from ...domain.measurement import DrillReport, RevisionProof
from ...domain.recovery import RestoreReport, RetentionReport
from ...domain.reports import DesignCheck, PerformanceReport, ProbeReport, TuningHistory
from ...errors import ServerError
from ...evidence.progress import write_progress
from ...evidence.workspace import DESIGN
from ..acceptance import Seen, judge
from ..context import RunContext
from ..state import Reference, State

STEP = "document"
DATABASE = "a13_document"
OUTCOME_OF: dict[Verdict, Outcome] = {
    "met": "passed",
    "not met": "failed",
    "not proved": "not_proved",
}


def document(state: State, runtime: Runtime[RunContext]) -> Command[Literal["acceptance"]]:
    """Build the database once more, with its seed, and write the documents from its catalog."""
    context = runtime.context
    report = context.begin(STEP)
    design = context.design(state)
    directory = context.workspace.path("migrations")
    server = context.server()
    with context.database(DATABASE) as name:
        failure = revisions.upgrade(server.url(name), directory, design=design)
        if failure is not None:
            raise ServerError(
                f"A proved revision failed on A13's own server: {failure.message}",
                hint="Resume the run.",
            )
        with server.connect(name) as connection:
            # The seed's rows are made once on a server, taken out as text, and loaded again from
            # the file, so that the file itself is what was tried.
            seed = context.workspace.write(
                "seed/seed.sql", seed_text(connection, design, seed=context.settings.seed)
            )
            apply_seed(connection, context.workspace.path(seed.path))
            connection.execute("ANALYZE")
            catalog = read_catalog(connection)
    report("catalog read", tables=len(catalog.tables))
    context.save_report(state, "catalog", catalog)
    dossier = gather(state, context).model_copy(update={"catalog": catalog})
    # The verdict on recovery asks whether its runbook is written: judge as if it were, because
    # the documents below show the verdict and are written in one go.
    texts = write_documents(
        dossier.model_copy(update={"criteria": verdicts(state, context, documented=True)})
    )
    written = [context.workspace.write(path, text) for path, text in texts.items()]
    written.append(seed)
    record = context.record(
        STEP,
        f"{len(written)} documents were written from the catalog of {len(catalog.tables)} tables; "
        "the seed data loads.",
        "passed",
        subjects=written,
    )
    update: State = {
        "documents": [Reference(path=s.path, sha256=s.sha256) for s in written],
        "evidence": {**state.get("evidence", {}), "documents": record.id},
    }
    return Command(goto="acceptance", update=update)


def acceptance(state: State, runtime: Runtime[RunContext]) -> State:
    """Judge the four criteria and close the ledger's page in task-progress.md."""
    context = runtime.context
    context.begin("acceptance")
    criteria = verdicts(state, context)
    final = []
    if "design" in state:
        final = [context.workspace.write(DESIGN, context.workspace.read(state["design"]["path"]))]
    for criterion in criteria:
        context.record(
            "acceptance",
            f"{criterion.text}: {criterion.verdict}. {criterion.reason}",
            OUTCOME_OF[criterion.verdict],
            subjects=final if criterion.id == "schema" else (),
            facts={"criterion": criterion.id, "evidence": ", ".join(criterion.evidence)},
        )
    failed = state.get("status") == "failed"
    title = context.design(state).title if "design" in state else ""
    write_progress(
        context.workspace, context.ledger, criteria=criteria, title=title or state["name"]
    )
    return {
        "status": "failed" if failed else "completed",
        "criteria": [criterion.model_dump(mode="json") for criterion in criteria],
    }


def gather(state: State, context: RunContext) -> Dossier:
    """Everything the documents are written from."""
    check = context.report(state, "design", DesignCheck) or DesignCheck()
    return Dossier(
        design=context.design(state),
        findings=check.findings,
        revisions=revisions.read_history(context.workspace.path("migrations")),
        proof=context.report(state, "proof", RevisionProof),
        probes=(context.report(state, "probes", ProbeReport) or ProbeReport()).probes,
        performance=context.report(state, "performance", PerformanceReport),
        tuning=context.report(state, "tuning", TuningHistory),
        drill=context.report(state, "drill", DrillReport),
        restore=context.report(state, "restore", RestoreReport),
        retention=context.report(state, "retention", RetentionReport),
        plan=context.report(state, "apply_plan", ApplyPlan),
        applied=context.report(state, "apply", ApplyReport),
        records=context.ledger.records(),
        evidence=tuple(state.get("evidence", {}).items()),
        artefacts=(
            ("seed/seed.sql", "readable rows for every table"),
            ("task-progress.md", "what was done, with its evidence"),
        ),
    )


def verdicts(
    state: State, context: RunContext, *, documented: bool = False
) -> tuple[Criterion, ...]:
    """The four criteria from what the run has seen so far."""
    documents = tuple(reference["path"] for reference in state.get("documents", []))
    if documented:
        documents = (*documents, "docs/operations/backup-and-recovery.md")
    check = context.report(state, "design", DesignCheck) or DesignCheck()
    return judge(
        Seen(
            design=context.design(state) if "design" in state else None,
            findings=check.findings,
            proof=context.report(state, "proof", RevisionProof),
            probes=context.report(state, "probes", ProbeReport),
            performance=context.report(state, "performance", PerformanceReport),
            drill=context.report(state, "drill", DrillReport),
            documents=documents,
            evidence=tuple(state.get("evidence", {}).items()),
        )
    )
