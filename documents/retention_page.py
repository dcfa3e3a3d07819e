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
_DELETE = re.compile(r'DELETE FROM (?:"((?:[^"]|"")+)"|(\w+))')
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
    parents = goes_with(report)
    headers = ("Table", "Kept", "From", "Then", "Because", "Held back where", "Stated by")
    return render(
        "docs/retention.md.j2",
        title=inline(dossier.design.title or dossier.design.name),
        stamp=stamp(dossier),
        plan=table(
            headers,
            [_row(step, parents.get(step.relation, ())) for step in report.steps],
            "Neither the PRD nor an assumption sets a period. Ask before anything is deleted.",
        ),
        assumed=any(step.assumed for step in report.steps),
        holds=any(step.hold for step in report.steps),
        drill=_drill(report, dossier, link),
        steps=_steps(report),
        personal=_personal(dossier.design),
    )


def goes_with(report: RetentionReport) -> dict[str, tuple[str, ...]]:
    """By relation, those whose steps delete rows of it, as rows that belong to theirs."""
    found: dict[str, list[str]] = {}
    for step in report.steps:
        others = [match[1] or match[2] for sql in step.action_sql for match in [_DELETE.match(sql)]
                  if match]  # fmt: skip
        for name in (*others, *(name for name, _ in step.archive_more)):
            name = name.replace('""', '"')
            if name != step.relation and step.relation not in found.setdefault(name, []):
                found[name].append(step.relation)
    return {name: tuple(parents) for name, parents in found.items() if parents}


def _row(step: RetentionStep, parents: tuple[str, ...]) -> tuple[str, ...]:
    kept, then = inline(period_words(step.period)), Md(_ACTIONS[step.action])
    because = inline(step.basis or step.reason or "–")
    assumed = Md("**assumed**" if step.assumed else "PRD")
    if parents and step.action == "keep":
        # It has no time of its own, but its rows do not outlive those that they belong to.
        kept, then = Md(f"as long as its {codes(parents)}"), Md("deleted with them")
        because = Md(f"its rows go with the rows of {codes(parents)} that they belong to")
    elif parents:
        then = Md(f"{then}; also deleted with its {codes(parents)}")
    return (
        code(step.relation),
        kept,
        code(step.clock_column or "") or Md("–"),
        then,
        because,
        code(step.hold or "") or Md("–"),
        assumed,
    )


_DRILLED = (
    "Table", "Run for", "Rows", "Due", "On hold", "Waiting", "Touched", "Others untouched",
    "Passed",
)  # fmt: skip


def _drill(report: RetentionReport, dossier: Dossier, link: Linker) -> Md:
    if report.steps and all(step.action == "keep" for step in report.steps):
        return Md("Nothing to run: every row is kept.")
    if not report.proofs:
        return Md("Not measured: no step was run on rows in this run.")
    evidence = link.evidence(dossier.evidence_for("retention"))
    server = dossier.server_name or "a private server"
    head = joined((f"Each step ran on rows of known age on {server}.", evidence))
    waits = any(proof.waiting for proof in report.proofs)
    if waits:
        head = Md(f"{head} Rows that wait are old enough, but other rows still refer to them.")
    holds = any(step.hold for step in report.steps) or any(p.held for p in report.proofs)
    shown = {"On hold": holds, "Waiting": waits}
    headers = [name for name in _DRILLED if shown.get(name, True)]
    rows = [
        [cell for name, cell in zip(_DRILLED, _proof_row(proof), strict=True) if name in headers]
        for proof in report.proofs
    ]
    return Md(f"{head}\n\n{table(headers, rows)}")


def _proof_row(proof: RetentionProof) -> tuple[str, ...]:
    passed = Md("✓") if proof.passed else joined((Md("**✗**"), proof.detail))
    return (
        code(proof.relation),
        inline(proof.now) or Md("–"),
        Md(f"{proof.rows:,}"),
        Md(f"{proof.due:,}"),
        Md(f"{proof.held:,}"),
        Md(f"{proof.waiting:,}"),
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
