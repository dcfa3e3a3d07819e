"""`docs/operations/performance-tuning.md`: SLAs, times, volumes, plans and index trials."""

from __future__ import annotations

from ..domain.findings import Failure
from ..domain.identifiers import quote
from ..domain.measurement import QueryMeasurement
from ..domain.naming import application_role_name
from ..domain.workload import Sla
from ..templates import render
from .database_page import stamp
from .dossier import Dossier
from .markdown import (
    NOT_MEASURED,
    Linker,
    Md,
    block,
    bullets,
    code,
    count,
    inline,
    joined,
    milliseconds,
    size,
    table,
)
from .trials import trial_tables

PAGE = "docs/operations/performance-tuning.md"

_VERDICTS = {
    "met": "✓ met", "missed": "✗ missed", "not_proved": "? not proved", "no_sla": "no SLA",
}  # fmt: skip


def performance_page(dossier: Dossier) -> str:
    """The text of the page."""
    link = Linker(PAGE, dossier.ledger_path)
    return render(
        "docs/performance-tuning.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        conditions=_conditions(dossier, link),
        sla_table=sla_table(dossier, link),
        notes=_notes(dossier),
        volumes=_volumes(dossier, link),
        plans=_plans(dossier),
        trials=_trials(dossier, link),
        advice=bullets(
            dossier.tuning.advice if dossier.tuning else (), f"Nothing: {_why_nothing(dossier)}."
        ),
        role=quote(application_role_name(dossier.design)),
        queries=_queries(dossier),
    )


def objective(sla: Sla | None) -> str:
    """`p95 < 50 ms with 20 clients`; "–" where there is none."""
    if sla is None:
        return "–"
    words = f"p{sla.percentile} < {sla.target_ms:g} ms"
    if sla.concurrency:
        words += f" with {count(sla.concurrency, 'client')}"
    if sla.rate_per_second:
        words += f" at {sla.rate_per_second:g}/s"
    if sla.assumed:
        words += " (assumed)"
    return words


def failure_words(failure: Failure) -> str:
    """Why a query has no times: the server's code and words."""
    return f"{failure.sqlstate} {failure.message}".strip()


def sla_table(dossier: Dossier, link: Linker) -> Md:
    """Every query with its objective, percentiles, conditions and verdict."""
    rows: list[tuple[str, ...]] = []
    measured = {m.query for m in dossier.measurements}
    for m in dossier.measurements:
        evidence = link.evidence(dossier.evidence_for(f"query:{m.query}"))
        if m.failure is not None:
            failed = joined((Md("**✗ failed**"), failure_words(m.failure)), ": ")
            rows.append((code(m.query), objective(m.sla), *(["–"] * 5), failed, evidence or "–"))
            continue
        rows.append(
            (
                code(m.query),
                objective(m.sla),
                Md(milliseconds(m.p50_ms)),
                Md(milliseconds(m.p95_ms)),
                Md(milliseconds(m.p99_ms)),
                Md(str(m.clients)),
                Md(f"{m.samples:,}"),
                Md(f"**{_VERDICTS[m.verdict]}**"),
                evidence or Md("–"),
            )
        )
    for query in dossier.design.workload:
        if query.name not in measured:
            rows.append((code(query.name), objective(query.sla), *(["–"] * 5), NOT_MEASURED, "–"))
    headers = (
        "Query",
        "Objective",
        "p50",
        "p95",
        "p99",
        "Clients",
        "Samples",
        "Verdict",
        "Evidence",
    )
    return table(headers, rows, "There is no workload.")


def _conditions(dossier: Dossier, link: Linker) -> Md:
    if not dossier.measurements:
        return Md("Not measured in this run.")
    rows = sum(entry.rows for entry in dossier.loaded)
    where = f"on {dossier.server_name or 'a private server'}"
    environment = dossier.environment_of("performance")
    machine = ""
    if environment and (environment.cpu or environment.ram_bytes):
        parts = [environment.cpu, size(environment.ram_bytes) if environment.ram_bytes else ""]
        machine = " (" + ", ".join(part for part in parts if part) + ")"
    seed = f", generated with seed {environment.seed}" if environment and environment.seed else ""
    words = (
        f"Measured {where}{machine} with {count(rows, 'row')} in "
        f"{count(len(dossier.loaded), 'table')}{seed}. The server and the clients shared the"
        " machine and the caches were warm, so expect other figures elsewhere."
    )
    return joined((words, link.evidence(dossier.evidence_for("performance"))))


def _notes(dossier: Dossier) -> Md:
    noted = [m for m in dossier.measurements if m.reason]
    return bullets((Md(f"{code(m.query)}: {inline(m.reason)}") for m in noted), "")


def _volumes(dossier: Dossier, link: Linker) -> Md:
    loaded = {entry.relation: entry for entry in dossier.loaded}
    volumes = dossier.performance.volumes if dossier.performance else ()
    planned = {volume.relation: volume for volume in volumes}
    rows = []
    for name in [*planned, *(name for name in loaded if name not in planned)]:
        volume, entry = planned.get(name), loaded.get(name)
        why = ""
        if volume:
            why = volume.reason or ("assumed" if volume.assumed else "stated in the PRD")
        rows.append(
            (
                code(name),
                Md(
                    f"{volume.stated_rows:,}{' (assumed)' if volume.assumed else ''}"
                    if volume
                    else "–"
                ),
                Md(f"{entry.rows:,}" if entry else NOT_MEASURED),
                Md(size(entry.size_bytes) if entry else "–"),
                Md("**yes**" if volume and volume.capped else "no"),
                inline(why),
            )
        )
    headers = ("Table", "Rows wanted", "Rows loaded", "Size with indexes", "Capped", "Why")
    return table(headers, rows, "No rows were loaded.")


def _plans(dossier: Dossier) -> Md:
    rows = [
        (
            code(m.query),
            code(m.plan) or Md("–"),
            Md(f"{m.rows:,}"),
            Md(f"{m.shared_hit_blocks:,}"),
            Md(f"{m.shared_read_blocks:,}"),
        )
        for m in dossier.measurements
        if m.failure is None
    ]
    headers = ("Query", "Plan", "Rows", "Blocks from cache", "Blocks read")
    return table(headers, rows, "No plan was taken.")


def _trials(dossier: Dossier, link: Linker) -> Md:
    if not dossier.trials:
        return Md(f"None was tried: {_why_nothing(dossier)}.")
    return trial_tables(dossier, link)


def _why_nothing(dossier: Dossier) -> str:
    """Why there are no trials and no advice; a missed SLA without any is not passed over."""
    if not dossier.measurements:
        return "nothing was measured"
    missed = [m.query for m in dossier.measurements if m.verdict == "missed"]
    if missed:
        return f"the budget allowed none, though the SLA is missed by {', '.join(missed)}"
    return "no measured SLA was missed"


def _queries(dossier: Dossier) -> Md:
    parts = []
    found: dict[str, QueryMeasurement] = {m.query: m for m in dossier.measurements}
    for query in dossier.design.workload:
        text = found[query.name].sql if query.name in found else query.sql
        parts.append(f"**{code(query.name)}** {inline(query.purpose)}\n\n{block(text, 'sql')}")
    return Md("\n\n".join(parts) or "None.")
