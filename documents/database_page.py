"""`docs/architecture/database.md`: reference and explanation of the finished database."""

from __future__ import annotations

from ..domain.evidence import Criterion
from ..templates import render
from .dictionary import table_section, table_words
from .dossier import Dossier
from .entities import domains_of, hubs_of, references_of, tables_of
from .markdown import (
    Linker,
    Md,
    bullets,
    code,
    codes,
    count,
    heading_anchor,
    inline,
    joined,
    table,
)
from .mermaid import mermaid_blocks
from .security import policies, roles
from .traceability import requirement_rows

PAGE = "docs/architecture/database.md"
PICTURE = "docs/architecture/database.svg"

_MARKS = {"met": "✓ met", "not met": "✗ not met", "not proved": "? not proved"}


def stamp(dossier: Dossier) -> Md:
    """Who proposed, what was not understood, and where it was measured: the head of each page."""
    planner = dossier.design.planner or "not stated"
    unread = f"{count(len(dossier.design.unread), 'line')} of the PRD not understood"
    server = dossier.server_name or "no server was run"
    parts = [f"planner: {planner}", unread, f"server: {server}"]
    if dossier.thread_id:
        parts.append(f"run: {dossier.thread_id}")
    return Md("> " + joined(parts, "; "))


def acceptance_table(dossier: Dossier, link: Linker) -> Md:
    """The four criteria with verdict, reason and records."""
    rows = [
        (
            inline(c.text),
            Md(f"**{mark(c)}**"),
            inline(c.reason),
            link.evidence(c.evidence) or Md("–"),
        )
        for c in dossier.criteria
    ]
    headers = ("Criterion", "Verdict", "Why", "Evidence")
    return table(headers, rows, "Not judged: the run did not reach its end.")


def mark(criterion: Criterion) -> str:
    """`✓ met`, `✗ not met` or `? not proved`."""
    return _MARKS[criterion.verdict]


def database_page(dossier: Dossier) -> str:
    """The text of the page."""
    link = Linker(PAGE, dossier.ledger_path)
    design = dossier.design
    return render(
        "docs/database.md.j2",
        title=inline(design.title or design.name),
        stamp=stamp(dossier),
        purpose=inline(design.purpose or "The PRD states no purpose."),
        acceptance=acceptance_table(dossier, link),
        picture=_picture(dossier),
        diagrams=mermaid_blocks(dossier),
        overview=_overview(dossier),
        tables=_tables(dossier, link),
        types=_types(dossier),
        policies=policies(dossier, link),
        roles=roles(dossier),
        decisions=_decisions(dossier, link),
        waivers=bullets(Md(f"{code(w.key)}: {inline(w.reason)}") for w in design.waivers),
        assumptions=table(
            ("Id", "Assumed", "Because", "Touches"),
            [
                (inline(a.id), inline(a.text), inline(a.reason), codes(a.elements))
                for a in design.assumptions
            ],
        ),
        questions=table(
            ("Id", "Question", "Gone on with", "PRD line"),
            [
                (
                    Md(f"{inline(q.id)}{' **blocking**' if q.blocking else ''}"),
                    inline(q.text),
                    inline(q.default or "–"),
                    Md(str(q.source.line) if q.source else "–"),
                )
                for q in design.questions
            ],
        ),
        requirements=table(
            ("Id", "Requirement", "Served by", "In the catalog", "Tested"),
            requirement_rows(dossier, link),
            "The design names no requirements.",
        ),
        findings=table(
            ("Severity", "Rule", "Element", "Finding"),
            [
                (Md(f.severity), code(f.rule), code(f.element), inline(f.message))
                for f in dossier.findings
            ],
        ),
        unread=table(
            ("Line", "Text", "Why"),
            [(Md(str(u.line)), code(u.text), inline(u.reason)) for u in design.unread],
            "Every line was understood.",
        ),
    )


def _picture(dossier: Dossier) -> Md:
    if dossier.catalog is None or not tables_of(dossier.catalog):
        return Md("No picture: no database was built in this run.")
    return Md("[![The tables and their references](database.svg)](database.svg)")


def _overview(dossier: Dossier) -> Md:
    if dossier.catalog is None:
        return Md("No live catalog was read, so there is nothing to list.")
    tables = tables_of(dossier.catalog)
    references = references_of(tables)
    groups = domains_of(tables, references, hubs_of(tables, references, dossier.design))
    domain = {name: group.name for group in groups for name in group.tables}
    loaded = {entry.relation: entry.rows for entry in dossier.loaded}
    rows = [
        (
            Md(f"[{code(t.name)}](#{heading_anchor(t.name)})"),
            inline(domain[t.name]),
            Md(str(len(t.columns))),
            Md(f"{loaded[t.name]:,}" if t.name in loaded else "–"),
            inline(table_words(dossier, t.name)),
        )
        for t in tables
    ]
    return table(("Table", "Group", "Columns", "Rows measured with", "What it holds"), rows)


def _tables(dossier: Dossier, link: Linker) -> Md:
    if dossier.catalog is None:
        return Md("No live catalog was read.")
    sections = [table_section(dossier, found, link) for found in tables_of(dossier.catalog)]
    return Md("\n\n".join(sections) or "The database has no tables.")


def _types(dossier: Dossier) -> Md:
    if dossier.catalog is None:
        return Md("")
    lines = []
    if dossier.catalog.extensions:
        lines.append(Md("Extensions: " + codes(dossier.catalog.extensions) + "."))
    for name, labels in dossier.catalog.enums:
        lines.append(Md(f"Type {code(name)}: {codes(labels)}."))
    return Md("\n\n".join(lines))


def _decisions(dossier: Dossier, link: Linker) -> Md:
    parts = []
    for decision in dossier.design.decisions:
        proof = dossier.evidence_for(
            *(f"probe:{e}" for e in decision.elements),
            *(e for e in decision.elements if e.startswith("query:")),
            *(f"trial:{e[6:]}" for e in decision.elements if e.startswith("index:")),
        )
        source = f" (PRD line {decision.source.line})" if decision.source else ""
        parts.append(
            f"### {inline(decision.id)}: {inline(decision.title)}\n\n"
            f"{inline(decision.reason)}{source}\n\n"
            f"- Touches: {codes(decision.elements)}\n"
            f"- Confirmation: {link.evidence(proof) or 'no record speaks of it'}"
        )
    return Md("\n\n".join(parts) or "None recorded.")
