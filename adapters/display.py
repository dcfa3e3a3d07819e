"""A result as text, Markdown, self-contained HTML, and the closing summary of a terminal."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from markupsafe import Markup

from ..documents.database_page import PAGE as DATABASE_PAGE
from ..documents.database_page import PICTURE
from ..documents.markdown import (
    Md,
    bullets,
    clean,
    code,
    count,
    inline,
    joined,
    milliseconds,
    table,
)
from ..documents.performance_page import objective
from ..domain.result import RunResult
from ..templates import render

if TYPE_CHECKING:
    from rich.console import RenderableType

ACCENT = "#7C3AED"
Mood = Literal["good", "bad", "open"]
_MARK = {"good": "✓", "bad": "✗", "open": "?"}
_STYLE = {"good": "green", "bad": "red", "open": "yellow"}
_MOOD: dict[str, Mood] = {
    "met": "good", "not met": "bad", "not proved": "open",
    "missed": "bad", "not_proved": "open", "no_sla": "open",
}  # fmt: skip
_HEADLINE = {
    "completed": "finished",
    "needs_input": "needs your answer",
    "needs_approval": "needs your approval",
    "failed": "failed",
}
_OPEN_FIRST = (
    (DATABASE_PAGE, "the database, its picture, dictionary and proof"),
    ("docs/operations/backup-and-recovery.md", "the runbook and the last drill"),
    ("docs/operations/migrations.md", "the revisions and their proof"),
    ("docs/operations/performance-tuning.md", "times, plans and index trials"),
    ("docs/operations/retention.md", "how long rows stay"),
    ("models.py", "SQLAlchemy models"),
    ("task-progress.md", "what was done, and the head of the ledger"),
)
# What our own picture is made of. A file that holds anything else is not shown in a page.
_TAGS = frozenset({"svg", "title", "style", "rect", "path", "text", "g", "circle"})
_ATTRIBUTES = frozenset(
    """
    width height viewBox role aria-label style class x y rx ry cx cy r d fill stroke stroke-width
    stroke-opacity stroke-dasharray opacity transform
    """.split()
)


class Verdict(NamedTuple):
    """One acceptance criterion, ready to show."""

    mood: Mood
    verdict: str
    text: str
    reason: str
    evidence: str


class SlaRow(NamedTuple):
    """One measured query, ready to show."""

    mood: Mood
    query: str
    objective: str
    p50: str
    p95: str
    clients: str
    verdict: str


class ResultView(NamedTuple):
    """What every form of a result says, in words: nothing here is escaped yet."""

    title: str
    headline: str
    mood: Mood
    reason: str
    stamp: str
    counts: str
    verdicts: tuple[Verdict, ...]
    sla: tuple[SlaRow, ...]
    questions: tuple[tuple[str, str, str], ...]
    assumptions: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    workspace: str
    next_step: str


def view(result: RunResult) -> ResultView:
    """The words of a result."""
    design = result.design
    unread = len(design.unread) if design else 0
    stamp = f"planner: {result.planner}; {count(unread, 'line')} of the PRD not understood"
    if result.usage.calls:
        tokens = result.usage.input_tokens + result.usage.output_tokens
        stamp += f"; {count(result.usage.calls, 'model call')}, {tokens:,} tokens"
    counts = []
    if design and design.relations:
        references = sum(len(relation.foreign_keys) for relation in design.relations)
        counts = [count(len(design.relations), "table"), count(references, "reference")]
    if result.migrations:
        proved = sum(migration.proved for migration in result.migrations)
        counts.append(f"{count(len(result.migrations), 'revision')}, {proved} proved")
    mood: Mood = "good" if result.accepted else "bad" if result.status == "failed" else "open"
    if any(criterion.verdict == "not met" for criterion in result.acceptance):
        mood = "bad"
    headline = _HEADLINE[result.status]
    if result.status == "completed":
        met = sum(criterion.verdict == "met" for criterion in result.acceptance)
        headline += f", {met} of {count(len(result.acceptance), 'criterion', 'criteria')} met"
    there = {subject.path for subject in result.artefacts}
    return ResultView(
        title=clean((design.title or design.name) if design else result.name),
        headline=headline,
        mood=mood,
        reason=clean(result.reason),
        stamp=clean(stamp),
        counts=" · ".join(counts),
        verdicts=tuple(
            Verdict(_MOOD[c.verdict], c.verdict, clean(c.text), clean(c.reason),
                    ", ".join(c.evidence))
            for c in result.acceptance
        ),
        sla=_sla(result),
        questions=tuple((q.id, clean(q.text), clean(q.default)) for q in result.questions),
        assumptions=tuple(f"{a.id}: {clean(a.text)}" for a in result.assumptions),
        files=tuple((path, words) for path, words in _OPEN_FIRST if path in there),
        workspace=result.workspace,
        next_step=_next_step(result),
    )  # fmt: skip


def _sla(result: RunResult) -> tuple[SlaRow, ...]:
    rows = []
    for m in result.sla:
        if m.failure is not None:
            what = f"failed: {m.failure.sqlstate} {clean(m.failure.message)}"
            rows.append(SlaRow("bad", m.query, objective(m.sla), "–", "–", "–", what))
            continue
        times = (milliseconds(m.p50_ms), milliseconds(m.p95_ms), str(m.clients))
        verdict = {"not_proved": "not proved", "no_sla": "no SLA"}.get(m.verdict, m.verdict)
        rows.append(SlaRow(_MOOD[m.verdict], m.query, objective(m.sla), *times, verdict))
    return tuple(rows)


def _next_step(result: RunResult) -> str:
    if result.status == "needs_input":
        first = result.questions[0].id if result.questions else "ID"
        return f"a13 resume {result.workspace} --answer {first}=TEXT"
    if result.status == "needs_approval":
        return f"a13 resume {result.workspace} --approve   (or --reject)"
    if result.status == "failed":
        return f"a13 resume {result.workspace}"
    return f"a13 serve {result.workspace}"


def to_text(result: RunResult) -> str:
    """Plain text for `repr` and terminals without colour."""
    shown = view(result)
    lines = [f"{_MARK[shown.mood]} {shown.title}: {shown.headline}"]
    lines += [f"  {line}" for line in (shown.reason, shown.stamp, shown.counts) if line]
    if shown.verdicts:
        lines += ["", "Acceptance"]
        for one in shown.verdicts:
            lines.append(f"  {_MARK[one.mood]} {one.verdict:<10}  {one.text}")
            evidence = f" [{one.evidence}]" if one.evidence else ""
            lines.append(f"  {'':<12}  {one.reason}{evidence}")
    if shown.sla:
        lines += ["", "Queries"]
        rows = [("", "query", "objective", "p50", "p95", "clients", "verdict")]
        rows += [(_MARK[row.mood], *row[1:]) for row in shown.sla]
        widths = [max(len(row[i]) for row in rows) for i in range(7)]
        for row in rows:
            cells = "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
            lines.append(f"  {cells}".rstrip())
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
                    (v.text, Md(f"{_MARK[v.mood]} {v.verdict}"), v.reason, v.evidence)
                    for v in shown.verdicts
                ],
            )
        )
    if shown.sla:
        rows = [
            (code(row.query), *row[2:6], Md(f"{_MARK[row.mood]} ") + inline(row.verdict))
            for row in shown.sla
        ]
        parts.append(
            table(("Query", "Objective", "p50", "p95", "Clients", "Verdict"), [
                (*row[:-1], Md(row[-1])) for row in rows])
        )  # fmt: skip
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
        marks=_MARK,
        status_mark=_MARK[shown.mood],
        picture=Markup(picture(result)),  # noqa: S704 - only what `safe_svg` let through
        assumption_count=count(len(shown.assumptions), "assumption"),
    )


def picture(result: RunResult) -> str:
    """The ER diagram of the workspace; "" where there is none that may be shown."""
    if PICTURE not in {subject.path for subject in result.artefacts}:
        return ""
    try:
        return safe_svg((Path(result.workspace) / PICTURE).read_text(encoding="utf-8"))
    except OSError:
        return ""


def safe_svg(text: str) -> str:
    """The SVG if it consists of shapes and words alone, else "": a workspace can be edited."""
    if "<!" in text or "<?" in text or "&#" in text:
        return ""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return ""
    for element in root.iter():
        name = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        values = " ".join([*element.attrib.values(), (element.text or "") * (name == "style")])
        if name not in _TAGS or not set(element.attrib) <= _ATTRIBUTES:
            return ""
        if any(word in values.lower() for word in ("url(", "@import", "expression(", "\\")):
            return ""
    return text


def summary(result: RunResult) -> RenderableType:
    """The closing summary of the CLI: verdicts, times, and the paths to open first."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    shown = view(result)
    style = _STYLE[shown.mood]
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{_MARK[shown.mood]} ", f"bold {style}"),
            (shown.title, f"bold {ACCENT}"),
            ("  " + shown.headline, f"bold {style}"),
        )
    ]
    if shown.reason:
        parts.append(Text(f"  {shown.reason}"))
    parts += [Text(f"  {line}", style="dim") for line in (shown.stamp, shown.counts) if line]
    if shown.verdicts:
        grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title_justify="left")
        for heading in ("", "acceptance", "why", "evidence"):
            grid.add_column(heading, overflow="fold")
        for one in shown.verdicts:
            mark = Text(f"{_MARK[one.mood]} {one.verdict}", style=_STYLE[one.mood], no_wrap=True)
            grid.add_row(mark, Text(one.text), Text(one.reason, style="dim"), Text(one.evidence))
        parts += [Text(""), Padding(grid, (0, 0, 0, 2))]
    if shown.sla:
        grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("", "query", "objective", "p50", "p95", "clients"):
            right = heading in ("p50", "p95", "clients")
            grid.add_column(heading, justify="right" if right else "left", overflow="fold")
        for row in shown.sla:
            mark = Text(f"{_MARK[row.mood]} {row.verdict}", style=_STYLE[row.mood])
            grid.add_row(mark, *(Text(word) for word in row[1:6]))
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
