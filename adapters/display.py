"""A result as text, Markdown, self-contained HTML, and the closing summary of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from ..documents.database_page import PAGE as DATABASE_PAGE
from ..documents.markdown import Md, bullets, code, count, inline, joined, table
from ..domain.result import RunResult
from ..templates import render
from .picture import picture
from .result_view import MARK, STYLE, view

if TYPE_CHECKING:
    from rich.console import RenderableType

ACCENT = "#7C3AED"


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
        rows += [(MARK[row.mood], *row[1:]) for row in shown.sla]
        widths = [max(len(row[i]) for row in rows) for i in range(7)]
        for row in rows:
            cells = "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
            lines.append(f"  {cells}".rstrip())
        lines += [f"     {shown.more_queries}"] if shown.more_queries else []
    if shown.plan:
        lines += ["", "Plan"]
        lines += [f"  {name + ':':<26}{text}" for name, text in shown.plan]
    if shown.questions:
        lines += ["", "Questions"]
        for id, text, default in shown.questions:
            lines.append(f"  {id}: {text}" + (f" (else: {default})" if default else ""))
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
        parts.append(inline(shown.more_queries))
    if shown.plan:
        parts.append(table(("Plan", ""), shown.plan))
    if shown.questions:
        rows_of_questions = [(id, text, default or "–") for id, text, default in shown.questions]
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


def summary(result: RunResult) -> RenderableType:
    """The closing summary of the CLI: verdicts, times, and the paths to open first."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    shown = view(result)
    style = STYLE[shown.mood]
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{MARK[shown.mood]} ", f"bold {style}"),
            (shown.title, f"bold {ACCENT}"),
            ("  " + shown.headline, f"bold {style}"),
        )
    ]
    if shown.reason:
        parts.append(Text(f"  {shown.reason}"))
    parts += [Text(f"  {line}", style="dim") for line in (shown.stamp, shown.counts) if line]
    if shown.verdicts:
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for one in shown.verdicts:
            mark = Text(f"{MARK[one.mood]} {one.verdict}", style=STYLE[one.mood], no_wrap=True)
            evidence = f"  {one.evidence}" if one.evidence else ""
            grid.add_row(mark, Text.assemble(one.text, (f"\n{one.reason}{evidence}", "dim")))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
    if shown.sla:
        grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "query", "objective", "p50", "p95", "clients"):
            right = heading in ("p50", "p95", "clients")
            grid.add_column(heading, justify="right" if right else "left", overflow="fold")
        for row in shown.sla:
            mark = Text(f"{MARK[row.mood]} {row.verdict}", style=STYLE[row.mood])
            grid.add_row(mark, *(Text(word) for word in row[1:6]))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
        if shown.more_queries:
            parts.append(Text(f"  {shown.more_queries}", style="dim"))
    if shown.plan:
        grid = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for name, text in shown.plan:
            grid.add_row(Text(name, style="dim"), Text(text))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
    if shown.questions:
        parts += [Text(""), Text("  Questions", style="bold")]
        for id, text, default in shown.questions:
            other = (f"  (else: {default})", "dim") if default else ""
            parts.append(Text.assemble("  ", (id, ACCENT), f"  {text}", other))
    if shown.assumptions:
        words = f"  {count(len(shown.assumptions), 'assumption')}, listed in {DATABASE_PAGE}"
        parts += [Text(""), Text(words, style="dim")]
    # A path that is broken over two lines cannot be copied.
    parts += [Text(""), Text(f"  {shown.workspace}", style="bold", no_wrap=True, overflow="ignore")]
    for path, words in shown.files:
        line = Text.assemble("    ", (f"{path:<42}", ACCENT), (words, "dim"))
        line.no_wrap, line.overflow = True, "ignore"
        parts.append(line)
    last = Text.assemble(("  next  ", "dim"), shown.next_step)
    last.no_wrap, last.overflow = True, "ignore"
    return Group(*parts, Text(""), last)
