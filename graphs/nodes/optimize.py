"""optimize and index_tuning: real rows at volume, measured times, indexes that earn their place."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ...database import revisions
from ...database.fingerprint import read_fingerprint
from ...database.generate import load
from ...database.measure import measure
from ...database.tuning import tune
from ...database.volumes import plan_volumes
from ...domain.base import sha256_of_json
from ...domain.design import Design, Index
from ...domain.measurement import QueryMeasurement, RevisionProof
from ...domain.naming import index_name
from ...domain.reports import PerformanceReport, TuningHistory
from ...errors import EvidenceError, ServerError
from ...evidence.environment import environment
from ..context import LoadedDatabase, RunContext, subject_of
from ..history import without_tuning
from ..state import State
from .spend import spend

STEP = "optimize"
DATABASE = "a13_volume"


def optimize(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["index_tuning", "manage_data"]]:
    """Measure the workload on rows at the PRD's volumes and compare with the SLAs."""
    context = runtime.context
    report = context.begin(STEP)
    design = context.design(state)
    loaded = loaded_database(state, context, design)
    volumes = plan_volumes(design, context.budget)
    server = context.server()
    measurements = measure(
        server,
        loaded.name,
        design,
        design.workload,
        budget=context.budget,
        seed=context.settings.seed,
        volumes=volumes,
        report=report,
    )
    value = PerformanceReport(
        server=f"PostgreSQL {server.version}",
        machine=environment().cpu,
        volumes=volumes,
        loaded=loaded.loaded,
        measurements=measurements,
        samples_per_query=context.budget.samples_per_query,
    )
    update: State = {"reports": context.save_report(state, "performance", value)}
    missed = [m for m in measurements if m.verdict == "missed"]
    with_sla = [m for m in measurements if m.sla is not None]
    met = sum(m.verdict == "met" for m in measurements)
    rows = sum(one.rows for one in loaded.loaded)
    capped = [v.relation for v in volumes if v.capped]
    record = context.record(
        STEP,
        f"{len(measurements)} queries measured on {rows:,} rows: "
        f"{met} of {len(with_sla)} SLAs met.",
        "failed" if missed else ("passed" if with_sla and met == len(with_sla) else "not_proved"),
        subjects=[subject_of(update["reports"]["performance"])],
        facts={
            "rows": rows,
            "queries": len(measurements),
            "slas": len(with_sla),
            "met": met,
            "missed": ", ".join(m.query for m in missed),
            "capped": ", ".join(capped),
        },
    )
    update["evidence"] = {**state.get("evidence", {}), "performance": record.id}
    if missed:
        counters = spend(state, context.budget, "tuning_rounds")
        if counters is not None and not state.get("advice"):
            update["counters"] = counters
            return Command(goto="index_tuning", update=update)
    return Command(goto="manage_data", update=update)


def index_tuning(
    state: State, runtime: Runtime[RunContext]
) -> Command[Literal["migrate", "manage_data"]]:
    """Build candidate indexes on the loaded rows, keep what helps; kept ones become revisions."""
    context = runtime.context
    report = context.begin("index_tuning")
    design = context.design(state)
    performance = context.report(state, "performance", PerformanceReport)
    assert performance is not None, "index_tuning is only entered from optimize"
    missed = tuple(m for m in performance.measurements if m.verdict == "missed")
    loaded = loaded_database(state, context, design)
    outcome = tune(
        context.server(),
        loaded.name,
        design,
        missed,
        budget=context.budget,
        seed=context.settings.seed,
        report=report,
    )
    earlier = context.report(state, "tuning", TuningHistory) or TuningHistory()
    value = TuningHistory(
        trials=(*earlier.trials, *outcome.trials),
        advice=tuple(dict.fromkeys((*earlier.advice, *outcome.advice))),
    )
    update: State = {"reports": context.save_report(state, "tuning", value)}
    subjects = [subject_of(update["reports"]["tuning"])]
    tuned = with_indexes(design, outcome.kept)
    new = sum(len(r.indexes) for r in tuned.relations) - sum(
        len(r.indexes) for r in design.relations
    )
    if new:
        update["design"] = context.save_design(tuned)
        subjects.append(subject_of(update["design"]))
    record = context.record(
        "index_tuning",
        f"{len(outcome.trials)} candidate indexes were built and measured; "
        f"{new} kept for {_names(missed)}.",
        "passed" if new else "failed",
        subjects=subjects,
        facts={"trials": len(outcome.trials), "kept": new},
    )
    update["evidence"] = {**state.get("evidence", {}), "tuning": record.id}
    if not new:
        update["advice"] = list(value.advice) or ["No index helps; see the plan of the query."]
        return Command(goto="manage_data", update=update)
    return Command(goto="migrate", update=update)


def with_indexes(design: Design, kept: tuple[tuple[str, Index], ...]) -> Design:
    """The design with the kept indexes added to their relations."""
    for name, index in kept:
        relation = design.relation(name)
        # By name: an index that stands already may come back with another reason.
        standing = {index_name(relation, one) for one in relation.indexes}
        if index_name(relation, index) not in standing:
            grown = relation.model_copy(update={"indexes": (*relation.indexes, index)})
            design = design.replace(grown)
    return design


def loaded_database(state: State, context: RunContext, design: Design) -> LoadedDatabase:
    """The database with rows at volume, brought to the newest proved revision.

    It lives as long as the process: after a resume it is built again from the revisions and the
    seed, which give the same rows.
    """
    server = context.server()
    directory = context.workspace.path("migrations")
    schema = sha256_of_json(without_tuning(design).model_dump(mode="json"))
    loaded = context.loaded
    history = revisions.read_history(directory)
    wanted = tuple(revision.sha256 for revision in history)
    if (
        loaded is not None
        and loaded.design_sha256 == schema
        and loaded.revisions == wanted[: len(loaded.revisions)]
    ):
        if loaded.revisions != wanted:
            _upgrade(context, DATABASE)
            _check_proved(state, context)
            loaded = LoadedDatabase(loaded.name, schema, wanted, loaded.loaded)
            context.loaded = loaded
        return loaded
    context.loaded = None
    server.drop_database(DATABASE)
    server.create_database(DATABASE)
    _upgrade(context, DATABASE, target=history[0].id)
    rows = load(
        server,
        DATABASE,
        design,
        plan_volumes(design, context.budget),
        seed=context.settings.seed,
        report=context.reporter(STEP),
    )
    _upgrade(context, DATABASE)
    _check_proved(state, context)
    context.loaded = LoadedDatabase(DATABASE, schema, wanted, rows)
    return context.loaded


def _check_proved(state: State, context: RunContext) -> None:
    """What is measured must be what was proved: the same catalog, object by object."""
    proof = context.report(state, "proof", RevisionProof)
    with context.server().connect(DATABASE) as connection:
        found = read_fingerprint(connection).sha256
    if proof is None or found != proof.fingerprint_again:
        raise EvidenceError(
            "The database with rows at volume is not the one whose revisions were proved.",
            hint="Resume the run: it is built again from the revisions.",
        )


def _upgrade(context: RunContext, database: str, target: str = "head") -> None:
    """Run revisions that were proved before; a failure here means that the world is broken."""
    server = context.server()
    failure = revisions.upgrade(server.url(database), context.workspace.path("migrations"), target)
    if failure is not None:
        raise ServerError(
            f"A proved revision failed on A13's own server: {failure.message}",
            hint="Resume the run; if it fails again, look at the server's log in the workspace.",
        )


def _names(missed: tuple[QueryMeasurement, ...]) -> str:
    return ", ".join(m.query for m in missed[:3]) + (" …" if len(missed) > 3 else "")
