"""`docs/operations/retention.md`: how long rows stay, and what happens then."""

from __future__ import annotations

import re

from ..domain.design import Design
from ..domain.recovery import RetentionProof, RetentionReport, RetentionStep
from ..templates import render
from .database_page import stamp
from .dossier import Dossier
from .markdown import NOT_MEASURED, Linker, Md, block, code, codes, count, inline, joined, table

PAGE = "docs/operations/retention.md"

_ACTIONS = {
    "keep": "keep",
    "drop": "delete",
    "anonymise": "anonymise",
    "archive": "archive, then delete",
}
_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}


def report_of(dossier: Dossier) -> RetentionReport:
    """The plan that was made and drilled, or the design's own words where none was."""
    if dossier.retention is not None:
        return dossier.retention
    steps = tuple(
        RetentionStep(
            relation=relation.name,
            classification="internal",
            action=relation.retention.action,
            period=relation.retention.period,
            clock_column=relation.retention.clock_column,
            basis=relation.retention.basis,
            hold=relation.retention.hold,
            assumed=relation.retention.assumed,
        )
        for relation in dossier.design.relations
        if relation.retention is not None
    )
    return RetentionReport(steps=steps)


def period_words(period: str) -> str:
    """`P7Y` as "7 years"; what is not a plain date period stays as it is."""
    if not period:
        return "for ever"
    match = re.fullmatch(r"P((?:\d+[YMWD])+)", period)
    if not match:
        return period
    parts = re.findall(r"(\d+)([YMWD])", match[1])
    return " ".join(count(int(number), _UNITS[unit]) for number, unit in parts)


def retention_page(dossier: Dossier) -> str:
    """The text of the page."""
    link = Linker(PAGE, dossier.ledger_path)
    report = report_of(dossier)
    headers = ("Table", "Kept", "From", "Then", "Because", "Held back where", "Stated by")
    return render(
        "docs/retention.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        plan=table(
            headers,
            [_row(step) for step in report.steps],
            "Neither the PRD nor an assumption sets a period. Ask before anything is deleted.",
        ),
        assumed=any(step.assumed for step in report.steps),
        drill=_drill(report, dossier, link),
        steps=_steps(report),
        personal=_personal(dossier.design),
    )


def _row(step: RetentionStep) -> tuple[str, ...]:
    return (
        code(step.relation),
        inline(period_words(step.period)),
        code(step.clock_column or "") or Md("–"),
        Md(_ACTIONS[step.action]),
        inline(step.basis or step.reason or "–"),
        code(step.hold or "") or Md("–"),
        Md("**assumed**" if step.assumed else "PRD"),
    )


def _drill(report: RetentionReport, dossier: Dossier, link: Linker) -> Md:
    if report.steps and all(step.action == "keep" for step in report.steps):
        return Md("Nothing to run: every row is kept.")
    if not report.proofs:
        return Md("Not measured: no step was run on rows in this run.")
    evidence = link.evidence(dossier.evidence_for("retention"))
    server = dossier.server_name or "a private server"
    head = joined((f"Each step ran on rows of known age on {server}.", evidence))
    headers = (
        "Table",
        "Run for",
        "Rows",
        "Due",
        "On hold",
        "Touched",
        "Others untouched",
        "Passed",
    )
    rows = [_proof_row(proof) for proof in report.proofs]
    return Md(f"{head}\n\n{table(headers, rows)}")


def _proof_row(proof: RetentionProof) -> tuple[str, ...]:
    passed = Md("✓") if proof.passed else joined((Md("**✗**"), proof.detail))
    return (
        code(proof.relation),
        inline(proof.now) or Md("–"),
        Md(f"{proof.rows:,}"),
        Md(f"{proof.due:,}"),
        Md(f"{proof.held:,}"),
        Md(f"{proof.affected:,}"),
        Md("yes" if proof.untouched else NOT_MEASURED if not proof.rows else "**no**"),
        passed,
    )


def _steps(report: RetentionReport) -> Md:
    parts: list[str] = []
    for step in report.steps:
        statements = [
            ("Dry run, how many rows are due", (step.count_sql,)),
            ("Copy out first", (step.archive_sql,)),
            ("In one transaction", step.action_sql),
        ]
        shown = [(words, tuple(filter(None, sql))) for words, sql in statements]
        if not any(sql for _, sql in shown):
            continue
        parts.append(f"### {code(step.relation)}")
        if step.reason:
            parts.append(inline(step.reason))
        for words, sql in shown:
            if sql:
                text = "\n".join(statement.rstrip("; \n") + ";" for statement in sql)
                parts.append(f"{words}:\n\n{block(text, 'sql')}")
    if not parts:
        return Md("No step deletes, changes or moves rows.")
    return Md("\n\n".join(["`%(now)s` is the moment that the step is run for.", *parts]))


def _personal(design: Design) -> Md:
    rows = []
    for relation in design.relations:
        for kind in ("personal", "sensitive", "secret"):
            names = [c.name for c in relation.columns if c.classification == kind]
            if names:
                rows.append((code(relation.name), Md(kind), codes(names)))
    return table(("Table", "Class", "Columns"), rows, "The design marks no column as personal.")
