"""What every form of a result says, in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ..documents.database_page import PAGE as DATABASE_PAGE
from ..documents.markdown import clean, count, milliseconds, seconds
from ..documents.performance_page import failure_words, objective
from ..domain.apply import ApplyPlan
from ..domain.result import RunResult

Mood = Literal["good", "bad", "open", "none"]
MARK = {"good": "✓", "bad": "✗", "open": "?", "none": "·"}
STYLE = {"good": "green", "bad": "red", "open": "yellow", "none": "dim"}
_MOOD: dict[str, Mood] = {
    "met": "good", "not met": "bad", "not proved": "open",
    "missed": "bad", "not_proved": "open", "no_sla": "none",
}  # fmt: skip
_MOST_WITHOUT_SLA = 5
_HEADLINE = {
    "completed": "finished",
    "needs_input": "needs your answer",
    "needs_approval": "needs your approval",
    "failed": "failed",
}
_OPEN_FIRST = (
    (DATABASE_PAGE, "picture, dictionary and proof"),
    ("docs/operations/backup-and-recovery.md", "the runbook and the last drill"),
    ("docs/operations/migrations.md", "the revisions and their proof"),
    ("docs/operations/performance-tuning.md", "times, plans and index trials"),
    ("docs/operations/retention.md", "how long rows stay"),
    ("models.py", "SQLAlchemy models"),
    ("task-progress.md", "what was done, the ledger's head"),
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
    reason: str = ""


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
    more_queries: str
    plan: tuple[tuple[str, str], ...]
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
    sla, more = _sla(result)
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
        sla=sla,
        more_queries=more,
        plan=_plan(result.approval) if result.approval else (),
        questions=tuple((q.id, _lines(q.text), clean(q.default)) for q in result.questions),
        assumptions=tuple(f"{a.id}: {clean(a.text)}" for a in result.assumptions),
        files=tuple((path, words) for path, words in _OPEN_FIRST if path in there),
        workspace=result.workspace,
        next_step=_next_step(result),
    )  # fmt: skip


def _lines(text: str) -> str:
    """The text with its own line breaks and indents, each line cleaned; no blank lines."""
    found = []
    for line in text.splitlines():
        words = clean(line)
        if words:
            indent = len(line) - len(line.lstrip(" "))
            found.append(" " * min(indent, 8) + words)
    return "\n".join(found).strip()


def _sla(result: RunResult) -> tuple[tuple[SlaRow, ...], str]:
    """The queries that have an objective or failed, and how many more were measured."""
    rows: list[SlaRow] = []
    others = [m for m in result.sla if m.sla is None and m.failure is None]
    # Without any objective a few queries show what the times are like.
    shown = others[:_MOST_WITHOUT_SLA] if len(others) == len(result.sla) else []
    for m in result.sla:
        if m.failure is not None:
            rows.append(
                SlaRow("bad", clean(m.query), objective(m.sla), "–", "–", "–", "failed",
                       clean(failure_words(m.failure)))
            )  # fmt: skip
        elif m.sla is not None or m in shown:
            times = (milliseconds(m.p50_ms), milliseconds(m.p95_ms), str(m.clients))
            verdict = {"not_proved": "not proved", "no_sla": "no SLA"}.get(m.verdict, m.verdict)
            why = clean(m.reason) if m.verdict == "not_proved" else ""
            query = clean(m.query)
            rows.append(SlaRow(_MOOD[m.verdict], query, objective(m.sla), *times, verdict, why))
    rest = len(others) - len(shown)
    more = f"{count(rest, 'more query', 'more queries')} measured, without an SLA" if rest else ""
    return tuple(rows), more


def _plan(plan: ApplyPlan) -> tuple[tuple[str, str], ...]:
    """What an approval must be shown: where, what, which locks, how long, and the way back."""
    effects = plan.effects
    locks = dict.fromkeys(f"{lock.mode} on {lock.relation}" for e in effects for lock in e.locks)
    rewrites = dict.fromkeys(name for e in effects for name in e.rewrites)
    scans = dict.fromkeys(name for e in effects for name in e.scans)
    delta = plan.expected
    changes = (
        f"{len(delta.added)} added, {len(delta.changed)} changed, {len(delta.removed)} removed"
    )
    rows = [
        ("Database", f"{plan.target.description}, PostgreSQL {plan.target.server_version}"),
        ("Revisions", ", ".join(f"{r.id} {r.message}" for r in plan.revisions) or "none"),
        ("Objects", changes + (f" ({', '.join(delta.removed)})" if delta.removed else "")),
        ("Locks on existing tables", ", ".join(locks) or "none"),
        ("Tables written anew", ", ".join(rewrites) or "none"),
        ("Tables read through", ", ".join(scans) or "none"),
        ("Took on a clone", seconds(plan.expected_seconds)),
        ("Way back", plan.rollback),
        ("Forbids applying", "; ".join(plan.target.problems)),
        ("Not proved", "; ".join(plan.target.not_proved)),
        ("Note", "; ".join(plan.target.notes)),
        ("Plan", plan.sha256),
    ]
    return tuple((name, clean(text)) for name, text in rows if text)


def _next_step(result: RunResult) -> str:
    if result.status == "needs_input":
        first = result.questions[0].id if result.questions else "ID"
        return f"a13 resume {result.workspace} --answer {first}=TEXT"
    if result.status == "needs_approval":
        return f"a13 resume {result.workspace} --approve   (or --reject)"
    if result.status == "failed":
        return f"a13 resume {result.workspace}"
    return f"a13 serve {result.workspace}"
