"""A result as text, Markdown, and self-contained HTML."""

from __future__ import annotations

from markupsafe import Markup

from ..documents.database_page import PAGE as DATABASE_PAGE
from ..documents.markdown import Md, bullets, code, count, inline, joined, table
from ..domain.result import RunResult
from ..templates import render
from .picture import picture
from .result_view import MARK, SlaRow, view


def to_text(result: RunResult) -> str:
    """Plain text for `repr` and terminals without colour."""
    shown = view(result)
    lines = [f"{MARK[shown.mood]} {shown.title}: {shown.headline}"]
    lines += [f"  {line}" for line in (shown.reason, shown.stamp, shown.counts) if line]
    if shown.verdicts:
        lines += ["", "Acceptance"]
        for one in shown.verdicts:
            lines.append(f"  {MARK[one.mood]} {one.verdict:<10}  {one.text}")
            evidence = f" [{one.evidence}]" if one.evidence else ""
            lines.append(f"  {'':<12}  {one.reason}{evidence}")
    if shown.sla:
        lines += ["", "Queries"]
        rows = [("", "query", "objective", "p50", "p95", "clients", "verdict")]
        rows += [(MARK[row.mood], *row[1:7]) for row in shown.sla]
        widths = [max(len(row[i]) for row in rows) for i in range(7)]
        for row, reason in zip(rows, ("", *(one.reason for one in shown.sla)), strict=True):
            cells = "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
            lines.append(f"  {cells}".rstrip())
            lines += [f"     {reason}"] if reason else []
        lines += [f"     {shown.more_queries}"] if shown.more_queries else []
    if shown.plan:
        lines += ["", "Plan"]
        lines += [f"  {name + ':':<26}{text}" for name, text in shown.plan]
    if shown.questions:
        lines += ["", "Questions"]
        for id, text, default in shown.questions:
            first, *rest = text.split("\n")
            lines += [f"  {id}: {first}", *(f"    {line}" for line in rest)]
            lines[-1] += f" (else: {default})" if default else ""
    if shown.assumptions:
        lines += ["", f"{count(len(shown.assumptions), 'assumption')}, listed in {DATABASE_PAGE}"]
    lines += ["", f"Workspace  {shown.workspace}"]
    lines += [f"  {path:<42}{words}" for path, words in shown.files]
    lines += ["", f"Next  {shown.next_step}"]
    return "\n".join(lines)


def to_markdown(result: RunResult) -> str:
    """Markdown, for orchestrators and notebooks."""
    shown = view(result)
    parts = [f"## {inline(shown.title)}: {shown.headline}"]
    parts.append(joined((shown.reason, shown.stamp, shown.counts), "  \n"))
    if shown.verdicts:
        parts.append(
            table(
                ("Criterion", "Verdict", "Why", "Evidence"),
                [
                    (v.text, Md(f"{MARK[v.mood]} {v.verdict}"), v.reason, v.evidence)
                    for v in shown.verdicts
                ],
            )
        )
    if shown.sla:
        rows = [
            (code(row.query), *row[2:6], Md(f"{MARK[row.mood]} {inline(row.verdict)}"))
            for row in shown.sla
        ]
        parts.append(table(("Query", "Objective", "p50", "p95", "Clients", "Verdict"), rows))
        parts.append(bullets((_why(row) for row in shown.sla if row.reason), ""))
        parts.append(inline(shown.more_queries))
    if shown.plan:
        parts.append(table(("Plan", ""), shown.plan))
    if shown.questions:
        rows_of_questions = [
            (id, Md("<br>".join(inline(line) for line in text.split("\n"))), default or "–")
            for id, text, default in shown.questions
        ]
        parts.append(table(("Question", "Text", "Gone on with"), rows_of_questions))
    if shown.assumptions:
        parts.append("Assumptions:\n\n" + bullets(shown.assumptions))
    files = [Md(f"{code(path)}: {inline(words)}") for path, words in shown.files]
    parts.append(f"Workspace {code(shown.workspace)}" + (f"\n\n{bullets(files)}" if files else ""))
    parts.append(f"Next: {code(shown.next_step)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def to_html(result: RunResult) -> str:
    """Self-contained HTML with the picture: no script, no outside address."""
    shown = view(result)
    return render(
        "docs/result.html.j2",
        shown=shown,
        marks=MARK,
        status_mark=MARK[shown.mood],
        picture=Markup(picture(result)),
        assumption_count=count(len(shown.assumptions), "assumption"),
    )


def _why(row: SlaRow) -> Md:
    """Why a query failed or is not proved, as an item of a list."""
    return Md(f"{code(row.query)}: {inline(row.reason)}")
